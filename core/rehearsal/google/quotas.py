"""The quotas of a project and of its regions: what is in use, and what is refused because it passes one.

The scenario may set each limit, and say that more is in use than what stands here: node pools and notebooks with their
disks and public addresses, Kubeflow's disks, networks, routers and firewall rules.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.rehearsal.google import compute, machines
from core.rehearsal.store import Document
from core.rehearsal.world import World

_REGION: dict[str, float] = {
    "CPUS": 200, "E2_CPUS": 200, "N2_CPUS": 200, "C2_CPUS": 24, "N2D_CPUS": 24, "SSD_TOTAL_GB": 4096,
    "DISKS_TOTAL_GB": 20480,
    "LOCAL_SSD_TOTAL_GB": 10000, "IN_USE_ADDRESSES": 69, "STATIC_ADDRESSES": 69, "INSTANCES": 720, "NVIDIA_T4_GPUS": 1,
    "NVIDIA_L4_GPUS": 1, "INTERNAL_ADDRESSES": 600, "INSTANCE_GROUPS": 500, "INSTANCE_GROUP_MANAGERS": 500,
}  # fmt: skip
_PROJECT: dict[str, float] = {
    "CPUS_ALL_REGIONS": 200, "GPUS_ALL_REGIONS": 1, "NETWORKS": 15, "SUBNETWORKS": 275, "FIREWALLS": 1000, "ROUTERS": 30,
    "STATIC_ADDRESSES": 21, "IN_USE_ADDRESSES": 69, "ROUTES": 600, "INTERNAL_ADDRESSES": 5000, "SNAPSHOTS": 5000,
}  # fmt: skip
_COUNTED = {"networks": "NETWORKS", "routers": "ROUTERS", "firewalls": "FIREWALLS"}
"""Collections of Compute's with a quota of the project that counts them."""
_SLOW = ("pd-standard", "PD_STANDARD")


def of_region(world: World, region: str) -> list[Document]:
    """A region's quotas, with what is in use of each."""
    return _listed(world, _REGION, _usage(world, region))


def of_project(world: World) -> list[Document]:
    """The quotas that hold over all regions, with what is in use of each."""
    return _listed(world, _PROJECT, _usage(world))


def passed(quotas: list[Document], wanted: Mapping[str, float]) -> Document | None:
    """The first of the quotas that no longer holds what is wanted beside what is in use."""
    return next((q for q in quotas if q["usage"] + wanted.get(q["metric"], 0) > q["limit"] and q["metric"] in wanted), None)


def refusal(world: World, region: str, wanted: Mapping[str, float]) -> Document | None:
    """The error of an operation, in Compute's words, whose machines pass a quota; None where all hold them."""
    for quotas, where in ((of_region(world, region), f"in region {region}"), (of_project(world), "globally")):
        if quota := passed(quotas, wanted):
            return exceeded(quota, where)
    return None


def one_more(world: World, collection: str) -> Document | None:
    """The same of one more resource of a collection of Compute's."""
    metric = _COUNTED.get(collection, "")
    quota = passed(of_project(world), {metric: 1})
    return exceeded(quota, "globally") if quota else None


def exceeded(quota: Document, where: str) -> Document:
    """The error of an operation that passed a quota."""
    message = f"Quota '{quota['metric']}' exceeded.  Limit: {quota['limit']:.1f} {where}."
    return {"code": 8, "reason": "QUOTA_EXCEEDED", "http": 403, "message": message}


def of_pool(pool: Document, count: int) -> dict[str, float]:
    """What a node pool of so many nodes takes, by metric."""
    config = pool.get("config") or {}
    machine = str(config.get("machineType", "e2-medium"))
    public = not (pool.get("networkConfig") or {}).get("enablePrivateNodes")
    return {
        **_of_machine(machine, count),
        "INSTANCES": count,
        _disk(config.get("diskType")): float(config.get("diskSizeGb", 100)) * count,
        "IN_USE_ADDRESSES": count if public else 0,
    }


def of_notebook(setup: Document, *, running: bool = True) -> dict[str, float]:
    """What a Workbench instance takes, by metric; one that is stopped keeps its disks."""
    found: dict[str, float] = {}
    for disk in (setup.get("bootDisk") or {}, *setup.get("dataDisks", [])):
        metric = _disk(disk.get("diskType"))
        found[metric] = found.get(metric, 0) + float(disk.get("diskSizeGb") or 0)
    return {**found, **_of_machine(str(setup.get("machineType")), 1), "INSTANCES": 1} if running else found


def _of_machine(name: str, count: int) -> dict[str, float]:
    cpus, _ = machines.size(name) or (2, 4096)
    return dict.fromkeys(("CPUS", "CPUS_ALL_REGIONS", f"{name.partition('-')[0].upper()}_CPUS"), cpus * count)


def _disk(kind: str | None) -> str:
    return "DISKS_TOTAL_GB" if kind in _SLOW else "SSD_TOTAL_GB"


def _listed(world: World, limits: Mapping[str, float], usage: Mapping[str, float]) -> list[Document]:
    said = world.scenario.project.quotas
    found = []
    for metric, limit in limits.items():
        scripted = said.get(metric, {})
        used = float(scripted.get("usage", 0)) + usage.get(metric, 0)
        found.append({"metric": metric, "limit": float(scripted.get("limit", limit)), "usage": used})
    return found


def _usage(world: World, region: str = "") -> dict[str, float]:
    """What is in use, in one region or in all."""
    found: dict[str, float] = {}

    def add(amounts: Mapping[str, float]) -> None:
        for metric, amount in amounts.items():
            found[metric] = found.get(metric, 0) + amount

    for _, cluster in world.store.items("container.clusters"):
        if _lies_in(str(cluster["location"]), region):
            for pool in cluster.get("nodePools", []):
                add(of_pool(pool, int(pool.get("currentNodeCount", pool.get("initialNodeCount", 0)))))
    for name, notebook in world.store.items("notebooks.instances"):
        if _lies_in(name.split("/")[3], region):
            add(of_notebook(notebook.get("gceSetup") or {}, running=notebook.get("state") not in ("STOPPED", "DELETED")))
    for name, volume in world.store.items(compute.kind("disks")):
        if _lies_in(name.partition("/zones/")[2], region):
            add({"SSD_TOTAL_GB": float(volume.get("sizeGb", 0))})
    for collection, metric in _COUNTED.items():
        add({metric: len(world.store.items(compute.kind(collection)))})
    return found


def _lies_in(place: str, region: str) -> bool:
    """Whether a zone, or a region itself, lies in a region; everything does in none."""
    return not region or place == region or place.startswith(f"{region}-")
