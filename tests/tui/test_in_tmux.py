"""The app in a real terminal, as a person has it: tmux, its screen read, its keys sent, its pane killed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tui_runs
from tui_pty import ROOT, tmux

from core.environment import Environment, Home
from core.environment import rehearsal as rehearsals
from core.errors import UnknownEnvironment
from core.install import forwarding
from core.run import runs


def end_all(home: Home) -> None:
    """Ends whatever goes on for the environment of these tests."""
    with contextlib.suppress(UnknownEnvironment):
        environment = Environment.load(home, "demo")
        forwarding.stop(environment)
        if (held := runs.current(environment)) is not None:
            os.kill(held.pid, signal.SIGKILL)
    rehearsals.forget(home, "demo")


def test_a_run_outlives_its_pane_and_a_second_app_shows_its_end(home: Home) -> None:
    with tmux(home=home.root) as pane:
        pane.until("No environment is kept")
        pane.keys("e")
        pane.until("Rehearse")
        pane.keys("Enter")
        pane.until("demo › installing", seconds=60)
        pane.run("kill-pane")
    environment = Environment.load(home, "demo")
    try:
        held = runs.current(environment)
        assert held is not None
        end = time.monotonic() + 100
        while runs.current(environment) is not None:
            assert time.monotonic() < end
            time.sleep(0.2)
        with tmux(home=home.root) as pane:
            pane.until("✓ installed")
            pane.keys("w")
            pane.until("demo › installed", "demo is installed.", "16/16")
    finally:
        end_all(home)


def test_without_utf8_every_sign_is_ascii_and_still_has_its_word(home: Home) -> None:
    tui_runs.write(tui_runs.environment(home), tui_runs.failed())
    with tmux(home=home.root, locale="C") as pane:
        screen = pane.until("failed at pipelines")
        pane.keys("w")
        screen += pane.until("demo > failed at pipelines", "x pipelines", "+ platform", "cannot pull its")
    assert screen.isascii()
    assert "_" not in screen.replace("ml_", "").replace("sql_", "").replace("_network", "").replace("_cluster", "")


def test_the_command_that_comes_back_is_printed(home: Home) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    with tui_runs.alive(environment), tmux(home=home.root, shell=True, columns=100) as pane:
        pane.keys(f"{sys.executable} -P -m core.cli", "Enter")
        pane.until("installing")
        pane.keys("C-c")
        pane.until("Leave mlops-env?", "Leave running", "Cancel and leave")
        pane.keys("Tab", "Enter")
        pane.until("The run goes on. Come back with: mlops-env attach demo")


def test_copying_goes_to_tmux_and_says_so(home: Home) -> None:
    tui_runs.write(tui_runs.environment(home), tui_runs.failed())
    with tmux(home=home.root) as pane:
        pane.until("failed at pipelines")
        pane.keys("w")
        pane.until("cannot pull its")
        pane.keys("c")
        pane.until("tmux's buffer")
        assert pane.run("show-buffer") == tui_runs.ERROR["command"]
        pane.keys("c")
        pane.until("To be copied", "Save as a file")


@pytest.mark.parametrize("columns", [60, 80])
def test_esc_in_tmux_and_the_letter_beside_it_go_back(home: Home, columns: int) -> None:
    tui_runs.write(tui_runs.environment(home), tui_runs.failed())
    with tmux(home=home.root, columns=columns, lines=20) as pane:
        for key in ("Escape", "b"):
            pane.until("Environments", "▸ demo")
            pane.keys("w")
            pane.until("demo › failed")
            pane.keys(key)
        pane.until("Environments")


@pytest.mark.parametrize(
    ("columns", "lines", "locale", "more"),
    [
        (60, 20, "C", {}),
        (80, 24, "C.UTF-8", {"NO_COLOR": "1"}),
        (120, 36, "C.UTF-8", {"COLORFGBG": "0;15"}),
        (80, 24, "C.UTF-8", {"TEXTUAL_THEME": "high-contrast"}),
    ],
    ids=["narrow-in-ascii", "no-colour", "wide-and-light", "high-contrast"],
)
def test_a_window_made_too_small_and_large_again_is_as_it_was(
    home: Home, columns: int, lines: int, locale: str, more: dict[str, str]
) -> None:
    tui_runs.write(tui_runs.environment(home), tui_runs.failed())
    with tmux(home=home.root, columns=columns, lines=lines, locale=locale, more=more) as pane:
        pane.until("failed at pipelines")
        pane.keys("w")
        arrow = ">" if locale == "C" else "›"
        pane.until(f"demo {arrow} failed at pipelines", "Cause", "Open page")
        before = pane.still()
        pane.resize(50, 15)
        pane.until("This window has 50 columns and 15 rows")
        pane.keys("l", "l")  # what is pressed meanwhile is done, and shown afterwards
        pane.resize(columns, lines)
        pane.until("Cause", "Open page")
        assert pane.still() == before
        coloured = re.search(r"\x1b\[[\d;]*\b(?:3[0-8]|4[0-8]|9\d|10\d)\b[\d;]*m", pane.painted())
        assert bool(coloured) == ("NO_COLOR" not in more)
    assert before.isascii() == (locale == "C")


def test_the_headless_twin_tells_the_same(home: Home, tmp_path: Path) -> None:
    tui_runs.write(tui_runs.environment(home), tui_runs.failed())
    command = [sys.executable, "-P", "-m", "core.cli", "status", "demo", "--output", "json"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout)
    with tmux(home=home.root) as pane:
        pane.until("✗ failed at pipelines")
    assert told["state"] == "failed"
    assert next(step for step in told["steps"] if step["state"] == "failed")["id"] == "pipelines"


@pytest.mark.timeout(900)
def test_the_whole_way_by_keys_alone_without_utf8(home: Home, tmp_path: Path) -> None:
    """From an empty Home to an open interface and to nothing left, in ASCII, with no key that something may take."""
    scenario = tmp_path / "quick.toml"
    scenario.write_text("speed = 0\n")
    seen = []
    try:
        with tmux(home=home.root, locale="C") as pane:
            pane.until("No environment is kept")
            pane.until_at("Rehearse")
            pane.keys("e")
            seen.append(pane.until("A scenario file"))
            pane.go_to("none")
            pane.type(str(scenario))
            pane.go_to("Choose first")
            pane.keys("Enter")
            seen.append(pane.until("p Parameters", "passes", seconds=200))
            pane.keys("p")
            seen.append(pane.until("mlops-env install demo --rehearse"))
            pane.until_at("us-central1")
            pane.go_to("found out")
            pane.type("us-central1-b")
            pane.go_to("made by the run")
            pane.type("Correct-Horse-7")
            seen.append(pane.until("zone=us-central1-b", "--sql-password-stdin"))
            pane.keys("C-r")
            seen.append(pane.until("APIs to switch on", "to make", seconds=200))
            pane.keys("I")
            seen.append(pane.until("Install?"))
            pane.until_at("No")
            pane.go_to("Install")
            pane.keys("Enter")
            seen.append(pane.until("demo is installed.", seconds=400))
            pane.keys("a")
            seen.append(pane.until("not forwarded", "10 pass"))
            pane.keys("d")
            seen.append(pane.until("answers", seconds=100))
            pane.keys("d")
            pane.until("not forwarded")
            pane.keys("b", "b")
            seen.append(pane.until("+ installed"))
            pane.keys("D")
            seen.append(pane.until("to remove"))
            pane.keys("D")
            pane.until("Type the environment")
            pane.type("demo")
            pane.go_to("Destroy")
            pane.keys("Enter")
            seen.append(pane.until("demo is destroyed.", seconds=400))
        assert all(screen.isascii() for screen in seen)
        assert "Correct-Horse" not in "".join(seen)
    finally:
        end_all(home)
