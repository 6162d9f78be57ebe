"""Another program on the terminal, and back: nothing freezes, whatever is painted, printed or interrupted meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from tui_pty import terminal

from core.environment import Home

SCRIPT = """
import asyncio
from core.cli import main
import tui.app as module
from tui.suspend import run_here

class Suspending(module.MlopsApp):
    async def _look_around(self):
        while True:
            for number in range(40):
                self.bell()
                self.screen.refresh(layout=True)
            await asyncio.sleep(0.05)

    def on_key(self, event):
        if event.key == "f6":
            self.run_worker(self.go(), exit_on_error=True)

    async def go(self):
        code = await run_here(self, {command!r}, introduction="one moment")
        self.exit(return_code=code + 40)

module.MlopsApp = Suspending
raise SystemExit(main([]))
"""


def _script(tmp_path: Path, command: list[str]) -> str:
    file = tmp_path / "suspending.py"
    file.write_text(SCRIPT.replace("{command!r}", repr(command)))
    return f"import runpy; runpy.run_path({str(file)!r})"


@pytest.mark.parametrize(
    ("command", "typed", "code"),
    [
        (["sh", "-c", "echo ready; read line; echo got $line"], "yes\r", 40),
        (["sh", "-c", "echo ready; read line; exit 3"], "no\r\r", 43),
        (["sh", "-c", "echo ready; exec sleep 100"], "\x03\r", 38),
        (["/no/such/program"], "\r", 167),
    ],
)
def test_the_app_comes_back(home: Home, tmp_path: Path, command: list[str], typed: str, code: int) -> None:
    with terminal(_script(tmp_path, command)) as screen:
        screen.until(b"\x07", times=100)  # the title's end, and the bells of an app that is wholly up
        screen.type("\x1b[17~")
        screen.until(b"\r\nready" if command[0] == "sh" else b"can't be started")
        for letter in typed:
            screen.type(letter)
            if letter == "\x03":
                screen.until(b"Press enter")
        if code not in (40, 38):
            screen.until(b"Press enter")
            screen.type("\r")
        assert screen.wait() == code
        assert screen.written.count(b"\x1b[?1049h") == 2
