"""Help: what the focused thing is for, and every key that does something now."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from tui import keys
from tui.screens.base import Dialog
from tui.text import fill, lines, text

LABEL = 13
"""Cells of an action's name."""
MOVES = (
    ("tab, shift+tab", "Go to the next thing, or the one before."),
    ("arrow keys, page up, page down, home, end", "Move in what has the focus; click and wheel do the same."),
    ("enter, space", "Open or press what is chosen."),
)


class HelpScreen(Dialog[None]):
    """Shown over the screen it speaks of."""

    DEFAULT_CSS = """
    HelpScreen > .dialog { width: 90%; height: 90%; }
    HelpScreen .dialog > VerticalScroll { height: 1fr; max-height: 100%; }
    """

    def __init__(self, about: str, actions: list[str]) -> None:
        super().__init__()
        self.about, self.actions = about, actions

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text("Help")
            with VerticalScroll():
                if self.about:
                    yield Static(text(self.about, "\n"))
                yield KeyTable([_row(keys.BY_ACTION[a]) for a in self.actions])
                yield Static(text(""))
                yield KeyTable([(moves, "", does) for moves, does in MOVES], cells=18)
            yield Button(text("Close"), id="close", classes="buttons")

    def on_button_pressed(self) -> None:
        self.dismiss(None)


class KeyTable(Static):
    """Keys, what they are called and what they do, whose lines hang under where they began."""

    def __init__(self, rows: Sequence[tuple[str, str, str]], *, cells: int = 12) -> None:
        super().__init__()
        self.rows, self.cells = rows, cells

    def on_resize(self) -> None:
        self.update(lines(*(line for row in self.rows for line in self._lines(*row))))

    def _lines(self, shown: str, label: str, does: str) -> Iterator[Content]:
        keys_ = textwrap.wrap(shown, self.cells - 1)
        told = textwrap.wrap(does, max(20, self.size.width - self.cells - (LABEL if label else 0)))
        for number in range(max(len(keys_), len(told))):
            yield text(
                (fill(_at(keys_, number), self.cells), "bold $text-accent"),
                fill(label if not number else "", LABEL if label else 0),
                _at(told, number),
            )


def _at(lines_: Sequence[str], number: int) -> str:
    return lines_[number] if number < len(lines_) else ""


def _row(key: keys.Key) -> tuple[str, str, str]:
    shown = ", ".join(keys.NAMES.get(k, k) for k in key.keys[:2])
    return shown, key.label, key.help + (" Asks first." if key.asks else "")
