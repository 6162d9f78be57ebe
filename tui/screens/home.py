"""The environments of this machine, how they stand, and what can be done with the chosen one."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.screens.base import BaseScreen
from tui.text import text


class HomeScreen(BaseScreen):
    """The first screen."""

    ACTIONS = ("rehearse", "new", "watch", "retry", "access", "destroy")
    HELP = "The environments that this machine keeps. Choose one with the arrow keys; enter opens it."

    def body(self) -> ComposeResult:
        with Vertical():
            yield Static(text("No environment yet."))

    def on_mount(self) -> None:
        self.place(standing=text(""))
