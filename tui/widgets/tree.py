"""A tree as rows: what is folded is one row with its count; what is searched for unfolds by itself.

Rows of text can be selected with the mouse and copied, which Textual's own tree does not allow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.text import Text

from tui.text import cut, fill, line, width
from tui.widgets.lined import Lined


@dataclass(slots=True)
class Node:
    """One line of a tree, with what stands under it."""

    label: str
    note: str = ""
    below: list[Node] = field(default_factory=list)
    unfolded: bool = False

    def matches(self, needle: str) -> bool:
        """Whether it, or something under it, has the text."""
        return needle in f"{self.label} {self.note}".lower() or any(node.matches(needle) for node in self.below)


class Tree(Lined):
    """Enter folds and unfolds."""

    help = "Enter folds or unfolds; the number beside a line is how many stand under it."

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.roots: list[Node] = []
        self.needle = ""
        self._rows: list[tuple[int, Node]] = []

    def show(self, roots: list[Node]) -> None:
        """Shows these."""
        self.roots = roots
        self._unfold()

    def search(self, needle: str) -> int:
        """Shows only what has the text; everything where it is empty. Returns how many lines are shown."""
        self.needle = needle.strip().lower()
        self.chosen = 0
        self._unfold()
        return len(self._rows)

    def _unfold(self) -> None:
        self._rows = [row for root in self.roots for row in self._visible(root, 0)]
        self.fit()

    def _visible(self, node: Node, depth: int) -> Iterator[tuple[int, Node]]:
        if self.needle and not node.matches(self.needle):
            return
        yield depth, node
        if node.unfolded or self.needle:
            for below in node.below:
                yield from self._visible(below, depth + 1)

    def count(self) -> int:
        return len(self._rows)

    def row(self, y: int, width_: int) -> Text:
        cells = width_ - 1
        depth, node = self._rows[y]
        sign = ("▾ " if node.unfolded or self.needle else "▸ ") if node.below else "  "
        label, note = "  " * depth + sign + line(node.label), line(node.note)
        if note and not node.below:
            room = max(16, cells - width(note) - 2)
            return Text(f"{fill(label, room)}  {note} " if width(label) <= room else f"{label}  {note} ", end="")
        return Text(f"{fill(label, max(0, cells - width(note) - 1))} {note} ", end="")

    def plain(self, y: int) -> str:
        depth, node = self._rows[y]
        return "  " * depth + "  ".join(part for part in (line(node.label), line(node.note)) if part)

    def action_open(self) -> None:
        """Folds or unfolds the chosen line."""
        if self.chosen < len(self._rows) and self._rows[self.chosen][1].below:
            node = self._rows[self.chosen][1]
            node.unfolded = not node.unfolded
            self._unfold()

    def chosen_text(self) -> str:
        """The chosen line whole."""
        return cut(self.plain(self.chosen).strip(), 10_000) if self._rows else ""

    def content(self) -> str:
        """The whole tree as text."""
        return "\n".join(_lines(self.roots, 0)) + "\n"


def _lines(nodes: list[Node], depth: int) -> Iterator[str]:
    for node in nodes:
        yield "  " * depth + "  ".join(part for part in (line(node.label), line(node.note)) if part)
        yield from _lines(node.below, depth + 1)
