"""A defect of ours is one line and a log; a password that was typed is in neither, wherever it struck."""

from __future__ import annotations

from pathlib import Path

import pytest
from tui_pty import terminal

from core.environment import Home

SECRET = "Canary-4711-typed"
SCRIPT = """
import sys
from core.cli import main
from textual.widgets import Static
import tui.app as module
from tui.widgets.password import PasswordField

class Broken(Static):
    def render(self):
        password = "{secret}"
        raise RuntimeError("render")

class Failing(module.MlopsApp):
    where = {where!r}

    def on_key(self, event):
        if event.key == "f6":
            password = "{secret}"
            self.fail()

    def fail(self):
        secret = "{secret}"
        if self.where == "handler":
            raise RuntimeError("handler")
        if self.where == "worker":
            async def work():
                password = secret
                raise RuntimeError("worker")
            self.run_worker(work(), exit_on_error=True)
        if self.where == "compose":
            from tui.screens.base import BaseScreen
            class Bad(BaseScreen):
                def body(self):
                    password = secret
                    raise RuntimeError("compose")
            self.push_screen(Bad())
        if self.where == "render":
            self.screen.mount(Broken())
        if self.where == "input":
            driver = self._driver
            def process_message(message):
                password = secret
                raise RuntimeError("input")
            driver.process_message = process_message

module.MlopsApp = Failing
raise SystemExit(main([]))
"""


@pytest.mark.parametrize("where", ["handler", "worker", "compose", "render", "input"])
def test_a_defect_is_one_line_without_what_was_typed(where: str, home: Home, tmp_path: Path) -> None:
    file = tmp_path / "failing.py"
    file.write_text(SCRIPT.replace("{where!r}", repr(where)).replace("{secret}", SECRET))
    with terminal(f"import runpy; runpy.run_path({str(file)!r})") as screen:
        screen.until(b"No environment is kept")
        screen.type("\x1b[17~")
        assert screen.wait(typing="x" if where == "input" else "") == 1
        told = screen.written.decode(errors="replace")
    log = (home.root / "app.log").read_text()
    assert "met an error that it does not know" in told.rpartition("\x1b[?1049l")[2]
    assert str(home.root / "app.log") in told.replace("\r\n", "")
    assert SECRET not in told
    assert "Traceback" not in told
    assert f"RuntimeError: {where}" in log
    assert SECRET not in log
