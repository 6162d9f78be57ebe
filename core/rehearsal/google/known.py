"""Whether a scenario speaks of calls that there are: one that is misspelt would never go wrong, and nobody would know."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from core.errors import UsageError
from core.rehearsal.google.discovery import VERSIONS, api
from core.rehearsal.scenario import DURATIONS, Scenario

OTHERS = ("mysql", "token", "github", "relay", "relay:reconnect", "kfp:run")
"""What else can go wrong."""
FAMILIES = ("kubernetes:", "kfp:")
"""How the names of calls begin that are not Google's."""
NAMED_OTHERWISE = {"sqladmin": "sql"}
"""An API whose methods' ids do not begin with its name."""


def demand(scenario: Scenario) -> None:
    """Raises `UsageError` for the first call of a scenario that is none, with the nearest that is."""
    for key, call in (*(("durations", c) for c in scenario.durations), *(("fault.call", f.call) for f in scenario.fault)):
        if call and not _known(call):
            near = difflib.get_close_matches(call, _near(call), n=5)
            best = next((name for name in near if name in DURATIONS), next(iter(near), ""))
            hint = f"Did you mean {best}?" if best else "Google's have the ids of the discovery documents."
            raise UsageError(f"The scenario's {key} names {call}, and no call has that name.", code="scenario", hint=hint)


def _known(call: str) -> bool:
    return "*" in call or call in DURATIONS or call in OTHERS or call.startswith(FAMILIES) or call in _ids(_apis(call))


def _near(call: str) -> list[str]:
    return [*_ids(_apis(call)), *DURATIONS, *OTHERS]


def _apis(call: str) -> list[str]:
    """The APIs that a call may be one of, by how it begins."""
    first = call.partition(".")[0]
    return [name for name in VERSIONS if first in (name, NAMED_OTHERWISE.get(name))]


def _ids(apis: Iterable[str]) -> set[str]:
    return {id for name in apis for version in VERSIONS[name] for id in api(name, version).methods}
