"""Help: what the focused thing is for, and every key that does something now."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from tui import keys
from tui.screens.base import Dialog
from tui.text import fill, lines, text

MOVES = (
    ("tab, shift+tab", "Go to the next thing, or the one before."),
    ("arrow keys, page up, page down, home, end", "Move in what has the focus; click and wheel do the same."),
    ("enter, space", "Open or press what is chosen."),
)


class HelpScreen(Dialog[None]):
    """Shown over the screen it speaks of."""

    def __init__(self, about: str, actions: list[str]) -> None:
        super().__init__()
        self.about, self.actions = about, actions

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text("Help")
            with VerticalScroll():
                if self.about:
                    yield Static(text(self.about, "\n"))
                yield Static(lines(*map(_row, (keys.BY_ACTION[a] for a in self.actions))))
                yield Static(text(""))
                yield Static(lines(*(text((keys_, "bold"), "  ", does) for keys_, does in MOVES)))
            yield Button(text("Close"), id="close", classes="buttons")

    def on_button_pressed(self) -> None:
        self.dismiss(None)


def _row(key: keys.Key) -> Content:
    shown = ", ".join(keys.NAMES.get(k, k) for k in key.keys[:2])
    asks = " Asks first." if key.asks else ""
    return text((fill(shown, 12), "bold $text-accent"), fill(key.label, 13), key.help, asks)
