"""What will be done, as a tree beside its summary: before an installation, and before a destruction.

A screen says what stands in both; searching, saving and copying are the same everywhere.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from tui import keys
from tui.screens.base import BaseScreen
from tui.text import text
from tui.widgets.field import Field
from tui.widgets.tree import Node, Tree


class TreeScreen(BaseScreen):
    """A tree at the left, what it means at the right, buttons below; the first button is what the screen is for."""

    CSS_PATH = "treed.tcss"
    HEADING: ClassVar[str] = "What will be done"
    BUTTONS: ClassVar[tuple[str, ...]] = ()
    FILE: ClassVar[str] = "review"

    def body(self) -> ComposeResult:
        with Horizontal(id="panes"):
            with Vertical(id="tree-panel", classes="panel") as panel:
                panel.border_title = text(self.HEADING)
                yield Static(text("Looking…"), id="looking")
                yield Tree(id="tree")
                yield Field(id="needle", placeholder="Search", help="Only what has this text is shown.")
            with VerticalScroll(id="summary-panel", classes="panel", can_focus=True) as summary:
                summary.border_title = text("In short")
                yield Static(id="summary")
        with Horizontal(id="buttons"):
            for action in self.BUTTONS:
                key = keys.BY_ACTION[action]
                yield Button(text(f"{key.label} ({key.shown})"), id=f"do-{action}")

    def on_mount(self) -> None:
        self.query_one("#needle").display = self.tree_view.display = False
        self.query_one(f"#do-{self.BUTTONS[0]}", Button).disabled = True

    @property
    def tree_view(self) -> Tree:
        """The tree."""
        return self.query_one("#tree", Tree)

    def whose(self) -> str:
        """The environment's name."""
        raise NotImplementedError

    def tell(self, said: str) -> None:
        """Says in place of the tree what goes on."""
        self.query_one("#looking", Static).update(text(said))

    def show_tree(self, roots: list[Node]) -> None:
        """Shows the tree, and gives it the focus."""
        self.query_one("#looking").display, self.tree_view.display = False, True
        self.tree_view.show(roots)
        self.tree_view.focus()
        self.query_one(f"#do-{self.BUTTONS[0]}", Button).disabled = False

    def summarize(self, content: Content) -> None:
        """Shows the summary."""
        self.query_one("#summary", Static).update(content)

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.do(str(event.button.id).removeprefix("do-"))

    def action_search(self) -> None:
        """Asks what to search for."""
        field = self.query_one("#needle", Field)
        field.display = True
        field.focus()

    def on_input_changed(self, event: Field.Changed) -> None:
        event.stop()
        self.tree_view.search(event.value)

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        self.tree_view.focus()

    def action_save(self) -> None:
        """Saves the tree as text."""
        self.ours.save(self.tree_view.content(), f"{self.whose()}-{self.FILE}.txt")

    def action_copy(self) -> None:
        """Copies the chosen line."""
        self.ours.copy(self.tree_view.chosen_text())

    def action_back(self) -> None:
        field = self.query_one("#needle", Field)
        if field.display:
            field.display = False
            field.value = ""
            self.tree_view.focus()
        else:
            super().action_back()
