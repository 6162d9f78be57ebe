"""Starting a run: as a process of its own, which this one may watch, steer, or leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.environment import Environment, processes
from core.environment.lock import busy
from core.errors import UsageError
from core.run import runs

EARLY = ("core.install.process", "core.install.process:load")
"""A run's process, as `core.environment.processes.begin` takes it: it loads while it is being settled what it is to do."""


def start(
    environment: Environment,
    action: str,
    *,
    secrets: Mapping[str, str] | None = None,
    wait: float | None = None,
    skip: Sequence[str] = (),
    begun: processes.Beginning | None = None,
    **options: Any,
) -> str:
    """Starts a run of ``install`` or ``destroy`` on an environment that is saved; returns its id once it is up.

    ``begun`` is an `EARLY` one. Raises `BusyError` where another run holds the environment.
    """
    if runs.current(environment) is not None:
        raise busy(runs.lock_path(environment))
    run = runs.new_id()
    folder = environment.home.ensure("environments", environment.name, "runs", run)
    document = {"action": action, "secrets": dict(secrets or {}), "wait": wait, "skip": list(skip), **options}
    process = begun or processes.begin(*EARLY)
    answer = process.go([environment.name, run], log=folder / "process.log", folder=environment.folder, document=document)
    return str(answer["run"])


def demand_as_begun(environment: Environment, record: bytes | None) -> None:
    """Raises `BusyError` where a run holds it, `UsageError` where its record is not the one (``kept``) that was begun with.

    Written over, it would lose the id that all of what another window makes is known by.
    """
    if runs.current(environment) is not None:
        raise busy(runs.lock_path(environment))
    if environment.kept != record:
        raise UsageError(
            f"{environment.name} was made or changed in another window meanwhile.",
            code="changed-meanwhile",
            hint="Nothing of it was touched. Go back to the beginning, and look at it as it is now.",
        )


def action_to_retry(environment: Environment) -> str:
    """What a retry of the last run does: the same as that run; raises `UsageError` where nothing is left to do."""
    last = runs.last(environment)
    if last is None:
        raise UsageError(
            f"Nothing has run on {environment.name} yet.",
            code="nothing-to-retry",
            hint=f"Start with: mlops-env install {environment.name}",
        )
    if runs.state(last, None) == "destroyed":
        raise UsageError(
            f"{environment.name} is destroyed.",
            code="nothing-to-retry",
            hint=f"Make it anew with: mlops-env install {environment.name}",
        )
    return last.action or "install"


def demand_optional(environment: Environment, steps: Sequence[str]) -> None:
    """Raises `UsageError` where one of the steps is none of the last run's, or one that nothing works without."""
    last = runs.last(environment, brief=True)
    known = last.steps if last is not None else {}
    optional = [step.id for step in known.values() if step.optional]
    for step in steps:
        if step not in known:
            raise UsageError(
                f"The last run has no step {step}.", code="unknown-step", hint=f"Its steps: {', '.join(known)}."
            )
        if step not in optional:
            raise UsageError(
                f"The step {step} can't be skipped: what comes after it does not work without it.",
                code="not-optional",
                hint=f"What can be: {', '.join(optional) or 'none of its steps'}.",
            )
