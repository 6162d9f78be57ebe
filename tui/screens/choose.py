"""Choosing a value from a list that can be searched; where a value may be something else, it can be typed as well."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from core.install.choices import Choice, Choices
from tui.screens.base import Dialog
from tui.text import cut, fill, line, text, width
from tui.widgets.field import Field
from tui.widgets.lined import Lined


class ChoiceList(Lined):
    """The values that match what was typed."""

    help = "Choose with the arrow keys; enter takes the value."

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.all: Sequence[Choice] = ()
        self.shown: list[Choice] = []

    def show(self, choices: Sequence[Choice]) -> None:
        """Takes the values."""
        self.all = choices
        self.narrow("")

    def narrow(self, needle: str) -> None:
        """Shows those in which every word occurs."""
        words = needle.lower().split()
        self.shown = [c for c in self.all if all(word in f"{c.value} {c.note}".lower() for word in words)]
        self.chosen = 0
        self.fit()

    def value(self) -> str | None:
        """The chosen value."""
        return self.shown[self.chosen].value if self.chosen < len(self.shown) else None

    def count(self) -> int:
        return len(self.shown)

    def row(self, y: int, width_: int) -> Text:
        choice = self.shown[y]
        cells = min(max([20, *(width(c.value) + 2 for c in self.shown)]), max(20, width_ - 12))
        return Text(fill(line(choice.value), cells) + cut(line(choice.note), max(0, width_ - cells)), end="")


class Choose(Dialog[str | None]):
    """Answers the value, None where a person would rather not."""

    MOVES: ClassVar = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
    ]
    DEFAULT_CSS = """
    Choose > .dialog { width: 80%; height: 80%; }
    Choose ChoiceList { height: 1fr; margin: 1 0; }
    Choose #why { height: auto; color: $text-warning; }
    """
    HELP = "Type to narrow the list; the arrow keys choose, enter takes."

    def __init__(self, title: str, wanted: Callable[[], Awaitable[Choices]], *, now: str = "", free: bool = True) -> None:
        super().__init__()
        self.title_text, self.wanted, self.now, self.free = title, wanted, now, free

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text(self.title_text)
            placeholder = "Type to search, or type a value of your own" if self.free else "Type to search"
            yield Field(id="needle", placeholder=placeholder, help=self.HELP)
            yield ChoiceList(id="choices")
            yield Static(text("Asking for the list…"), id="why")
            with Horizontal(classes="buttons"):
                yield Button(text("Take it"), id="take")
                yield Button(text("Not now"), id="stay")

    async def on_mount(self) -> None:
        self.query_one("#needle").focus()
        self.work(self._fill, group="choices")

    @property
    def listed(self) -> ChoiceList:
        """The list."""
        return self.query_one(ChoiceList)

    async def _fill(self) -> None:
        found = await self.wanted()
        self.listed.show(found.found)
        self.listed.narrow(self.query_one("#needle", Field).value)
        if not self.listed.all and not found.why:
            found = Choices((), "The list is empty.")
        why = self.query_one("#why", Static)
        why.update(text(f"{found.why}{' Any value can be typed.' if self.free else ''}" if found.why else ""))
        why.display = bool(found.why)
        current = next((i for i, c in enumerate(self.listed.shown) if c.value == self.now), 0)
        self.listed.chosen = current

    def on_input_changed(self, event: Field.Changed) -> None:
        event.stop()
        self.listed.narrow(event.value)

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        self._take()

    def on_lined_opened(self, event: Lined.Opened) -> None:
        self._take()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "take":
            self._take()
        else:
            self.dismiss(None)

    def _take(self) -> None:
        typed = self.query_one("#needle", Field).value.strip()
        exact = next((c.value for c in self.listed.all if c.value == typed), None)
        value = exact or self.listed.value() or (typed if self.free else None)
        if value:
            self.dismiss(value)
        else:
            self.app.bell()

    def action_move(self, rows: int) -> None:
        """Chooses a row further up or down while one types."""
        self.listed.action_move(rows)
