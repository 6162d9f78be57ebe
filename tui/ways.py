"""The ways from screen to screen, in one place, so that no screen has to import another."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from core.environment import Environment
from core.environment import rehearsal as rehearsals
from tui.background import in_thread
from tui.text import lines, text

if TYPE_CHECKING:
    from tui.app import MlopsApp


def progress(app: MlopsApp, environment: Environment, run: str = "") -> None:
    """Shows an environment's run, the newest where none is named."""
    from tui.screens.progress import ProgressScreen

    app.push_screen(ProgressScreen(environment, run))


def access(app: MlopsApp, environment: Environment) -> None:
    """How to reach an installed environment."""
    from core.environment.address import address
    from core.install import forwarding
    from tui.screens.dialogs import ShowText

    where = address(forwarding.running(environment) or forwarding.DEFAULT_PORT)
    rows = [
        where.url,
        where.command,
        f"mlops-env access {environment.name} --forward",
        f"KUBECONFIG={environment.kubeconfig}",
    ]
    app.push_screen(ShowText("Access", lines(*(text(row) for row in rows if row)), copyable=where.url))


def rehearse(app: MlopsApp) -> None:
    """Installs a new environment on a simulated cloud."""
    from tui.screens.dialogs import AskText

    taken = set(Environment.all(app.home))
    name = next(n for n in ("demo", *(f"demo{i}" for i in range(2, 1000))) if n not in taken)

    def answered(name: str | None) -> None:
        if name:
            app.run_worker(_rehearse(app, name), group="steer", exit_on_error=False)

    body = text("The whole installation on a simulated cloud on this machine: no account, no cost. Its name:")
    app.push_screen(AskText("Rehearse", body, name, "Rehearse"), answered)


async def _rehearse(app: MlopsApp, name: str) -> None:
    from core.install.start import start

    environment = Environment.new(app.home, name, cloud="rehearsal", given={}).save()
    await in_thread(rehearsals.ensure, environment)
    run = await in_thread(partial(start, environment, "install"))
    progress(app, environment, run)


def destroy(app: MlopsApp, environment: Environment) -> None:
    """Removes what an environment made, once its name was typed."""
    from tui.screens.dialogs import AskName

    def answered(yes: bool | None) -> None:
        if yes:
            app.run_worker(_destroy(app, environment), group="steer", exit_on_error=False)

    body = text(
        f"Everything that {environment.name} made is removed, its database with all runs and metadata too. "
        "The buckets with their contents stay."
    )
    app.push_screen(AskName("Destroy", body, environment.name, "Destroy"), answered)


async def _destroy(app: MlopsApp, environment: Environment) -> None:
    from core.install.start import start

    await in_thread(rehearsals.cloud, environment)
    progress(app, environment, await in_thread(partial(start, environment, "destroy")))
