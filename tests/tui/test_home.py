"""Home: what is there, how it stands, and where each of its keys leads."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tui_runs
from tui_pilot import focused, press, shown, until, until_shown

from core.environment import Home
from core.errors import MlopsError
from tui import steering
from tui.app import MlopsApp
from tui.screens.dialogs import Ask
from tui.screens.home import HomeScreen
from tui.screens.progress import ProgressScreen
from tui.widgets.field import Field


async def test_an_empty_home_offers_the_rehearsal_first(app: MlopsApp) -> None:
    async with app.run_test() as pilot:
        screen = await until_shown(pilot, "No environment is kept", "account, no cost")
        assert focused(app).id == "do-rehearse"
        assert screen.splitlines()[-1].split()[:2] == ["e", "Rehearse"]
        assert "Retry" not in screen


async def test_that_the_cloud_is_being_started_is_said_for_as_long_as_it_is_true(
    app: MlopsApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = threading.Event()

    def refuse(_: object) -> str:
        raise MlopsError("No run is wanted here.")

    slow = SimpleNamespace(open=up.wait, start=refuse, discard=lambda: None)
    monkeypatch.setattr("core.install.draft.Draft.new", lambda *_, **__: slow)
    async with app.run_test(notifications=True) as pilot:
        await until_shown(pilot, "No environment is kept")
        await press(pilot, "e", "enter")
        await until_shown(pilot, "Starting the simulated")
        up.set()
        await until_shown(pilot, "No run is wanted here.")
        assert "Starting" not in shown(app)


async def test_each_environment_is_told_by_sign_and_word(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    for name, happened in (
        ("running", tui_runs.halfway()),
        ("broken", tui_runs.failed()),
        ("over", tui_runs.installed()),
        ("dead", tui_runs.halfway()),
    ):
        tui_runs.write(tui_runs.environment(home, name), happened)
    fresh = tui_runs.environment(home, "fresh", cloud="google")
    live = tui_runs.environment(home, "running")
    with tui_runs.alive(live):
        async with app.run_test(size=(100, 30)) as pilot:
            await until_shown(pilot, "running")
            rows = {
                line.split()[1]: line for line in shown(app).splitlines() if line.startswith("│") and len(line.split()) > 2
            }
            rows |= {line.split()[2]: line for line in shown(app).splitlines() if "▸" in line}
    assert "◐ installing 6/15, ~11 min" in rows["running"]
    assert "✗ failed at pipelines" in rows["broken"]
    assert "✓ installed" in rows["over"]
    assert "= interrupted at platform" in rows["dead"]
    assert "· new" in rows[fresh.name]


async def test_enter_opens_the_chosen_run_and_back_returns(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    for name in ("alpha", "beta"):
        tui_runs.write(tui_runs.environment(home, name), tui_runs.failed())
    async with app.run_test() as pilot:
        await until_shown(pilot, "alpha", "beta")
        await press(pilot, "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ProgressScreen))
        await until_shown(pilot, "mlops-env › beta › failed at pipelines")
        await press(pilot, "b")
        await until_shown(pilot, "Environments")


async def test_a_capital_asks_before_it_starts_anything(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    tui_runs.write(tui_runs.environment(home), tui_runs.failed())
    async with app.run_test() as pilot:
        await until_shown(pilot, "demo", "R Retry")
        await press(pilot, "R")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        assert focused(app).id == "stay"
        await press(pilot, "R", "R", "enter")
        await until_shown(pilot, "Environments")


async def test_retry_names_the_failed_step_to_a_run_that_goes_on(
    app: MlopsApp, home: Home, moment: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(steering, "ask", lambda _, request: asked.append(request))
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.failed()[:-4])
    with tui_runs.alive(environment):
        async with app.run_test() as pilot:
            await until_shown(pilot, "demo", "R Retry")
            await press(pilot, "R")
            await until_shown(pilot, "at pipelines; what")
            await press(pilot, "tab", "enter")
            await until(pilot, lambda: isinstance(app.screen, ProgressScreen))
    assert asked == [{"do": "retry", "step": "pipelines"}]


async def test_a_record_that_cannot_be_read_is_a_row_and_no_end(app: MlopsApp, home: Home) -> None:
    environment = tui_runs.environment(home)
    (environment.folder / "environment.toml").write_text("format = [/red]")
    async with app.run_test() as pilot:
        await until_shown(pilot, "record can't be read", "environment.toml can't be read")


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_a_record_that_cannot_be_read_keeps_nobody_from_leaving(app: MlopsApp, home: Home, key: str) -> None:
    environment = tui_runs.environment(home)
    (environment.folder / "environment.toml").write_text("format = [/red]")
    async with app.run_test() as pilot:
        await until_shown(pilot, "record can't be read")
        await press(pilot, key)
        await until_shown(pilot, "Leave mlops-env?", "Nothing is running.")
        await press(pilot, "enter")
        await until(pilot, lambda: app.return_value == 0)
    assert app.farewell == []


@pytest.mark.parametrize("answer", ["leave", "cancel"])
async def test_a_run_that_ends_while_one_is_asked_how_to_leave_is_told_as_ended(
    app: MlopsApp, home: Home, moment: SimpleNamespace, answer: str
) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    async with app.run_test() as pilot:
        with tui_runs.alive(environment):
            await until_shown(pilot, "installing")
            await press(pilot, "q")
            await until_shown(pilot, "A run goes on: demo.")
        await pilot.click(f"#{answer}")
        await until(pilot, lambda: app.return_value == 0)
    assert app.farewell == ["The run of demo has ended. See: mlops-env status demo"]


async def test_a_run_that_waits_says_so_on_every_screen(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    needy = tui_runs.environment(home, "needy")
    tui_runs.write(needy, [*tui_runs.halfway(), tui_runs.waiting()])
    tui_runs.write(tui_runs.environment(home, "other"), tui_runs.failed())
    with tui_runs.alive(needy):
        async with app.run_test() as pilot:
            await until_shown(pilot, "! needs you: sign-in", "needy waits for you: The sign-in has run out.")
            await press(pilot, "down", "enter")
            await until_shown(pilot, "other › failed", "needy waits for you")


@pytest.mark.parametrize("size", [(59, 24), (80, 19), (20, 5)])
async def test_a_window_that_is_too_small_says_so(app: MlopsApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await until_shown(pilot, "needs")
        assert f"{size[0]} columns" in " ".join(shown(app).split())
        await pilot.resize_terminal(80, 24)
        await until_shown(pilot, "No environment is kept")


async def test_looks_that_come_in_at_once_find_one_whole_screen(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    tui_runs.write(tui_runs.environment(home), tui_runs.failed())
    async with app.run_test() as pilot:
        await until_shown(pilot, "failed at pipelines")
        fresh = HomeScreen()
        await app.push_screen(fresh)
        await asyncio.gather(*(fresh.show(app.entries) for _ in range(3)))
        assert len(fresh.query("#detail")) == len(fresh.query("#environments")) == 1


@pytest.mark.parametrize("key", ["n", "e"])
async def test_a_question_for_a_name_waits_for_one(app: MlopsApp, key: str) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        await press(pilot, key)
        await until(pilot, lambda: bool(app.screen.query("#value")))
        dialog = app.screen
        dialog.query_one("#value", Field).value = "  "
        await press(pilot, "enter", "tab", *(["tab"] if key == "e" else []), "enter")
        await pilot.pause()
        assert app.screen is dialog
        assert focused(app).id == "value"
        await press(pilot, "escape")
        await until_shown(pilot, "No environment is kept")


async def test_what_is_refused_at_the_beginning_can_be_mended(app: MlopsApp, tmp_path: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        await press(pilot, "n")
        await until(pilot, lambda: bool(app.screen.query("#value")))
        app.screen.query_one("#value", Field).value = "Acme [/red]"
        await press(pilot, "enter")
        await until_shown(pilot, "NAME = 'Acme [/red]' is not allowed")
        await press(pilot, "escape")
        await until(pilot, lambda: bool(app.screen.query("#value")))
        assert app.screen.query_one("#value", Field).value == "Acme [/red]"
        await press(pilot, "escape", "e")
        await until(pilot, lambda: bool(app.screen.query("#scenario")))
        app.screen.query_one("#scenario", Field).value = str(tmp_path / "none.toml")
        await press(pilot, "enter")
        await until_shown(pilot, "can't be read")
        await press(pilot, "escape")
        await until(pilot, lambda: bool(app.screen.query("#scenario")))
        assert app.screen.query_one("#value", Field).value == "demo"
        assert app.screen.query_one("#scenario", Field).value == str(tmp_path / "none.toml")


async def test_the_keys_that_are_everywhere_work_over_a_question_too(app: MlopsApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        await press(pilot, "question_mark")
        await until_shown(pilot, "Close")
        await press(pilot, "question_mark")
        await until(pilot, lambda: "Close" not in shown(app))
        await press(pilot, "question_mark")
        await until_shown(pilot, "Close")
        await press(pilot, "q")
        await until_shown(pilot, "Leave mlops-env?")
