"""Destroying: what goes and what stays is seen before anything goes, and the name has to be typed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import tui_runs
from textual.pilot import Pilot
from textual.widgets import Button
from tui_pilot import focused, press, shown, until, until_shown

from core import events
from core.environment import Environment, Home
from core.errors import MlopsError
from tui import steering
from tui.app import MlopsApp
from tui.screens.destruction import DestructionScreen


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What was started to be destroyed, with the data or without; nothing is."""
    found: list[bool] = []

    def destroy(_: Environment, *, delete_data: bool) -> str:
        found.append(delete_data)
        raise MlopsError("Another run holds demo.", hint="Watch it.")

    monkeypatch.setattr(steering, "destroy", destroy)
    return found


async def opened(pilot: Pilot[int], home: Home, *more: Any) -> DestructionScreen:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, [*tui_runs.made(), *more])
    await until_shown(pilot, "Destroy (D)")
    await press(pilot, "D")
    await until_shown(pilot, "demo › destroy", "to remove")
    screen = pilot.app.screen
    assert isinstance(screen, DestructionScreen)
    return screen


async def test_what_goes_and_what_stays_is_a_tree(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    hostile = tui_runs.resource(0, "platform", "google_compute_network", "a[each.key] [/red] \x1b]52;c;eA==\x07", "done")
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, home, hostile)
        screen = await until_shown(pilot, "Google Cloud", "What stays", "Nothing has been removed yet.")
        assert "storage.buckets" not in screen.partition("What stays")[0]
        await press(pilot, "slash", *"each", "full_stop", *"key")
        screen = await until_shown(pilot, "a[each.key] [/red]")
        assert "\x1b" not in screen
        assert "container cluster" not in screen


async def test_the_name_has_to_be_typed_and_the_buckets_stay_unless_they_are_chosen(
    app: MlopsApp, home: Home, moment: SimpleNamespace, started: list[bool]
) -> None:
    async with app.run_test() as pilot:
        await opened(pilot, home)
        await press(pilot, "D")
        await until_shown(pilot, "─ Destroy ─", "The buckets and what is in them")
        yes = app.screen.query_one("#yes", Button)
        await press(pilot, *"dem", "enter")
        assert yes.disabled
        await press(pilot, "o", "enter")
        assert focused(app) is yes
        assert started == []
        await press(pilot, "enter")
        await until_shown(pilot, "Another run holds demo.")
        assert started == [False]
        await press(pilot, "escape")
        await press(pilot, "y")
        await until_shown(pilot, "Keep buckets (y)")
        await press(pilot, "D")
        await until_shown(pilot, "everything in them")
        await press(pilot, *"demo", "enter", "enter")
        await until(pilot, lambda: started == [False, True])


async def test_going_back_removes_nothing(app: MlopsApp, home: Home, moment: SimpleNamespace, started: list[bool]) -> None:
    async with app.run_test() as pilot:
        await opened(pilot, home)
        await press(pilot, "D", "escape", "b")
        await until(pilot, lambda: "Environments" in shown(app))
    assert started == []


async def test_what_a_run_removed_again_is_not_there(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    gone = events.ResourceChanged(
        step="platform", kind="google_container_cluster", id="module.cluster.google_container_cluster.this",
        action="delete", state="done",
    )  # fmt: skip
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, home, (0, gone))
        assert "container cluster" not in await until_shown(pilot, "4 to remove")
