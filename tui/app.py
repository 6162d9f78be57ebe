"""The app itself: screens, themes, keys that are everywhere, and its end.

It watches runs that are processes of their own, and keeps nothing that they need: killed at any moment, it loses nothing.
"""

from __future__ import annotations

import sys
from typing import ClassVar

from textual.app import App
from textual.binding import BindingType

from core.environment import Home
from core.errors import UsageError
from tui import keys, signs, themes
from tui.screens.base import TooSmall


class MlopsApp(App[int], inherit_bindings=False):
    """The full-screen app."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.everywhere()]
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+g"
    CSS_PATH = "styles.tcss"
    TITLE = "mlops-env"

    def __init__(self, home: Home | None = None, *, ascii: bool | None = None) -> None:
        super().__init__()
        self.home = home or Home.find()
        self.animation_level = "none"
        self.ascii = signs.AsciiFilter(enabled=not signs.utf8() if ascii is None else ascii)
        self._filters.append(self.ascii)
        for theme in themes.ALL:
            self.register_theme(theme)
        self.theme = themes.first()

    def on_mount(self) -> None:
        from tui.screens.home import HomeScreen

        self.push_screen(HomeScreen())

    def on_resize(self) -> None:
        for notice in self.screen.query(TooSmall):
            notice.fit()

    def show_error(self, error: BaseException) -> None:
        """Shows an error as a screen with its cause and the next step."""

    async def action_quit(self) -> None:
        """Asks how to leave."""
        self.exit(0)


def run() -> int:
    """Runs the app in this terminal; returns the exit code."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError(
            "The app needs a terminal on standard input, output and error.",
            code="no-terminal",
            hint="mlops-env --help lists the commands that need none.",
        )
    return MlopsApp().run() or 0
