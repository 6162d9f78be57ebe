"""The border that every text crosses on its way to the screen.

What the program did not write (names, logs, errors of others) is never markup, and carries no control sequence but
colour. Textual takes a ``str`` for markup nearly everywhere, so widgets are only ever given the `Content` made here;
a test reads the sources for any that are given something else.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style as RichStyle
from rich.text import Text
from textual.content import Content
from textual.style import Style

Part = str | Content | tuple[str, str | Style]

_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]?"  # CSI, whole or cut off
    r"|[\]PX^_](?:[^\x07\x1b\x9c]|\x1b(?!\\))*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, SOS, PM, APC up to their end
    r"|[ -/]*[0-~]?)"
    r"|\x9b[0-?]*[ -/]*[@-~]?|[\x90\x98\x9d-\x9f][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
)
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_CONTROL = {c: None for c in (*range(0x20), *range(0x7F, 0xA0)) if c not in (0x09, 0x0A)}
_CONTROL |= dict.fromkeys((0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029))
"""Marks that turn the direction of text can make a command read as another one."""


def clean(text: object) -> str:
    """The text without any control sequence or control character; line ends stay, tabs become blanks."""
    plain = _SEQUENCE.sub("", str(text).replace("\r\n", "\n"))
    return plain.translate(_CONTROL).expandtabs(4)


def line(text: object) -> str:
    """`clean`, on one line: line ends become blanks."""
    return " ".join(clean(text).split("\n"))


def text(*parts: Part) -> Content:
    """The parts one after another, each cleaned; a tuple is a text and its style. Nothing in them is markup."""
    return Content.assemble(*(_cleaned(part) for part in parts))


def lines(*rows: Content) -> Content:
    """Rows of content below one another."""
    return Content("\n").join(rows)


def coloured(raw: str) -> Text:
    """A line that a tool printed: its colours are kept, every other control sequence is not."""
    if "\x1b" not in raw and "\x9b" not in raw:
        return Text(clean(raw), end="")
    kept = _SEQUENCE.sub(lambda found: found.group() if _COLOUR.fullmatch(found.group()) else "", raw)
    return Text.from_ansi(kept.translate({k: v for k, v in _CONTROL.items() if k != 0x1B}).expandtabs(4), end="")


@lru_cache(maxsize=4096)
def width(text: str) -> int:
    """How many cells a text takes."""
    return Segment(text).cell_length


def cut(text: str, cells: int) -> str:
    """The text within that many cells, ending in ``…`` where something is left out; for what nobody copies."""
    if width(text) <= cells:
        return text
    kept, used = [], 0
    for character in text:
        used += width(character)
        if used > cells - 1:
            break
        kept.append(character)
    return "".join(kept) + "…" if cells > 0 else ""


def fill(text: str, cells: int) -> str:
    """The text cut or padded to exactly that many cells."""
    shown = cut(text, cells)
    return shown + " " * (cells - width(shown))


def segment(text: str, style: RichStyle | None = None) -> Segment:
    """A cleaned text for a widget that paints its own lines."""
    return Segment(line(text), style)


def _cleaned(part: Part) -> Part:
    if isinstance(part, str):
        return clean(part)
    if isinstance(part, tuple):
        return clean(part[0]), part[1]
    return part
