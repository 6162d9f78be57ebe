"""The log of a run: it follows, or stays where one reads; search, filter, save and copy work on all of it.

Only what is seen is read and decoded. Taking in new lines is a matter of pieces, each followed by a pause in which the
screen lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from rich.text import Text
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from tui import contrast
from tui.logs import LogFile, Logs
from tui.text import clean, coloured
from tui.widgets.lined import Lined

PIECES = 64
"""Pieces that are taken in before they are shown: lines of several steps are put in order together."""


class LogView(Lined):
    """Shows one step's log, or all of them where ``step`` is empty."""

    help = (
        "What the steps' tools print. Arrow keys and page keys scroll, end follows the newest line; / searches, t shows the "
        "chosen step's log alone or all of them, s saves it as a file, c copies what is selected."
    )
    CHOOSES = False
    DEFAULT_CSS = """
    LogView { overflow-x: auto; overflow-y: scroll; }
    LogView > .log--match { background: $warning-muted; color: $text-warning; text-style: bold; }
    LogView > .log--stamp { color: $text-muted; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--match", "log--stamp"}

    following: reactive[bool] = reactive(True)
    """Whether the newest line is kept in sight."""

    @dataclass
    class Changed(Message):
        """There are more lines, or others."""

        lines: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.logs: Logs | None = None
        self.step = ""
        self.needle = ""
        self._count = 0

    def open(self, folder: Path, *, begin: int = 0) -> None:
        """Shows the logs of another run; ``begin`` is the second of the day it began at."""
        if self.logs is not None:
            self.logs.close()
        self.logs, self._count = Logs(folder, begin=begin), 0
        self.fit()

    def filter(self, step: str) -> None:
        """Shows one step's log, or all where it is empty."""
        if step != self.step:
            self.step, self._count, self.following = step, 0, True
            self.run_worker(self.take(), group="log-take", exclusive=True, exit_on_error=False)

    async def take(self) -> None:
        """Takes in what was written since, piece by piece."""
        logs = self.logs
        if logs is None:
            return
        logs.look()
        for _ in self._pieces(logs):
            await asyncio.sleep(0)
            if logs is not self.logs:  # they were closed meanwhile
                return

    def _pieces(self, logs: Logs) -> Iterator[None]:
        more = True
        while more:
            for _ in range(PIECES):
                more = logs.take(self.step)
                if not more:
                    break
                yield
            if not self.step:
                yield from logs.merge()
            self._grow()

    def _grow(self) -> None:
        count = self.logs.count(self.step) if self.logs else 0
        if count == self._count:
            return
        self._count = count
        self.fit()
        self._stay_at_the_end()
        self.post_message(self.Changed(count))

    def count(self) -> int:
        return self._count

    def wide(self) -> int:
        logs = self.logs
        if logs is None:
            return self.cells
        names = 0 if self.step else max((len(name) + 1 for name in logs.files), default=0)
        return max(self.cells, names + logs.longest(self.step))

    def on_resize(self) -> None:
        self.call_after_refresh(self._stay_at_the_end)

    def watch_show_horizontal_scrollbar(self) -> None:
        """It takes the last row away once a line is longer than the screen."""
        self.call_after_refresh(self._stay_at_the_end)

    def _stay_at_the_end(self) -> None:
        if self.following:
            self.scroll_end(animate=False, immediate=True, x_axis=False)

    def row(self, y: int, width: int) -> Text:
        assert self.logs is not None
        written = self.logs.line(y, self.step)
        text = coloured(written)
        if not self.step:
            text = Text(f"{self.logs.place(y)[0]} ", end="").append_text(text)
        if self.needle:
            text.highlight_words([self.needle], self.get_component_rich_style("log--match"), case_sensitive=False)
        return text

    def render_line(self, y: int) -> Strip:
        colours, ratio = self.app.ansi_theme, contrast.least(self.app.theme)
        painted = super().render_line(y)
        kept = [
            Segment(text, contrast.readable(style, colours, ratio) if style else style, control)
            for text, style, control in painted
        ]
        return Strip(kept, painted.cell_length)

    def action_move(self, rows: int) -> None:
        super().action_move(rows)
        self.following = rows > 0 and self.scroll_y + rows >= self.max_scroll_y

    def on_mouse_scroll_up(self) -> None:
        self.following = False

    def action_last(self) -> None:
        self.following = True

    def watch_following(self, following: bool) -> None:
        if following:
            self.scroll_end(animate=False, x_axis=False)
        self.post_message(self.Changed(self._count))

    async def search(self, needle: str, *, back: bool = False, again: bool = False) -> bool:
        """Goes to the next line that holds a text; says whether there is one, going round at the end."""
        self.needle = needle
        self.refresh()
        if self.logs is None or not needle or not self._count:
            return False
        here = round(self.scroll_y)
        begin = here + (-1 if back else 1) * again
        for start in (begin, self._count - 1 if back else 0):
            found = await self._found(needle, start, back)
            if found is not None:
                self.following = False
                self.scroll_to(y=found, animate=False)
                return True
        return False

    async def _found(self, needle: str, begin: int, back: bool) -> int | None:
        assert self.logs is not None
        if not 0 <= begin < self._count:
            return None
        for found in self.logs.find(needle, begin, step=self.step, back=back):
            if found is not None:
                return found
            await asyncio.sleep(0)
        return None

    def files(self) -> list[LogFile]:
        """The files that are shown."""
        if self.logs is None:
            return []
        return [file for name, file in self.logs.files.items() if self.step in ("", name)]

    def content(self) -> str:
        """All of what is shown, without control sequences."""
        if self.step:
            return "".join(clean(file.path.read_text(errors="replace")) for file in self.files())
        assert self.logs is not None
        return "\n".join(f"{self.logs.place(y)[0]} {clean(self.logs.line(y))}" for y in range(self._count)) + "\n"

    def on_unmount(self) -> None:
        if self.logs is not None:
            self.logs.close()
            self.logs = None
