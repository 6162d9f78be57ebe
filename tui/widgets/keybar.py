"""The line of keys at the bottom: the few that matter now, each to be clicked as well."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

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
        if not isinstance(screen, BaseScreen):
            return []
        return keys.ranked(screen.offered(), self.size.width, typing=self._typing())

    def _typing(self) -> bool:
        """Whether letters are text now, so that other keys are the ones to show."""
        return isinstance(self.screen.focused, Input)

    def _shown_name(self, key: keys.Key) -> str:
        return key.typed if self._typing() else key.shown

    def render(self) -> Content:
        parts = [text((self._shown_name(key), "bold $text-accent"), " ", key.label) for key in self._shown()]
        return text("  ").join(parts)

    async def on_click(self, event: events.Click) -> None:
        from tui.screens.base import BaseScreen

        begin = self.styles.padding.left
        for key in self._shown():
            cells = width(self._shown_name(key)) + 1 + width(key.label)
            if begin <= event.x < begin + cells:
                screen = self.screen
                assert isinstance(screen, BaseScreen)
                await screen.do(key.action)
                return
            begin += cells + 2
