"""The files of a devcontainer as rows: new, changed or the same; and one of them, or how it changes, as text."""

from __future__ import annotations

from rich.text import Text
from textual.content import Content

from core.workstation.devcontainer import File
from tui.text import clean, fill, line, lines, text
from tui.widgets.lined import Lined

SIGNS = {"new": "+", "changed": "~", "same": "="}


class FileList(Lined):
    """Rows of files."""

    help = "The files that would be written. The chosen one is shown; one that changes, as a difference."

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.files: tuple[File, ...] = ()

    def show(self, files: tuple[File, ...]) -> None:
        """Shows these; the chosen row stays chosen."""
        self.files = files
        self.fit()

    def file(self) -> File | None:
        """The chosen one."""
        return self.files[self.chosen] if self.chosen < len(self.files) else None

    def count(self) -> int:
        return len(self.files)

    def row(self, y: int, width: int) -> Text:
        file = self.files[y]
        cells = max(10, width - 9)
        mark = "▸ " if y == self.chosen else "  "
        name = file.name.rpartition("/")[2]
        return Text(fill(line(f"{mark}{SIGNS[file.state]} {name}"), cells) + f" {file.state}", end="")


def preview(file: File) -> Content:
    """What a file will hold, or what changes in it."""
    if file.state != "changed":
        return text(clean(file.content))
    styles = {"+": "$text-success", "-": "$text-error", "@": "$text-muted"}
    rows = clean(file.diff()).splitlines()[2:]
    return lines(*(text((row, styles.get(row[:1], ""))) for row in rows))
