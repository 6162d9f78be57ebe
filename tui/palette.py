"""The palette: everything that can be done now, by name; what makes no sense now is not in it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.types import IgnoreReturnCallbackType

from tui import keys, themes
from tui.screens.base import Acting

if TYPE_CHECKING:
    from tui.app import MlopsApp

Command = tuple[str, str, IgnoreReturnCallbackType]


class Actions(Provider):
    """The actions of the screen that the palette was called on, and of the app."""

    def _commands(self) -> Iterator[Command]:
        screen = cast("Acting[Any]", self.screen)
        if isinstance(screen, Acting):
            for action in screen.offered():
                key = keys.BY_ACTION[action]
                if action not in ("palette", "interrupt"):
                    group = "App" if key.everywhere else "Here"
                    yield f"{group}: {key.label} ({key.shown})", key.help, partial(screen.do, action)
        app = cast("MlopsApp", self.app)
        for theme in themes.ALL:
            yield f"Colours: {theme.name}", "Change the colours.", partial(app.choose_theme, theme.name)
        yield "Cursor: show or hide", "The terminal's cursor, which stands on what has the focus.", app.toggle_cursor
        other = "all signs" if app.ascii.enabled else "ASCII alone"
        yield f"Signs: {other}", "Frames and signs for a terminal whose font lacks some.", app.toggle_ascii

    async def discover(self) -> Hits:
        for name, help, do in self._commands():
            yield DiscoveryHit(name, do, help=help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, help, do in self._commands():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), do, help=help)
