"""Giving the terminal to another program, a sign-in for the most part, and taking it back.

Textual's own `suspend` stops the thread that writes, whose queue holds thirty writes: whatever is painted meanwhile blocks
the loop for good; and where the body raises, it never resumes. So nothing is painted or written in between, nothing
raises there, and an interrupt at the program's prompt ends the program, not the app.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import Any

from textual.app import App

from tui.background import in_thread
from tui.terminal import TerminalDriver
from tui.text import clean


async def run_here(app: App[Any], command: Sequence[str], *, introduction: str = "") -> int:
    """Runs a command on the terminal in place of the app; returns its exit code, 127 where it can't be started."""
    driver = app._driver
    before = signal.signal(signal.SIGINT, lambda *_: None)
    with app.batch_update():
        with app.suspend():
            _pause(driver, True)
            code = await _run(command, introduction)
            _pause(driver, False)
    signal.signal(signal.SIGINT, before)
    app.screen.refresh(repaint=True, layout=True)
    return code


def _pause(driver: object, paused: bool) -> None:
    if isinstance(driver, TerminalDriver):
        driver.paused = paused


async def _run(command: Sequence[str], introduction: str) -> int:
    """Never raises: Textual would not resume."""
    try:
        print(clean(introduction), end="\n" if introduction else "", flush=True)
        print("$", clean(" ".join(command)), flush=True)
        child = await asyncio.create_subprocess_exec(*command)
        code = await child.wait()
    except OSError as error:
        print(f"{command[0]} can't be started: {error.strerror}.", flush=True)
        code = 127
    if code:
        print(f"\nIt ended with {code}. Press enter to go back to mlops-env.", flush=True)
        await in_thread(sys.stdin.readline)
    return code
