"""What stands in front of the log when a run needs a person: what failed and why, what is waited for, how to go on.

Everything that can be done about it is on a button as well, and nothing that one may want to copy is cut short.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from textual.containers import ItemGrid, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from tui import keys
from tui.text import text


class Outcome(Vertical):
    """A headline, labelled parts, and below them, always in sight, buttons for actions of the screen."""

    DEFAULT_CSS = """
    Outcome { height: 1fr; padding: 0 1; }
    Outcome > VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; padding-right: 1; }
    Outcome Static { height: auto; margin-bottom: 1; }
    Outcome Static.-item { margin-bottom: 0; }
    Outcome > ItemGrid { height: auto; grid-gutter: 0 1; }
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
        focused = self.screen.focused
        had = focused.id if focused is not None and self in focused.ancestors else None
        await self.remove_children()
        await self.mount(VerticalScroll(*self._texts(headline, parts)), self._buttons(actions))
        if had is not None:
            next(iter(self.query(f"#{had}")), self.query(VerticalScroll).first()).focus()

    def _texts(self, headline: Content, parts: Sequence[tuple[str, str]]) -> Iterator[Static]:
        yield Static(headline)
        for label, what in parts:
            if what:
                item = "-item" if label.islower() else ""
                yield Static(text((f"{label}  " if label else "", "$text-muted"), what), classes=item)

    def _buttons(self, actions: Sequence[str]) -> ItemGrid:
        longest = 16  # a label's, and its share of the gaps between
        return ItemGrid(*(self._button(action) for action in actions), min_column_width=longest)

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
