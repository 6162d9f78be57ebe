"""What may be given anew to an environment that exists. A command line asks for no more than this, so it loads no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.environment import Environment
from core.errors import ParameterError
from core.install import shown
from core.parameters.specification import PARAMETERS
from core.run import runs


def changed(known: Environment, given: Mapping[str, Any]) -> Environment:
    """An environment that exists, with values given anew; a destroyed one begins again as a new one.

    Raises `ParameterError` for a value that can't be changed once the environment is there.
    """
    if runs.state(runs.last(known), None) == "destroyed":
        id = shown.id_of(known.home, known.name, cloud=known.cloud, but=known.id)
        fresh = Environment.new(known.home, known.name, cloud=known.cloud, given={**known.given, **given}, id=id)
        return replace(fresh, resolved=known.resolved) if known.cloud == "rehearsal" else fresh
    for key, value in given.items():
        if key in fixed(known) and known.values[key] != value:
            raise ParameterError(
                key,
                value,
                f"it can't be changed once the environment is there; it is {known.values[key]}",
                hint="Install under another name, or destroy this one first.",
            )
        if key == "notebook" and known.values[key] not in ("none", value) and _has_notebook(known):
            raise ParameterError(
                key,
                value,
                f"the notebook is a {known.values[key]}, and Google changes no instance's kind: it would be made anew, "
                "without what its users have on its disks",
                hint="Save what is on it, and destroy the environment, or install another one.",
            )
    return replace(known, given={**known.given, **given})


def _has_notebook(known: Environment) -> bool:
    from core.install import outside

    return bool(outside.facts(known).get("notebook"))


def fixed(known: Environment) -> frozenset[str]:
    """The parameters that can't be changed any more."""
    if not runs.ids(known) or runs.state(runs.last(known), None) == "destroyed":
        return frozenset()
    return frozenset(p.key for p in PARAMETERS if p.change == "fixed")
