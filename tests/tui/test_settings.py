"""What a person chose of the screen holds at the next start, as far as the terminal's own word allows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tui_pilot import press, shown, until, until_shown
from tui_pty import terminal

from core.environment import Home
from tui import settings
from tui.app import MlopsApp
from tui.settings import Settings


def said(app: MlopsApp) -> str:
    """The short messages that were shown last."""
    return " ".join(found.message for found in app._notifications)


async def choose(home: Home, *names: str) -> None:
    """Chooses in the palette as a person does."""
    app = MlopsApp(home)
    app.keyboard.paste_gap = 0.0
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        for name in names:
            before = app.settings
            await press(pilot, "colon")
            await until_shown(pilot, "Here: New")
            await press(pilot, *name)
            await until(pilot, lambda name=name: f": {name}" in shown(app))  # type: ignore[misc]
            await press(pilot, "enter")
            await until(pilot, lambda before=before: app.settings != before)  # type: ignore[misc]
            await until(pilot, lambda: settings.load(home)[0] == app.settings)


async def test_colours_and_signs_are_kept(home: Home) -> None:
    await choose(home, "light", "ASCII")
    app = MlopsApp(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        assert app.theme == "light"
        assert shown(app).isascii()


async def test_a_choice_is_taken_back(home: Home) -> None:
    settings.keep(home, Settings(theme="high-contrast", ascii=True))
    await choose(home, "all", "dark")
    app = MlopsApp(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        assert app.theme == "dark"
        assert not shown(app).isascii()


def test_what_a_variable_says_wins(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.keep(home, Settings(theme="light"))
    monkeypatch.setenv("COLORFGBG", "15;0")  # what a terminal says of itself is no choice
    assert MlopsApp(home).theme == "light"
    monkeypatch.setenv("LC_ALL", "C")
    assert MlopsApp(home).ascii.enabled
    monkeypatch.setattr("tui.THEME", "high-contrast")
    assert MlopsApp(home).theme == "high-contrast"
    monkeypatch.setattr("tui.THEME", "nobodys")
    assert MlopsApp(home).theme == "light"


@pytest.mark.parametrize(
    "content",
    [b"theme = ", b"theme = 3\n", b"ascii = 'yes'\n", b"\xff\xfe", None],
    ids=["no-toml", "no-name", "no-truth", "no-text", "a-folder"],
)
async def test_a_file_that_cannot_be_read_costs_the_settings_alone(home: Home, content: bytes | None) -> None:
    path = home.root / settings.FILE
    path.parent.mkdir(parents=True)
    path.mkdir() if content is None else path.write_bytes(content)
    app = MlopsApp(home)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "can't be read, so colours and signs are as they come: " in said(app))
        await until_shown(pilot, "No environment is kept")
        assert app.theme == "dark"
        assert "Traceback" not in shown(app)


async def test_a_choice_that_cannot_be_kept_holds_and_says_so(home: Home) -> None:
    path: Path = home.root / settings.FILE
    path.mkdir(parents=True)
    app = MlopsApp(home)
    async with app.run_test(size=(120, 36)) as pilot:
        await until_shown(pilot, "No environment is kept")
        app.choose_theme("light")
        await until(pilot, lambda: "can't be written, so this holds until you leave" in said(app))
        assert app.theme == "light"


def test_the_cursor_is_shown_from_the_start_once_it_was_chosen(home: Home) -> None:
    settings.keep(home, Settings(cursor=True))
    with terminal() as screen:
        screen.until(b"No environment is kept")
        written = screen.until(b"\x1b[?25h")
        assert written.rindex(b"\x1b[?25h") > written.rindex(b"\x1b[?25l")


@pytest.mark.parametrize(("theme", "background"), [("light", b"48;2;251;251;250"), ("high-contrast", b"48;2;0;0;0")])
def test_a_theme_that_the_variable_names_is_what_the_terminal_gets(home: Home, theme: str, background: bytes) -> None:
    settings.keep(home, Settings(theme="dark"))
    with terminal(variables={"TEXTUAL_THEME": theme, "COLORTERM": "truecolor"}) as screen:
        written = screen.until(b"No environment is kept")
        assert background in written
