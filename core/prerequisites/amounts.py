"""How much of each of Compute's quotas an environment takes, beside what of it is there already.

What lives for a moment only counts too: GKE's first pool, and the new nodes that stand beside the old ones while a pool's
are exchanged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.parameters.specification import PROFILES, needs_nat
from core.prerequisites.there import NOTHING, Machines, There

FIRST_POOL_VCPUS, FIRST_POOL_GIB = 2, 30
"""GKE's first pool, which goes once the environment's own is there; it shares its moment with it."""
VOLUME_GIB = 20
"""The disk of Kubeflow's object store."""
NOTEBOOK_GIB = 150 + 100
SHARED = frozenset({"E2", "F1", "G1", "N1"})
"""Families of machines whose vCPUs no quota counts but that of all; every other has one of its own besides."""


@dataclass(frozen=True)
class Wanted:
    """Amounts by Compute's metric: what is made at first, and what it may grow to."""

    first: Counter[str]
    most: Counter[str]


def wanted_of(values: Mapping[str, Any], vcpus: Mapping[str, float], found: There = NOTHING) -> Wanted:
    """The amounts of an environment's parameters, beside what is there already; ``vcpus`` by machine type."""
    profile = PROFILES[values["profile"]]
    begin = max(values["node_min"], min(profile.node_initial, values["node_max"]))
    beside = _beside(values, found)
    first = _at_first(values, vcpus, found, begin) + _notebook(values, vcpus, found, grown=False)
    most = _nodes(values, vcpus, values["node_max"] + profile.node_surge) - _held(vcpus, found.nodes)
    return Wanted(beside + first, beside + first | beside + most + _notebook(values, vcpus, found, grown=True))


def _beside(values: Mapping[str, Any], found: There) -> Counter[str]:
    """What is neither the pool's nor the notebook's."""
    wanted: Counter[str] = Counter()
    if not found.network:
        wanted["NETWORKS"] = 1
    if needs_nat(values) and not found.router:
        wanted["ROUTERS"] = 1
    if not found.cluster:
        wanted += Counter({"CPUS": FIRST_POOL_VCPUS, "CPUS_ALL_REGIONS": FIRST_POOL_VCPUS, "DISKS_TOTAL_GB": FIRST_POOL_GIB})
        wanted["IN_USE_ADDRESSES"] = int(not values["private_nodes"])
    if found.nodes is None:
        wanted["SSD_TOTAL_GB"] = VOLUME_GIB
    return wanted


def _at_first(values: Mapping[str, Any], vcpus: Mapping[str, float], found: There, begin: int) -> Counter[str]:
    """What the pool's nodes take at first. Where they change, new ones stand beside old ones until those are drained."""
    old, profile = found.nodes, PROFILES[values["profile"]]
    if old is None:
        return _nodes(values, vcpus, begin)
    if old.private != bool(values["private_nodes"]):  # the pool is made anew once the old one is gone
        return _nodes(values, vcpus, begin) - _held(vcpus, old)
    if (old.type, old.disk_gb) == (values["node_machine_type"], profile.node_disk_gb):
        return Counter()
    beside = min(profile.node_surge, old.count)
    drained = replace(old, count=old.count - beside)
    return _nodes(values, vcpus, beside) | (_nodes(values, vcpus, old.count) - _held(vcpus, drained))


def _nodes(values: Mapping[str, Any], vcpus: Mapping[str, float], count: int) -> Counter[str]:
    disk = PROFILES[values["profile"]].node_disk_gb
    return _held(vcpus, Machines(count, values["node_machine_type"], disk, bool(values["private_nodes"])))


def _held(vcpus: Mapping[str, float], machines: Machines | None) -> Counter[str]:
    """What machines take; nothing where there are none."""
    if machines is None:
        return Counter()
    cpus = int(vcpus.get(machines.type, 0) * machines.count)
    found = Counter({"CPUS": cpus, "CPUS_ALL_REGIONS": cpus, "SSD_TOTAL_GB": machines.disk_gb * machines.count})
    family = machines.type.partition("-")[0].upper()
    if family not in SHARED:
        found[f"{family}_CPUS"] = cpus
    if not machines.private:
        found["IN_USE_ADDRESSES"] = machines.count
    return found


def _notebook(values: Mapping[str, Any], vcpus: Mapping[str, float], found: There, *, grown: bool) -> Counter[str]:
    """What the notebook takes: at first, or (``grown``) also where one that is stopped is started."""
    if values["notebook"] == "none":
        return Counter()
    old, wanted = found.notebook, Machines(1, values["notebook_machine_type"])
    if old is not None:
        return _held(vcpus, wanted) - _held(vcpus, old) if old.count or grown else Counter()
    slow = PROFILES[values["profile"]].notebook_disk_type == "PD_STANDARD"
    return _held(vcpus, wanted) + Counter({"DISKS_TOTAL_GB" if slow else "SSD_TOTAL_GB": NOTEBOOK_GIB})
