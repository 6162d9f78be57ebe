"""What the API answers when it refuses: one exception that is a Kubernetes `Status`, in the wording of the real server.

Clients read `reason` and `code`, people read `message`; both are part of what has to be rehearsed.
"""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]


class ApiError(Exception):
    """Raised when a request is refused; `body` is what the client gets."""

    def __init__(self, code: int, reason: str, message: str, details: Obj | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details

    def body(self) -> Obj:
        """The `Status` object."""
        status: Obj = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message}
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = {key: value for key, value in self.details.items() if value != ""}
        return {**status, "code": self.code}


def not_found(plural: str, group: str, name: str) -> ApiError:
    """404 for an object."""
    what = f"{plural}.{group}" if group else plural
    return ApiError(404, "NotFound", f'{what} "{name}" not found', {"name": name, "group": group, "kind": plural})


def no_resource() -> ApiError:
    """404 for a path that serves nothing."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def invalid(kind: str, group: str, name: str, causes: list[tuple[str, str, str]]) -> ApiError:
    """422 with its causes, each (field, reason, message)."""
    what = f"{kind}.{group}" if group else kind
    texts = [f"{field}: {message}" for field, _, message in causes]
    shown = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    details = {
        "name": name,
        "group": group,
        "kind": kind,
        "causes": [{"reason": reason, "message": message, "field": field} for field, reason, message in causes],
    }
    return ApiError(422, "Invalid", f'{what} "{name}" is invalid: {shown}', details)


def conflict(plural: str, group: str, name: str, why: str) -> ApiError:
    """409 for an update that came too late."""
    what = f"{plural}.{group}" if group else plural
    message = f'Operation cannot be fulfilled on {what} "{name}": {why}'
    return ApiError(409, "Conflict", message, {"name": name, "group": group, "kind": plural})


def forbidden(plural: str, group: str, name: str, why: str) -> ApiError:
    """403 for an object."""
    what = f"{plural}.{group}" if group else plural
    shown = f'{what} "{name}"' if name else what
    return ApiError(403, "Forbidden", f"{shown} is forbidden: {why}", {"name": name, "group": group, "kind": plural})


def option(kind: str, causes: list[tuple[str, str, str]]) -> ApiError:
    """422 for what a request's parameters say; ``kind`` is `CreateOptions` and the like."""
    return invalid(kind, "meta.k8s.io", "", causes)


def bad_request(message: str) -> ApiError:
    """400."""
    return ApiError(400, "BadRequest", message)
