"""What the Kubernetes API answers when it doesn't do as asked, as errors of the one tree.

The status code decides whether waiting can help. A control plane of one zone goes away for minutes at resizes, repairs
and just after its node pool appears: a refused connection, a cut one, 401, 429 and 5xx are temporary, whatever was asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import MlopsError, PermanentError, TemporaryError


class ApiError(MlopsError):
    """Raised when a request got an answer that is not the one asked for; ``status`` is HTTP's, ``reason`` Kubernetes'."""

    status: int = 0
    reason: str = ""

    @classmethod
    def of(cls, what: str, status: int, body: Mapping[str, Any] | str) -> ApiError:
        """The error for a response to ``what`` (the request in words, as in ``get Secret kubeflow/x``)."""
        said = str(body.get("message", "")) if isinstance(body, Mapping) else str(body)[:500]
        kind = _KINDS.get(status) or (Unavailable if status >= 500 and _UNTYPED not in said else Refused)
        error = kind(
            f"Kubernetes refused to {what}: {status}.", code=f"kubernetes-{status}", cause=said, hint=_HINTS.get(status, "")
        )
        error.status = status
        error.reason = str(body.get("reason", "")) if isinstance(body, Mapping) else ""
        return error


class NotFound(ApiError, PermanentError):
    """Raised when there is no such object, or no such kind."""


class Conflict(ApiError, TemporaryError):
    """Raised when the object is there already, or was changed at the same time (409)."""


class Forbidden(ApiError, PermanentError):
    """Raised when the account has no right to do it, by IAM or RBAC (403)."""


class Gone(ApiError, TemporaryError):
    """Raised when a watch asks for a version that is no longer kept (410): list again."""


class Unavailable(ApiError, TemporaryError):
    """Raised when the API can't be reached, or can't answer now."""


class Refused(ApiError, PermanentError):
    """Raised when the request itself is wrong: an unknown field, a value that is not allowed, an immutable one."""


_UNTYPED = "failed to create typed patch object"
"""How a server-side apply is refused that has a field which its kind does not know: as a 500, of all things."""

_KINDS: dict[int, type[ApiError]] = {
    401: Unavailable,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    429: Unavailable,
}

_HINTS = {
    401: "The token was not accepted; a fresh one is used at the next try.",
    403: "The account needs roles/container.admin on the project (container.clusters.connect to get in at all).",
}


def unreachable(what: str, error: BaseException) -> Unavailable:
    """The error for a connection that was refused, cut, or never answered."""
    return Unavailable(
        f"The Kubernetes API did not answer to: {what}.",
        code="kubernetes-unreachable",
        cause=str(error) or type(error).__name__,
        hint="A control plane of one zone is away for some minutes at repairs and resizes; the run tries again.",
    )
