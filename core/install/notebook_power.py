"""Starting and stopping a notebook by its API, outside a run; one that is on its way somewhere is waited for."""

from __future__ import annotations

from typing import Any

from core.errors import TemporaryError, UsageError
from core.gcp.errors import InvalidRequest, StillWorking
from core.install import notebook
from core.install.installation import Installation
from core.run.step import Reporter

GOAL = {"start": "ACTIVE", "stop": "STOPPED"}
PATIENCE = 900.0
"""Seconds that it may be on its way."""


async def turn(installation: Installation, verb: str, reporter: Reporter) -> dict[str, Any]:
    """Brings the notebook to where ``verb`` leads: ``{"name", "state", "changed", "url"}``.

    Raises `UsageError` where there is none, and `PermanentError` where what has its name is someone else's.
    """
    begin, changed = installation.clock.now(), False
    while True:
        found = await notebook.instance(installation)
        if found is None:
            raise UsageError(
                f"{installation.names.notebook} is not there.",
                code="no-notebook",
                hint=f"mlops-env install {installation.environment.name} makes it again.",
            )
        notebook.refuse_stranger(installation, found)
        if found["state"] == GOAL[verb]:
            return {**notebook.describe(installation.names, found), "state": found["state"], "changed": changed}
        if installation.clock.now() - begin > PATIENCE:
            raise TemporaryError(f"The notebook is still {found['state'].lower()}.", code="notebook-busy")
        changed = await _asked(installation, verb, found, reporter) or changed


async def _asked(installation: Installation, verb: str, found: dict[str, Any], reporter: Reporter) -> bool:
    """Asks for it and waits, where it can be asked for; whether it was."""
    google = installation.google
    reporter.progress(f"the notebook is {found['state'].lower()}")
    if found["state"] not in GOAL.values():
        await installation.clock.sleep(5)
        return False
    try:
        begun = await google.call(
            "notebooks", "v2", f"projects.locations.instances.{verb}",
            name=notebook.resource_name(installation.names), body={},
        )  # fmt: skip
        await google.wait("notebooks", "v2", begun)
    except (StillWorking, InvalidRequest) as error:
        if not isinstance(error, StillWorking) and "unable to queue" not in error.cause:
            raise
        await installation.clock.sleep(5)
        return False
    return True
