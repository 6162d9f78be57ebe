"""From an empty Home to an open interface, as a person goes: in a rehearsal, with the keyboard alone, typing."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from tui_pilot import focused, press, shown, until, until_shown

from core.environment import Environment, Home
from core.environment import rehearsal as rehearsals
from core.install import forwarding
from core.run import runs
from tui import keys
from tui.app import MlopsApp
from tui.screens.parameters import ParametersScreen
from tui.screens.review import ReviewScreen

LONG = 6000
PASSWORD = "Correct-Horse-7-battery"
QUICK = "speed = 0\n"
STUMBLES = """
speed = 0
[[fault]]
call = "cloudresourcemanager.projects.get"
status = 403
reason = "forbidden"
times = 1
[[fault]]
call = "sql.instances.insert"
status = 403
reason = "notAuthorized"
times = 1
"""


@pytest.fixture
def name(home: Home) -> Iterator[str]:
    """The environment's name; whatever runs for it is ended."""
    yield "demo"
    with contextlib.suppress(Exception):
        environment = Environment.load(home, "demo")
        forwarding.stop(environment)
        if (held := runs.current(environment)) is not None:
            os.kill(held.pid, signal.SIGKILL)
    rehearsals.forget(home, "demo")


class Typist:
    """Presses keys as they are printed on the screen, never one that something may take."""

    def __init__(self, pilot: Pilot[int]) -> None:
        self.pilot = pilot

    async def press(self, *names: str) -> None:
        assert not set(names) & (keys.TAKEN - {"escape"})
        await press(self.pilot, *names)

    async def type(self, words: str) -> None:
        names = {" ": "space", "-": "minus", "/": "slash", ".": "full_stop", "_": "underscore"}
        await press(self.pilot, *(names.get(c, c) for c in words))

    async def go_to(self, id: str) -> None:
        """Tabs until something has the focus."""
        for _ in range(60):
            if focused(self.pilot.app).id == id:
                return
            await self.press("tab")
        raise AssertionError(f"tab never came to {id}")

    async def see(self, *texts: str) -> str:
        return await until_shown(self.pilot, *texts)


async def begin(typist: Typist, scenario: Path) -> None:
    await typist.see("No environment is kept")
    await typist.press("e")
    await typist.see("A scenario file")
    await typist.go_to("scenario")
    await typist.type(str(scenario))
    await typist.go_to("first")
    await typist.press("enter")
    await typist.see("demo", "prerequisites")


async def prepare(typist: Typist, scenario: Path) -> str:
    """From an empty Home to the question whether to install; the screen with what would be made."""
    app = typist.pilot.app
    await begin(typist, scenario)
    await typist.see("p Parameters", "passes")
    await typist.press("p")
    await typist.see("mlops-env install demo --rehearse")
    await typist.go_to("in-zone")
    await typist.type("us-central1-b")
    await typist.go_to("password")
    await typist.type(PASSWORD)
    screen = await typist.see("--set zone=us-central1-b", "--sql-password-stdin")
    assert PASSWORD not in screen
    await typist.press("ctrl+r")
    await until(typist.pilot, lambda: isinstance(app.screen, ReviewScreen))
    return await typist.see("APIs to switch on", "to make", "as typed")


async def test_from_an_empty_home_to_access(home: Home, tmp_path: Path, name: str) -> None:
    scenario = tmp_path / "quick.toml"
    scenario.write_text(QUICK)
    app = MlopsApp(home, ascii=False)
    app.keyboard.paste_gap = 0.0
    async with app.run_test(size=(80, 24)) as pilot:
        typist = Typist(pilot)
        await prepare(typist, scenario)
        await typist.press("I")
        await typist.see("Install?", "costs nothing")
        await typist.go_to("yes")
        await typist.press("enter")
        await until(pilot, lambda: "demo is installed." in shown(app), tries=LONG)
        await typist.press("a")
        await typist.see("access", "not forwarded", "10 pass")
        await typist.press("d")
        await until(pilot, lambda: "answers" in shown(app), tries=LONG)
        await typist.press("d")
        await until(pilot, lambda: "not forwarded" in shown(app), tries=LONG)
    environment = Environment.load(home, name)
    assert environment.given == {"zone": "us-central1-b"}
    assert environment.sql_password_given
    kept = [p for p in home.root.rglob("*") if p.is_file() and home.rehearsals not in p.parents]
    assert not [p for p in kept if PASSWORD.encode() in p.read_bytes()]


async def test_what_blocks_and_what_fails_is_mended_on_the_way(home: Home, tmp_path: Path, name: str) -> None:
    scenario = tmp_path / "stumbles.toml"
    scenario.write_text(STUMBLES)
    app = MlopsApp(home, ascii=False)
    app.keyboard.paste_gap = 0.0
    async with app.run_test(size=(100, 30)) as pilot:
        typist = Typist(pilot)
        await begin(typist, scenario)
        await typist.see("✗ blocks", "open once nothing blocks", "account may not see it", "Why it matters", "What to do")
        await typist.press("p")
        assert not isinstance(app.screen, ParametersScreen)
        await typist.press("i")
        await typist.see("p Parameters")
        await typist.press("p")
        await typist.see("mlops-env install demo --rehearse")
        await typist.press("ctrl+r")
        await typist.see("APIs to switch on", "to make")
        await typist.press("I")
        await typist.see("Install?")
        await typist.go_to("yes")
        await typist.press("enter")
        await until(pilot, lambda: "failed at platform" in shown(app), tries=LONG)
        await typist.see("Cause", "R Retry")
        await typist.press("R")
        await typist.see("Go on?")
        await typist.go_to("yes")
        await typist.press("enter")
        await until(pilot, lambda: "demo is installed." in shown(app), tries=LONG)


async def test_leaving_before_the_start_leaves_nothing(home: Home, tmp_path: Path, name: str) -> None:
    scenario = tmp_path / "quick.toml"
    scenario.write_text(QUICK)
    app = MlopsApp(home, ascii=False)
    app.keyboard.paste_gap = 0.0
    async with app.run_test(size=(80, 24)) as pilot:
        typist = Typist(pilot)
        await begin(typist, scenario)
        await typist.see("p Parameters")
        assert rehearsals.running(home, name) is not None
        await typist.press("b")
        await typist.see("No environment is kept")
        await until(pilot, lambda: rehearsals.running(home, name) is None)
    assert Environment.all(home) == []
    assert not rehearsals.folder(home, name).exists()
