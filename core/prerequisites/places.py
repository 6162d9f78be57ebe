"""The region and the zone, against the cloud's own lists.

A fresh project's lists can't be looked at: Compute is off. So a name that is on the list below, which was true when this
was written, is taken for right until Compute is on, and only one that is not makes the question open.
"""

from __future__ import annotations

import difflib
from typing import Any

from core.gcp.errors import PermissionDenied, ServiceDisabled
from core.prerequisites.check import Check, Subject

REGION, ZONE = "The region is one of Google's", "The zone is one of the region's, and up"

KNOWN: dict[str, str] = {
    "africa-south1": "abc", "asia-east1": "abc", "asia-east2": "abc", "asia-northeast1": "abc", "asia-northeast2": "abc",
    "asia-northeast3": "abc", "asia-south1": "abc", "asia-south2": "abc", "asia-southeast1": "abc",
    "asia-southeast2": "abc", "australia-southeast1": "abc", "australia-southeast2": "abc", "europe-central2": "abc",
    "europe-north1": "abc", "europe-north2": "abc", "europe-southwest1": "abc", "europe-west1": "bcd",
    "europe-west10": "abc", "europe-west12": "abc", "europe-west2": "abc", "europe-west3": "abc", "europe-west4": "abc",
    "europe-west6": "abc", "europe-west8": "abc", "europe-west9": "abc", "me-central1": "abc", "me-central2": "abc",
    "me-west1": "abc", "northamerica-northeast1": "abc", "northamerica-northeast2": "abc", "northamerica-south1": "abc",
    "southamerica-east1": "abc", "southamerica-west1": "abc", "us-central1": "abcf", "us-east1": "bcd", "us-east4": "abc",
    "us-east5": "abc", "us-south1": "abc", "us-west1": "abc", "us-west2": "abc", "us-west3": "abc", "us-west4": "abc",
}  # fmt: skip
"""Regions and the letters of their zones."""


def usual_zone(region: str) -> str:
    """The zone that a region's own list most likely begins with."""
    return f"{region}-{KNOWN.get(region, 'a')[0]}"


async def check(subject: Subject) -> list[Check]:
    """The region and, where one was given, the zone."""
    region, zone = subject.values["region"], subject.values["zone"]
    if not subject.google.project:
        return []
    try:
        zones = await of_region(subject.google, region)
        regions = [region] if zones else [r["name"] for r in await subject.google.list(
            "compute", "v1", "regions.list", items="items", project=subject.google.project)]  # fmt: skip
    except (ServiceDisabled, PermissionDenied) as error:
        return _from_the_list(region, zone, error)
    if not zones:
        near = difflib.get_close_matches(region, regions, n=1)
        hint = f"Did you mean {near[0]}?" if near else ""
        allowed = f"one of {', '.join(sorted(regions))}"
        return [Check("region", REGION, "block", region, "there is no such region", hint, key="region", allowed=allowed)]
    return [Check("region", REGION, "pass", region), *_zone(zone, zones)]


async def of_region(google: Any, region: str) -> list[dict[str, Any]]:
    """The zones of a region, in the order of their names; raises an `ApiError`."""
    ends = f"/regions/{region}"
    listed = google.list("compute", "v1", "zones.list", items="items", project=google.project)
    return sorted([z async for z in listed if str(z["region"]).endswith(ends)], key=lambda z: str(z["name"]))


def _zone(zone: str | None, zones: list[dict[str, Any]]) -> list[Check]:
    if not zone:
        return []
    names = [str(z["name"]) for z in zones]
    if zone not in names:
        allowed = f"one of {', '.join(names)}"
        return [Check("zone", ZONE, "block", zone, "there is no such zone", key="zone", allowed=allowed)]
    status = next(str(z.get("status", "UP")) for z in zones if z["name"] == zone)
    if status != "UP":
        up = [str(z["name"]) for z in zones if z.get("status") == "UP"]
        return [Check("zone", ZONE, "block", zone, f"the zone is {status}", f"Up are: {', '.join(up)}.")]
    return [Check("zone", ZONE, "pass", zone)]


def _from_the_list(region: str, zone: str | None, error: ServiceDisabled | PermissionDenied) -> list[Check]:
    off = isinstance(error, ServiceDisabled)
    why = "compute.googleapis.com is off" if off else "this account may not list the regions"
    letters = KNOWN.get(region, "")
    near = difflib.get_close_matches(region, KNOWN, n=1)
    hint = f"Did you mean {near[0]}?" if near and not letters else ""
    found = [_taken("region", REGION, region, bool(letters), why, f"one of {', '.join(sorted(KNOWN))}", hint)]
    if zone:
        allowed = " or ".join(f"{region}-{letter}" for letter in letters) or "one of the region's"
        found.append(_taken("zone", ZONE, zone, zone.rpartition("-")[2] in letters, why, allowed))
    return found


def _taken(key: str, title: str, value: str, known: bool, why: str, allowed: str, hint: str = "") -> Check:
    """What this version's own list says: right, or open, never wrong, since a newer place would not be on it."""
    if known:
        return Check(key, title, "pass", f"{value}, by this version's own list ({why})")
    return Check(key, title, "skip", value, f"{why}, and this version knows no such {key}", hint, key=key, allowed=allowed)
