# ruff: noqa: E501 (errors are quoted as they come)
"""Every error that is known by its words, in the words that Google and the provider use."""

from __future__ import annotations

import pytest

from core.errors import MlopsError, PermanentError, TemporaryError
from core.terraform import AlreadyThere, Diagnostic, MadeInVain, StateLocked
from core.terraform.diagnostics import error_of

TEMPORARY = {
    "disabled": "Error creating Network: googleapi: Error 403: Compute Engine API has not been used in project 12 before or it is "
    "disabled. Enable it by visiting …, accessNotConfigured",
    "service-agent": "Error waiting for Create Service Networking Connection: Error code 7, message: Required "
    "'compute.globalAddresses.list' permission for 'projects/12'",
    "identity-pool": "Error applying IAM policy for service account: Error 400: Identity Pool does not exist (p.svc.id.goog). "
    "Please check that you specified a valid resource name",
    "account": 'Error applying IAM policy for project "p": googleapi: Error 400: Service account x@p.iam.gserviceaccount.com does '
    "not exist., badRequest",
    "policy-race": "Error applying IAM policy: googleapi: Error 409: There were concurrent policy changes. Please retry the whole "
    "read-modify-write with exponential backoff., aborted",
    "busy": "Error deleting Network: googleapi: Error 400: The network resource 'n' is already being used by 'firewall', "
    "resourceInUseByAnotherResource",
    "unavailable": "Error creating Router: googleapi: Error 503: Service Unavailable, backendError",
    "rate": "Error creating Firewall: googleapi: Error 403: Quota exceeded for quota metric 'Queries' and limit 'Queries per minute' "
    "of service 'compute.googleapis.com', rateLimitExceeded",
    "provider": "Plugin did not respond The plugin encountered an error, and failed to respond to the plugin6 call.",
    "state": "Failed to persist state to backend The error shown above has prevented Terraform from writing the updated state",
    "release": "Error releasing the state lock Error message: storage: object doesn't exist",
    "credentials": "Error 401: Request had invalid authentication credentials., UNAUTHENTICATED",
}
AGENTS = (
    "googleapi: Error 400: Google Compute Engine: Required 'compute.networks.get' permission for 'projects/p'., failedPrecondition",
    "googleapi: Error 403: The Cloud Build Service Agent service-12@gcp-sa-cloudbuild.iam.gserviceaccount.com does not have it.",
)
BUSY = (
    "googleapi: Error 409: Operation failed because another operation was already in progress., operationInProgress",
    "Error creating NodePool: googleapi: Error 400: Cluster is running incompatible operation operation-17., failedPrecondition",
    "Error updating Subnetwork: googleapi: Error 412: Invalid fingerprint., conditionNotMet",
)
UNAVAILABLE = (
    'Get "https://compute.googleapis.com/compute/v1/x": read tcp 10.0.0.1:1->1.2.3.4:443: read: connection reset by peer',
    'Post "https://iam.googleapis.com/v1/x": unexpected EOF',
    'Get "https://x": net/http: TLS handshake timeout',
    'Get "https://x": dial tcp: lookup x: no such host',
    "googleapi: got HTTP response code 502 with body: bad gateway",
)
PERMANENT = {
    "quota": "googleapi: Error 403: Insufficient regional quota to satisfy request: resource \"CPUS\": request requires '8.0' and is "
    "short '4.0'. project has a quota of '8.0' with '4.0' available., forbidden",
    "stockout": "Error waiting for creating GKE NodePool: Google Compute Engine: The zone 'us-central1-a' does not have enough "
    "resources available to fulfill the request. [GCE_STOCKOUT]",
    "org-policy": "Error creating service account: googleapi: Error 400: Constraint constraints/iam.disableServiceAccountCreation "
    "violated for project 12., failedPrecondition",
    "billing": "googleapi: Error 403: This API method requires billing to be enabled. … BILLING_DISABLED",
    "protected": "Cannot destroy cluster because deletion_protection is set to true. Set it to false to proceed",
}


def error(*texts: str) -> MlopsError:
    return error_of([Diagnostic("error", text, "", f"x.{i}") for i, text in enumerate(texts)])


@pytest.mark.parametrize(("code", "text"), TEMPORARY.items())
def test_what_passes_by_itself_is_temporary(code: str, text: str) -> None:
    found = error(text)
    assert isinstance(found, TemporaryError)
    assert found.code == f"terraform-{code}"
    assert found.delay > 0
    assert found.cause == text


@pytest.mark.parametrize("text", AGENTS)
def test_a_service_s_own_account_without_its_role_is_waited_for(text: str) -> None:
    found = error(text)
    assert (found.code, found.temporary) == ("terraform-service-agent", True)


@pytest.mark.parametrize("text", BUSY)
def test_what_is_at_work_is_waited_for(text: str) -> None:
    assert error(text).code == "terraform-busy"


@pytest.mark.parametrize("text", UNAVAILABLE)
def test_a_network_that_fails_is_tried_again(text: str) -> None:
    assert error(text).code == "terraform-unavailable"


@pytest.mark.parametrize(("code", "text"), PERMANENT.items())
def test_what_does_not_pass_says_what_to_do(code: str, text: str) -> None:
    found = error(text)
    assert isinstance(found, PermanentError)
    assert found.code == f"terraform-{code}"
    assert found.hint


def test_a_quota_leads_to_its_page() -> None:
    assert "quotas" in error(PERMANENT["quota"]).url


@pytest.mark.parametrize(
    "text",
    [
        "Error creating Network: googleapi: Error 409: The resource 'projects/p/global/networks/n' already exists, alreadyExists",
        "Error creating service account: googleapi: Error 409: Service account x already exists within project projects/p.",
        "googleapi: Error 409: Already exists: projects/p/locations/z/clusters/c., alreadyExists",
        "Error, failed to create instance i: googleapi: Error 409: The Cloud SQL instance already exists. When you delete an instance, "
        "you can't reuse the name of the deleted instance until one week from the deletion date., instanceAlreadyExists",
        "googleapi: Error 409: Your previous request to create the named bucket succeeded and you already own it., conflict",
    ],
)
def test_what_is_there_already_is_named(text: str) -> None:
    found = error(text)
    assert isinstance(found, AlreadyThere)
    assert found.addresses == ("x.0",)


@pytest.mark.parametrize("cause", [PERMANENT["stockout"], "An internal error occurred.", "googleapi: Error 404: Not found"])
def test_what_failed_while_nobody_waited_is_told_apart(cause: str) -> None:
    found = error(PERMANENT["quota"], f"Error waiting for resuming GKE node pool: {cause}")
    assert isinstance(found, MadeInVain)
    assert found.addresses == ("x.1",)
    assert cause in found.cause


def test_a_look_at_it_that_only_got_no_answer_says_nothing_of_it() -> None:
    assert error(f"Error waiting for resuming GKE cluster: {UNAVAILABLE[0]}").temporary


def test_a_missing_permission_is_named() -> None:
    found = error(
        "googleapi: Error 403: Required 'compute.networks.create' permission for 'projects/p/global/networks/n', forbidden"
    )
    assert "compute.networks.create" in found.message
    assert not found.temporary


def test_what_does_not_pass_is_told_before_what_does() -> None:
    assert error(TEMPORARY["unavailable"], PERMANENT["quota"]).code == "terraform-quota"


def test_what_is_there_already_is_told_before_what_passes() -> None:
    assert isinstance(error(TEMPORARY["unavailable"], "Error 409: x already exists, alreadyExists"), AlreadyThere)


def test_several_that_pass_wait_for_the_slowest() -> None:
    found = error(TEMPORARY["unavailable"], TEMPORARY["service-agent"])
    assert found.code == "terraform-service-agent"


def test_an_unknown_error_is_permanent_and_keeps_its_words() -> None:
    found = error("Invalid value for variable")
    assert isinstance(found, PermanentError)
    assert "Invalid value for variable" in found.cause


def test_a_lock_is_told_with_its_holder() -> None:
    detail = """Error message: writing "gs://b/terraform/platform/default.tflock" failed: googleapi: Error 412
Lock Info:
  ID:        1790000000000001
  Path:      gs://b/terraform/platform/default.tflock
  Operation: OperationTypeApply
  Who:       me@machine
  Version:   1.11.4
  Created:   2026-09-21 14:13:20.123456789 +0000 UTC
  Info:      """
    found = error_of([Diagnostic("error", "Error acquiring the state lock", detail)])
    assert isinstance(found, StateLocked)
    assert (found.id, found.who) == ("1790000000000001", "me@machine")
    assert found.created.startswith("2026-09-21 14:13:20")
    assert found.id in found.command


def test_a_signal_that_was_not_ours_is_worth_another_try() -> None:
    found = error_of([], plain=["fatal error: out of memory"], code=-9)
    assert isinstance(found, TemporaryError)
    assert "out of memory" in found.cause


def test_warnings_are_no_errors() -> None:
    assert error_of([Diagnostic("warning", "Deprecated")], code=3).cause == "exit code 3"
