"""Long operations of the cloud's, in the three ways its APIs tell of them, waited for in one.

Most answer ``done`` with an error or a response; Compute, GKE and Cloud SQL answer a ``status``, and each puts an error
somewhere else. A name as the APIs give it does not say where to ask, so what is persisted is a *reference*, which does:
the API, its version and the operation's path, as in ``container/v1/projects/P/locations/Z/operations/O``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from core.gcp.errors import ApiError, classify

if TYPE_CHECKING:
    from core.gcp.client import Google
    from core.run.clock import Clock

FIRST, MOST = 2.0, 10.0
"""Seconds between two looks: the first, and the most it grows to."""

STATUS_OF_CODE = {1: 499, 3: 400, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 13: 500, 14: 503, 16: 401}
"""HTTP's status for the codes that a finished operation's error carries."""


class Persistence(Protocol):
    """Where the names of operations are kept while they run: the part of a run's context that this needs."""

    def operation_started(self, key: str, name: str) -> None:
        """Persists the name of a long operation before it is waited for."""

    def operation_finished(self, key: str, name: str) -> None:
        """The long operation ended, well or not."""

    def pending_operation(self, key: str) -> str | None:
        """The name of an operation that was begun for ``key`` and whose end was not seen."""


def reference(api: str, version: str, operation: Mapping[str, Any], *, project: str) -> str:
    """Where to ask for an operation, in one string."""
    name = str(operation.get("name", ""))
    if api == "compute":
        for scope, folder in (("zone", "zones"), ("region", "regions")):
            if operation.get(scope):
                place = str(operation[scope]).rpartition("/")[2]
                return f"compute/{version}/projects/{project}/{folder}/{place}/operations/{name}"
        return f"compute/{version}/projects/{project}/global/operations/{name}"
    if api == "container" and "/" not in name:
        link = str(operation.get("selfLink", ""))
        place = operation.get("location") or operation.get("zone") or link.split("/locations/")[-1].partition("/")[0]
        place = link.split("/zones/")[-1].partition("/")[0] if "/zones/" in link else place
        return f"container/{version}/projects/{project}/locations/{place}/operations/{name}"
    if api == "sqladmin":
        return f"sqladmin/{version}/projects/{operation.get('targetProject') or project}/operations/{name}"
    return f"{api}/{version}/{name}"


async def look(google: Google, where: str) -> dict[str, Any]:
    """The operation as it stands."""
    api, version, path = where.split("/", 2)
    parts = path.split("/")
    if api == "compute":
        if parts[2] == "global":
            return await google.call(api, version, "globalOperations.get", project=parts[1], operation=parts[-1])
        at: dict[str, Any] = {"zone" if parts[2] == "zones" else "region": parts[3], "project": parts[1]}
        kind = "zoneOperations.get" if parts[2] == "zones" else "regionOperations.get"
        return await google.call(api, version, kind, operation=parts[-1], **at)
    if api == "sqladmin":
        return await google.call(api, version, "operations.get", project=parts[1], operation=parts[-1])
    method = "projects.locations.operations.get" if path.startswith("projects/") else "operations.get"
    return await google.call(api, version, method, name=path, quota_project=api != "serviceusage")


def ended(operation: Mapping[str, Any]) -> bool:
    """Whether an operation is over, in whichever way it says so."""
    return bool(operation.get("done")) or operation.get("status") == "DONE"


def failure(operation: Mapping[str, Any], *, method: str, project: str) -> ApiError | None:
    """The error that a finished operation ended with; None where it went well."""
    error = operation.get("error")
    if not error:
        return None
    listed = error.get("errors") or []
    messages = [str(e.get("message") or e.get("code") or "") for e in listed] or [str(error.get("message", ""))]
    reason = str(listed[0].get("code", "")) if listed else str(error.get("status", ""))
    status = int(operation.get("httpErrorStatusCode") or STATUS_OF_CODE.get(_number(error.get("code")), 400))
    return classify(status, "; ".join(m for m in messages if m), reason=reason, method=method, project=project)


async def wait(google: Google, clock: Clock, where: str, *, first: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Waits until the operation at a reference is over; returns it as it stood then, well or not."""
    operation: Mapping[str, Any] = first if first is not None else await look(google, where)
    pause = FIRST
    while not ended(operation):
        await clock.sleep(pause * random.uniform(0.8, 1.2))
        pause = min(MOST, pause * 1.4)
        operation = await look(google, where)
    return dict(operation)


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
