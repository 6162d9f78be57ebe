"""What Google's APIs answer when they refuse, as the tree of `core.errors`: mapped once, here.

    ApiError                        any answer that is no success: ``status``, ``reason``, ``method``
    ├── Temporary
    │   ├── Unavailable                 5xx, a reset, a timeout
    │   ├── RateLimited                 429, 403 rateLimitExceeded
    │   ├── ServiceDisabled             the API is off, or was switched on moments ago
    │   └── StillWorking                the resource is in the middle of something (operationInProgress, in use)
    └── Permanent
        ├── Unreachable                 the network between: an authority that is not trusted, a proxy that refuses
        ├── NotFound                    404
        ├── Conflict                    409: it is there already, or was changed by someone else
        ├── PermissionDenied            403
        ├── QuotaExceeded               a quota, whatever the status: the text decides before the code
        ├── PolicyViolation             an organization policy forbids it
        ├── BillingDisabled             the project has no billing account
        └── InvalidRequest              400 and whatever else would be refused again

A refusal's text is looked at before its status: Google says 403 for a lack of quota, of billing and of an API that is off,
and a person who is sent after a role for these loses an hour. `SignInEnded` stands apart: only a person can help there.
"""

from __future__ import annotations

import json
import re
from typing import Any

from core.errors import CONSOLE, RETRY, PermanentError, PersonNeeded, StepError, TemporaryError

CONSOLE_ROOT = "https://console.cloud.google.com"


class ApiError(StepError):
    """Raised when an API refuses: ``status`` is HTTP's (0 without an answer), ``reason`` Google's own word for it."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "", method: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.status = status
        self.reason = reason
        self.method = method


class Unavailable(ApiError, TemporaryError):
    """Raised when an API did not answer, or answered that it can't right now."""


class RateLimited(ApiError, TemporaryError):
    """Raised when too much was asked at once."""


class ServiceDisabled(ApiError, TemporaryError):
    """Raised when an API is not enabled in the project; ``service`` is its name. Just after enabling, waiting helps."""

    def __init__(self, message: str, *, service: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.service = service


class StillWorking(ApiError, TemporaryError):
    """Raised when a resource is in the middle of something else."""


class Unreachable(ApiError, PermanentError):
    """Raised when the network between does not let a call through, and waiting would not change that."""


class NotFound(ApiError, PermanentError):
    """Raised when there is no such thing."""


class Conflict(ApiError, PermanentError):
    """Raised when a thing is there already, or was changed in between; ``reason`` tells which."""


class PermissionDenied(ApiError, PermanentError):
    """Raised when the account may not do that; ``permission`` is the one it lacks, where the API said so."""

    def __init__(self, message: str, *, permission: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.permission = permission


class QuotaExceeded(ApiError, PermanentError):
    """Raised when a quota of the project is too small."""


class PolicyViolation(ApiError, PermanentError):
    """Raised when an organization policy forbids it."""


class BillingDisabled(ApiError, PermanentError):
    """Raised when the project has no billing account."""


class InvalidRequest(ApiError, PermanentError):
    """Raised when the API would refuse the same request again."""


class PreconditionFailed(InvalidRequest):
    """Raised when a condition of the request (a generation, an etag) does not hold (any more)."""


class SignInEnded(PersonNeeded):
    """Raised when the sign-in has ended or was never made; ``account`` is whose it was."""

    def __init__(self, message: str, *, account: str = "", **details: Any) -> None:
        self.account = account
        super().__init__("sign-in", message, **details)


_QUOTA = re.compile(
    r"quota '?\w*'? ?exceeded|insufficient (regional )?quota|exceeded .*quota|quota.{0,40}(limit|exceed)|QUOTA_EXCEEDED",
    re.IGNORECASE,
)
_RATES = ("ratelimitexceeded", "userratelimitexceeded")
_POLICY = re.compile(r"constraints?/[\w.]+|organization polic|violates constraint|is not allowed by.*polic", re.IGNORECASE)
_BILLING = re.compile(
    r"billing.{0,60}(disabled|not enabled|enable billing|must be enabled|required)|BILLING_DISABLED|"
    r"billing account .{0,40}(not|closed)",
    re.IGNORECASE,
)
_BUSY = re.compile(
    r"operationInProgress|unable to queue the operation|operation .{0,60} (already )?in progress|"
    r"resourceInUseByAnotherResource|is already being used by|resourceNotReady|incompatible operation|"
    r"is currently .{0,20}(creat|delet|updat|upgrad)",
    re.IGNORECASE,
)
_AGENT_LAGS = re.compile(
    r"Error code 7|service agent.{0,80}(permission|does not)|permission.{0,60}service agent", re.IGNORECASE
)


def from_answer(status: int, content: bytes, *, method: str, project: str | None = None) -> ApiError:
    """The error that an API's answer means."""
    message, reason, details = read_answer(content)
    return classify(status, message or f"HTTP {status}", reason=reason, method=method, details=details, project=project)


def untrusted(method: str, cause: str) -> Unreachable:
    """The error of a connection whose certificate nobody here vouches for."""
    return Unreachable(
        _sentence(method, "met a certificate that is not trusted here"),
        cause=cause,
        method=method,
        hint="Where a proxy looks into TLS, name its authority's PEM file in SSL_CERT_FILE.",
    )


def refused_by_proxy(method: str, cause: str) -> Unreachable:
    """The error of a proxy that does not let a call through."""
    return Unreachable(
        _sentence(method, "was refused by the proxy"),
        cause=cause,
        method=method,
        hint="Correct HTTPS_PROXY (user and password, too), or except Google's hosts in NO_PROXY.",
    )


def read_answer(content: bytes) -> tuple[str, str, list[dict[str, Any]]]:
    """Message, reason and details of an error's body, in whichever of Google's forms it came."""
    try:
        body = json.loads(content)
    except (ValueError, UnicodeDecodeError):
        return _plain(content), "", []
    error = body.get("error", body) if isinstance(body, dict) else {}
    if isinstance(error, str):  # the form of the token endpoint
        return str(body.get("error_description") or error), error, []
    if not isinstance(error, dict):
        return "", "", []
    details = [d for d in error.get("details") or [] if isinstance(d, dict)]
    errors = [e for e in error.get("errors") or [] if isinstance(e, dict)]
    reason = next((str(d["reason"]) for d in details if d.get("reason")), "")
    reason = reason or next((str(e["reason"]) for e in errors if e.get("reason")), "") or str(error.get("status", ""))
    return str(error.get("message", "")), reason, details


def classify(
    status: int,
    message: str,
    *,
    reason: str = "",
    method: str = "",
    details: list[dict[str, Any]] | None = None,
    project: str | None = None,
) -> ApiError:
    """The error that a status, a text and a reason mean; the text is looked at first. Operations fail through here too."""
    common: dict[str, Any] = {"status": status, "reason": reason, "method": method}
    text = f"{reason} {message}"
    if reason in ("SERVICE_DISABLED", "accessNotConfigured") or "has not been used in project" in message:
        return _service_disabled(message, details or [], project, common)
    if _too_often(status, text, reason):
        return RateLimited(_sentence(method, "was asked too often"), cause=message, delay=5, **common)
    if _QUOTA.search(text):
        return QuotaExceeded(
            _sentence(method, "needs more quota than the project has"),
            cause=message,
            hint="Ask for more on the quota page, free some, or choose a smaller profile; a trial can only be upgraded.",
            url=quota_page(project),
            actions=(RETRY, CONSOLE),
            **common,
        )
    if _BILLING.search(text):
        return billing_disabled(project, cause=message, **common)
    if _BUSY.search(text):
        return StillWorking(_sentence(method, "has to wait for something else"), cause=message, delay=10, **common)
    if status in (400, 403, 412) and _POLICY.search(message):
        return PolicyViolation(
            _sentence(method, "is forbidden by an organization policy"),
            cause=message,
            hint="Ask an administrator of the organization for an exception, or choose what the policy allows.",
            **common,
        )
    return _by_status(status, message, common, project)


def _too_often(status: int, text: str, reason: str) -> bool:
    """Whether a limit is one of calls in a time, which passes, and not one of things that there may be."""
    if re.search(r"per (second|minute|hour|day)", text) or reason.lower().replace("_", "") in _RATES:
        return True
    return status == 429 and not _QUOTA.search(text)


def _by_status(status: int, message: str, common: dict[str, Any], project: str | None) -> ApiError:
    method = common["method"]
    if status == 404:
        return NotFound(_sentence(method, "found nothing"), cause=message, **common)
    if status == 409:
        return Conflict(
            _sentence(method, "met something that is there already, or was just changed"), cause=message, **common
        )
    if status == 412:
        return PreconditionFailed(_sentence(method, "came too late: it was changed in between"), cause=message, **common)
    if status == 403:
        if _AGENT_LAGS.search(message):
            return StillWorking(_sentence(method, "waits for a service agent's role"), cause=message, delay=15, **common)
        return _denied(message, common, project)
    if (status >= 500 and status != 501) or status in (0, 408):
        return Unavailable(_sentence(method, "got no proper answer"), cause=message, delay=2, **common)
    return InvalidRequest(_sentence(method, "was refused"), cause=message, **common)


def quota_page(project: str | None, service: str = "") -> str:
    """The console's page of a project's quotas, of all services or of one."""
    return f"{CONSOLE_ROOT}/iam-admin/quotas?project={project or ''}" + (f"&service={service}" if service else "")


def billing_disabled(project: str | None, *, cause: str = "", **common: Any) -> BillingDisabled:
    """The error of a project without a billing account."""
    return BillingDisabled(
        f"Billing is not enabled for the project {project or ''}".rstrip() + ".",
        cause=cause,
        hint="Link a billing account to the project, then try again.",
        command=f"gcloud billing projects link {project} --billing-account=ACCOUNT" if project else "",
        url=f"{CONSOLE_ROOT}/billing/linkedaccount?project={project or ''}",
        actions=(RETRY, CONSOLE),
        **common,
    )


def _service_disabled(message: str, details: list[dict[str, Any]], project: str | None, common: dict[str, Any]) -> ApiError:
    services = [str(d["metadata"]["service"]) for d in details if d.get("metadata", {}).get("service")]
    found = re.search(r"\b([a-z]+\.googleapis\.com)\b", message)
    service = services[0] if services else (found.group(1) if found else "")
    return service_disabled(service, project, cause=message, **common)


def service_disabled(service: str, project: str | None, *, cause: str = "", **common: Any) -> ServiceDisabled:
    """The error of an API that is off in a project."""
    return ServiceDisabled(
        f"The API {service or 'that is needed'} is not enabled in the project, or does not answer yet.",
        service=service,
        cause=cause,
        hint="It takes some minutes after enabling until every server knows.",
        command=f"gcloud services enable {service} --project={project}" if service and project else "",
        delay=5,
        **common,
    )


def _denied(message: str, common: dict[str, Any], project: str | None) -> PermissionDenied:
    found = re.search(
        r"[Pp]ermissions? '?\"?([\w./]+)'?\"? (?:denied|required)|Required '?\"?([\w./]+)'?\"? permission", message
    )
    found = found or re.search(r"does not have ([\w./]+) (?:access|permission)", message)
    permission = next((g for g in found.groups() if g), "") if found else ""
    permission = permission.rpartition("/")[2]
    return PermissionDenied(
        _sentence(
            common["method"], f"needs the permission {permission}" if permission else "is not permitted to this account"
        ),
        permission=permission,
        cause=message,
        hint="Ask an owner of the project for a role that holds it; a grant takes a minute or two, at times seven.",
        url=f"{CONSOLE_ROOT}/iam-admin/iam?project={project or ''}",
        **common,
    )


def _sentence(method: str, what: str) -> str:
    return f"The call {method} {what}." if method else f"Google's API: {what}."


def _plain(content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)).strip()[:300]
