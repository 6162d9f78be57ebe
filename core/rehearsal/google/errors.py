"""Errors as Google's APIs write them: two forms, told apart by the API.

The newer APIs answer ``{code, message, status, details}``; compute, Kubernetes Engine, Cloud SQL, Cloud Storage and
BigQuery also list ``errors`` with a domain and a reason, which their clients read. The texts are the real services', since
programs match them.
"""

from __future__ import annotations

from typing import Any

from core.rehearsal.store import Document

LEGACY = frozenset({"bigquery", "compute", "container", "sqladmin", "storage"})
"""APIs whose errors carry the list ``errors``."""

_STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION", 416: "OUT_OF_RANGE", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 501: "UNIMPLEMENTED",
    503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip
_REASON = {
    400: "invalid", 401: "authError", 403: "forbidden", 404: "notFound", 409: "conflict", 412: "conditionNotMet",
    416: "requestedRangeNotSatisfiable", 429: "rateLimitExceeded", 500: "backendError", 501: "notImplemented",
    503: "backendError", 504: "backendError",
}  # fmt: skip
_OWN = {("container", 400): "badRequest", ("container", 409): "alreadyExists"}
"""The reasons that an API has for a code, where they are not those of the others."""


class ApiError(Exception):
    """An answer that is an error; ``reason`` is the old form's, ``status`` the new form's word for it."""

    def __init__(
        self, code: int, message: str, *, reason: str = "", status: str = "", details: list[Document] | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self._said = reason
        self.status = status or _STATUS.get(code, "UNKNOWN")
        self.details = details or []

    @property
    def reason(self) -> str:
        """The old form's reason, as most APIs have it."""
        return self._said or _REASON.get(self.code, "invalid")

    def body(self, api: str) -> Document:
        """The JSON of the answer in the form of that API."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if api in LEGACY:
            reason = self._said or _OWN.get((api, self.code)) or self.reason
            error["errors"] = [{"message": self.message, "domain": "global", "reason": reason}]
        if api != "storage":
            error["status"] = self.status
        if self.details:
            error["details"] = self.details
        return {"error": error}


def unauthenticated() -> ApiError:
    """401: no bearer token, or one that is not valid (any more)."""
    return ApiError(
        401,
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        details=[_info("ACCESS_TOKEN_TYPE_UNSUPPORTED", "googleapis.com", {})],
    )


def service_disabled(service: str, title: str, number: str) -> ApiError:
    """403: the API is not enabled in the project, or has not been for long enough."""
    url = f"https://console.developers.google.com/apis/api/{service}/overview?project={number}"
    return ApiError(
        403,
        f"{title} has not been used in project {number} before or it is disabled. Enable it by visiting {url} then retry. "
        "If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.",
        reason="accessNotConfigured",
        details=[
            _info(
                "SERVICE_DISABLED",
                "googleapis.com",
                {
                    "service": service,
                    "consumer": f"projects/{number}",
                    "serviceTitle": title,
                    "containerInfo": number,
                    "activationUrl": url,
                },
            ),
            {
                "@type": "type.googleapis.com/google.rpc.Help",
                "links": [{"description": "Google developers console API activation", "url": url}],
            },
        ],
    )


def quota_project_needed(service: str) -> ApiError:
    """403: the API is charged to the caller's own project, and the call names none."""
    return ApiError(
        403,
        "Your application is authenticating by using local Application Default Credentials. The "
        f"{service} API requires a quota project, which is not set by default. To learn how to set your quota project, "
        "see https://cloud.google.com/docs/authentication/adc-troubleshooting/user-creds .",
        details=[_info("SERVICE_DISABLED", "googleapis.com", {"service": service, "consumer": "projects/764086051850"})],
    )


def quota_project_denied(project: str) -> ApiError:
    """403: the caller may not charge that project."""
    return ApiError(
        403,
        f"Caller does not have required permission to use project {project}. Grant the caller the "
        "roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use permission, by "
        f"visiting https://console.developers.google.com/iam-admin/iam/project?project={project} and then retry. "
        "Propagation of the new permission may take a few minutes.",
        reason="forbidden",
        details=[_info("USER_PROJECT_DENIED", "googleapis.com", {"consumer": f"projects/{project}"})],
    )


def permission_denied(api: str, email: str, permission: str, resource: str) -> ApiError:
    """403: the account lacks a permission, in the words of the API that was called."""
    if api == "compute":
        return ApiError(403, f"Required '{permission}' permission for '{resource}'")
    if api == "container":
        return ApiError(403, f'Required "{permission}" permission(s) for "{resource}".')
    if api == "storage":
        return ApiError(
            403,
            f"{email} does not have {permission} access to the Google Cloud Storage {_storage_thing(permission)}. "
            f"Permission '{permission}' denied on resource (or it may not exist).",
        )
    if api == "sqladmin":
        return ApiError(403, "The client is not authorized to make this request.", reason="notAuthorized")
    if api == "cloudresourcemanager":
        return ApiError(403, "The caller does not have permission")
    return ApiError(
        403,
        f"Permission '{permission}' denied on resource '//{api}.googleapis.com/{resource}' (or it may not exist).",
        details=[_info("IAM_PERMISSION_DENIED", "iam.googleapis.com", {"permission": permission, "resource": resource})],
    )


def bad_request(description: str, field: str = "") -> ApiError:
    """400: the request doesn't fit what the API documents."""
    violation = {"description": description, **({"field": field} if field else {})}
    return ApiError(
        400,
        description,
        reason="badRequest",
        details=[{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}],
    )


def _info(reason: str, domain: str, metadata: dict[str, str]) -> Document:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain, "metadata": metadata}


def _storage_thing(permission: str) -> str:
    return "object" if permission.startswith("storage.objects") else "bucket"
