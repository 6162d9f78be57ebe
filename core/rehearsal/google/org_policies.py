"""Organization policies as the scenario gives them, asked by the services that obey them.

``true`` enforces a constraint; a list holds the values that are allowed; a table is a rule as the Organization Policy API
writes it (``{ denyAll = true }``, ``{ values = { deniedValues = […] } }``).
"""

from __future__ import annotations

from typing import Any

from core.rehearsal.google.errors import ApiError
from core.rehearsal.store import Document
from core.rehearsal.world import World


def said(world: World, constraint: str) -> Any:
    """What the scenario says of a constraint, or None."""
    return world.scenario.project.policies.get(f"constraints/{constraint.removeprefix('constraints/')}")


def enforced(world: World, *constraints: str) -> bool:
    """Whether a constraint that is either on or off is on, or one of several: the older one and its managed twin."""
    return any(_on(said(world, constraint)) for constraint in constraints)


def _on(value: Any) -> bool:
    return value is True or (isinstance(value, dict) and (value.get("enforce") is True or value.get("denyAll") is True))


def violated(world: World, constraint: str, *, where: str = "") -> ApiError:
    """412 in Compute's words: a constraint is violated (by a resource, where one is named)."""
    said_of = f" Resource {where} is not allowed." if where else ""
    return ApiError(
        412, f"Constraint constraints/{constraint} violated for project projects/{world.number}.{said_of}",
        reason="conditionNotMet",
    )  # fmt: skip


def refuses(world: World, constraint: str, value: str) -> bool:
    """Whether a constraint on values refuses this one."""
    rule = said(world, constraint)
    if isinstance(rule, list):
        return not _among(value, rule)
    if isinstance(rule, dict):
        values = rule.get("values") or {}
        if _on(rule) or _among(value, values.get("deniedValues", [])):
            return True
        return "allowedValues" in values and not _among(value, values["allowedValues"])
    return rule is True


def without_key(world: World, service: str, key: Any) -> None:
    """Refuses what a service is to make without a key of the customer's, where the organization wants one."""
    if not key and refuses(world, "gcp.restrictNonCmekServices", service):
        raise ApiError(
            412, f"Constraint constraints/gcp.restrictNonCmekServices violated for projects/{world.number} attempting to "
            f"create or modify a {service} resource without specifying a KMS key.", reason="conditionNotMet",
        )  # fmt: skip


def rules(world: World, constraint: str) -> list[Document]:
    """The rules of the effective policy."""
    value = said(world, constraint)
    if isinstance(value, bool):
        return [{"enforce": value}]
    if isinstance(value, list):
        return [{"values": {"allowedValues": [str(v) for v in value]}}]
    return [value] if isinstance(value, dict) else []


def _among(value: str, given: list[str]) -> bool:
    """Whether a value is named, also by what it stands under, or a location by its group (``in:us-locations``)."""
    return any(_named(value, str(entry)) for entry in given)


def _named(value: str, entry: str) -> bool:
    kind, _, name = entry.rpartition(":")
    if kind == "under":
        return value == name or value.startswith(f"{name}/")
    if kind == "in":
        group = name.removesuffix("-locations")
        return value == group or value.startswith(f"{group}-")
    return value == entry.removeprefix("is:")
