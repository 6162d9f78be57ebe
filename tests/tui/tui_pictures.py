"""Pictures of a screen at three sizes, as text: what stands in each cell, and below it how each cell is painted.

They are compared with those that are kept in ``pictures``. Where a change is meant, KEEP_PICTURES=1 keeps the new ones;
they are to be looked at.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from string import ascii_letters, digits

from rich.style import Style
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input
from tui_contrast import faint

from tui import themes

FOLDER = Path(__file__).parent / "pictures"
SIZES = ((80, 24), (120, 36), (60, 20))
LETTERS = "." + ascii_letters + digits + "!#$%&*+=?@"


class Pictures:
    """Takes pictures of an app that is resized from one to the next, and remembers those that differ."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keep = bool(os.environ.get("KEEP_PICTURES"))
        self.different: list[str] = []
        self.faint: list[str] = []
        self.last = ""

    async def take(self, pilot: Pilot[int], name: str, *sizes: tuple[int, int]) -> None:
        """The screen as it is now, at each size."""
        for field in pilot.app.screen.query(Input):  # the palette's own blinks
            field.cursor_blink = False
            field._pause_blink(visible=True)
        taken = []
        for size in sizes or SIZES:
            if tuple(pilot.app.size) != size:
                await pilot.resize_terminal(*size)
            for _ in range(3):  # what follows from a size is laid out, and what follows from that
                await pilot.pause()
            taken.append(described(pilot.app.screen._compositor.render_strips(), size))
        self.last = "\n".join(taken)
        self._compare(name, self.last)
        if pilot.app.theme == themes.DARK.name and not pilot.app.no_color and min(pilot.app.size) >= 20:
            self.faint += [f"{name}: {said}" for said in await faint(pilot)]

    def _compare(self, name: str, taken: str) -> None:
        kept = FOLDER / f"{name}.txt"
        before = kept.read_text() if kept.exists() else ""
        if before == taken:
            return
        if self.keep:
            kept.parent.mkdir(exist_ok=True)
            kept.write_text(taken)
            return
        (self.folder / kept.name).write_text(taken)
        changes = difflib.unified_diff(before.splitlines(), taken.splitlines(), str(kept), str(self.folder / kept.name), n=0)
        self.different.append("\n".join(list(changes)[:60]))


def described(strips: list[Strip], size: tuple[int, int]) -> str:
    """One picture: its size, the text, the letters of the styles, and what they mean."""
    letters: dict[str, str] = {}
    texts, styles = [], []
    for strip in strips:
        texts.append("".join(segment.text for segment in strip).rstrip())
        painted = ""
        for segment in strip:
            style = _words(segment.style)
            letter = letters.setdefault(style, LETTERS[len(letters)])
            painted += letter * segment.cell_length
        styles.append(painted)
    legend = [f"{letter} {style}" for style, letter in letters.items()]
    return "\n".join([f"{size[0]}x{size[1]}", *texts, "", *styles, "", *legend, ""])


def _words(style: Style | None) -> str:
    if style is None:
        return "plain"
    colours = [colour.name if colour is not None else "default" for colour in (style.color, style.bgcolor)]
    marks = [word for word in ("bold", "dim", "italic", "underline", "reverse", "strike") if getattr(style, word)]
    return " ".join([f"{colours[0]} on {colours[1]}", *marks])
