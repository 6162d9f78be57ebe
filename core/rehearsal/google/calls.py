"""One call of one documented method, and the register of the functions that answer them.

A handler is a plain function of a `Call` without an ``await`` in it, so that a call is atomic: what it writes stands or
falls together, and no other call sees half of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.rehearsal.google.discovery import Method
from core.rehearsal.google.errors import ApiError, permission_denied
from core.rehearsal.store import Document, Store
from core.rehearsal.world import World


@dataclass(slots=True)
class Call:
    """What a handler is given; ``params`` holds path and query, ``media`` the bytes of an upload or None."""

    world: World
    method: Method
    email: str
    params: dict[str, Any]
    body: Document
    headers: Mapping[str, str] = field(default_factory=dict)
    media: bytes | None = None
    media_type: str = ""
    alt: str = "json"
    root: str = ""

    @property
    def store(self) -> Store:
        return self.world.store

    @property
    def now(self) -> str:
        """The simulated time in the form that most APIs use."""
        return self.world.clock.timestamp()

    def __getitem__(self, name: str) -> Any:
        return self.params[name]

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter, or the default where it was not given."""
        return self.params.get(name, default)

    @property
    def project(self) -> str:
        """The id of the project that the call is about, its number turned into it."""
        found = self.params.get("project") or self.params.get("projectId") or self.params.get("projectsId")
        if found is None:
            for key in ("name", "parent", "resource", "projectName"):
                parts = str(self.params.get(key, "")).split("/")
                if len(parts) > 1 and parts[0] == "projects":
                    found = parts[1]
                    break
        return self.world.project if found in (None, self.world.number, "-", "_") else str(found)

    def full(self, key: str = "name") -> str:
        """A resource name in the parameters with the project's number turned into its id."""
        parts = str(self.params[key]).split("/")
        if len(parts) > 1 and parts[0] == "projects" and parts[1] in (self.world.number, "-"):
            parts[1] = self.world.project
        return "/".join(parts)

    def require(self, permission: str, resource: str) -> None:
        """Raises `ApiError` (403) where the caller lacks the permission on the resource."""
        if not self.world.identity.allowed(self.email, permission, resource):
            raise permission_denied(self.method.api, self.email, permission, resource)


Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Registered:
    """A handler and what it takes to call it; no permission means that the handler checks by itself (or nothing)."""

    handler: Handler
    permission: str
    on: Callable[[Call], str]


HANDLERS: dict[str, Registered] = {}
"""Method id → what answers it."""


def default_resource(call: Call) -> str:
    """The resource that a call's permission is looked up on: the one it names, else its project."""
    for key in ("resource", "name", "parent"):
        value = str(call.params.get(key, ""))
        if value.startswith("projects/"):
            return call.full(key)
    return f"projects/{call.project}"


def project_of(call: Call) -> str:
    """The project of a call, for permissions that hold for the whole of it."""
    return f"projects/{call.project}"


def answers(*ids: str, permission: str = "", on: Callable[[Call], str] = default_resource) -> Callable[[Handler], Handler]:
    """Registers a handler for methods, with the permission that the caller needs on the call's resource."""

    def register(handler: Handler) -> Handler:
        for id in ids:
            HANDLERS[id] = Registered(handler, permission, on)
        return handler

    return register


def not_found(what: str) -> ApiError:
    """404 with the service's sentence."""
    return ApiError(404, what)


def page(call: Call, items: list[Any], size_key: str = "pageSize", token_key: str = "pageToken") -> tuple[list[Any], str]:
    """The part of a list that the call asks for, and the token of the next, empty at the end."""
    start = _token(call, token_key)
    size = int(call.get(size_key) or 0)
    if size < 0:
        raise ApiError(400, f"Invalid value for field '{size_key}': '{size}'. Must be at least 0.")
    size = size or 500
    following = start + size
    return items[start:following], str(following) if following < len(items) else ""


def _token(call: Call, key: str) -> int:
    token = str(call.get(key) or "0")
    if not token.isascii() or not token.isdecimal():
        raise ApiError(400, f"Invalid value for field '{key}': '{token}'. It comes from no list like this one.")
    return int(token)


def listing(call: Call, key: str, items: list[Any], size_key: str = "pageSize", **more: Any) -> Document:
    """A list's answer in the newer form: nothing at all where it is empty, a token where there is more."""
    part, token = page(call, items, size_key)
    answer: Document = {key: part} if part else {}
    if token:
        answer["nextPageToken"] = token
    return {**answer, **more}
