"""Questions and texts over a screen: what to answer stands on buttons, and the harmless answer comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from tui.screens.base import Dialog
from tui.text import clean, text
from tui.widgets.field import Field


@dataclass(frozen=True, slots=True)
class Choice:
    """One button of a question."""

    id: str
    label: str
    help: str = ""


class Ask(Dialog[str | None]):
    """Asks with buttons; answers the chosen one's id, None for the harmless way out."""

    def __init__(self, title: str, body: Content, choices: Sequence[Choice]) -> None:
        super().__init__()
        self.title_text, self.body_text, self.choices = title, body, choices

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text(self.title_text)
            yield Static(self.body_text)
            with Horizontal(classes="buttons"):
                for choice in self.choices:
                    yield Button(text(choice.label), id=choice.id)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id)


class AskName(Dialog[bool]):
    """Asks for a name to be typed before something is destroyed."""

    def __init__(self, title: str, body: Content, name: str, yes: str) -> None:
        super().__init__()
        self.title_text, self.body_text, self.name_wanted, self.yes = title, body, name, yes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text(self.title_text)
            yield Static(self.body_text)
            yield Static(text("Type the environment's name to go ahead: ", (self.name_wanted, "bold")))
            yield Field(id="name", help="The name of the environment that is to be destroyed.")
            with Horizontal(classes="buttons"):
                yield Button(text("Stay"), id="stay")
                yield Button(text(self.yes), id="yes", disabled=True)

    def on_input_changed(self, event: Field.Changed) -> None:
        self.query_one("#yes", Button).disabled = event.value.strip() != self.name_wanted

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        if event.value.strip() == self.name_wanted:
            self.query_one("#yes").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")

    def action_back(self) -> None:
        self.dismiss(False)


class AskText(Dialog[str | None]):
    """Asks for one line of text; answers it, None where a person would rather not."""

    def __init__(self, title: str, body: Content, value: str, yes: str) -> None:
        super().__init__()
        self.title_text, self.body_text, self.value, self.yes = title, body, value, yes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text(self.title_text)
            yield Static(self.body_text)
            yield Field(self.value, id="value")
            with Horizontal(classes="buttons"):
                yield Button(text(self.yes), id="yes")
                yield Button(text("Not now"), id="stay")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "yes":
            self._answer()
        else:
            self.dismiss(None)

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        self._answer()

    def _answer(self) -> None:
        """Nothing is no answer: the question stays, and waits for one."""
        field = self.query_one("#value", Field)
        if field.value.strip():
            self.dismiss(field.value.strip())
        else:
            field.focus()


class ShowText(Dialog[str | None]):
    """Shows a text whole, to be read, selected, or saved."""

    ACTIONS = ("back", "save")

    def __init__(self, title: str, body: Content | str, *, copyable: str = "") -> None:
        super().__init__()
        self.title_text = title
        self.body_text = body if isinstance(body, Content) else text(body)
        self.copyable = copyable

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text(self.title_text)
            with VerticalScroll():
                yield Static(self.body_text)
            with Horizontal(classes="buttons"):
                yield Button(text("Close"), id="close")
                if self.copyable:
                    yield Button(text("Save as a file"), id="save")

    def allowed(self, action: str) -> bool:
        return action != "save" or bool(self.copyable)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "save":
            self.action_save()
        else:
            self.dismiss(None)

    def action_save(self) -> None:
        """Saves the text beside the app's other files."""
        self.ours.save(clean(self.copyable), "copied.txt")


class ShowError(Dialog[None]):
    """An error: what failed, why, and what to do next; never a traceback."""

    ACTIONS = ("back", "copy")

    def __init__(self, message: str, *, cause: str = "", hint: str = "", command: str = "") -> None:
        super().__init__()
        self.message, self.cause, self.hint, self.command = message, cause, hint, command

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text("That did not work")
            with VerticalScroll():
                yield Static(text((self.message, "bold")))
                for label, what in (("Cause", self.cause), ("Next", self.hint), ("Command", self.command)):
                    if what:
                        yield Static(text((f"{label}  ", "$text-muted"), what), classes="part")
            with Horizontal(classes="buttons"):
                yield Button(text("Close"), id="close")
                if self.command:
                    yield Button(text("Copy the command"), id="copy")

    def allowed(self, action: str) -> bool:
        return action != "copy" or bool(self.command)

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "copy":
            self.action_copy()
        else:
            self.dismiss(None)

    def action_copy(self) -> None:
        """Copies the command that helps."""
        self.ours.copy(self.command)
