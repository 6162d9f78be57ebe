"""What each refusal means; the texts are those of the real APIs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.errors import PermanentError, PersonNeeded, TemporaryError
from core.gcp import errors


def body(message: str, reason: str = "", **extra: Any) -> bytes:
    return json.dumps(
        {"error": {"code": 0, "message": message, "errors": [{"reason": reason}] if reason else [], **extra}}
    ).encode()


CASES: list[tuple[int, str, str, type[errors.ApiError]]] = [
    (404, "Not found: projects/p/locations/z/clusters/c.", "notFound", errors.NotFound),
    (409, "Already exists: projects/p/zones/z/clusters/c.", "alreadyExists", errors.Conflict),
    (409, "There were concurrent policy changes. Please retry the whole read-modify-write.", "aborted", errors.Conflict),
    (409, "Operation failed because another operation was already in progress.", "operationInProgress", errors.StillWorking),
    (409, "unable to queue the operation", "aborted", errors.StillWorking),
    (400, "The network resource 'n' is already being used by 'f'", "resourceInUseByAnotherResource", errors.StillWorking),
    (400, "Cluster is running incompatible operation operation-1.", "failedPrecondition", errors.StillWorking),
    (412, "At least one of the pre-conditions you specified did not hold.", "conditionNotMet", errors.PreconditionFailed),
    (400, "Invalid value for field 'resource.name'", "invalid", errors.InvalidRequest),
    (
        403,
        "Required 'compute.networks.create' permission for 'projects/p/global/networks/n'",
        "forbidden",
        errors.PermissionDenied,
    ),
    (
        403,
        "Insufficient regional quota to satisfy request: resource \"CPUS\": request requires '24.0'",
        "",
        errors.QuotaExceeded,
    ),
    (403, "Quota 'CPUS_ALL_REGIONS' exceeded.  Limit: 12.0 globally.", "quotaExceeded", errors.QuotaExceeded),
    (
        429,
        "Quota exceeded for quota metric 'Read requests' and limit 'per minute'",
        "RATE_LIMIT_EXCEEDED",
        errors.RateLimited,
    ),
    (403, "Rate Limit Exceeded", "rateLimitExceeded", errors.RateLimited),
    (
        400,
        "Constraint constraints/gcp.resourceLocations violated for projects/p",
        "failedPrecondition",
        errors.PolicyViolation,
    ),
    (
        403,
        "This API method requires billing to be enabled. Please enable billing on project",
        "forbidden",
        errors.BillingDisabled,
    ),
    (400, "Billing account for project '1' is not open. Billing must be enabled for activation", "", errors.BillingDisabled),
    (403, "Error code 7, message: Required 'compute.globalAddresses.list' permission", "", errors.StillWorking),
    (500, "Internal error", "backendError", errors.Unavailable),
    (503, "The service is currently unavailable.", "", errors.Unavailable),
    (501, "not simulated", "", errors.InvalidRequest),
]


@pytest.mark.parametrize(("status", "message", "reason", "kind"), CASES, ids=lambda v: str(v)[:24])
def test_text_and_reason_are_looked_at_before_the_status(
    status: int, message: str, reason: str, kind: type[errors.ApiError]
) -> None:
    error = errors.from_answer(status, body(message, reason), method="x.y.z", project="proj-one")
    assert type(error) is kind
    assert (error.status, error.reason, error.method) == (status, reason, "x.y.z")
    assert error.cause == message
    assert "x.y.z" in error.message or kind is errors.BillingDisabled
    assert error.message.endswith(".")
    assert isinstance(error, TemporaryError | PermanentError)


@pytest.mark.parametrize(
    ("message", "permission"),
    [
        ("Required 'compute.networks.create' permission for 'projects/p'", "compute.networks.create"),
        ("Permission 'secretmanager.secrets.create' denied for resource 'projects/p'", "secretmanager.secrets.create"),
        (
            "you@example.com does not have storage.objects.get access to the Google Cloud Storage object.",
            "storage.objects.get",
        ),
        ("The caller does not have permission", ""),
    ],
)
def test_the_permission_that_lacks_is_named(message: str, permission: str) -> None:
    error = errors.from_answer(403, body(message), method="a.b", project="p")
    assert isinstance(error, errors.PermissionDenied)
    assert error.permission == permission
    if permission:
        assert permission in error.message


def test_a_disabled_api_names_itself_by_details_or_by_text() -> None:
    detail = {"reason": "SERVICE_DISABLED", "metadata": {"service": "sqladmin.googleapis.com"}}
    by_detail = errors.from_answer(403, body("off", details=[detail]), method="a.b", project="p")
    text = "Cloud SQL Admin API has not been used in project 1 before. Enable it at https://x/apis/api/sqladmin.googleapis.com/overview"
    by_text = errors.from_answer(403, body(text, "accessNotConfigured"), method="a.b", project="p")
    for error in (by_detail, by_text):
        assert isinstance(error, errors.ServiceDisabled)
        assert error.service == "sqladmin.googleapis.com"
        assert error.temporary
        assert error.delay > 0


@pytest.mark.parametrize(
    "content", [b"", b"<html><body>502 Bad&nbsp;Gateway</body></html>", b"\xff\xfe", b"[]", b'{"error": null}', b'"x"']
)
def test_an_answer_in_no_form_is_an_error_all_the_same(content: bytes) -> None:
    assert isinstance(errors.from_answer(502, content, method="a.b"), errors.Unavailable)
    assert isinstance(errors.from_answer(400, content, method="a.b"), errors.InvalidRequest)


def test_a_lack_of_billing_or_quota_leads_to_the_console() -> None:
    billing = errors.billing_disabled("proj-one")
    assert billing.url.endswith("project=proj-one")
    assert "open-console" in billing.actions
    assert billing.command == "gcloud billing projects link proj-one --billing-account=ACCOUNT"


def test_an_ended_sign_in_needs_a_person() -> None:
    error = errors.SignInEnded("The sign-in has ended.", account="me@example.com", command="gcloud auth login")
    assert isinstance(error, PersonNeeded)
    assert (error.kind, error.exit_code, error.account) == ("sign-in", 7, "me@example.com")
