"""VMs as Compute Engine shows them, with what they write about themselves into their guest attributes.

They are made by what manages them (Workbench), not through this API; `core.rehearsal.ssh` is what runs on them.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.rehearsal.google import compute
from core.rehearsal.google.calls import Call, answers, project_of
from core.rehearsal.google.errors import ApiError
from core.rehearsal.store import Document
from core.rehearsal.world import World

ATTRIBUTES = "compute.guestAttributes"
RUNNING, TERMINATED = "RUNNING", "TERMINATED"


def make(
    world: World, zone: str, name: str, *, metadata: Mapping[str, str], labels: Mapping[str, str] | None = None,
    machine_type: str = "e2-standard-4",
) -> Document:  # fmt: skip
    """Puts a running VM there, without an external address; what it publishes follows from its metadata."""
    link = f"{compute.LINK}projects/{world.project}/zones/{zone}"
    vm = compute.document(
        world, "instances", f"zones/{zone}",
        {
            "name": name, "status": RUNNING, "machineType": f"{link}/machineTypes/{machine_type}",
            "labels": dict(labels or {}), "canIpForward": False, "deletionProtection": False,
            "metadata": {"kind": "compute#metadata", "items": [{"key": k, "value": v} for k, v in metadata.items()]},
            "networkInterfaces": [{"name": "nic0", "networkIP": "10.2.0.5", "kind": "compute#networkInterface"}],
        },
    )  # fmt: skip
    if str(metadata.get("enable-guest-attributes", "")).upper() == "TRUE":
        from core.rehearsal.ssh.host_keys import public_keys

        world.store.put(ATTRIBUTES, f"{zone}/{name}", {"hostkeys": public_keys(world, name)})
    return vm


def find(world: World, zone: str, name: str) -> Document | None:
    """The VM of that name, or None."""
    return world.store.get("compute.instances", compute.key(world.project, f"zones/{zone}", "instances", name))


def change(world: World, zone: str, name: str, **fields: object) -> None:
    """Changes fields of a VM (``status``), if it is there."""
    vm = find(world, zone, name)
    if vm is not None:
        key = compute.key(world.project, f"zones/{zone}", "instances", name)
        world.store.put("compute.instances", key, {**vm, **fields})


def remove(world: World, zone: str, name: str) -> None:
    """Takes a VM away."""
    world.store.delete("compute.instances", compute.key(world.project, f"zones/{zone}", "instances", name))
    world.store.delete(ATTRIBUTES, f"{zone}/{name}")


@answers("compute.instances.get", permission="compute.instances.get", on=project_of)
def get(call: Call) -> Document:
    """One VM."""
    return compute.fetch(call, "instances", str(call["instance"]))


@answers("compute.instances.list", permission="compute.instances.list", on=project_of)
def instances(call: Call) -> Document:
    """A zone's VMs."""
    return compute.items(call, "instances")


@answers("compute.instances.getGuestAttributes", permission="compute.instances.getGuestAttributes", on=project_of)
def guest_attributes(call: Call) -> Document:
    """What a VM has published under a path; 404 where that is nothing."""
    vm = compute.fetch(call, "instances", str(call["instance"]))
    wanted = str(call.get("queryPath", "") or call.get("variableKey", "")).strip("/")
    kept = call.store.get(ATTRIBUTES, f"{call['zone']}/{call['instance']}") or {}
    items = [
        {"namespace": space, "key": key, "value": value}
        for space, values in kept.items()
        for key, value in values.items()
        if not wanted or wanted in (space, f"{space}/{key}")
    ]
    if not items:
        raise ApiError(
            404, f"The resource '{call['instance']}/guestAttributes/{wanted}' of type 'Guest Attribute' was not found."
        )
    return {
        "kind": "compute#guestAttributes",
        "queryPath": f"{wanted}/",
        "queryValue": {"items": items},
        "selfLink": f"{vm['selfLink']}/guestAttributes/{wanted}",
    }
