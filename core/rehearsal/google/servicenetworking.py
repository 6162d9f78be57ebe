"""Private services access: a network's peering with the network that Cloud SQL's instances live in."""

from __future__ import annotations

from typing import Any

from core.rehearsal.google import compute, operations, org_policies, serviceusage
from core.rehearsal.google.calls import Call, answers
from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.sql import WEEK
from core.rehearsal.store import Document
from core.rehearsal.world import World

KIND = "servicenetworking.connections"
FOUR_DAYS = 4 * 24 * 3600.0
"""Simulated seconds after its deletion during which an instance still holds the connection."""

PEERING = "servicenetworking-googleapis-com"
_PRODUCER = "projects/k4f8-tp"
_SERVICE = "services/servicenetworking.googleapis.com"


@answers("servicenetworking.services.connections.create", "servicenetworking.services.connections.patch")
def create(call: Call) -> Document:
    """Peers a network and gives ranges of it to the producer; fails while the service's agent has no role yet."""
    call.require("servicenetworking.services.addPeering", f"projects/{call.world.project}")
    network = str(call.body.get("network", ""))
    ranges = [str(r) for r in call.body.get("reservedPeeringRanges", [])]
    key = _network_key(call, network)
    kept = call.store.get(KIND, key)
    updating = call.method.id.endswith("patch")
    if kept and not updating and set(ranges) != set(kept["reservedPeeringRanges"]):
        raise ApiError(
            400,
            "Cannot modify allocated ranges in CreateConnection. Please use UpdateConnection.",
            status="FAILED_PRECONDITION",
        )
    for name in ranges:
        address = call.store.get(
            compute.kind("globalAddresses"), compute.key(call.world.project, "global", "globalAddresses", name)
        )
        if address is None or address.get("purpose") != "VPC_PEERING":
            raise ApiError(400, f"Allocated IP range '{name}' not found in network.", status="FAILED_PRECONDITION")
    error = None
    if not serviceusage.agent_ready(call.world, "servicenetworking.googleapis.com"):
        error = {
            "code": 7, "reason": "PERMISSION_DENIED",
            "message": f"Required 'compute.globalAddresses.list' permission for 'projects/{call.world.number}'",
        }  # fmt: skip
    if org_policies.refuses(call.world, "compute.restrictVpcPeering", f"{_PRODUCER}/global/networks/servicenetworking"):
        error = {
            "code": 9, "reason": "FAILED_PRECONDITION",
            "message": f"Constraint constraints/compute.restrictVpcPeering violated for projects/{call.world.project}. "
            f"Peering the network {network} is not allowed.",
        }  # fmt: skip
    return _operation(call, "servicenetworking.peered", error=error, network=network, network_key=key, ranges=ranges)


@operations.effect("servicenetworking.peered")
def _peered(world: World, operation: Document) -> Document:
    key = operation["network_key"]
    connection = {
        "network": operation["network"],
        "peering": PEERING,
        "reservedPeeringRanges": operation["ranges"],
        "service": _SERVICE,
    }
    world.store.put(KIND, key, connection)
    network = world.store.get(compute.kind("networks"), key)
    if network is not None and not any(p["name"] == PEERING for p in network.get("peerings", [])):
        peering = {
            "name": PEERING, "state": "ACTIVE", "stateDetails": "[2026] Connected.", "autoCreateRoutes": True,
            "exchangeSubnetRoutes": True, "exportCustomRoutes": False, "importCustomRoutes": False,
            "network": f"{compute.LINK}{_PRODUCER}/global/networks/servicenetworking",
        }  # fmt: skip
        world.store.put(compute.kind("networks"), key, {**network, "peerings": [*network.get("peerings", []), peering]})
    return {"@type": "type.googleapis.com/google.cloud.servicenetworking.v1.Connection", **connection}


@answers("servicenetworking.services.connections.list")
def listed(call: Call) -> Document:
    """The connections of a network."""
    call.require("servicenetworking.services.get", f"projects/{call.world.project}")
    found = call.store.get(KIND, _network_key(call, str(call.get("network", ""))))
    return {"connections": [found]} if found else {}


@answers("servicenetworking.services.connections.deleteConnection")
def delete(call: Call) -> Document:
    """Ends the connection, which fails for days after Cloud SQL's last instance is gone."""
    call.require("servicenetworking.services.deleteConnection", f"projects/{call.world.project}")
    network = str(call.body.get("consumerNetwork", ""))
    error = {
        "code": 9, "reason": "FAILED_PRECONDITION",
        "message": "Failed to delete connection; Producer services (e.g. CloudSQL, Cloud Memstore, etc.) are still using "
        "this connection.",
    }  # fmt: skip
    now = call.world.clock.now()
    lately = [r for _, r in call.store.items("sql.reserved") if r["until"] - WEEK + FOUR_DAYS > now]
    used = bool(lately or call.store.items("sql.instances"))
    return _operation(call, "servicenetworking.gone", error=error if used else None, network_key=_network_key(call, network))


@operations.effect("servicenetworking.gone")
def _gone(world: World, operation: Document) -> Document:
    key = operation["network_key"]
    world.store.delete(KIND, key)
    network = world.store.get(compute.kind("networks"), key)
    if network is not None:
        left = [p for p in network.get("peerings", []) if p["name"] != PEERING]
        world.store.put(compute.kind("networks"), key, {**network, "peerings": left})
    return {"@type": "type.googleapis.com/google.protobuf.Empty"}


@answers("servicenetworking.operations.get")
def operation(call: Call) -> Document:
    """A long operation of this API."""
    found = operations.get(call.world, f"servicenetworking/{call['name']}")
    if found is None:
        raise ApiError(404, f"Operation not found: {call['name']}")
    return operations.long_running(call.world, found)


def _operation(call: Call, effect: str, *, error: Document | None, **args: Any) -> Document:
    name = f"operations/pssn.p24-{call.world.number}-{call.store.next('servicenetworking')}"
    begun = operations.begin(
        call.world, f"servicenetworking/{name}", call=call.method.id, effect=effect, error=error, **args
    )
    return operations.long_running(call.world, begun)


def _network_key(call: Call, network: str) -> str:
    """The store's name of a network that is given by the project's number or id."""
    parts = network.split("/")
    if len(parts) != 5 or parts[1] not in (call.world.number, call.world.project):
        raise ApiError(400, f"Invalid network: {network}. It must be projects/PROJECT_NUMBER/global/networks/NAME.")
    key = compute.key(call.world.project, "global", "networks", parts[4])
    if call.store.get(compute.kind("networks"), key) is None:
        raise ApiError(400, f"The network '{network}' does not exist.", status="FAILED_PRECONDITION")
    return key
