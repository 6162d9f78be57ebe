"""The terminal: given back as it was however the app ends, and told what it can take (title, bell, notification).

A terminal that stops reading blocks the loop, and then no handler of asyncio's runs; so signals have plain handlers, which
write the restoring bytes themselves and end the process. A hung-up terminal is noticed by a thread of its own, also
where SIGHUP was ignored by whoever started the app. Runs are other processes and notice nothing of all this.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from textual.drivers.linux_driver import LinuxDriver

from tui.background import in_thread
from tui.text import line

if TYPE_CHECKING:
    from textual.app import App

RESTORE = (
    b"\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"  # mouse
    b"\x1b[?2004l\x1b[?1004l\x1b[?2048l\x1b[?2026l"  # paste, focus, resize, synchronized output
    b"\x1b[<u\x1b[?7h\x1b[?1049l\x1b[?25h\x1b[0m"  # keyboard, wrapping, screen, cursor, colour
    b"\x1b[23;0t"  # title
)
PUSH_TITLE, POP_TITLE = "\x1b[22;0t", "\x1b[23;0t"
HUNG_UP = 129
PATIENCE = 0.5
"""Seconds that a terminal which takes nothing just now is waited for at the end."""


class TerminalDriver(LinuxDriver):
    """Textual's driver, which writes nothing while another program has the terminal, and dies in one line."""

    paused = False

    def write(self, data: str) -> None:
        if not self.paused:
            super().write(data)

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except OSError:  # EIO: the terminal is gone
            os._exit(HUNG_UP)
        except BaseException as error:  # in a thread, it would be printed into the screen
            self._app.call_later(self._app._handle_exception, error)


@contextmanager
def guarded() -> Iterator[None]:
    """Whatever ends the app meanwhile, the terminal is as it was."""
    attributes = termios.tcgetattr(0)

    def end(number: int, _: FrameType | None) -> None:
        restore(attributes)
        os._exit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    threading.Thread(target=_watch, daemon=True, name="tui-terminal").start()
    try:
        yield
    finally:
        pop_title()
        for number, handler in before.items():
            signal.signal(number, handler)


def restore(attributes: list[Any] | None = None) -> None:
    """Writes what leaves the app's screen, as far as the terminal takes it within `PATIENCE`; nothing is drawn after it."""
    with contextlib.suppress(OSError):
        own = os.dup(2)
        os.set_blocking(own, False)  # also for a thread that is in the middle of drawing: it goes on into nothing
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            _write_all(own, RESTORE, time.monotonic() + PATIENCE)
        finally:
            os.set_blocking(own, True)  # the shell has the same terminal
    if attributes is not None:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(0, termios.TCSANOW, attributes)


def _write_all(handle: int, data: bytes, until: float) -> None:
    while data and (left := until - time.monotonic()) > 0:
        try:
            data = data[os.write(handle, data) :]
        except BlockingIOError:
            select.select([], [handle], [], left)


def _watch() -> None:
    """Ends the app when the terminal hangs up."""
    poll = select.poll()
    poll.register(0, 0)
    while True:
        if any(happened & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, happened in poll.poll()):
            os._exit(HUNG_UP)


def push_title(app: App[Any]) -> None:
    """Keeps the window's name, to be put back at the end."""
    _write(app, PUSH_TITLE)


def pop_title() -> None:
    """Puts the window's name back; for after the app's end."""
    with contextlib.suppress(OSError):
        os.write(2, POP_TITLE.encode())


def set_title(app: App[Any], title: str) -> None:
    """Names the terminal's window, or tmux's pane."""
    _write(app, f"\x1b]2;{line(title)}\x07")


def notify(app: App[Any], message: str) -> None:
    """Rings the bell, the notification that arrives everywhere, and sends OSC 9 where something lets it through."""
    app.bell()
    sequence = f"\x1b]9;{line(message)}\x07"
    if os.environ.get("TMUX"):
        app.run_worker(_through_tmux(app, sequence), group="notify", exit_on_error=False)
    else:
        _write(app, sequence)


async def _through_tmux(app: App[Any], sequence: str) -> None:
    if await in_thread(_passes):
        _write(app, "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\")


def _passes() -> bool:
    try:
        command = ["tmux", "show-options", "-gv", "allow-passthrough"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=1, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() in ("on", "all")


def _write(app: App[Any], data: str) -> None:
    driver = app._driver
    if isinstance(driver, TerminalDriver):
        driver.write(data)
