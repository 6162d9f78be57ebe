"""Organization policies as the scenario gives them, asked by the services that obey them.

``true`` enforces a constraint; a list holds the values that are allowed; a table is a rule as the Organization Policy API
writes it (``{ denyAll = true }``, ``{ values = { deniedValues = […] } }``).
"""

from __future__ import annotations

from typing import Any

from core.rehearsal.store import Document
from core.rehearsal.world import World


def said(world: World, constraint: str) -> Any:
    """What the scenario says of a constraint, or None."""
    return world.scenario.project.policies.get(f"constraints/{constraint.removeprefix('constraints/')}")


def enforced(world: World, constraint: str) -> bool:
    """Whether a constraint that is either on or off is on."""
    value = said(world, constraint)
    return value is True or (isinstance(value, dict) and (value.get("enforce") is True or value.get("denyAll") is True))


def refuses(world: World, constraint: str, value: str) -> bool:
    """Whether a constraint on values refuses this one."""
    rule = said(world, constraint)
    if isinstance(rule, list):
        return not _among(value, rule)
    if isinstance(rule, dict):
        values = rule.get("values") or {}
        if rule.get("denyAll") or _among(value, values.get("deniedValues", [])):
            return True
        return "allowedValues" in values and not _among(value, values["allowedValues"])
    return rule is True


def rules(world: World, constraint: str) -> list[Document]:
    """The rules of the effective policy."""
    value = said(world, constraint)
    if isinstance(value, bool):
        return [{"enforce": value}]
    if isinstance(value, list):
        return [{"values": {"allowedValues": [str(v) for v in value]}}]
    return [value] if isinstance(value, dict) else []


def _among(value: str, given: list[str]) -> bool:
    """Whether a value is named, a location also by its group (``in:us-locations``)."""
    for entry in given:
        plain = str(entry).removeprefix("is:")
        group = str(entry).removeprefix("in:").removesuffix("-locations")
        if plain == value or (str(entry).startswith("in:") and (value == group or value.startswith(f"{group}-"))):
            return True
    return False
