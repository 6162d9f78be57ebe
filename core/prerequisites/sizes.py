"""Whether the place offers what is to stand in it: machine types in the zone, GKE's release channel, the database's tier.

Each is held against the list of the API that offers it. A machine that the zone lacks may be had in another zone of the
region, so that is looked up, and offered.
"""

from __future__ import annotations

import difflib
from collections.abc import Awaitable
from typing import Any

from core.gcp import Google
from core.gcp.errors import ApiError, InvalidRequest, NotFound, PermissionDenied, ServiceDisabled
from core.prerequisites import shared
from core.prerequisites.check import Answer, Check, Subject
from core.prerequisites.places import usual_zone
from core.run.together import together

MACHINES = {"node_machine_type": "The zone offers the nodes' machines",
            "notebook_machine_type": "The zone offers the notebook's machine"}  # fmt: skip
CHANNEL, TIER = "GKE offers its regular channel", "Cloud SQL offers the tier in the region"
REGULAR = "REGULAR"
GONE = ("OBSOLETE", "DELETED")


async def check(subject: Subject) -> list[Check]:
    """One check for each machine type, for GKE's channel and for the database's tier."""
    google, values = subject.google, subject.values
    if not google.project:
        return []
    zone = str(values["zone"] or usual_zone(values["region"]))
    keys = [k for k in MACHINES if k == "node_machine_type" or values["notebook"] != "none"]
    region, tier = str(values["region"]), str(values["sql_tier"])
    machines = [(key, str(values[key])) for key in keys]
    looks = [_or_skip(k, MACHINES[k], f"{kind} in {zone}", _machine(google, zone, k, kind)) for k, kind in machines]
    looks.append(_or_skip("gke", CHANNEL, f"{REGULAR.lower()} in {zone}", _channel(google, zone)))
    looks.append(_or_skip("sql_tier", TIER, f"{tier} in {region}", _tier(google, region, tier)))
    return await together(looks)


async def machine(google: Google, zone: str, kind: str) -> dict[str, Any]:
    """A machine type as the zone lists it; raises `NotFound` where it does not."""
    return await shared.call(
        google, "compute", "v1", "machineTypes.get", project=google.project, zone=zone, machineType=kind
    )


async def _or_skip(id: str, title: str, seen: str, look: Awaitable[Check]) -> Check:
    try:
        return await look
    except ServiceDisabled as error:
        return Check(id, title, "skip", seen, f"{error.service} is off", "Looked at once it is on.")
    except PermissionDenied as error:
        return Check(id, title, "skip", seen, error.message.rstrip("."), error.hint)
    except (NotFound, InvalidRequest) as error:  # the place itself is wrong, which is another check's to say
        return Check(id, title, "skip", seen, error.cause or error.message, "Looked at once region and zone are right.")


async def _machine(google: Google, zone: str, key: str, kind: str) -> Check:
    title, seen = MACHINES[key], f"{kind} in {zone}"
    try:
        found = await machine(google, zone, kind)
    except NotFound as error:
        here = await _names(google, zone)
        if not here:
            raise error  # there is no such zone
        return await _without(google, zone, key, kind, here)
    state = (found.get("deprecated") or {}).get("state", "")
    if state in GONE:
        return Check(key, title, "block", kind, f"{kind} is {state.lower()}", key=key, allowed=f"one that {zone} offers")
    if state:
        return Check(key, title, "warn", seen, f"{kind} is {state.lower()}", "It works until Google takes it away.")
    return Check(key, title, "pass", seen)


async def _without(google: Google, zone: str, key: str, kind: str, here: list[str]) -> Check:
    """A machine type that the zone lacks: where in the region it can be had, else what it may have meant."""
    region = zone.rpartition("-")[0]
    near_by = [z for z in await _zones_with(google, kind) if z.rpartition("-")[0] == region]
    why = f"{zone} does not offer {kind}"
    command = f'gcloud compute machine-types list --project={google.project} --filter="name={kind}"'
    if near_by:
        hint = f"{', '.join(near_by)} {'offers' if len(near_by) == 1 else 'offer'} it: set zone, or take another type."
        answers = tuple(Answer("zone", z, f"it offers {kind}") for z in near_by)
    else:
        close = difflib.get_close_matches(kind, here, n=3)
        hint = f"No zone of {region} offers it." + (f" {zone} offers {', '.join(close)}." if close else "")
        answers = tuple(Answer(key, name, f"{zone} offers it") for name in close)
    allowed = f"a machine type that {zone} offers"
    return Check(key, MACHINES[key], "block", kind, why, hint, command, key=key, allowed=allowed, answers=answers)


async def _zones_with(google: Google, kind: str) -> list[str]:
    try:
        found = await google.call(
            "compute", "v1", "machineTypes.aggregatedList", project=google.project, filter=f'name = "{kind}"',
        )  # fmt: skip
    except ApiError:
        return []
    items: dict[str, Any] = found.get("items") or {}
    return sorted(scope.rpartition("/")[2] for scope, listed in items.items() if listed.get("machineTypes"))


async def _names(google: Google, zone: str) -> list[str]:
    try:
        listed = await google.list("compute", "v1", "machineTypes.list", items="items", project=google.project, zone=zone)
    except ApiError:
        return []
    return [str(item["name"]) for item in listed if "deprecated" not in item]


async def _channel(google: Google, zone: str) -> Check:
    name = f"projects/{google.project}/locations/{zone}"
    config = await google.call("container", "v1", "projects.locations.getServerConfig", name=name)
    channel = next((c for c in config.get("channels") or () if c.get("channel") == REGULAR), None)
    if channel is None:
        offered = ", ".join(str(c["channel"]) for c in config.get("channels") or ()) or "none"
        why = f"GKE offers no regular channel in {zone}, only {offered}"
        command = f"gcloud container get-server-config --project={google.project} --zone={zone}"
        return Check("gke", CHANNEL, "block", zone, why, "Choose another zone or region.", command)
    return Check("gke", CHANNEL, "pass", f"{channel.get('defaultVersion', 'a version')} in {zone}")


async def _tier(google: Google, region: str, tier: str) -> Check:
    """Sizes of one's own are not listed one by one: their rules are the parameter's."""
    listed = await google.call("sqladmin", "v1", "tiers.list", project=google.project)
    regions = {str(t["tier"]): [str(r) for r in t.get("region") or ()] for t in listed.get("items") or ()}
    seen = f"{tier} in {region}"
    if region in regions.get(tier, ()) or (tier not in regions and tier.startswith("db-custom-")):
        return Check("sql_tier", TIER, "pass", seen)
    if not any(region in places for places in regions.values()):
        return Check("sql_tier", TIER, "skip", seen, f"Cloud SQL lists no tiers in {region}", "Choose another region.")
    why = f"Cloud SQL does not offer {tier} in {region}"
    allowed = f"a tier that Cloud SQL offers in {region}"
    command = f'gcloud sql tiers list --project={google.project} --filter="region:{region}"'
    answers = (Answer("sql_tier", "db-custom-1-3840", "a size of one's own is offered everywhere"),)
    hint = "Sizes of one's own (db-custom-CPUS-MEGABYTES) are offered everywhere."
    return Check("sql_tier", TIER, "block", tier, why, hint, command, key="sql_tier", allowed=allowed, answers=answers)
