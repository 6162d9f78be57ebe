"""A line to type in: nothing is selected by itself, so that ctrl+c keeps its one meaning; a paste is one line."""

from __future__ import annotations

import os
from pathlib import Path

from textual import events
from textual.geometry import Offset
from textual.widgets import Input

from tui.text import clean, line, text


class Field(Input):
    """An `Input` of this app; ``help`` is what the help key says of it."""

    DEFAULT_CSS = """
    Field { height: 1; border: none; padding: 0 1; background: $panel; }
    Field:focus { border: none; background: $primary-muted; text-style: none; }
    Field:disabled { opacity: 1 !important; background: $surface; color: $text-muted; }
    Field > .input--placeholder { color: $text-muted; }
    Field:focus > .input--placeholder { color: $foreground 85%; }
    Field:nocolor { text-style: underline; }
    Field:nocolor > .input--cursor { text-style: reverse; }
    """

    def __init__(self, value: str = "", *, placeholder: str = "", help: str = "", id: str | None = None) -> None:
        super().__init__(value, placeholder=text(placeholder).plain, select_on_focus=False, id=id)
        self.help = help
        self.cursor_blink = False

    def validate_value(self, value: str) -> str:
        """What comes from elsewhere than a keyboard is one line, and carries no control sequence either."""
        return line(value)

    @property
    def cursor_screen_offset(self) -> Offset:
        """Where the cursor stands; Textual puts it one further at the end of the text."""
        return super().cursor_screen_offset - Offset(int(self.cursor_at_end), 0)

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        pasted = clean(event.text.replace("\r\n", "\n").replace("\r", "\n"))  # terminals send line ends as enter does
        kept = " ".join(part.strip() for part in pasted.splitlines() if part.strip()) if "\n" in pasted else pasted
        if "\n" in pasted.rstrip("\n"):
            self.app.notify("The pasted text had several lines; they are one now.", severity="warning", markup=False)
        self.replace(kept, *self.selection)


def path_of(typed: str) -> Path:
    """The path that a text means, ``~`` being a home; a home that nobody has stays as it is, to be told as not there."""
    return Path(os.path.expanduser(typed))  # noqa: PTH111  that of Path is an error where there is no such home
