"""GKE's versions, and its operations, looked at and listed."""

from __future__ import annotations

from core.rehearsal.google import offers, operations
from core.rehearsal.google.calls import Call, answers, project_of
from core.rehearsal.google.container import VERSIONS, check_location, shown
from core.rehearsal.google.errors import ApiError
from core.rehearsal.store import Document


@answers("container.projects.locations.getServerConfig", "container.projects.zones.getServerconfig",
         permission="container.clusters.list", on=project_of)  # fmt: skip
def server_config(call: Call) -> Document:
    """The versions of each channel."""
    location = call.full("name").split("/")[3] if call.get("name") else str(call["zone"])
    check_location(location)
    channels = [
        {"channel": c, "defaultVersion": v, "validVersions": [v], "upgradeTargetVersion": v}
        for c, v in VERSIONS.items()
        if c != "UNSPECIFIED" and not offers.lacks(call.world, location, c)
    ]
    versions = sorted(set(VERSIONS.values()), reverse=True)
    return {
        "defaultClusterVersion": VERSIONS["REGULAR"],
        "validMasterVersions": versions,
        "validNodeVersions": versions,
        "defaultImageType": "COS_CONTAINERD",
        "validImageTypes": ["COS_CONTAINERD", "UBUNTU_CONTAINERD"],
        "channels": channels,
    }


@answers("container.projects.locations.operations.get", "container.projects.zones.operations.get")
def operation(call: Call) -> Document:
    """One operation."""
    call.require("container.operations.get", f"projects/{call.project}")
    parts = (
        call.full("name").split("/") if call.get("name") else ["", "", "", str(call["zone"]), "", str(call["operationId"])]
    )
    found = operations.get(call.world, f"container/{parts[3]}/{parts[5]}")
    if found is None:
        raise ApiError(404, f"Not found: projects/{call.project}/zones/{parts[3]}/operations/{parts[5]}.")
    return shown(call.world, found)


@answers("container.projects.locations.operations.list", "container.projects.zones.operations.list")
def listed(call: Call) -> Document:
    """The operations of one location or of all."""
    call.require("container.operations.list", f"projects/{call.project}")
    location = call.full("parent").split("/")[3] if call.get("parent") else str(call["zone"])
    prefix = "container/" + ("" if location == "-" else f"{location}/")
    found = [shown(call.world, o) for _, o in call.store.items(operations.KIND, prefix)]
    return {"operations": found} if found else {}
