"""States as a sign and a word; colour only repeats what they say.

The signs are one cell wide and stand in the fonts that terminals have. Where the locale is not UTF-8, or a person prefers
it, every sign, frame and letter that is not ASCII is replaced as the line goes out (`AsciiFilter`), so that no widget
has to know.
"""

from __future__ import annotations

import os
import subprocess
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter


@dataclass(frozen=True, slots=True)
class Sign:
    """How a state is shown: sign, word, and the style variable of its colour."""

    sign: str
    word: str
    style: str

    def __str__(self) -> str:
        return f"{self.sign} {self.word}"


STATES: dict[str, Sign] = {
    "pending": Sign("·", "waiting", "$text-muted"),
    "not-begun": Sign("·", "not begun", "$text-muted"),
    "running": Sign("◐", "running", "$text-accent"),
    "waiting": Sign("!", "needs you", "$text-warning"),
    "done": Sign("✓", "done", "$text-success"),
    "unchanged": Sign("✓", "unchanged", "$text-success"),
    "skipped": Sign("-", "skipped", "$text-muted"),
    "failed": Sign("✗", "failed", "$text-error"),
    "cancelled": Sign("=", "cancelled", "$text-muted"),
    "interrupted": Sign("=", "interrupted", "$text-warning"),
    "new": Sign("·", "new", "$text-muted"),
    "installed": Sign("✓", "installed", "$text-success"),
    "destroying": Sign("◐", "destroying", "$text-accent"),
    "destroyed": Sign("-", "destroyed", "$text-muted"),
    "pass": Sign("✓", "passes", "$text-success"),
    "warn": Sign("~", "warns", "$text-warning"),
    "fail": Sign("✗", "fails", "$text-error"),
    "block": Sign("✗", "blocks", "$text-error"),
    "skip": Sign("-", "not looked at", "$text-muted"),
}
"""States of steps, environments and checks; ``!`` is kept for what needs a person."""


def sign(state: str) -> Sign:
    """The sign of a state; one that is not known is shown by its own word."""
    return STATES.get(state, Sign("?", state, "$text-muted"))


def bar(fraction: float, cells: int) -> str:
    """A bar of that many cells."""
    full = round(max(0.0, min(1.0, fraction)) * cells)
    return "█" * full + "░" * (cells - full)


# No sign becomes an underscore: a terminal without UTF-8 shows that in place of what it can't, and a test looks for it.
_ASCII = str.maketrans({
    "✓": "+", "◐": "o", "·": ".", "✗": "x", "‖": "=", "●": "*", "○": "o", "▸": ">", "▾": "v", "›": ">", "‹": "<", "…": "~",
    "█": "#", "░": ".", "▒": ":", "▓": "#", "–": "-", "—": "-", "“": '"', "”": '"', "‘": "'", "’": "'", "•": "*", "→": ">",
    "←": "<", "↑": "^", "↓": "v", "─": "-", "━": "-", "│": "|", "┃": "|", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "┌": "+",
    "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+", "═": "=", "║": "|", "▔": "-", "▁": ".",
    "▊": "|", "▎": "|", "▏": "|", "▕": "|", "▌": "|", "▐": "|", "▀": "-", "▄": ":", "╺": "-", "╸": "-", "⏎": "/", "▼": "v",
    "▲": "^", "▶": ">", "◀": "<", "☐": "o", "☑": "x", "✔": "+", "×": "x", "\u00a0": " ",
    "▂": ".", "▃": ":", "▅": "#", "▆": "#", "▇": "#", "▉": "#", "▋": "|", "▍": "|",
})  # fmt: skip


class AsciiFilter(LineFilter):
    """Replaces what is not ASCII by something as wide that is."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [s if s.control or s.text.isascii() else Segment(ascii_text(s.text), s.style) for s in segments]


@lru_cache(maxsize=4096)
def ascii_text(text: str) -> str:
    """The text in ASCII, in as many cells."""
    return "".join(c if c.isascii() else _letter(c) for c in text.translate(_ASCII))


def _letter(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    cells = cell_len(character)
    return plain if len(plain) == cells else "?" * cells


def utf8(environment: dict[str, str] | None = None) -> bool:
    """Whether the terminal shows more than ASCII, as far as the locale and tmux say.

    Python itself sets ``LC_CTYPE`` to C.UTF-8 where the locale is C: that says nothing of the terminal.
    """
    variables = os.environ if environment is None else environment
    ctype = variables.get("LC_CTYPE", "")
    chosen = variables.get("LC_ALL") or ("" if ctype == "C.UTF-8" else ctype) or variables.get("LANG", "")
    if "utf8" not in chosen.lower().replace("-", ""):
        return False
    return not variables.get("TMUX") or _asked(["tmux", "display-message", "-p", "#{client_utf8}"]) != "0"


def _asked(command: Sequence[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=1, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
