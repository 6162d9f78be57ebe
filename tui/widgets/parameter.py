"""One parameter of the form: its name, the control that its kind asks for, and beside it what is wrong or what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Static

from core.errors import ParameterError
from core.parameters import Parameter
from core.parameters.validation import coerce
from tui.text import text
from tui.widgets.field import Field


def shown(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, dict):
        return ",".join(f"{key}={inner}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ",".join(str(inner) for inner in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


class ParameterRow(Widget):
    """A row of the form; ``given`` is None where the default holds."""

    DEFAULT_CSS = """
    ParameterRow { height: auto; layout: horizontal; }
    ParameterRow Horizontal { width: 54; height: 1; }
    ParameterRow .name { width: 22; height: 1; }
    ParameterRow Field { width: 1fr; }
    ParameterRow .value { width: 1fr; text-align: left; content-align-horizontal: left; }
    ParameterRow .list { min-width: 3; width: 3; margin: 0; }
    ParameterRow .note { width: 1fr; height: auto; padding: 0 1; color: $text-muted; }
    ParameterRow.-wrong .note { color: $text-error; }
    """

    @dataclass
    class Edited(Message):
        """A person changed the value."""

        row: ParameterRow

    @dataclass
    class ListWanted(Message):
        """A person wants to choose from a list."""

        row: ParameterRow

    def __init__(self, spec: Parameter, *, listed: bool, fixed: bool) -> None:
        super().__init__(id=f"row-{spec.key}", classes="-advanced" if spec.advanced else "")
        self.spec, self.listed, self.fixed = spec, listed, fixed
        self.given: Any = None
        self.default: Any = None
        self.problem = self.because = ""
        self.help = _help(spec, fixed)

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(text(self.spec.key), classes="name")
            if self.spec.kind in ("choice", "boolean"):
                yield Button(text(""), id=f"in-{self.spec.key}", classes="value", disabled=self.fixed)
            else:
                field = Field(id=f"in-{self.spec.key}")
                field.disabled = self.fixed
                yield field
                if self.listed and not self.fixed:
                    yield Button(text("▾"), id=f"list-{self.spec.key}", classes="list")
        yield Static(classes="note")

    def set(self, given: Any, default: Any) -> None:
        """Shows a value from elsewhere: the draft, a file, or a list."""
        self.given, self.problem = given, ""
        if self.spec.kind not in ("choice", "boolean"):
            field = self.query_one(Field)
            with field.prevent(Field.Changed):
                field.value = shown(given)
        self.follow(default)

    def follow(self, default: Any, because: str = "") -> None:
        """Takes the default that follows from the other values now, or from a policy (``because``); what was typed stays."""
        self.default, self.because = default, because
        if self.spec.kind in ("choice", "boolean"):
            chosen = shown(default if self.given is None else self.given)
            self.query_one(".value", Button).label = text(f"{chosen} ▾" if self.spec.kind == "choice" else chosen)
        else:
            self.query_one(Field).placeholder = text(shown(default) or "found out").plain
        self.annotate()

    def problem_of(self, typed: str) -> str:
        """What is wrong with a text as a value, empty where nothing is."""
        try:
            coerce(self.spec.key, typed)
        except ParameterError as error:
            return error.allowed
        return ""

    def tell(self, problem: str) -> None:
        """Shows what is wrong, nothing where the text is empty."""
        self.problem = problem
        self.annotate()

    def annotate(self) -> None:
        """Writes the note anew."""
        self.set_class(bool(self.problem), "-wrong")
        self.query_one(".note", Static).update(text(f"✗ {self.problem}" if self.problem else self._note()))

    def _note(self) -> str:
        if self.fixed:
            return "fixed now"
        if self.given is not None:
            return self.spec.change if self.spec.change != "fixed" else ""
        if self.because:
            return f"follows from {self.because}"
        if self.spec.from_profile:
            return "the profile's"
        return ""

    def on_input_changed(self, event: Field.Changed) -> None:
        event.stop()
        typed = event.value.strip()
        wrong = self.problem_of(typed) if typed else ""
        self.given = None if not typed or wrong else coerce(self.spec.key, typed)
        self.tell(wrong)
        self.post_message(self.Edited(self))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if self.spec.kind == "boolean":
            now = self.default if self.given is None else self.given
            self.set(not now, self.default)
            self.post_message(self.Edited(self))
        else:
            self.post_message(self.ListWanted(self))

    def choose(self, value: Any) -> None:
        """Takes a value that a person chose from a list."""
        self.set(value, self.default)
        self.post_message(self.Edited(self))


def _help(spec: Parameter, fixed: bool) -> str:
    allowed = spec.allowed or (", ".join(spec.choices) if spec.choices else "")
    later = {"fixed": "It can't be changed later.", "in place": "It can be changed later."}.get(
        spec.change, "Changing it later replaces what is made from it."
    )
    now = " It is fixed now." if fixed else ""
    return f"{spec.help} {f'Allowed: {allowed}. ' if allowed else ''}{later}{now}"
