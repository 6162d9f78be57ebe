"""What leaves the screen: the bell, the title, a notification, the cursor, the mouse, pages; and what is selected on it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import tui_runs
from textual.pilot import Pilot
from textual.widget import Widget
from tui_pilot import press, until, until_shown
from tui_pty import terminal

from core.environment import Home
from tui import pages
from tui.app import MlopsApp
from tui.screens.destruction import DestructionScreen
from tui.screens.progress import ProgressScreen

DRAWN = b"demo"


@pytest.mark.parametrize("tmux", ["", "/nowhere/default,1,0"], ids=["plain", "in-tmux"])
def test_the_end_of_a_run_rings_names_the_window_and_notifies(home: Home, tmux: str) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    with terminal(variables={"TMUX": tmux}) as screen:
        with tui_runs.alive(environment):
            screen.until(DRAWN)
            screen.type("w")
            screen.until(b"]2;mlops-env demo: installing\x07")
            assert b"]9;" not in screen.written
            tui_runs.write(environment, tui_runs.installed()[len(tui_runs.halfway()) - 1 :], more=True)
        screen.until(b"]2;mlops-env demo: installed\x07")
        screen.read(lambda written: b"\x07" in written.replace(b"installed\x07", b"").replace(b"installing\x07", b""))
        assert (b"\x1b]9;demo: installed\x07" in screen.written) == (not tmux)


@pytest.mark.parametrize("allowed", ["on", "off"])
def test_in_tmux_a_notification_is_passed_through_where_tmux_lets_it(home: Home, tmp_path: Path, allowed: str) -> None:
    stand_in = tmp_path / "bin" / "tmux"
    stand_in.parent.mkdir()
    stand_in.write_text(f"#!/bin/sh\necho {allowed}\n")
    stand_in.chmod(0o755)
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    path = f"{stand_in.parent}:{os.environ['PATH']}"
    with terminal(variables={"TMUX": "/nowhere/default,1,0", "PATH": path}) as screen:
        with tui_runs.alive(environment):
            screen.until(DRAWN)
            screen.type("w")
            screen.until(b"]2;mlops-env demo: installing\x07")
            tui_runs.write(environment, tui_runs.installed()[len(tui_runs.halfway()) - 1 :], more=True)
        passed = b"\x1bPtmux;\x1b\x1b]9;demo: installed\x07\x1b\\"
        if allowed == "on":
            screen.until(passed)
        else:
            screen.until(b"]2;mlops-env demo: installed\x07")
            screen.type("q")
            screen.until(b"Leave mlops-env?")
            assert b"Ptmux" not in screen.written


def test_a_call_that_hangs_holds_nobody_who_leaves(home: Home) -> None:
    script = """
import time
import tui.app as module
from core.cli import main
from tui.background import in_thread

class Waiting(module.MlopsApp):
    async def _whose(self):
        await in_thread(time.sleep, 600)
        return ""

module.MlopsApp = Waiting
raise SystemExit(main([]))
"""
    tui_runs.environment(home)
    with terminal(script) as screen:
        screen.until(DRAWN)
        screen.type("q")
        screen.until(b"Leave mlops-env?")
        screen.type("\r")
        begun = time.monotonic()
        assert screen.wait() == 0
        assert time.monotonic() - begun < 60


def test_the_mouse_is_given_to_the_terminal_and_taken_back(home: Home) -> None:
    tui_runs.environment(home)
    with terminal() as screen:
        screen.until(DRAWN)
        given, taken = screen.written.count(b"\x1b[?1000l"), screen.written.count(b"\x1b[?1000h")
        screen.type("m")
        screen.until(b"\x1b[?1000l", times=given + 1)
        screen.until(b"press m to take it back")
        screen.type("m")
        screen.until(b"\x1b[?1000h", times=taken + 1)


def test_the_cursor_is_shown_on_request(home: Home) -> None:
    tui_runs.environment(home)
    with terminal() as screen:
        screen.until(DRAWN)
        screen.type(":")
        screen.until(b"Here: New")
        shown = screen.written.count(b"\x1b[?25h")
        for letter in "cursor":
            screen.type(letter)
            time.sleep(0.05)  # as a person types: what comes at once is a paste
        screen.until(b"terminal's cursor")
        time.sleep(0.05)
        screen.type("\r")
        screen.until(b"\x1b[?25h", times=shown + 1)


@pytest.mark.parametrize(
    ("variables", "opens"),
    [({}, False), ({"DISPLAY": ":0"}, True), ({"DISPLAY": ":0", "SSH_CONNECTION": "a 1 b 2"}, False),
     ({"DISPLAY": ":0", "CLOUD_SHELL": "true"}, False)],
    ids=["no-desktop", "desktop", "ssh", "cloud-shell"],
)  # fmt: skip
def test_a_page_opens_on_a_desktop_alone(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], opens: bool) -> None:
    begun: list[list[str]] = []
    monkeypatch.setattr(pages.sys, "platform", "linux")
    monkeypatch.setattr(pages.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: begun.append(command))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert pages.open("https://example.com/a") is opens
    assert pages.open("file:///etc/passwd") is False
    assert begun == [["xdg-open", "https://example.com/a"]] * opens


async def drag(pilot: Pilot[int], widget: Widget, begin: tuple[int, int], end: tuple[int, int]) -> str:
    """What is selected once the mouse was dragged over a widget."""
    await pilot.mouse_down(widget, offset=begin)
    await pilot.hover(widget, offset=end)
    await pilot.mouse_up(widget, offset=end)
    return pilot.app.screen.get_selected_text() or ""


async def test_what_we_paint_can_be_selected_and_is_copied(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.made())
    tui_runs.write_log(environment, "protect", ["one[each.key] [/red]", "two"])
    async with app.run_test(size=(120, 36)) as pilot:
        screen = ProgressScreen(environment)
        await app.push_screen(screen)
        await until_shown(pilot, "demo is installed.")
        chosen = await drag(pilot, screen.steps, (2, 0), (15, 1))
        assert chosen.splitlines()[0].startswith("prerequisites Prerequisites")
        assert "services" in chosen.splitlines()[1]
        await press(pilot, "ctrl+c")
        await until(pilot, lambda: app._copied == chosen)
        await press(pilot, "l")
        await until_shown(pilot, "one[each.key] [/red]")
        assert "one[each.key] [/red]" in await drag(pilot, screen.log_view, (0, 0), (30, 1))
        removal = DestructionScreen(environment)
        await app.push_screen(removal)
        await until_shown(pilot, "to remove")
        assert "Google Cloud" in await drag(pilot, removal.query_one("Tree"), (0, 0), (30, 1))
