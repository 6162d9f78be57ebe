"""With which checks each concern may block: what nothing here names may warn, and never stops an installation."""

from __future__ import annotations

from itertools import product

from core.names import Names
from core.parameters.specification import LONGEST_PREFIX_LENGTH, resolve
from core.prerequisites import amounts, sizes, taken, tools
from core.prerequisites.concerns import CONCERNS
from core.prerequisites.constraints import CONSTRAINTS, Constraint, Ours
from core.prerequisites.there import parts

OWN = "projects/p"
REFUSING = ({"enforce": True}, {"denyAll": True}, {"values": {"allowedValues": ["other"]}},
            {"values": {"deniedValues": ["container.googleapis.com", "storage.googleapis.com"]}})  # fmt: skip
NOTEBOOKS, PROFILES, PRIVATE = ("none", "vm", "container"), ("trial", "small", "standard"), (True, False)


def _may_block(constraint: Constraint) -> bool:
    values = resolve({"project_id": "p", "notebook": "vm", "user_gcp_sa": True}, environment="demo")
    ours = Ours(values, "p", Names.of(values, environment="demo", id=""), parts(values))
    return any(constraint.breaks((rule,), ours) is True for rule in REFUSING)


def _metrics() -> set[str]:
    each = [
        resolve({"notebook": notebook, "profile": profile, "private_nodes": private}, environment="demo")
        for notebook, profile, private in product(NOTEBOOKS, PROFILES, PRIVATE)
    ]
    machines = {str(values[key]): 2.0 for values in each for key in sizes.MACHINES}
    return {metric for values in each for metric in amounts.wanted_of(values, machines).most}


BLOCKS: dict[str, set[str]] = {
    **{c.id: {c.id} - {f"tool.{name}" for name in tools.AFTERWARDS} for c in CONCERNS if c.id.startswith("tool.")},
    "disk": {"disk"},
    "reach": {"github"},
    "sign-in": {"sign-in", "cloud-shell", "cloud-shell-home"},
    "clock": set(),
    "project": {"project"},
    "billing": {"billing"},
    "apis": set(),
    "places": {"region", "zone"},
    "sizes": {*sizes.MACHINES, "gke", "sql_tier"},
    "permissions": {"permissions"},
    "policies": {f"policy.{c.id}" for c in CONSTRAINTS if _may_block(c)},
    "quotas": {f"quota.{metric}" for metric in _metrics()},
    "names": {f"name.{kind.lower().replace(' ', '-')}" for kind in taken.BY_HAND},
    "ranges": set(LONGEST_PREFIX_LENGTH),
    "builds": {"build-region"},
}
"""The ids of those checks by their concern's."""
ALL = frozenset(id for ids in BLOCKS.values() for id in ids)
