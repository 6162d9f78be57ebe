"""Pictures of the screens before an installation and of Access, at the three sizes; a change of one is to be looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tui_drafts
import tui_runs
from textual.pilot import Pilot
from textual.screen import Screen
from tui_pilot import press, until_shown
from tui_pilot import until as settled

from core.environment import Home
from core.errors import PermanentError
from core.install import endpoints, forwarding
from tui.app import MlopsApp
from tui.screens.access import AccessScreen
from tui.screens.beginnings import AskDestroy, AskRehearsal
from tui.screens.parameters import ParametersScreen
from tui.screens.prerequisites import PrerequisitesScreen
from tui.screens.review import ReviewScreen
from tui.text import text

PASSING = ("warm", "edited")
"""Work that ends by itself and then changes what is shown."""
SIZES = [(80, 24), (120, 36), (60, 20)]
Show = Callable[[Screen[Any], Callable[[Pilot[int]], Awaitable[None]]], None]
at_each_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.fixture
def show(snap_compare: Any, app: MlopsApp, size: tuple[int, int], moment: SimpleNamespace) -> Show:
    """Opens a screen, brings it where it is to be pictured, and compares."""

    def take(screen: Screen[Any], until: Callable[[Pilot[int]], Awaitable[None]]) -> None:
        async def before(pilot: Pilot[int]) -> None:
            await until_shown(pilot, "New (n)")
            await pilot.app.push_screen(screen)
            await until(pilot)
            await settled(pilot, lambda: all(w.is_finished for w in screen.workers if w.group in PASSING))
            await pilot.pause(0.3)

        assert snap_compare(app, terminal_size=size, run_before=before)

    return take


@at_each_size
@pytest.mark.parametrize("state", ["under-way", "passing", "blocking"])
def test_prerequisites(state: str, show: Show, home: Home, size: tuple[int, int]) -> None:
    sign_in = [tui_drafts.BLOCKED] if state == "blocking" else tui_drafts.FOUND["sign-in"]
    preparing = tui_drafts.preparing(home, sign_in=sign_in)

    async def until(pilot: Pilot[int]) -> None:
        if state == "under-way":
            preparing.gate.clear()
            preparing.found["tool.git"] = tui_drafts.FOUND["tool.git"]
        says = {"under-way": "under way", "passing": "7 pass", "blocking": "1 block"}
        await until_shown(pilot, says[state])

    if state == "under-way":
        preparing.gate.clear()
    show(PrerequisitesScreen(preparing), until)


@at_each_size
@pytest.mark.parametrize("state", ["as-they-come", "wrong", "advanced", "choosing", "password"])
def test_parameters(state: str, show: Show, home: Home, size: tuple[int, int]) -> None:
    async def until(pilot: Pilot[int]) -> None:
        await until_shown(pilot, "mlops-env install demo", "acme-ml-prod")
        screen = pilot.app.screen
        if state == "wrong":
            screen.query_one("#in-zone").focus()
            await press(pilot, *"europe", "minus", *"west4", "minus", "a")
            await until_shown(pilot, "1 to mend")
        elif state == "advanced":
            await press(pilot, "ctrl+l")
            await until_shown(pilot, "name_prefix")
        elif state == "choosing":
            screen.query_one("#list-region").focus()
            await press(pilot, "enter")
            await until_shown(pilot, "Las Vegas")
        elif state == "password":
            screen.query_one("#password").focus()
            await press(pilot, *"correct", "minus", *"horse")
            await until_shown(pilot, "--sql-password-stdin")

    show(ParametersScreen(tui_drafts.preparing(home).see_all()), until)


@at_each_size
@pytest.mark.parametrize("state", ["looking", "planned", "asked", "refused"])
def test_review(state: str, show: Show, home: Home, size: tuple[int, int]) -> None:
    refusal = PermanentError("The plan can't be made.", cause="403: forbidden", hint="Ask an owner for a role.")
    preparing = tui_drafts.preparing(home, plan=refusal if state == "refused" else None).see_all()
    preparing.project = "acme-ml-prod"

    async def until(pilot: Pilot[int]) -> None:
        if state == "looking":
            await until_shown(pilot, "Planning")
        elif state == "refused":
            await until_shown(pilot, "Ask an owner")
        else:
            await until_shown(pilot, "4 to make")
        if state == "asked":
            await press(pilot, "I")
            await until_shown(pilot, "Install?")

    if state == "looking":
        preparing.gate.clear()
    show(ReviewScreen(preparing), until)


@at_each_size
@pytest.mark.parametrize("state", ["closed", "forwarded", "failing", "rehearsal"])
def test_access(state: str, show: Show, home: Home, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    forwarded = state in ("forwarded", "failing")
    monkeypatch.setattr(forwarding, "running", lambda _: 8080 if forwarded else None)
    monkeypatch.setattr(forwarding, "answers", lambda _: forwarded)
    environment = tui_runs.environment(home, cloud="rehearsal" if state == "rehearsal" else "google")
    tui_runs.write(environment, tui_runs.installed())
    screen = AccessScreen(environment)
    monkeypatch.setattr(AccessScreen, "kubectl", lambda _: "kubectl --kubeconfig /home/me/demo/kubeconfig get pods")

    async def until(pilot: Pilot[int]) -> None:
        await until_shown(pilot, "2 pass", "answers" if forwarded else "d forwards it")
        if state == "failing":
            screen.checks = [{"check": "BigQuery", "state": "fail", "detail": "403: no role."}, *screen.checks]
            screen._show()
            await until_shown(pilot, "fails")

    assert endpoints.describe(environment)["console"]
    show(screen, until)


@at_each_size
@pytest.mark.parametrize("question", ["rehearsal", "destroy"])
def test_questions(question: str, show: Show, home: Home, size: tuple[int, int]) -> None:
    asked = AskRehearsal("demo") if question == "rehearsal" else AskDestroy("demo", text("Everything of demo is removed."))

    async def until(pilot: Pilot[int]) -> None:
        await until_shown(pilot, "Its name" if question == "rehearsal" else "go ahead")

    show(asked, until)


def test_the_folder_of_pictures_is_beside_the_tests() -> None:
    assert (Path(__file__).parent / "__snapshots__").is_dir()
