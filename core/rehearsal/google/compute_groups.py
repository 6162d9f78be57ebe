"""The groups of machines behind GKE's node pools: Terraform reads from them how many nodes a pool has."""

from __future__ import annotations

from core.rehearsal.google import compute
from core.rehearsal.google.calls import Call, answers, not_found, project_of
from core.rehearsal.google.container import KIND
from core.rehearsal.store import Document

_MANAGERS = "instanceGroupManagers"


@answers("compute.instanceGroupManagers.list", permission="compute.instanceGroupManagers.list", on=project_of)
def managers(call: Call) -> Document:
    """The managed groups of one zone."""
    found = [m for m in _managers(call) if compute.matches(m, str(call.get("filter", "")))]
    return compute.answer_list(call, _MANAGERS, found, compute.scope_of(call))


@answers("compute.instanceGroupManagers.get", permission="compute.instanceGroupManagers.get", on=project_of)
def manager(call: Call) -> Document:
    """One managed group."""
    scope, name = compute.scope_of(call), str(call["instanceGroupManager"])
    found = next((m for m in _managers(call) if m["name"] == name), None)
    if found is None:
        raise not_found(f"The resource '{compute.path(call.project, scope, _MANAGERS, name)}' was not found")
    return found


@answers("compute.instanceGroupManagers.aggregatedList", permission="compute.instanceGroupManagers.list", on=project_of)
def everywhere(call: Call) -> Document:
    """The managed groups of every zone."""
    found: dict[str, Document] = {}
    for group in _managers(call, everywhere=True):
        if compute.matches(group, str(call.get("filter", ""))):
            scope = "/".join(group["selfLink"].split("/")[-4:-2])
            found.setdefault(scope, {_MANAGERS: []})[_MANAGERS].append(group)
    return {"kind": "compute#instanceGroupManagerAggregatedList", "items": found}


def _managers(call: Call, *, everywhere: bool = False) -> list[Document]:
    zone = f"/{compute.scope_of(call)}/"
    pools = [p for _, cluster in call.store.items(KIND, f"projects/{call.project}/") for p in cluster["nodePools"]]
    return [_manager(p, link) for p in pools for link in p.get("instanceGroupUrls", ()) if everywhere or zone in link]


def _manager(pool: Document, link: str) -> Document:
    name = link.rpartition("/")[2]
    size = int(pool.get("initialNodeCount", 0))
    return {
        "kind": "compute#instanceGroupManager",
        "name": name,
        "baseInstanceName": name.removesuffix("-grp"),
        "zone": link.partition(f"/{_MANAGERS}/")[0],
        "selfLink": link,
        "instanceGroup": link.replace(f"/{_MANAGERS}/", "/instanceGroups/"),
        "targetSize": size,
        "status": {"isStable": pool.get("status") == "RUNNING"},
    }
