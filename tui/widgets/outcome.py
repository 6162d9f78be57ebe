"""What stands in front of the log when a run needs a person: what failed and why, what is waited for, how to go on.

Everything that can be done about it is on a button as well, and nothing that one may want to copy is cut short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.containers import ItemGrid, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from tui import keys
from tui.text import text


class Outcome(VerticalScroll, can_focus=True):
    """A headline, labelled parts, and buttons for actions of the screen."""

    DEFAULT_CSS = """
    Outcome { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    Outcome > Static { height: auto; margin-bottom: 1; }
    Outcome > ItemGrid { height: auto; }
    """
    help = "What happened, why, and what to do about it."

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[Any, ...] = ()

    async def show(self, headline: Content, parts: Sequence[tuple[str, str]], actions: Sequence[str]) -> None:
        """Shows these; does nothing where they are shown already, so that the focus stays."""
        wanted = (headline.markup, tuple(parts), tuple(actions))
        if wanted == self._shown:
            return
        self._shown = wanted
        had_focus = self.has_focus_within
        await self.remove_children()
        await self.mount_all(self._made(headline, parts, actions))
        if had_focus:
            self.focus_first()

    def focus_first(self) -> None:
        """Puts the focus on the first button, or on the text."""
        buttons = self.query(Button)
        (buttons.first() if buttons else self).focus()

    def _made(self, headline: Content, parts: Sequence[tuple[str, str]], actions: Sequence[str]) -> ComposeResult:
        yield Static(headline)
        for label, what in parts:
            if what:
                yield Static(text((f"{label}  " if label else "", "$text-muted"), what))
        if actions:
            yield ItemGrid(*(self._button(action) for action in actions), min_column_width=18, regular=True)

    def _button(self, action: str) -> Button:
        key = keys.BY_ACTION[action]
        return Button(text(f"{key.label} ({key.shown})"), id=f"do-{action}")


def of_error(error: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The parts that an error of an event has, beside its message."""
    return [
        ("Cause", str(error.get("cause", ""))),
        ("Next", str(error.get("hint", ""))),
        ("Command", str(error.get("command", ""))),
        ("Page", str(error.get("url", ""))),
    ]
