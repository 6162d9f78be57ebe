"""A list that paints its own lines, and only those that are seen: the one widget behind steps, logs and environments.

A widget for each row would take a fifth of a processor at twenty rows. What is painted can be selected with the mouse,
and the terminal's cursor stands on the chosen row, for whoever reads the screen with something else than eyes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip


class Lined(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows of text with one chosen; a subclass says how many there are (`count`) and what each shows (`row`)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end", "last", "Last", show=False),
        Binding("left", "scroll_left", "Left", show=False),
        Binding("right", "scroll_right", "Right", show=False),
        Binding("enter,space", "open", "Open", show=False),
    ]
    DEFAULT_CSS = """
    Lined { background: transparent; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1; overflow-x: hidden; }
    Lined > .lined--chosen { background: $panel; }
    Lined:focus > .lined--chosen { background: $primary; color: $background; text-style: bold; }
    Lined:nocolor > .lined--chosen { text-style: underline; }
    Lined:nocolor:focus > .lined--chosen { text-style: bold reverse; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"lined--chosen"}
    CHOOSES = True
    """Whether one row is chosen; a log only scrolls."""

    chosen: reactive[int] = reactive(0)
    """The row that is chosen."""
    touched = False
    """Whether a person chose or opened a row: from then on no screen chooses by itself."""

    @dataclass
    class Chosen(Message):
        """Another row was chosen."""

        lined: Lined
        row: int

    @dataclass
    class Opened(Message):
        """Enter, space or a second click on the chosen row."""

        lined: Lined
        row: int

    def count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def row(self, y: int, width: int) -> Text:
        """What a row shows; foreign parts went through `tui.text`."""
        raise NotImplementedError

    def wide(self) -> int:
        """How many cells the widest row has; 0 where rows are cut to the widget."""
        return 0

    @property
    def cells(self) -> int:
        """How wide a row is shown: what the scrollbar leaves."""
        return self.scrollable_content_region.width

    # -- painting

    def render_line(self, y: int) -> Strip:
        scroll_x, scroll_y = self.scroll_offset
        width, number, style = self.cells, y + scroll_y, self.rich_style
        if number >= self.count():
            return Strip.blank(width, style)
        text = self.row(number, width)
        text.style = style
        text.no_wrap = True
        if self.CHOOSES and number == self.chosen:
            text.stylize(self._chosen_style())
            text.append(" " * max(0, width - text.cell_len), self._chosen_style())
        self._paint_selection(text, number)
        # A text without spans renders without its own style: the terminal's colours would show through.
        strip = Strip(Segment.apply_style(text.render(self.app.console), style))
        return strip.crop_extend(scroll_x, scroll_x + width, style).apply_offsets(scroll_x, number)

    def _chosen_style(self) -> Style:
        return self.get_component_rich_style("lined--chosen", partial=True)

    def _paint_selection(self, text: Text, number: int) -> None:
        selection = self.text_selection
        span = selection.get_span(number) if selection is not None else None
        if span is not None:
            begin, end = span
            text.stylize(self.screen.get_component_rich_style("screen--selection"), begin, len(text) if end == -1 else end)

    def fit(self) -> None:
        """Takes a new number of rows into account."""
        self._measure()
        if self.CHOOSES and self.chosen >= self.count():
            self.chosen = max(0, self.count() - 1)
        self.refresh()

    def _measure(self) -> None:
        self.virtual_size = Size(self.wide() or self.cells, self.count())

    def on_resize(self) -> None:
        self.fit()
        self.show_chosen()
        self.show_cursor()

    # -- selecting and copying

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        begin = selection.start.y if selection.start is not None else 0
        end = selection.end.y if selection.end is not None else self.count() - 1
        found = []
        for number in range(begin, min(end, self.count() - 1) + 1):
            span = selection.get_span(number)
            if span is not None:
                plain = self.plain(number)
                found.append(plain[span[0] : len(plain) if span[1] == -1 else span[1]].rstrip())
        return ("\n".join(found), "\n") if found else None

    def plain(self, y: int) -> str:
        """What of a row is copied: the row as it is painted."""
        return self.row(y, self.cells).plain

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    # -- choosing

    def validate_chosen(self, row: int) -> int:
        return max(0, min(row, self.count() - 1))

    def watch_chosen(self, before: int, row: int) -> None:
        if self.CHOOSES:
            self.show_chosen()
            self.refresh()
            self.show_cursor()
            if before != row:
                self.post_message(self.Chosen(self, row))

    def _choose(self, row: int) -> None:
        """A person chooses."""
        self.touched = True
        self.chosen = row

    def show_chosen(self) -> None:
        """Scrolls to the chosen row; before the first layout, which comes with a resize, there is nowhere to scroll."""
        if self.CHOOSES and self.size:
            self._measure()
            # Forced: rows that have come just now get their scrollbar with the next layout only.
            self.scroll_to_region(Region(0, self.chosen, 1, 1), animate=False, force=True, x_axis=False)

    def on_focus(self) -> None:
        self.show_cursor()

    def show_cursor(self) -> None:
        """Puts the terminal's cursor on the chosen row."""
        if self.has_focus and self.is_mounted:
            row = self.chosen - round(self.scroll_y) if self.CHOOSES else 0
            self.app.cursor_position = self.content_region.offset + Offset(0, row)

    def action_move(self, rows: int) -> None:
        """Chooses a row further up or down, or scrolls where none is chosen."""
        if self.CHOOSES:
            self._choose(self.chosen + rows)
        else:
            self.scroll_to(y=self.scroll_y + rows, animate=False)

    def action_page(self, pages: int) -> None:
        """A screenful further."""
        self.action_move(pages * max(1, self.size.height - 1))

    def action_first(self) -> None:
        """To the beginning."""
        self.action_move(-self.count())

    def action_last(self) -> None:
        """To the end."""
        self.action_move(self.count())

    def action_open(self) -> None:
        """Opens the chosen row."""
        self.touched = True
        if self.count() and self.CHOOSES:
            self.post_message(self.Opened(self, self.chosen))

    def on_click(self, event: events.Click) -> None:
        if not self.CHOOSES or self.text_selection is not None:
            return
        row = event.y + round(self.scroll_y)
        if row >= self.count():
            return
        if row == self.chosen:
            self.action_open()
        else:
            self._choose(row)
