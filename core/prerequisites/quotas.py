"""Whether the project's quotas hold what is to be made: machines, disks, networks; those that live for a moment count too.

What is made first must fit, or nothing would start; what the pool may grow to only ought to, since it grows when somebody
works. A trial's quotas can't be raised, so the way out that always exists comes first: the profile ``trial``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.gcp import Google
from core.gcp.errors import NotFound, PermissionDenied, ServiceDisabled, quota_page
from core.parameters.specification import PROFILES
from core.prerequisites.check import Answer, Check, Subject
from core.prerequisites.places import usual_zone
from core.prerequisites.sizes import machine
from core.run.together import together

QUOTAS = "The quotas hold it"
FIRST_POOL_VCPUS, FIRST_POOL_GIB = 2, 30
"""GKE's first pool, which goes once the environment's own is there; it shares its moment with it."""
VOLUME_GIB = 20
"""The disk of Kubeflow's object store."""
NOTEBOOK_GIB = 150 + 100
OF_PROJECT = frozenset({"CPUS_ALL_REGIONS", "NETWORKS", "ROUTERS"})
"""The metrics that are the project's; all others are a region's."""


@dataclass(frozen=True)
class Wanted:
    """Amounts by Compute's metric: what is made at first, and what it may grow to."""

    first: Counter[str]
    most: Counter[str]


async def check(subject: Subject) -> list[Check]:
    """One check for each metric that is short; one that passes where none is."""
    google, values = subject.google, subject.values
    if not google.project or subject.standing:
        return []
    try:
        vcpus, region, project = await together([
            _vcpus(google, values),
            google.call("compute", "v1", "regions.get", project=google.project, region=values["region"]),
            google.call("compute", "v1", "projects.get", project=google.project),
        ])  # fmt: skip
    except ServiceDisabled as error:
        return [Check("quotas", QUOTAS, "skip", values["region"], f"{error.service} is off", "Looked at once it is on.")]
    except (PermissionDenied, NotFound) as error:
        return [Check("quotas", QUOTAS, "skip", values["region"], error.message.rstrip("."), error.hint)]
    limits = {q["metric"]: q for q in region.get("quotas", []) if q["metric"] not in OF_PROJECT}
    limits |= {q["metric"]: q for q in project.get("quotas", []) if q["metric"] in OF_PROJECT}
    wanted = wanted_of(values, vcpus)
    short = [found for metric in wanted.most if (found := _short(google, values, metric, wanted, limits.get(metric)))]
    return short or [Check("quotas", QUOTAS, "pass", _seen(wanted))]


def wanted_of(values: Mapping[str, Any], vcpus: Mapping[str, float]) -> Wanted:
    """The amounts of an environment's parameters; ``vcpus`` by machine type."""
    profile = PROFILES[values["profile"]]
    begin = max(values["node_min"], min(profile.node_initial, values["node_max"]))
    return Wanted(_amounts(values, vcpus, begin), _amounts(values, vcpus, values["node_max"] + profile.node_surge))


def _amounts(values: Mapping[str, Any], vcpus: Mapping[str, float], nodes: int) -> Counter[str]:
    profile = PROFILES[values["profile"]]
    found: Counter[str] = Counter({"NETWORKS": 1, "DISKS_TOTAL_GB": FIRST_POOL_GIB, "SSD_TOTAL_GB": VOLUME_GIB})
    if values["private_nodes"]:
        found["ROUTERS"] = 1
    else:
        found["IN_USE_ADDRESSES"] = nodes + 1
    found["SSD_TOTAL_GB"] += nodes * profile.node_disk_gb
    machines = Counter({values["node_machine_type"]: nodes})
    if values["notebook"] != "none":
        machines[values["notebook_machine_type"]] += 1
        slow = profile.notebook_disk_type == "PD_STANDARD"
        found["DISKS_TOTAL_GB" if slow else "SSD_TOTAL_GB"] += NOTEBOOK_GIB
    cpus = FIRST_POOL_VCPUS + sum(vcpus.get(kind, 0) * count for kind, count in machines.items())
    found["CPUS"] = found["CPUS_ALL_REGIONS"] = int(cpus)
    return found


async def _vcpus(google: Google, values: Mapping[str, Any]) -> dict[str, Any]:
    """The vCPUs of each machine type that is to run, as the zone lists it, or as its name says."""
    kinds = {values["node_machine_type"]}
    if values["notebook"] != "none":
        kinds.add(values["notebook_machine_type"])
    zone = values["zone"] or usual_zone(values["region"])

    async def one(kind: str) -> float:
        try:
            found = await machine(google, zone, kind)
        except NotFound:
            return by_name(kind)
        return float(found["guestCpus"])

    names = sorted(kinds)
    return dict(zip(names, await together(one(kind) for kind in names), strict=True))


def by_name(kind: str) -> float:
    """The vCPUs that a machine type's name tells; 2 for the small ones that share theirs."""
    custom = re.search(r"custom-(\d+)-", kind)
    size = custom or re.search(r"-(\d+)g?$", kind)
    return float(size[1]) if size else 2.0


def _short(
    google: Google, values: Mapping[str, Any], metric: str, wanted: Wanted, quota: Mapping[str, Any] | None
) -> Check | None:
    if quota is None:
        return None
    limit, used = float(quota["limit"]), float(quota.get("usage", 0))
    free = max(0.0, limit - used)
    first, most = wanted.first[metric], wanted.most[metric]
    if most <= free:
        return None
    where = "the project" if metric in OF_PROJECT else values["region"]
    seen = f"{metric} of {where}: {limit:g}, {used:g} of it in use"
    url = quota_page(google.project)
    if first > free:
        why = f"{metric} has {free:g} left in {where}, and {first:g} are needed at first"
        return Check(f"quota.{metric}", QUOTAS, "block", seen, why, _way_out(values), url=url, answers=_answers(values))
    why = f"{metric} has {free:g} left in {where}; nodes may grow to {values['node_max']}, which takes {most:g}"
    return Check(f"quota.{metric}", QUOTAS, "warn", seen, why, "It works until the pool grows that far.", url=url)


def _answers(values: Mapping[str, Any]) -> tuple[Answer, ...]:
    return () if values["profile"] == "trial" else (Answer("profile", "trial", "it fits a new project's quotas"),)


def _way_out(values: Mapping[str, Any]) -> str:
    ask = "ask for more on the quota page (a free trial must be upgraded first)"
    if values["profile"] == "trial":
        return f"{ask[0].upper()}{ask[1:]}."
    return f"Take the profile trial, which fits a new project's quotas, or {ask}."


def _seen(wanted: Wanted) -> str:
    first, most = wanted.first, wanted.most
    cpus = f"{first['CPUS']} to {most['CPUS']} vCPUs"
    return f"{cpus}, {first['SSD_TOTAL_GB']} to {most['SSD_TOTAL_GB']} GB of SSD"
