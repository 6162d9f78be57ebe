"""The app, or a piece of it, in a pseudo-terminal of its own, and in tmux, whose screen can be read."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APP = "from core.cli import main; raise SystemExit(main([]))"


class Terminal:
    """A child on a pseudo-terminal: what it wrote, and its end."""

    def __init__(
        self, script: str, *, variables: Mapping[str, str], columns: int = 80, lines: int = 24, folder: Path = ROOT
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **variables}
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-c", script], stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=folder,
            preexec_fn=_own_terminal,
        )  # fmt: skip
        self.slave = slave
        self.written = b""

    def read(self, holds: Callable[[bytes], bool], *, seconds: float = 60.0) -> bytes:
        """Reads until something holds of all that was written; fails with its end where it never does."""
        end = time.monotonic() + seconds
        while not holds(self.written):
            left = end - time.monotonic()
            over = self.child.poll() is not None
            self._take(max(0.0, min(left, 0.1)))
            assert holds(self.written) or (left > 0 and not over), self.written[-2000:]
        return self.written

    def _take(self, seconds: float) -> bool:
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        with contextlib.suppress(OSError):
            self.written += (data := os.read(self.master, 1 << 16))
            return bool(data)
        return False

    def until(self, text: bytes, *, times: int = 1) -> bytes:
        """Reads until a text was written so many times."""
        return self.read(lambda written: written.count(text) >= times)

    def type(self, text: str) -> None:
        """Writes as a keyboard does."""
        os.write(self.master, text.encode())

    def wait(self, *, seconds: float = 60.0, typing: str = "") -> int:
        """Waits for the child's end, reading (and typing) on; returns its code."""
        end = time.monotonic() + seconds
        while self.child.poll() is None:
            assert time.monotonic() < end, self.written[-2000:]
            self.type(typing)
            self._take(0.05)
        while self._take(0.05):  # one reading gets a part of what waits
            pass
        return self.child.returncode

    def close(self) -> None:
        """Ends the child where it still lives."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        for handle in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(handle)


def _own_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


class Tmux:
    """A tmux server of the test's own with one pane."""

    def __init__(self, *, variables: Mapping[str, str], columns: int, lines: int, command: str) -> None:
        self.socket = f"mlops-env-test-{uuid.uuid4().hex[:8]}"
        given = " ".join(f"{name}='{value}'" for name, value in variables.items())
        self.run("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines), f"env {given} {command}")

    def run(self, *arguments: str) -> str:
        """One command of tmux."""
        done = subprocess.run(
            ["tmux", "-L", self.socket, *arguments], capture_output=True, text=True, timeout=20, check=False
        )
        return done.stdout

    def screen(self) -> str:
        """What the pane shows."""
        return self.run("capture-pane", "-p")

    def still(self) -> str:
        """What the pane shows once it has stayed the same for a second."""
        shown, since = self.screen(), time.monotonic()
        end = since + 60
        while time.monotonic() - since < 1:
            time.sleep(0.1)
            if (now := self.screen()) != shown:
                assert time.monotonic() < end, now
                shown, since = now, time.monotonic()
        return shown

    def painted(self) -> str:
        """What the pane shows, with the sequences that colour it."""
        return self.run("capture-pane", "-p", "-e")

    def resize(self, columns: int, lines: int) -> None:
        """Makes the pane another size."""
        self.run("resize-window", "-x", str(columns), "-y", str(lines))

    def keys(self, *keys: str) -> None:
        """Sends keys one by one, as far apart as a person's."""
        for key in keys:
            self.run("send-keys", key)
            time.sleep(0.05)

    def type(self, words: str) -> None:
        """Types a text, letter by letter."""
        for letter in words:
            self.run("send-keys", "-l", letter)
            time.sleep(0.03)

    def at_cursor(self) -> str:
        """The row that the terminal's cursor stands on, from the cursor on."""
        column, row = map(int, self.run("display-message", "-p", "#{cursor_x} #{cursor_y}").split())
        return self.screen().splitlines()[row][column:]

    def until_at(self, begins: str) -> None:
        """Waits until the cursor stands on what begins like that: a new screen has the focus then."""
        end = time.monotonic() + 60
        while not self.at_cursor().lstrip().startswith(begins):
            assert time.monotonic() < end, self.screen()
            time.sleep(0.1)

    def go_to(self, begins: str, *, key: str = "Tab") -> None:
        """Presses a key until the cursor stands on what begins like that."""
        for _ in range(60):
            here = self._settled()
            if here.lstrip().startswith(begins):
                return
            self.run("send-keys", key)
            end = time.monotonic() + 5
            while self.at_cursor() == here and time.monotonic() < end:
                time.sleep(0.05)
        raise AssertionError(self.screen())

    def _settled(self) -> str:
        """What the cursor stands on, once it has stayed there."""
        before, here = "", self.at_cursor()
        while here != before:
            time.sleep(0.2)
            before, here = here, self.at_cursor()
        return here

    def until(self, *texts: str, seconds: float = 60.0) -> str:
        """Waits until the pane shows all of these; returns it."""
        end = time.monotonic() + seconds
        while not all(text in (screen := self.screen()) for text in texts):
            assert time.monotonic() < end, screen
            time.sleep(0.1)
        return screen


@contextmanager
def terminal(script: str = APP, *, variables: Mapping[str, str] | None = None, **options: object) -> Iterator[Terminal]:
    """A child on a pseudo-terminal."""
    made = Terminal(script, variables=variables or {}, **options)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.close()


@contextmanager
def tmux(
    *, home: Path, locale: str = "C.UTF-8", columns: int = 80, lines: int = 24, shell: bool = False,
    more: Mapping[str, str] | None = None,
) -> Iterator[Tmux]:  # fmt: skip
    """The app in tmux, with ``more`` variables; skipped, with the reason, where there is none."""
    if shutil.which("tmux") is None:
        pytest.skip("there is no tmux here")
    variables = {"MLOPS_ENV_HOME": str(home), "LC_ALL": locale, "LANG": locale, **(more or {})}
    app = f"{sys.executable} -P -m core.cli"
    made = Tmux(variables=variables, columns=columns, lines=lines, command="sh" if shell else app)
    try:
        yield made
    finally:
        made.run("kill-server")
