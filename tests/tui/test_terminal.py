"""The terminal is given back as it was, however the app ends; held in a pseudo-terminal."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from tui_pty import APP, ROOT, terminal

from core.environment import Home
from tui.terminal import RESTORE

LEFT = b"\x1b[?1049l"
DRAWN = b"No environment is kept"
OFF = (b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?2004l", b"\x1b[<u", b"\x1b[?25h", b"\x1b[?7h")
PAINTS_FOR_EVER = """
import asyncio
import tui.app

async def paint(app):
    while True:
        app.screen.refresh(layout=True)
        await asyncio.sleep(0)

tui.app.MlopsApp._look_around = paint
"""
HOSTILE_FOLDER = "raise SystemExit('the working folder was run')"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_the_terminal_as_it_was(number: signal.Signals, home: Home) -> None:
    with terminal() as screen:
        screen.until(DRAWN)
        screen.child.send_signal(number)
        assert screen.wait() == 128 + number
        after = screen.written[screen.written.rindex(LEFT) - 200 :]
        for sequence in OFF:
            assert sequence in after
        assert termios.tcgetattr(screen.slave) == screen.before


def test_a_terminal_that_stops_reading_keeps_no_signal_waiting(home: Home) -> None:
    """The app redraws until nothing more is taken, and hangs in a write; a signal still ends it."""
    with terminal(PAINTS_FOR_EVER + APP) as screen:
        screen.read(lambda written: b"\x1b[?1049h" in written)
        screen.child.send_signal(signal.SIGTERM)
        assert screen.child.wait(timeout=20) == 128 + signal.SIGTERM


def test_a_terminal_that_is_behind_is_given_back_all_the_same_and_nothing_is_drawn_after_it(home: Home) -> None:
    with terminal(PAINTS_FOR_EVER + APP) as screen:
        screen.read(lambda written: b"\x1b[?1049h" in written)
        while select.select([], [screen.slave], [], 0.2)[1]:  # until the terminal takes no more
            pass
        screen.child.send_signal(signal.SIGTERM)
        assert screen.wait() == 128 + signal.SIGTERM
        assert screen.written.endswith(RESTORE)


def test_a_hung_up_terminal_ends_the_app_even_where_hang_ups_are_ignored(home: Home) -> None:
    with terminal("import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + APP) as screen:
        screen.until(DRAWN)
        os.close(screen.slave)
        os.close(screen.master)
        assert screen.child.wait(timeout=20) == 129


def test_leaving_restores_and_ends_with_0(home: Home) -> None:
    with terminal() as screen:
        screen.until(DRAWN)
        screen.type("q")
        screen.until(b"Leave mlops-env?")
        screen.type("\r")
        assert screen.wait() == 0
        assert LEFT in screen.written
        assert termios.tcgetattr(screen.slave) == screen.before
        assert b"\x1b[22;0t" in screen.written
        assert b"\x1b[23;0t" in screen.written


def test_size_variables_of_the_shell_do_not_hold_the_screen(home: Home) -> None:
    with terminal(variables={"COLUMNS": "30", "LINES": "8"}) as screen:
        screen.until(DRAWN)
        assert b"needs 60" not in screen.written


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_without_three_terminals_it_is_one_sentence(stream: str, home: Home) -> None:
    script = f"import os, sys; sys.{stream} = open(os.devnull, 'r+')\n{APP}"
    with terminal(script) as screen:
        assert screen.wait() == 2
        assert b"\x1b[?1049h" not in screen.written
        if stream != "stderr":
            assert b"needs a terminal on standard input, output and error." in screen.written


def test_without_any_terminal_it_says_where_to_look(home: Home) -> None:
    command = [sys.executable, "-P", "-m", "core.cli"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert "--help" in done.stderr
    assert "Traceback" not in done.stderr


def test_variables_by_which_typing_would_be_written_down_are_dropped(home: Home, tmp_path: Path) -> None:
    written = tmp_path / "typed.log"
    variables = {
        "TEXTUAL_LOG": str(written), "TEXTUAL_PRESS": "q,enter", "TEXTUAL": "devtools", "TEXTUAL_DRIVER": "x:y",
        "TEXTUAL_SCREENSHOT": "0", "TEXTUAL_SCREENSHOT_LOCATION": str(tmp_path / "shots"),
    }  # fmt: skip
    with terminal(variables=variables) as screen:
        screen.until(DRAWN)
        screen.type("q")
        screen.until(b"Leave mlops-env?")
        screen.type("\r")
        assert screen.wait() == 0
    assert not written.exists()
    assert not (tmp_path / "shots").exists()


def test_the_working_folder_runs_nothing(home: Home, tmp_path: Path) -> None:
    for package in ("core", "tui", "textual"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(HOSTILE_FOLDER)
    with terminal(folder=tmp_path) as screen:
        screen.until(DRAWN)
        assert b"the working folder was run" not in screen.written


def test_letters_that_come_all_at_once_are_a_paste_and_do_nothing_more(home: Home) -> None:
    """The first letter may open a question; nothing after it answers that."""
    with terminal() as screen:
        screen.until(DRAWN)
        screen.type("q\rXDR\r")
        screen.until(b"Leave mlops-env?")
        assert screen.child.poll() is None
        screen.type("\x1b")
        screen.type("q")


def test_a_letter_and_enter_that_come_at_once_were_typed(home: Home) -> None:
    """So a slow connection brings them, and two keys are no paste."""
    with terminal() as screen:
        screen.until(DRAWN)
        screen.type("q\r")
        assert screen.wait() == 0


def test_esc_and_a_letter_that_were_joined_are_esc_and_the_letter(home: Home) -> None:
    with terminal() as screen:
        screen.until(DRAWN)
        screen.type("?")
        screen.until(b"Help")
        screen.type("\x1bq")
        screen.until(b"Leave mlops-env?")
