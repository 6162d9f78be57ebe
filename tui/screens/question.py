"""A question of ssh's (a passphrase, a code, a key that is not known), asked while a tunnel is opened."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from tui.screens.base import Dialog
from tui.screens.dialogs import Ask, Choice
from tui.text import text
from tui.widgets.password import PasswordField

if TYPE_CHECKING:
    from textual.app import App


class AskSecret(Dialog[str | None]):
    """Answers what is typed, which is never shown; None where a person would rather not."""

    def __init__(self, prompt: str) -> None:
        super().__init__()
        self.prompt = prompt

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text("ssh asks")
            yield Static(text(self.prompt))
            yield PasswordField(id="password", help="It goes to ssh, and is kept nowhere.")
            with Horizontal(classes="buttons"):
                yield Button(text("Not now"), id="stay")
                yield Button(text("Answer"), id="yes")

    def on_mount(self) -> None:
        self.query_one("#password").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(self.query_one(PasswordField).take() if event.button.id == "yes" else None)

    def on_input_submitted(self) -> None:
        self.dismiss(self.query_one(PasswordField).take())


def asking(app: App[object]) -> Callable[[str, bool], str | None]:
    """Puts ssh's questions on the screen, for the thread that opens a tunnel; the app itself never waits for them."""

    def ask(prompt: str, secret: bool) -> str | None:
        answered: Future[str | None] = Future()
        if secret:
            app.call_from_thread(app.push_screen, AskSecret(prompt.strip()), answered.set_result)
            return answered.result()
        choices = [Choice("no", "No"), Choice("yes", "Yes")]
        app.call_from_thread(app.push_screen, Ask("ssh asks", text(prompt.strip()), choices), partial(_set, answered))
        return answered.result()

    return ask


def _set(answered: Future[str | None], choice: str | None) -> None:
    answered.set_result("yes" if choice == "yes" else "no")
