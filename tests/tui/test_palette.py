"""The palette: on each screen, in each state, it offers what makes sense now, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import tui_drafts
import tui_runs
from textual.pilot import Pilot
from tui_pilot import press, shown, until, until_shown

from core.environment import Environment, Home
from core.errors import PermanentError
from core.install import forwarding
from core.prerequisites import Check
from core.workstation.tunnel import tunnels
from core.workstation.tunnel.status import ForwardStatus, Status
from tui import keys
from tui.app import MlopsApp
from tui.palette import Actions
from tui.screens.access import AccessScreen
from tui.screens.destruction import DestructionScreen
from tui.screens.parameters import ParametersScreen
from tui.screens.prerequisites import PrerequisitesScreen
from tui.screens.progress import ProgressScreen
from tui.screens.review import ReviewScreen
from tui.widgets.field import Field

BEGINNING = "new rehearse tunnels devcontainer"


def offered(app: MlopsApp) -> set[str]:
    """The actions of the screen that its palette has, by their labels."""
    labels = {name.partition(": ")[2] for name, _, _ in Actions(app.screen)._commands() if name.startswith("Here: ")}
    return {key.action for key in keys.TABLE if f"{key.label} ({key.shown})" in labels}


async def settle(pilot: Pilot[int], wanted: str) -> None:
    """Waits until exactly these are offered."""
    app = pilot.app
    assert isinstance(app, MlopsApp)
    try:
        await until(pilot, lambda: offered(app) == set(wanted.split()))
    except AssertionError:
        assert offered(app) == set(wanted.split())


@pytest.mark.parametrize(
    ("happened", "live", "wanted"),
    [
        ([], False, "parameters"),
        (tui_runs.failed(), False, "retry watch parameters destroy"),
        (tui_runs.cancelled(), False, "retry watch parameters destroy"),
        (tui_runs.halfway(), False, "retry watch parameters destroy"),
        (tui_runs.halfway(), True, "watch cancel"),
        (tui_runs.installed(), False, "watch access parameters destroy"),
        (tui_runs.destroyed(), False, "watch parameters"),
    ],
    ids=["new", "failed", "cancelled", "interrupted", "running", "installed", "destroyed"],
)
async def test_on_home(app: MlopsApp, home: Home, moment: SimpleNamespace, happened: Any, live: bool, wanted: str) -> None:
    environment = tui_runs.environment(home)
    if happened:
        tui_runs.write(environment, happened)
    with tui_runs.alive(environment) if live else nullcontext():
        async with app.run_test(size=(80, 24)) as pilot:
            await until_shown(pilot, "demo")
            await settle(pilot, f"{BEGINNING} {wanted}")


async def test_on_an_empty_home(app: MlopsApp, home: Home) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        await settle(pilot, BEGINNING)


MISSING = Check("tool.kubectl", "kubectl is there and new enough", "block", "", "there is none", "It can be fetched.")
REFUSED = PermanentError("The plan can't be made.", hint="Ask an owner.")
WRONG = Check("region", "The region is one of Google's", "block", "us-central1", "it is down", "Choose another.")


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ({}, "parameters again copy all_again back"),
        ({"sign_in": [tui_drafts.BLOCKED]}, "again run_here copy page all_again back"),
        ({"tool.kubectl": [MISSING]}, "again run_here all_again back"),
    ],
    ids=["passing", "signed-out", "tool-missing"],
)
async def test_on_prerequisites(app: MlopsApp, home: Home, found: dict[str, list[Check]], wanted: str) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(PrerequisitesScreen(tui_drafts.preparing(home, **found)))
        await settle(pilot, wanted)


@pytest.mark.parametrize(("found", "review"), [({}, True), ({"places": [WRONG]}, False)], ids=["right", "blocked"])
async def test_on_parameters(app: MlopsApp, home: Home, found: dict[str, list[Check]], review: bool) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(ParametersScreen(tui_drafts.preparing(home, **found).see_all()))
        await until_shown(pilot, "mlops-env install demo")
        await settle(pilot, "reveal generate load save copy back" + (" review" if review else ""))


@pytest.mark.parametrize(("plan", "wanted"), [(None, "install search save copy back"), (REFUSED, "again back")])
async def test_on_review(app: MlopsApp, home: Home, plan: Any, wanted: str) -> None:
    preparing = tui_drafts.preparing(home, plan=plan).see_all()
    preparing.gate.clear()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = ReviewScreen(preparing)
        await app.push_screen(screen)
        await until_shown(pilot, "Planning")
        await settle(pilot, "back")
        preparing.gate.set()
        if plan is not None:
            await until(pilot, lambda: app.screen is not screen)
            await press(pilot, "escape")
        await settle(pilot, wanted)


def _live(home: Home, happened: Any) -> Environment:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, happened)
    return environment


LOG = "log copy back"
IN_THE_LOG = f"{LOG} search follow filter save"


@pytest.mark.parametrize(
    ("happened", "live", "wanted"),
    [
        (tui_runs.halfway(), True, f"cancel {IN_THE_LOG}"),
        ([*tui_runs.halfway(), tui_runs.waiting()], True, f"cancel signed_in run_here {LOG}"),
        ([*tui_runs.halfway(), tui_runs.waiting()], False, f"retry {LOG}"),
        (tui_runs.failed(), False, f"retry page {LOG}"),
        (tui_runs.halfway(), False, f"retry {LOG}"),
        (tui_runs.cancelled(), False, f"retry {LOG}"),
        (tui_runs.installed(), False, f"access {LOG}"),
        (tui_runs.destroyed(), False, LOG),
    ],
    ids=["live", "waits", "waited", "failed", "interrupted", "cancelled", "installed", "destroyed"],
)
async def test_on_progress(
    app: MlopsApp,
    home: Home,
    moment: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    happened: Any,
    live: bool,
    wanted: str,
) -> None:
    monkeypatch.setattr("tui.awake.ways", lambda _: [])
    environment = _live(home, happened)
    with tui_runs.alive(environment) if live else nullcontext():
        async with app.run_test(size=(80, 24)) as pilot:
            await app.push_screen(ProgressScreen(environment))
            await settle(pilot, wanted)


@pytest.mark.parametrize("forwarded", [True, False])
async def test_on_access(
    app: MlopsApp, home: Home, moment: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, forwarded: bool
) -> None:
    monkeypatch.setattr(forwarding, "running", lambda _: 8080 if forwarded else None)
    monkeypatch.setattr(forwarding, "answers", lambda _: forwarded)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(AccessScreen(_live(home, tui_runs.installed())))
        page = " page" if forwarded else ""
        await settle(pilot, f"forward copy kubeconfig verify watch devcontainer back{page}")


async def test_on_destroy(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(DestructionScreen(_live(home, tui_runs.made())))
        await settle(pilot, "destroy buckets search save copy back")


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ([], "define_tunnel back"),
        ([Status("gpu", "down")], "define_tunnel open_tunnel log back"),
        (
            [Status("gpu", "up", pid=7, forwards=[ForwardStatus("/tmp/d.sock", "/var/run/docker.sock")])],
            "define_tunnel end_tunnel copy log back",
        ),
    ],
    ids=["none", "down", "up"],
)
async def test_on_tunnels(app: MlopsApp, monkeypatch: pytest.MonkeyPatch, there: list[Status], wanted: str) -> None:
    monkeypatch.setattr(tunnels, "names", lambda _: [each.tunnel for each in there])
    monkeypatch.setattr(tunnels, "status", lambda _, name: next(each for each in there if each.tunnel == name))
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        await press(pilot, "u")
        await until_shown(pilot, "Define (j)")
        await settle(pilot, wanted)


async def test_on_a_devcontainer(app: MlopsApp, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        await press(pilot, "v")
        await settle(pilot, "write back")
        app.screen.query_one("#folder", Field).value = str(tmp_path / "nowhere")
        await settle(pilot, "back")


@asynccontextmanager
async def failed_on_home(app: MlopsApp, home: Home) -> AsyncIterator[Pilot[int]]:
    """Home, as it shows a run that failed."""
    _live(home, tui_runs.failed())
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "R Retry")
        yield pilot


async def test_over_a_question_it_offers_the_question_alone(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    async with failed_on_home(app, home) as pilot:
        await press(pilot, "R")
        await until_shown(pilot, "Go on?")
        await settle(pilot, "back")


async def test_what_is_chosen_in_it_is_done(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    async with failed_on_home(app, home) as pilot:
        await press(pilot, "colon")
        await until_shown(pilot, "Here: Retry (R)")
        assert "Access" not in shown(app)
        await press(pilot, *"watch")
        await until(pilot, lambda: "Here: Watch (w)" in shown(app) and "Here: Retry" not in shown(app))
        await press(pilot, "enter")
        await until_shown(pilot, "demo › failed at pipelines")
