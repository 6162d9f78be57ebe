"""GKE's node pools: made, resized, changed and removed by operations of their cluster."""

from __future__ import annotations

from typing import Any

from core.rehearsal.google import operations
from core.rehearsal.google.calls import Call, answers
from core.rehearsal.google.container import KIND, cluster_name, fetch, idle, operate, pool, refusal, refusal_of_change
from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.merge import merged
from core.rehearsal.store import Document
from core.rehearsal.world import World

_POOLS = "container.projects.locations.clusters.nodePools"
_ZONAL = "container.projects.zones.clusters.nodePools"


@answers(f"{_POOLS}.create", f"{_ZONAL}.create")
def create(call: Call) -> Document:
    """Makes a node pool."""
    name = cluster_name(call)
    call.require("container.clusters.update", name)
    cluster = fetch(call)
    given: Document = call.body.get("nodePool") or {}
    if any(p["name"] == given.get("name") for p in cluster["nodePools"]):
        raise ApiError(409, f"Already exists: {name}/nodePools/{given.get('name')}.")
    if cluster["status"] not in ("RUNNING", "RECONCILING"):
        raise ApiError(
            400, f"Cluster is in the state {cluster['status']}.", status="FAILED_PRECONDITION", reason="failedPrecondition"
        )
    idle(call, name)
    made = pool(call, cluster, given)
    error = refusal(call, cluster, [made])
    call.store.put(KIND, name, {**cluster, "status": "RECONCILING", "nodePools": [*cluster["nodePools"], made]})
    target = f"{name}/nodePools/{made['name']}"
    return operate(call, "CREATE_NODE_POOL", name, target, "container.pool-ready", pool=made["name"], error=error)


@answers(f"{_POOLS}.get", f"{_ZONAL}.get")
def get(call: Call) -> Document:
    """One node pool."""
    call.require("container.clusters.get", cluster_name(call))
    return _pool(call, fetch(call))


@answers(f"{_POOLS}.list", f"{_ZONAL}.list")
def pools(call: Call) -> Document:
    """A cluster's node pools."""
    call.require("container.clusters.get", cluster_name(call))
    found = fetch(call)["nodePools"]
    return {"nodePools": found} if found else {}


@answers(f"{_POOLS}.delete", f"{_ZONAL}.delete")
def delete(call: Call) -> Document:
    """Removes a node pool with its nodes."""
    name = cluster_name(call)
    call.require("container.clusters.update", name)
    cluster = fetch(call)
    old = _pool(call, cluster)
    idle(call, name)
    _put(call.world, name, cluster, old["name"], {**old, "status": "STOPPING"})
    target = f"{name}/nodePools/{old['name']}"
    return operate(call, "DELETE_NODE_POOL", name, target, "container.pool-gone", pool=old["name"])


@answers(f"{_POOLS}.update", f"{_ZONAL}.update")
def update(call: Call) -> Document:
    """Changes a node pool's machines, one after the other."""
    body = {k: v for k, v in call.body.items() if k not in ("name", "projectId", "zone", "clusterId", "nodePoolId", "etag")}
    top: Document = {k: body.pop(k) for k in ("locations", "upgradeSettings") if k in body}
    if "nodeVersion" in body:
        top["version"] = body.pop("nodeVersion")
    renamed = {"nodeNetworkConfig": "networkConfig"}
    for key, to in renamed.items():
        if key in body:
            top[to] = body.pop(key)
    for key in ("labels", "tags", "taints", "resourceLabels"):
        if key in body and isinstance(body[key], dict):
            body[key] = next(iter(body[key].values()), {} if "abels" in key else [])
    return _change(call, {**top, **({"config": body} if body else {})}, "UPDATE_CLUSTER")


@answers(f"{_POOLS}.setAutoscaling", f"{_ZONAL}.autoscaling")
def set_autoscaling(call: Call) -> Document:
    """Sets how far a node pool shrinks and grows."""
    return _change(call, {"autoscaling": call.body.get("autoscaling") or {}}, "SET_NODE_POOL_SIZE")


@answers(f"{_POOLS}.setManagement", f"{_ZONAL}.setManagement")
def set_management(call: Call) -> Document:
    """Sets whether nodes are repaired and upgraded by themselves."""
    return _change(call, {"management": call.body.get("management") or {}}, "SET_NODE_POOL_MANAGEMENT")


@answers(f"{_POOLS}.setSize", f"{_ZONAL}.setSize")
def set_size(call: Call) -> Document:
    """Resizes a node pool, which shows in its initial size."""
    return _change(call, {"initialNodeCount": int(call.body.get("nodeCount", 0))}, "SET_NODE_POOL_SIZE")


def _change(call: Call, change: Document, kind: str) -> Document:
    name = cluster_name(call)
    call.require("container.clusters.update", name)
    cluster = fetch(call)
    old = _pool(call, cluster)
    idle(call, name)
    new = {**merged(old, change), "status": "RECONCILING"}
    error = refusal_of_change(call, cluster, old, new)
    _put(call.world, name, cluster, old["name"], new)
    target = f"{name}/nodePools/{old['name']}"
    return operate(call, kind, name, target, "container.pool-ready", pool=old["name"], was=old["config"], error=error)


@operations.effect("container.pool-ready")
def _ready(world: World, operation: Document) -> None:
    _status(world, operation, "RUNNING")


@operations.failure("container.pool-ready")
def _not_ready(world: World, operation: Document) -> None:
    if operation["type"] == "CREATE_NODE_POOL":
        _status(world, operation, "ERROR")
    else:
        _status(world, operation, "RUNNING", config=operation["args"]["was"])


@operations.effect("container.pool-gone")
def _gone(world: World, operation: Document) -> None:
    cluster = world.store.get(KIND, operation["cluster"])
    if cluster is not None:
        left = [p for p in cluster["nodePools"] if p["name"] != operation["args"]["pool"]]
        world.store.put(KIND, operation["cluster"], {**cluster, "status": "RUNNING", "nodePools": left})


@operations.failure("container.pool-gone")
def _not_gone(world: World, operation: Document) -> None:
    _status(world, operation, "ERROR")


def _status(world: World, operation: Document, status: str, **more: Any) -> None:
    cluster = world.store.get(KIND, operation["cluster"])
    if cluster is None:
        return
    found = next((p for p in cluster["nodePools"] if p["name"] == operation["args"]["pool"]), None)
    if found is not None:
        changed = {
            **found,
            **more,
            "status": status,
            **({"statusMessage": operation["error"]["message"]} if status == "ERROR" else {}),
        }
        _put(world, operation["cluster"], {**cluster, "status": "RUNNING"}, found["name"], changed)


def _pool(call: Call, cluster: Document) -> Document:
    parts = call.full("name").split("/") if call.get("name") else []
    wanted = parts[7] if len(parts) > 7 else str(call.get("nodePoolId", ""))
    found = next((p for p in cluster["nodePools"] if p["name"] == wanted), None)
    if found is None:
        raise ApiError(404, f"Not found: {cluster_name(call)}/nodePools/{wanted}.")
    return dict(found)


def _put(world: World, name: str, cluster: Document, pool_name: str, changed: Document) -> None:
    pools = [changed if p["name"] == pool_name else p for p in cluster["nodePools"]]
    world.store.put(KIND, name, {**cluster, "nodePools": pools})
