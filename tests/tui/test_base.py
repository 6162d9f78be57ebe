"""What every screen has: its layout from the first paint on, and errors that end neither it nor the app."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest
import tui_drafts
import tui_runs
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Button, Static
from tui_pilot import press, shown, until, until_shown

from core.environment import Home
from core.errors import UsageError
from tui.app import MlopsApp
from tui.keyboard import PASTE_GAP
from tui.screens.base import BaseScreen
from tui.screens.home import HomeScreen
from tui.screens.prerequisites import PrerequisitesScreen
from tui.widgets.field import Field


class Measured(BaseScreen):
    """Remembers which widths its styles were told when its body was made."""

    told: frozenset[str] = frozenset()

    def body(self) -> ComposeResult:
        self.told = frozenset(self.classes)
        yield Static("here")


@pytest.mark.parametrize(("columns", "name"), [(60, "-narrow"), (69, "-narrow"), (70, "-usual"), (110, "-wide")])
async def test_the_first_layout_is_that_of_the_width(app: MlopsApp, columns: int, name: str) -> None:
    async with app.run_test(size=(columns, 24)) as pilot:
        screen = Measured()
        await app.push_screen(screen)
        assert screen.told == {name}
        await pilot.resize_terminal(80, 24)
        await until_shown(pilot, "here")
        assert {"-narrow", "-usual", "-wide"} & screen.classes == {"-usual"}


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_environments_are_kept_up_to_date_whatever_screen_is_the_first_to_be_painted(
    turns: int, app: MlopsApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home is below it from the start, and nothing that waits for Home to be painted would ever happen."""
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.failed())
    on_mount = MlopsApp.on_mount

    def at_once(self: MlopsApp) -> None:
        on_mount(self)

        def push(left: int) -> None:
            if left:
                asyncio.get_running_loop().call_soon(push, left - 1)
            else:
                self.push_screen(Measured())

        push(turns)

    monkeypatch.setattr(MlopsApp, "on_mount", at_once)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "here")
        await until(pilot, lambda: [entry.name for entry in app.entries] == ["demo"])


@pytest.mark.parametrize("by", ["key", "button"])
async def test_a_defect_in_an_action_is_a_screen_and_the_app_goes_on(
    app: MlopsApp, home: Home, met: list[BaseException], monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    def broken(_: HomeScreen) -> None:
        raise ZeroDivisionError("[/red] of ours")

    monkeypatch.setattr(HomeScreen, "action_new", broken)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        await press(pilot, *(["n"] if by == "key" else ["tab", "enter"]))
        await until_shown(pilot, "an error that it does not know", "app.log")
        await press(pilot, "escape")
        await until_shown(pilot, "No environment is kept")
        assert "ZeroDivisionError: [/red] of ours" in (home.root / "app.log").read_text()
    assert [type(error) for error in met] == [ZeroDivisionError]
    met.clear()


async def test_what_is_refused_in_an_action_is_told_with_its_hint(
    app: MlopsApp, home: Home, moment: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: HomeScreen) -> None:
        raise UsageError("That can't be now.", hint="Try it tomorrow.")

    tui_runs.write(tui_runs.environment(home), tui_runs.failed())
    monkeypatch.setattr(HomeScreen, "action_watch", refused)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "R Retry")
        await press(pilot, "w")
        await until_shown(pilot, "That can't be now.", "Try it tomorrow.")
        await press(pilot, "escape")
        await until_shown(pilot, "Environments")


@pytest.mark.parametrize(
    ("typed", "apart", "screens"),
    [
        ("?q", 0.05, 3),  # a busy app finds them waiting together
        ("?q", 0.0, 3),  # a slow connection brings two at once
        ("?qx", 0.05, 3),
        ("?qx", 0.0, 2),  # a paste: only the first does anything
        ("?q\r", 0.0, 2),
        ("?\rq", 0.0, 2),
    ],
)
async def test_keys_were_typed_however_late_they_come_and_a_paste_was_not(
    app: MlopsApp, typed: str, apart: float, screens: int
) -> None:
    app.keyboard.paste_gap = PASTE_GAP
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        began = time.monotonic()
        for at, letter in enumerate(typed):
            name = {"?": "question_mark", "\r": "enter"}.get(letter, letter)
            key = events.Key(name, letter)
            key.time = began + apart * at
            app.post_message(key)
        await pilot.pause(PASTE_GAP * 3)
        await until(pilot, lambda: len(app.screen_stack) == screens)
        await pilot.pause(PASTE_GAP * 3)
        assert len(app.screen_stack) == screens, shown(app)


async def test_one_key_again_and_again_is_held_down_and_no_paste(app: MlopsApp) -> None:
    app.keyboard.paste_gap = PASTE_GAP
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        await pilot.press("u")
        await pilot.pause(PASTE_GAP * 3)
        await pilot.press("question_mark")
        await until(pilot, lambda: len(app.screen_stack) == 3)
        for key in (events.Key("b", "b"), events.Key("b", "b")):
            app.post_message(key)
        await until(pilot, lambda: len(app.screen_stack) == 1)


class Deep(BaseScreen):
    """Has the focus far inside."""

    ACTIONS = ("back",)

    def body(self) -> ComposeResult:
        with Vertical(), Vertical(), Vertical():
            yield Button("here")

    def on_mount(self) -> None:
        self.query_one(Button).focus()


@pytest.mark.parametrize("letter", ["b", "escape"])
async def test_no_key_is_lost_on_its_way_through_a_screen_that_the_key_before_it_closes(app: MlopsApp, letter: str) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        for turns in range(40):
            for _ in range(2):
                await app.push_screen(Deep())
            await until(pilot, lambda: isinstance(app.focused, Button) and app.screen.is_mounted)
            app.post_message(events.Key(letter, None))
            for _ in range(turns):
                await asyncio.sleep(0)
            app.post_message(events.Key(letter, None))
            await until(pilot, lambda: len(app.screen_stack) == 1)


class Fields(BaseScreen):
    """Two fields, the first with the focus."""

    ACTIONS = ("back",)

    def body(self) -> ComposeResult:
        yield Field(id="first")
        yield Field(id="second")

    def on_mount(self) -> None:
        self.query_one("#first").focus()


async def test_what_is_typed_before_a_screen_is_there_comes_to_where_it_belongs(app: MlopsApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        app.push_screen(Fields())
        app.post_message(events.Key("a", "a"))
        app.post_message(events.Key("tab", "\t"))
        app.post_message(events.Paste("pasted"))
        app.post_message(events.Key("b", "b"))
        app.post_message(events.Key("shift+tab", None))
        app.post_message(events.Key("c", "c"))
        await until_shown(pilot, "ac", "pastedb")
        app.post_message(events.Key("escape", None))
        app.post_message(events.Key("n", "n"))
        for letter in "demo":
            app.post_message(events.Key(letter, letter))
        await until_shown(pilot, "New environment", "demo")


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"], ids=["lf", "cr", "crlf"])
async def test_a_paste_of_several_lines_becomes_one_and_says_so(app: MlopsApp, end: str) -> None:
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until_shown(pilot, "No environment is kept")
        await press(pilot, "n")
        await until_shown(pilot, "New environment")
        field = app.screen.query_one("#value", Field)
        field.post_message(events.Paste(f"europe-west4{end}rm -rf /{end}"))
        await until_shown(pilot, "had several lines", "europe-west4 rm -rf /")
        field.value = ""
        field.post_message(events.Paste(f"team-a{end}"))
        await until_shown(pilot, "team-a")
        assert field.value == "team-a", "the question waits for enter"


@pytest.mark.parametrize("columns", [60, 72, 80, 90, 100, 109, 130])
async def test_no_label_of_a_button_is_broken_at_any_width(app: MlopsApp, home: Home, columns: int) -> None:
    async with app.run_test(size=(columns, 30)) as pilot:
        await app.push_screen(PrerequisitesScreen(tui_drafts.preparing(home, sign_in=[tui_drafts.BLOCKED])))
        await until_shown(pilot, "Look again (i)", "Run here (H)", "Open page (o)", "Copy (c)")
