"""What the app asks of runs: each a call that may block, for a thread of its own."""

from __future__ import annotations

import os
from typing import Any

from core.environment import Environment
from core.environment import rehearsal as rehearsals
from core.errors import MlopsError
from core.run import runs


def ask(environment: Environment, request: dict[str, Any]) -> None:
    """Asks the run that goes on; raises `MlopsError` where it does not answer, or says no."""
    from core.run import control

    if not control.ask(environment.id, request).get("ok"):
        raise MlopsError(
            f"The run of {environment.name} could not do that now.", hint="Look at the step again: it may have gone on."
        )


def cancel(environment: Environment) -> None:
    """Asks the run to stop once what is in flight is safe."""
    ask(environment, {"do": "cancel", "reason": "it was cancelled in the app"})


def retry(environment: Environment, step: str = "") -> str:
    """Goes on: the failed step again where its run lives, else a new run that takes up the last; its id, or empty."""
    from core.install.start import action_to_retry, start

    if runs.current(environment) is not None:
        ask(environment, {"do": "retry", "step": step})
        return ""
    last = runs.last(environment)
    rehearsals.cloud(environment)
    delete_data = bool(last and last.options.get("delete_data"))
    return start(environment, action_to_retry(environment), delete_data=delete_data)


def skip(environment: Environment, step: str) -> str:
    """Leaves an optional step out: in the run that lives, or in a new one, whose id it returns."""
    from core.install.start import action_to_retry, start

    if runs.current(environment) is not None:
        ask(environment, {"do": "skip", "step": step})
        return ""
    return start(environment, action_to_retry(environment), skip=[step])


def destroy(environment: Environment, *, delete_data: bool) -> str:
    """Starts the removal of what an environment made; returns the run's id."""
    from core.install.start import start

    rehearsals.cloud(environment)
    return start(environment, "destroy", delete_data=delete_data)


def signed_in(environment: Environment) -> None:
    """Tells the run that a person signed in, and where gcloud keeps that in this terminal."""
    ask(environment, {"do": "signed-in", "config": os.environ.get("CLOUDSDK_CONFIG", ""), "account": ""})


def provide_password(environment: Environment, password: str) -> None:
    """Hands the SQL password to the run that waits for it, over its socket and nowhere else."""
    ask(environment, {"do": "provide", "kind": "sql-password", "value": password})


def live(environments: list[Environment]) -> list[str]:
    """The names of those that something runs on now."""
    return [environment.name for environment in environments if runs.current(environment) is not None]
