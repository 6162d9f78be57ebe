"""What others wrote is never markup and steers no terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content
from textual.scrollbar import ScrollBarRender

from tui import text as texts
from tui.signs import ascii_text

HOSTILE = [
    "[/red]", "a[each.key]", "[@click=app.quit]x[/]", "\x1b]52;c;cm0gLXJm\x07after", "\x1b[2J\x1b[Hgone", "\x9b31mred",
    "\x1bP+q544e\x1b\\q", "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "日本語 wide ｆｕｌｌ", "a\x00b\x7f\x85c",
    "\u202egpj.exe", "\x1b]0;unterminated", "\x1b[38;5;", "\x1b",
]  # fmt: skip


@pytest.mark.parametrize("foreign", HOSTILE)
def test_nothing_that_steers_a_terminal_is_left(foreign: str) -> None:
    cleaned = texts.clean(foreign)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", cleaned)


def test_what_reads_as_markup_stays_as_it_was_written() -> None:
    assert texts.text("subnet[eu-west1]", (" [/red]", "bold")).plain == "subnet[eu-west1] [/red]"


def test_the_clipboard_is_not_written_and_the_rest_stays() -> None:
    assert texts.clean("before\x1b]52;c;cm0=\x07after") == "beforeafter"
    assert texts.clean("before\x1b]52;c;cm0=\x1b\\after") == "beforeafter"


def test_colours_of_a_tool_stay_and_nothing_else_does() -> None:
    shown = texts.coloured("\x1b[31mred\x1b[0m \x1b[2Jplain \x1b]52;c;eA==\x07[/b]")
    assert shown.plain == "red plain [/b]"
    assert shown.spans[0].style.color.number == 1


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_any_text_is_harmless_and_cut_to_its_room(foreign: str) -> None:
    for cleaned in (texts.line(foreign), texts.coloured(foreign).plain):
        assert "\x1b" not in cleaned
        assert "\x9b" not in cleaned
    assert texts.width(texts.fill(texts.line(foreign), 12)) == 12


def test_a_line_has_no_line_end() -> None:
    assert texts.line("one\r\ntwo\nthree") == "one two three"


def test_cutting_says_that_something_is_left_out() -> None:
    assert texts.cut("abcdef", 4) == "abc…"
    assert texts.cut("日本語", 4) == "日…"
    assert texts.cut("abc", 3) == "abc"


def test_rows_stand_below_one_another() -> None:
    rows = texts.lines(texts.text("a[0]"), texts.text("b"))
    assert isinstance(rows, Content)
    assert rows.plain == "a[0]\nb"


def test_a_scroll_bar_is_told_from_what_a_terminal_can_not_show() -> None:
    """A tmux without UTF-8 puts an underscore in place of what it can't show."""
    bars = "".join([*ScrollBarRender.VERTICAL_BARS, *ScrollBarRender.HORIZONTAL_BARS])
    assert ascii_text(bars).isascii()
    assert "_" not in ascii_text(bars)
