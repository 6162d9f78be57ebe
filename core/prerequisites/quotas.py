"""Whether the project's quotas hold what is to be made: machines, disks, networks (see `amounts`).

What is made first must fit, or nothing would start; what the pool may grow to only ought to, since it grows when somebody
works. A trial's quotas can't be raised, so the way out that always exists comes first: the profile ``trial``.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.gcp.errors import NotFound, PermissionDenied, ServiceDisabled, quota_page
from core.prerequisites.amounts import Wanted, wanted_of
from core.prerequisites.check import Answer, Check, Subject
from core.prerequisites.places import usual_zone
from core.prerequisites.sizes import machine
from core.prerequisites.there import NOTHING, There, there
from core.run.together import together

QUOTAS = "The quotas hold it"
KEYS = ("notebook", "profile", "node_machine_type", "node_min", "node_max", "notebook_machine_type", "private_nodes")
"""The parameters on which the amounts depend, beside the place."""
OF_PROJECT = frozenset({"CPUS_ALL_REGIONS", "NETWORKS", "ROUTERS"})
"""The metrics that are the project's; all others are a region's."""


async def check(subject: Subject) -> list[Check]:
    """One check for each metric that is short; one that passes where none is."""
    google, values = subject.google, subject.values
    if not google.project or subject.standing:
        return []
    kinds = {values["node_machine_type"], *([values["notebook_machine_type"]] if values["notebook"] != "none" else [])}
    asked: list[Awaitable[Any]] = [
        google.call("compute", "v1", "regions.get", project=google.project, region=values["region"]),
        google.call("compute", "v1", "projects.get", project=google.project),
        _vcpus(subject, kinds),
        _there(subject),
    ]
    try:
        region, project, vcpus, found = await together(asked)
        vcpus |= await _vcpus(subject, {m.type for m in (found.nodes, found.notebook) if m is not None} - kinds)
    except ServiceDisabled as error:
        return [Check("quotas", QUOTAS, "skip", values["region"], f"{error.service} is off", "Looked at once it is on.")]
    except (PermissionDenied, NotFound) as error:
        return [Check("quotas", QUOTAS, "skip", values["region"], error.message.rstrip("."), error.hint)]
    limits = {q["metric"]: q for q in region.get("quotas", []) if q["metric"] not in OF_PROJECT}
    limits |= {q["metric"]: q for q in project.get("quotas", []) if q["metric"] in OF_PROJECT}
    wanted = wanted_of(values, vcpus, found)
    ways = _ways_out(subject, found)
    short = [check for metric in wanted.most if (check := _short(subject, metric, wanted, limits.get(metric), ways))]
    return short or [Check("quotas", QUOTAS, "pass", _seen(wanted))]


async def _there(subject: Subject) -> There:
    names = subject.places
    return NOTHING if names is None else await there(subject.google, names, notebook=subject.values["notebook"] != "none")


async def _vcpus(subject: Subject, kinds: Iterable[str]) -> dict[str, float]:
    """The vCPUs of machine types, as the zone lists them, or as their names say."""
    google, values = subject.google, subject.values
    zone = values["zone"] or usual_zone(values["region"])

    async def one(kind: str) -> float:
        try:
            return float((await machine(google, zone, kind))["guestCpus"])
        except NotFound:
            return by_name(kind)

    names = sorted(kinds)
    return dict(zip(names, await together(one(kind) for kind in names), strict=True))


def by_name(kind: str) -> float:
    """The vCPUs that a machine type's name tells; 2 for the small ones that share theirs."""
    custom = re.search(r"custom-(\d+)-", kind)
    size = custom or re.search(r"-(\d+)g?$", kind)
    return float(size[1]) if size else 2.0


@dataclass(frozen=True)
class _Ways:
    """What helps where a quota is short: a sentence, and values of parameters."""

    hint: str
    answers: tuple[Answer, ...] = ()


def _short(subject: Subject, metric: str, wanted: Wanted, quota: Mapping[str, Any] | None, ways: _Ways) -> Check | None:
    if quota is None:
        return None
    limit, used = float(quota["limit"]), float(quota.get("usage", 0))
    free = max(0.0, limit - used)
    first, most = wanted.first[metric], wanted.most[metric]
    if most <= free:
        return None
    values, url = subject.values, quota_page(subject.google.project)
    where = "the project" if metric in OF_PROJECT else values["region"]
    seen = f"{metric} of {where}: {limit:g}, {used:g} of it in use"
    if first > free:
        why = f"{metric} has {free:g} left in {where}, and {first:g} are needed at first"
        return Check(f"quota.{metric}", QUOTAS, "block", seen, why, ways.hint, url=url, answers=ways.answers)
    why = f"{metric} has {free:g} left in {where}; nodes may grow to {values['node_max']}, which takes {most:g}"
    return Check(f"quota.{metric}", QUOTAS, "warn", seen, why, "It works until the pool grows that far.", url=url)


def _ways_out(subject: Subject, found: There) -> _Ways:
    """The smallest profile, or, where nodes stand that nobody asked to be changed, what was there before."""
    values, made = subject.values, subject.made
    ask = "ask for more on the quota page (a free trial must be upgraded first)"
    if found.nodes is not None:
        changed = [key for key in KEYS if key in made and made[key] != values[key]]
        if not changed:
            return _Ways(f"{ask[0].upper()}{ask[1:]}.")
        before = tuple(Answer(key, made[key], "it is as it stands now") for key in changed)
        return _Ways(f"Leave {changed[0]} at {made[changed[0]]}, or {ask}.", before)
    if values["profile"] == "trial":
        return _Ways(f"{ask[0].upper()}{ask[1:]}.")
    fits = "it fits a new project's quotas"
    hint = f"Take the profile trial, which fits a new project's quotas, or {ask}."
    return _Ways(hint, (Answer("profile", "trial", fits),))


def _seen(wanted: Wanted) -> str:
    first, most = wanted.first, wanted.most
    cpus = f"{first['CPUS']} to {most['CPUS']} vCPUs"
    return f"{cpus}, {first['SSD_TOTAL_GB']} to {most['SSD_TOTAL_GB']} GB of SSD"
