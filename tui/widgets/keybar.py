"""The line of keys at the bottom: the few that matter now, each to be clicked as well."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from tui import keys
from tui.text import text, width


class KeyBar(Widget):
    """Shows what the screen says can be done now (`BaseScreen.offered`), ranked and cut to the width."""

    DEFAULT_CSS = "KeyBar { height: 1; background: $panel; color: $foreground; padding: 0 1; }"
    ALLOW_SELECT = False

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, _: Screen[object]) -> None:
        self.refresh()

    def _shown(self) -> list[keys.Key]:
        from tui.screens.base import BaseScreen

        screen = self.screen
        return keys.ranked(screen.offered(), self.size.width) if isinstance(screen, BaseScreen) else []

    def render(self) -> Content:
        parts = [text((key.shown, "bold $text-accent"), " ", key.label) for key in self._shown()]
        return text("  ").join(parts)

    async def on_click(self, event: events.Click) -> None:
        from tui.screens.base import BaseScreen

        begin = self.styles.padding.left
        for key in self._shown():
            cells = width(key.shown) + 1 + width(key.label)
            if begin <= event.x < begin + cells:
                screen = self.screen
                assert isinstance(screen, BaseScreen)
                await screen.do(key.action)
                return
            begin += cells + 2
