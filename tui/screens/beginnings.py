"""The question at the beginning of a rehearsal: its name, and what the simulated cloud is to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from tui.screens.base import Dialog
from tui.text import text
from tui.widgets.field import Field, path_of


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A rehearsal that is wanted: at once with the defaults, or after a look at everything."""

    name: str
    scenario: Path | None
    at_once: bool


class AskRehearsal(Dialog[Rehearsal | None]):
    """Asks for a rehearsal's name, and what the simulated cloud is to do."""

    def __init__(self, proposed: Rehearsal) -> None:
        super().__init__()
        self.proposed = proposed

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text("Rehearse")
            yield Static(text("The whole installation on a simulated cloud on this machine: no account, no cost. Its name:"))
            yield Field(self.proposed.name, id="value", help="2 to 16 lower-case letters, digits and hyphens.")
            yield Static(text("A scenario file, if the cloud is to be scripted:"))
            scenario = str(self.proposed.scenario or "")
            yield Field(
                scenario, id="scenario", placeholder="none", help="TOML that sets speed, faults, quotas and policies."
            )
            with Horizontal(classes="buttons"):
                yield Button(text("Rehearse"), id="yes")
                yield Button(text("Choose first"), id="first")
                yield Button(text("Not now"), id="stay")

    def _answer(self, *, at_once: bool) -> None:
        """Answers where there is a name; without one the question stays."""
        field = self.query_one("#value", Field)
        name, scenario = field.value.strip(), self.query_one("#scenario", Field).value.strip()
        if name:
            self.dismiss(Rehearsal(name, path_of(scenario) if scenario else None, at_once))
        else:
            field.focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "stay":
            self.dismiss(None)
        else:
            self._answer(at_once=event.button.id == "yes")

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        self._answer(at_once=True)
