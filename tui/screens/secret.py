"""Asks for a secret (a password, a passphrase, a code); it goes to whoever asked, and nowhere else."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from tui.screens.base import Dialog
from tui.text import text
from tui.widgets.password import PasswordField


class AskSecret(Dialog[str | None]):
    """Answers what is typed, which is never shown; None where a person would rather not."""

    def __init__(self, title: str, message: str, *, help: str, yes: str) -> None:
        super().__init__()
        self.title_text, self.message, self.help_text, self.yes = title, message, help, yes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text(self.title_text)
            yield Static(text(self.message))
            yield PasswordField(id="password", help=self.help_text)
            with Horizontal(classes="buttons"):
                yield Button(text("Not now"), id="stay")
                yield Button(text(self.yes), id="yes")

    def on_mount(self) -> None:
        self.query_one("#password").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(self.query_one(PasswordField).take() if event.button.id == "yes" else None)

    def on_input_submitted(self) -> None:
        self.dismiss(self.query_one(PasswordField).take())
