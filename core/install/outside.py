"""An installed environment seen from outside a run: what its journals know of it, and its adapters for one command."""

from __future__ import annotations

from typing import Any

from core.environment import Cloud, Environment
from core.environment import rehearsal as rehearsals
from core.errors import UsageError
from core.install.installation import Installation
from core.run import journal, runs
from core.run.clock import Clock
from core.run.redact import Redactor
from core.run.state import fold


def facts(environment: Environment) -> dict[str, Any]:
    """What the runs of an environment have published, the newest value of each; empty once it is destroyed."""
    found: dict[str, Any] = {}
    for run in runs.ids(environment):
        state = fold(journal.read(runs.folder(environment, run)))
        if runs.state(state, None) == "destroyed":
            found.clear()
        found.update(state.facts)
    return found


def fact(environment: Environment, name: str) -> Any:
    """One fact; raises `UsageError` where no run has come that far."""
    found = facts(environment)
    if name not in found:
        raise UsageError(
            f"{environment.name} is not installed yet.",
            code="not-installed",
            cause=f"No run has published {name}.",
            hint=f"mlops-env status {environment.name} says how far it is.",
        )
    return found[name]


def opened(environment: Environment, *, cloud: Cloud | None = None) -> Installation:
    """The environment with its adapters, for a command that is no run; close it after use.

    ``cloud`` is given where another machine installed it.
    """
    cloud = cloud or rehearsals.cloud(environment)
    return Installation(
        environment=environment,
        cloud=cloud,
        clock=Clock(cloud.rate),
        redactor=Redactor(),
        run_folder=environment.folder,
    )
