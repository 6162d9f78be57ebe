"""Compute's operations, looked at and waited for, in each of their three scopes."""

from __future__ import annotations

from core.rehearsal.google import compute, operations
from core.rehearsal.google.calls import Call, answers
from core.rehearsal.google.errors import ApiError
from core.rehearsal.store import Document


@answers("compute.globalOperations.get", "compute.regionOperations.get", "compute.zoneOperations.get",
         "compute.globalOperations.wait", "compute.regionOperations.wait", "compute.zoneOperations.wait")  # fmt: skip
def get(call: Call) -> Document:
    """One operation; a wait answers at once, as it may, and the caller asks again."""
    collection = call.method.id.split(".")[1]
    call.require(f"compute.{collection}.get", f"projects/{call.project}")
    scope = compute.scope_of(call)
    found = operations.get(call.world, f"compute/{scope}/{call['operation']}")
    if found is None:
        found = next(
            (o for _, o in call.store.items(operations.KIND, f"compute/{scope}/") if o["id"] == call["operation"]), None
        )
    if found is None:
        raise ApiError(404, f"The resource 'projects/{call.project}/{scope}/operations/{call['operation']}' was not found")
    return compute.shown(call.world, found)


@answers("compute.globalOperations.list", "compute.regionOperations.list", "compute.zoneOperations.list")
def listed(call: Call) -> Document:
    """The operations of one scope."""
    call.require(f"compute.{call.method.id.split('.')[1]}.list", f"projects/{call.project}")
    scope = compute.scope_of(call)
    found = [compute.shown(call.world, o) for _, o in call.store.items(operations.KIND, f"compute/{scope}/")]
    wanted = str(call.get("filter", ""))
    return compute.answer_list(call, "operations", [o for o in found if compute.matches(o, wanted)], scope)


@answers("compute.globalOperations.aggregatedList")
def everywhere(call: Call) -> Document:
    """The operations of every scope."""
    call.require("compute.globalOperations.list", f"projects/{call.project}")
    found: dict[str, Document] = {}
    for _, operation in call.store.items(operations.KIND, "compute/"):
        shown = compute.shown(call.world, operation)
        if compute.matches(shown, str(call.get("filter", ""))):
            found.setdefault(operation["scope"], {"operations": []})["operations"].append(shown)
    return {
        "kind": "compute#operationAggregatedList",
        "id": f"projects/{call.project}/aggregated/operations",
        "items": found,
    }
