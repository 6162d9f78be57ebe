"""Checks as rows, each from the moment it is under way: a sign, a word, and what was looked at."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

from core.prerequisites import Check
from core.prerequisites.concerns import CONCERNS, Concern, Phase
from tui import signs
from tui.preparing import Preparing
from tui.text import cut, fill, line
from tui.widgets.lined import Lined

STATE, NAME = 11, 14
WORDS = {"skip": "skipped"}
"""States whose sign is another's here: what could not be looked at is skipped, never passed."""


@dataclass(frozen=True, slots=True)
class Row:
    """A check, or the concern that has none yet."""

    concern: Concern
    check: Check | None
    state: str

    @property
    def name(self) -> str:
        """What is looked at, in a word or two."""
        if self.check is None or self.check.id == self.concern.id:
            return self.concern.title
        return self.check.id


class CheckList(Lined):
    """The checks of one phase."""

    help = "Each line is one thing that was looked at; at the right stands why it matters and what to do about it."

    def __init__(self, phase: Phase, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.phase: Phase = phase
        self.rows: list[Row] = []

    def show(self, preparing: Preparing) -> None:
        """Shows how everything stands now."""
        self.rows = [row for concern in CONCERNS if concern.phase == self.phase for row in _rows(preparing, concern)]
        self.fit()

    def count(self) -> int:
        return len(self.rows)

    def chosen_row(self) -> Row | None:
        """The chosen one."""
        return self.rows[self.chosen] if self.chosen < len(self.rows) else None

    def row(self, y: int, width: int) -> Text:
        row = self.rows[y]
        text = Text(end="")
        text.append(fill(str(signs.sign(WORDS.get(row.state, row.state))), STATE))
        text.append(fill(line(row.name), NAME - 1) + " ")
        if row.check is not None:
            text.append(cut(line(row.check.looked_at or row.check.why), max(0, width - STATE - NAME)))
        return text


def _rows(preparing: Preparing, concern: Concern) -> list[Row]:
    if concern.id in preparing.looking:
        return [Row(concern, None, "running")]
    if concern.id not in preparing.found:
        return [Row(concern, None, "pending")]
    return [Row(concern, check, check.state) for check in preparing.found[concern.id]]
