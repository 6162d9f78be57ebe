"""What a person can choose from while filling in the parameters: what the cloud's own lists say, for this account.

A list that can't be had is no failure: its API may still be off, or the account may not see it. Then this version's own
list of places stands in where there is one, and what it says is only a proposal; any other value can be typed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from core.errors import PersonNeeded, StepError
from core.install.installation import Installation
from core.prerequisites import places

LISTED = frozenset({"project_id", "region", "zone", "node_machine_type"})
"""The parameters whose values some list names."""
MOST_PROJECTS = 1000


@dataclass(frozen=True, slots=True)
class Choice:
    """One value, and what is known of it."""

    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """The values in the order to show them; ``why`` says why the cloud's own list could not be had."""

    found: tuple[Choice, ...]
    why: str = ""


async def choices(installation: Installation, key: str) -> Choices:
    """What can be chosen for a parameter of `LISTED`, given the values that the others have."""
    lists = {"project_id": _projects, "region": _regions, "zone": _zones, "node_machine_type": _machine_types}
    try:
        return Choices(tuple(await lists[key](installation)))
    except (StepError, PersonNeeded) as error:
        return Choices(_own(installation, key), error.message)


def _own(installation: Installation, key: str) -> tuple[Choice, ...]:
    if key == "region":
        return tuple(Choice(region) for region in sorted(places.KNOWN))
    if key == "zone":
        region = installation.values["region"]
        return tuple(Choice(f"{region}-{letter}") for letter in places.KNOWN.get(region, ""))
    return ()


async def _projects(installation: Installation) -> list[Choice]:
    listed = installation.google.list(
        "cloudresourcemanager", "v1", "projects.list", items="projects", quota_project=False, filter="lifecycleState:ACTIVE"
    )
    found = [Choice(str(p["projectId"]), str(p.get("name", ""))) async for p in _first(listed, MOST_PROJECTS)]
    return sorted(found, key=lambda choice: choice.value)


async def _first(listed: Any, most: int) -> AsyncIterator[dict[str, Any]]:
    number = 0
    async for item in listed:
        yield item
        number += 1
        if number == most:
            return


async def _regions(installation: Installation) -> list[Choice]:
    project = installation.google.project
    listed = installation.google.list("compute", "v1", "regions.list", items="items", project=project)
    return sorted([_place(region) async for region in listed], key=lambda choice: choice.value)


def _place(item: dict[str, Any]) -> Choice:
    status = str(item.get("status", "UP"))
    return Choice(str(item["name"]), "" if status == "UP" else status.lower())


async def _zones(installation: Installation) -> list[Choice]:
    return [_place(zone) for zone in await places.of_region(installation.google, installation.values["region"])]


async def _machine_types(installation: Installation) -> list[Choice]:
    values = installation.values
    zone = values["zone"] or f"{values['region']}-{places.KNOWN.get(values['region'], 'a')[0]}"
    listed = installation.google.list(
        "compute", "v1", "machineTypes.list", items="items", project=installation.google.project, zone=zone
    )
    found = [m async for m in listed if "deprecated" not in m]
    found.sort(key=lambda m: (str(m["name"]).split("-")[0], int(m.get("guestCpus", 0)), int(m.get("memoryMb", 0))))
    return [Choice(str(m["name"]), f"{m['guestCpus']} vCPU, {int(m['memoryMb']) / 1024:g} GB") for m in found]
