"""The ways from screen to screen, in one place, so that no screen has to import another."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from core.environment import Environment
from core.errors import MlopsError
from tui.background import in_thread
from tui.text import text

if TYPE_CHECKING:
    from pathlib import Path

    from core.install.draft import Draft
    from tui.app import MlopsApp
    from tui.preparing import Preparing
    from tui.screens.beginnings import Rehearsal


def progress(app: MlopsApp, environment: Environment, run: str = "") -> None:
    """Shows an environment's run, the newest where none is named."""
    from tui.screens.progress import ProgressScreen

    app.push_screen(ProgressScreen(environment, run))


def access(app: MlopsApp, environment: Environment) -> None:
    """How to reach an installed environment."""
    from tui.screens.access import AccessScreen

    app.push_screen(AccessScreen(environment))


def tunnels(app: MlopsApp) -> None:
    """The tunnels of this user."""
    from tui.screens.tunnels import TunnelsScreen

    app.push_screen(TunnelsScreen())


def devcontainer(app: MlopsApp, environment: str = "") -> None:
    """A devcontainer for the folder that the app was started in, on an environment's image or without one."""
    from pathlib import Path

    from tui.screens.devcontainer import DevcontainerScreen

    known = {e.name: e.environment for e in app.entries if e.environment is not None and e.standing != "destroyed"}
    wanted = str(known[environment].values["image"]) if environment in known else ""
    app.push_screen(DevcontainerScreen(list(known), folder=Path.cwd(), environment=environment, wanted=wanted))


def new(app: MlopsApp, proposed: str = "") -> None:
    """Sets up a new environment on Google Cloud."""
    from tui.screens.dialogs import AskText

    def answered(name: str | None) -> None:
        if name:
            _begin(app, _new(app, name, "google"), partial(new, app, name))

    body = text("A new environment on Google Cloud. Nothing is made before you have seen what will be done. Its name:")
    app.push_screen(AskText("New environment", body, proposed, "Go on"), answered)


def rehearse(app: MlopsApp, proposed: Rehearsal | None = None) -> None:
    """Installs a new environment on a simulated cloud."""
    from tui.screens.beginnings import AskRehearsal, Rehearsal

    taken = set(Environment.all(app.home))
    name = next(n for n in ("demo", *(f"demo{i}" for i in range(2, 1000))) if n not in taken)

    def answered(wanted: Rehearsal | None) -> None:
        if wanted is not None:
            work = _rehearse(app, wanted) if wanted.at_once else _new(app, wanted.name, "rehearsal", wanted.scenario)
            _begin(app, work, partial(rehearse, app, wanted))

    app.push_screen(AskRehearsal(proposed or Rehearsal(name, None, at_once=True)), answered)


def _begin(app: MlopsApp, work: Coroutine[Any, Any, None], again: Callable[[], None]) -> None:
    """Begins; where that is refused, the question stands below the reason, with what was typed, to be mended."""

    async def begun() -> None:
        try:
            await work
        except MlopsError as error:
            again()
            app.show_error(error)

    app.run_worker(begun(), group="steer", exit_on_error=False)


async def _rehearse(app: MlopsApp, wanted: Rehearsal) -> None:
    from core.install.draft import Draft

    draft = Draft.new(app.home, wanted.name, cloud="rehearsal", scenario=wanted.scenario)
    with app.saying(f"Starting the simulated cloud of {wanted.name}…"):
        try:
            await in_thread(draft.open)
            run = await in_thread(partial(draft.start, {}))
        finally:
            await in_thread(draft.discard)
    progress(app, draft.environment, run)


async def _new(app: MlopsApp, name: str, cloud: str, scenario: Path | None = None) -> None:
    from core.install.draft import Draft

    prepare(app, Draft.new(app.home, name, cloud=cloud, scenario=scenario))


def change(app: MlopsApp, environment: Environment) -> None:
    """Looks at the parameters of an environment that exists, to install it anew with others."""
    from core.install.draft import Draft

    prepare(app, Draft.of(environment))


def prepare(app: MlopsApp, draft: Draft) -> None:
    """The way to an installation: prerequisites, parameters, review."""
    from tui.preparing import Preparing
    from tui.screens.prerequisites import PrerequisitesScreen

    app.push_screen(PrerequisitesScreen(Preparing(draft)))


def parameters(app: MlopsApp, preparing: Preparing) -> None:
    """The form."""
    from tui.screens.parameters import ParametersScreen

    app.push_screen(ParametersScreen(preparing))


def review(app: MlopsApp, preparing: Preparing) -> None:
    """What will be done."""
    from tui.screens.review import ReviewScreen

    app.push_screen(ReviewScreen(preparing))


async def installing(app: MlopsApp, environment: Environment, run: str) -> None:
    """The run that was started, in place of the screens that led to it."""
    from tui.screens.home import HomeScreen

    while not isinstance(app.screen, HomeScreen) and len(app.screen_stack) > 1:
        await app.pop_screen()
    progress(app, environment, run)


def destroy(app: MlopsApp, environment: Environment) -> None:
    """What would be removed, before it is."""
    from tui.screens.destruction import DestructionScreen

    app.push_screen(DestructionScreen(environment))
