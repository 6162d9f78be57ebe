"""The questions at the beginning and the end of an environment: its name, what a rehearsal is to be, what is destroyed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from tui.screens.base import Dialog
from tui.text import text
from tui.widgets.field import Field


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A rehearsal that is wanted: at once with the defaults, or after a look at everything."""

    name: str
    scenario: Path | None
    at_once: bool


class AskRehearsal(Dialog[Rehearsal | None]):
    """Asks for a rehearsal's name, and what the simulated cloud is to do."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.proposed = name

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text("Rehearse")
            yield Static(text("The whole installation on a simulated cloud on this machine: no account, no cost. Its name:"))
            yield Field(self.proposed, id="value", help="2 to 16 lower-case letters, digits and hyphens.")
            yield Static(text("A scenario file, if the cloud is to be scripted:"))
            yield Field(id="scenario", placeholder="none", help="TOML that sets speed, faults, quotas and policies.")
            with Horizontal(classes="buttons"):
                yield Button(text("Rehearse"), id="yes")
                yield Button(text("Choose first"), id="first")
                yield Button(text("Not now"), id="stay")

    def _answer(self, *, at_once: bool) -> Rehearsal | None:
        name, scenario = (self.query_one(f"#{id}", Field).value.strip() for id in ("value", "scenario"))
        return Rehearsal(name, Path(scenario).expanduser() if scenario else None, at_once) if name else None

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(None if event.button.id == "stay" else self._answer(at_once=event.button.id == "yes"))

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        self.dismiss(self._answer(at_once=True))


class AskDestroy(Dialog[bool | None]):
    """Says what goes and what stays, and asks for the name; answers whether the data goes too, None: nothing is done."""

    def __init__(self, name: str, body: Content) -> None:
        super().__init__()
        self.name_wanted, self.body_text = name, body
        self.data = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text("Destroy")
            yield Static(self.body_text)
            yield Button(text(""), id="data")
            yield Static(text("Type the environment's name to go ahead: ", (self.name_wanted, "bold")))
            yield Field(id="name", help="The name of the environment that is to be destroyed.")
            with Horizontal(classes="buttons"):
                yield Button(text("Stay"), id="stay")
                yield Button(text("Destroy"), id="yes", disabled=True)

    def on_mount(self) -> None:
        self._say()
        self.query_one("#name").focus()

    def _say(self) -> None:
        said = "The buckets and everything in them: deleted too" if self.data else "The buckets and everything in them: kept"
        self.query_one("#data", Button).label = text(said)

    def on_input_changed(self, event: Field.Changed) -> None:
        self.query_one("#yes", Button).disabled = event.value.strip() != self.name_wanted

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "data":
            self.data = not self.data
            self._say()
        else:
            self.dismiss(self.data if event.button.id == "yes" else None)
