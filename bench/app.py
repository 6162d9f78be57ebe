"""The app against a bare Textual app that only paints a header, a footer and one list, in turn in one run.

First paint is measured from outside, from the start of the process to the first frame in a pseudo-terminal. What happens
to the event loop and to memory is measured inside a child, which says it as JSON.
"""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.measure import Lacking, Row, in_turns, run

ROOT = str(Path(__file__).resolve().parents[1])
ROUNDS = 11
FRAME = b"\x1b[?2026h"
"""Textual opens each frame with it, once the terminal has said that it can; so it is told that."""
SYNCHRONIZED = b"\x1b[?2026;2$y"
LINES, EVENTS = 500_000, 100_000
BARE = """
from textual.app import App
from textual.widgets import Footer, Header, OptionList
class Bare(App):
    def compose(self):
        yield Header()
        yield OptionList(*[f"row {i}" for i in range(20)])
        yield Footer()
Bare().run()
"""
OURS = "from core.cli import main; raise SystemExit(main([]))"


def first_paint() -> Row:
    """Home on an empty home, against the bare app."""
    with tempfile.TemporaryDirectory() as home:
        variables = {"MLOPS_ENV_HOME": home}
        ratios = in_turns(
            lambda: _painted(OURS, b"Environments", variables), lambda: _painted(BARE, b"row 0", {}), rounds=ROUNDS
        )
    return Row.of("first paint", ratios, goal=1.3, against="a bare Textual app")


def reopened() -> Row:
    """The app where the last run has 100,000 events, which it reads meanwhile, against the bare app."""
    with _long_run() as variables:
        ratios = in_turns(
            lambda: _painted(OURS, b"Environments", variables), lambda: _painted(BARE, b"row 0", {}), rounds=ROUNDS
        )
    return Row.of("first paint with 100,000 events", ratios, goal=1.3, against="a bare Textual app")


def whole_state() -> Row:
    """Seconds from opening a run with 100,000 events until all of them are in its state."""
    with _long_run() as variables:
        values = [_child("whole_state", variables)["seconds"] for _ in range(5)]
    return Row.of("whole state of 100,000 events", values, goal=1.0, against="the clock", unit="seconds")


def stall() -> Row:
    """The longest time that the event loop was held while a step printed 500,000 lines, less the bare app's."""
    values = []
    for _ in range(3):
        ours, bare = _child("stalls", {}), _child("stalls_of_bare", {})
        if ours["lines"] != LINES:
            raise Lacking(f"{ours['lines']} of {LINES} lines reached the screen's index.")
        values.append(max(0.0, (ours["stall"] - bare["stall"]) * 1000))
    return Row.of("stall at 500,000 lines", values, goal=50.0, against="a bare Textual app's own", unit="ms")


def memory() -> Row:
    """Growth of the resident memory over 500,000 lines."""
    values = [_child("stalls", {})["megabytes"] for _ in range(3)]
    return Row.of("memory at 500,000 lines", values, goal=60.0, against="before the first line", unit="MB")


def _painted(script: str, sign: bytes, variables: Mapping[str, str]) -> None:
    """Starts a screen in a pseudo-terminal, waits for its first frame with a sign in it, and ends it."""
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **variables}
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", script], stdin=slave, stdout=slave, stderr=slave, env=environment,
        preexec_fn=os.setsid,
    )  # fmt: skip
    try:
        _wait_for(master, sign)
    finally:
        child.kill()
        child.wait()
        os.close(slave)
        os.close(master)


def _wait_for(master: int, sign: bytes) -> None:
    written, end, answered = b"", time.monotonic() + 30, False
    while sign not in written:
        if time.monotonic() > end:
            raise Lacking(f"{sign!r} was never painted.")
        if select.select([master], [], [], 0.05)[0]:
            written += os.read(master, 1 << 16)
        if b"\x1b[?2026$p" in written and not answered:
            os.write(master, SYNCHRONIZED)
            answered = True


def _child(what: str, variables: Mapping[str, str]) -> dict[str, float]:
    """One measurement inside a process of its own."""
    command = [sys.executable, "-P", "-c", f"import bench.app_child as c; c.main({what!r})"]
    result: dict[str, float] = json.loads(run(command, variables={"PYTHONPATH": ROOT, **variables}).splitlines()[-1])
    return result


@contextmanager
def _long_run() -> Iterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as home:
        variables = {"MLOPS_ENV_HOME": home, "PYTHONPATH": ROOT}
        command = [sys.executable, "-P", "-c", f"import bench.app_child as c; c.write_long_run({EVENTS})"]
        run(command, variables=variables)
        yield variables
