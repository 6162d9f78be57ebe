"""Asks for the SQL password that a run waits for; it goes to that run's socket and nowhere else."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from tui.screens.base import Dialog
from tui.text import text
from tui.widgets.password import PasswordField


class AskPassword(Dialog[str | None]):
    """Answers the password, None where a person would rather not."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text("SQL password")
            yield Static(text(self.message))
            yield PasswordField(id="password", help="The password that was chosen for the database's user.")
            with Horizontal(classes="buttons"):
                yield Button(text("Not now"), id="stay")
                yield Button(text("Hand it over"), id="yes")

    def on_mount(self) -> None:
        self.query_one("#password").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(self.query_one(PasswordField).take() if event.button.id == "yes" else None)

    def on_input_submitted(self) -> None:
        self.dismiss(self.query_one(PasswordField).take())
