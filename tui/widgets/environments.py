"""The environments of this machine as rows: name, cloud, project, state, and when something last happened."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from tui import signs
from tui.inventory import Entry
from tui.screens import told
from tui.text import fill, line
from tui.times import about, age
from tui.widgets.lined import Lined

CLOUD, AGE = 10, 13


class EnvironmentList(Lined):
    """Rows of entries; enter opens the chosen one."""

    help = "The environments that this machine keeps. Enter opens the chosen one's run."

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.entries: list[Entry] = []

    def show(self, entries: list[Entry]) -> None:
        """Shows these; the chosen one stays chosen."""
        before = self.entry()
        self.entries = entries
        if before is not None:
            self.chosen = next((i for i, e in enumerate(entries) if e.name == before.name), self.chosen)
        self.fit()

    def entry(self) -> Entry | None:
        """The chosen one."""
        return self.entries[self.chosen] if self.chosen < len(self.entries) else None

    def count(self) -> int:
        return len(self.entries)

    def row(self, y: int, width: int) -> Text:
        entry = self.entries[y]
        name_cells, project_cells, state_cells = columns(self.entries, width)
        text = Text(end="")
        text.append(fill(("▸ " if y == self.chosen else "  ") + line(entry.name), name_cells))
        environment = entry.environment
        text.append(fill(line(environment.cloud) if environment else "", CLOUD))
        if project_cells:
            text.append(fill(line(environment.values["project_id"] or "") if environment else "", project_cells))
        text.append(fill(state(entry), state_cells - 1) + " ")
        text.append("" if entry.age is None else age(entry.age))
        return text


def columns(entries: Sequence[Entry], width: int) -> tuple[int, int, int]:
    """Cells of the name's, the project's and the state's column; the project goes first where there is no room."""
    name = max(6, *(len(entry.name) for entry in entries), 0) + 4
    rest = width - name - CLOUD - AGE
    project = 16 if rest >= 50 else 0
    project = min(30, rest - 34) if rest > 60 else project
    return name, project, max(0, rest - project)


def heads(entries: Sequence[Entry], width: int) -> str:
    """The heads of the columns."""
    name, project, state_cells = columns(entries, width)
    shown = fill("  NAME", name) + fill("CLOUD", CLOUD) + (fill("PROJECT", project) if project else "")
    return shown + fill("STATE", state_cells) + "LAST NEWS"


def state(entry: Entry) -> str:
    """How an environment stands: a sign, a word, and where or how long."""
    if entry.broken:
        return "✗ record can't be read"
    watched = entry.watched
    sign = signs.sign(entry.standing)
    if watched is None or entry.standing in ("new", "installed", "destroyed"):
        return str(sign)
    if watched.live and watched.state.waiting is None:
        over, whole = told.progress(watched.state)
        left = told.left(watched)
        return f"{sign.sign} {told.doing(watched)} {over}/{whole}" + ("" if left is None else f", ~{about(left)}")
    if entry.standing == "waiting":
        kind = watched.state.waiting.kind if watched.state.waiting else ""
        return f"{sign.sign} needs you: {kind}"
    return f"{sign.sign} {told.doing(watched)}"
