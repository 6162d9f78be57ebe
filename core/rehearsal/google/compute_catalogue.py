"""What Compute offers: regions, zones and machine types, and what the project and its regions are, with their quotas."""

from __future__ import annotations

from typing import Any

from core.rehearsal.google import compute, machines, offers, quotas
from core.rehearsal.google.calls import Call, answers, project_of
from core.rehearsal.google.errors import ApiError
from core.rehearsal.store import Document

REGIONS: dict[str, str] = {
    "us-central1": "abcf", "us-east1": "bcd", "us-east4": "abc", "us-east5": "abc", "us-south1": "abc", "us-west1": "abc",
    "us-west2": "abc", "us-west3": "abc", "us-west4": "abc", "northamerica-northeast1": "abc",
    "northamerica-northeast2": "abc",
    "southamerica-east1": "abc", "southamerica-west1": "abc", "europe-west1": "bcd", "europe-west2": "abc",
    "europe-west3": "abc",
    "europe-west4": "abc", "europe-west6": "abc", "europe-west8": "abc", "europe-west9": "abc", "europe-west12": "abc",
    "europe-central2": "abc", "europe-north1": "abc", "europe-southwest1": "abc", "asia-east1": "abc", "asia-east2": "abc",
    "asia-northeast1": "abc", "asia-northeast2": "abc", "asia-northeast3": "abc", "asia-south1": "abc", "asia-south2": "abc",
    "asia-southeast1": "abc", "asia-southeast2": "abc", "australia-southeast1": "abc", "australia-southeast2": "abc",
    "me-central1": "abc", "me-west1": "abc", "africa-south1": "abc",
}  # fmt: skip
"""Region → the letters of its zones."""


@answers("compute.projects.get", permission="compute.projects.get", on=project_of)
def project(call: Call) -> Document:
    """The project as Compute sees it, with the quotas that hold over all regions."""
    return {
        "kind": "compute#project",
        "id": call.world.number,
        "name": call.project,
        "creationTimestamp": "2026-01-12T01:30:00.000-08:00",
        "selfLink": f"{compute.LINK}projects/{call.project}",
        "defaultServiceAccount": f"{call.world.number}-compute@developer.gserviceaccount.com",
        "defaultNetworkTier": "PREMIUM",
        "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS",
        "quotas": quotas.of_project(call.world),
        "commonInstanceMetadata": {"kind": "compute#metadata", "fingerprint": "kLyXk0S4KMo="},
    }


@answers("compute.regions.get", permission="compute.regions.get", on=project_of)
def region(call: Call) -> Document:
    """One region."""
    name = str(call["region"])
    if name not in REGIONS:
        raise ApiError(404, f"The resource 'projects/{call.project}/regions/{name}' was not found")
    return _region(call, name)


@answers("compute.regions.list", permission="compute.regions.list", on=project_of)
def regions(call: Call) -> Document:
    """All regions."""
    found = [_region(call, name) for name in sorted(REGIONS)]
    return compute.answer_list(
        call, "regions", [r for r in found if compute.matches(r, str(call.get("filter", "")))], "regions"
    )


@answers("compute.zones.get", permission="compute.zones.get", on=project_of)
def zone(call: Call) -> Document:
    """One zone."""
    name = str(call["zone"])
    region, _, letter = name.rpartition("-")
    if letter not in REGIONS.get(region, "") or len(letter) != 1:
        raise ApiError(404, f"The resource 'projects/{call.project}/zones/{name}' was not found")
    return _zone(call, region, letter)


@answers("compute.zones.list", permission="compute.zones.list", on=project_of)
def zones(call: Call) -> Document:
    """All zones."""
    found = [_zone(call, r, z) for r in sorted(REGIONS) for z in REGIONS[r]]
    return compute.answer_list(call, "zones", [z for z in found if compute.matches(z, str(call.get("filter", "")))], "zones")


@answers("compute.machineTypes.get", permission="compute.machineTypes.get", on=project_of)
def machine_type(call: Call) -> Document:
    """One machine type."""
    size = machines.size(str(call["machineType"]))
    zone(call)
    if size is None or offers.lacks(call.world, str(call["zone"]), str(call["machineType"])):
        where = f"projects/{call.project}/zones/{call['zone']}/machineTypes/{call['machineType']}"
        raise ApiError(404, f"The resource '{where}' was not found")
    return _machine(call, str(call["zone"]), str(call["machineType"]), size)


@answers("compute.machineTypes.list", permission="compute.machineTypes.list", on=project_of)
def machine_types(call: Call) -> Document:
    """The machine types of a zone."""
    zone(call)
    found = _machines(call, str(call["zone"]))
    return compute.answer_list(call, "machineTypes", found, f"zones/{call['zone']}")


@answers("compute.machineTypes.aggregatedList", permission="compute.machineTypes.list", on=project_of)
def machine_types_everywhere(call: Call) -> Document:
    """The machine types of every zone."""
    zones = [f"{region}-{letter}" for region in sorted(REGIONS) for letter in REGIONS[region]]
    found = {f"zones/{z}": {"machineTypes": listed} for z in zones if (listed := _machines(call, z))}
    return {"kind": "compute#machineTypeAggregatedList", "id": f"projects/{call.project}/aggregated/machineTypes",
            "items": found}  # fmt: skip


def _machines(call: Call, zone: str) -> list[Document]:
    """What a zone offers, as the call's filter wants it."""
    names = machines.names()
    offered = [n for n in sorted(names) if not offers.lacks(call.world, zone, n)]
    found = [_machine(call, zone, n, machines.size(n) or (0, 0)) for n in offered]
    return [m for m in found if compute.matches(m, str(call.get("filter", "")))]


def _region(call: Call, name: str) -> Document:
    return {
        "kind": "compute#region",
        "id": str(1000 + sorted(REGIONS).index(name) * 10),
        "name": name,
        "description": name,
        "status": "UP",
        "selfLink": f"{compute.LINK}projects/{call.project}/regions/{name}",
        "zones": [f"{compute.LINK}projects/{call.project}/zones/{name}-{z}" for z in REGIONS[name]],
        "quotas": quotas.of_region(call.world, name),
    }


def _zone(call: Call, region: str, letter: str) -> Document:
    return {
        "kind": "compute#zone",
        "id": str(2000 + sorted(REGIONS).index(region) * 10 + ord(letter) - 97),
        "name": f"{region}-{letter}",
        "description": f"{region}-{letter}",
        "status": "DOWN" if offers.lacks(call.world, f"{region}-{letter}", offers.ZONE) else "UP",
        "region": f"{compute.LINK}projects/{call.project}/regions/{region}",
        "selfLink": f"{compute.LINK}projects/{call.project}/zones/{region}-{letter}",
        "availableCpuPlatforms": ["Intel Broadwell", "Intel Cascade Lake", "Intel Ice Lake", "AMD Milan"],
    }


def _machine(call: Call, zone: str, name: str, size: tuple[float, int]) -> Document:
    entry: dict[str, Any] = {
        "kind": "compute#machineType",
        "id": str(3000 + sum(name.encode())),
        "name": name,
        "description": f"{size[0]:g} vCPUs, {size[1] / 1024:g} GB RAM",
        "guestCpus": int(size[0]),
        "memoryMb": size[1],
        "zone": zone,
        "isSharedCpu": machines.is_shared(name),
        "maximumPersistentDisks": 128,
        "maximumPersistentDisksSizeGb": "263168",
        "selfLink": f"{compute.LINK}projects/{call.project}/zones/{zone}/machineTypes/{name}",
    }
    return entry
