"""Colours that a tool chose, made to stand out from the theme's background: it could not know what it prints on.

The ratio is that of WCAG 2: 4.5 for text, 7 where contrast is to be high. A colour that is too near is moved towards white
or black as little as is needed, so that green stays green.
"""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from tui import themes

_TINTS = 20
_DIM = 0.5
"""How far a dim colour is from its background to itself."""
Rgb = tuple[int, int, int]


def least(theme: str) -> float:
    """The contrast that text has in a theme at the least."""
    return 7.0 if theme == themes.CONTRAST.name else 4.5


def readable(style: Style, colours: TerminalTheme, ratio: float) -> Style:
    """The style with a text colour that stands out from its background; ``colours`` are what ANSI names stand for."""
    if style.color is None or style.bgcolor is None:
        return style
    found = _tint(style.color, style.bgcolor, bool(style.dim), colours, ratio)
    return style if found is None else style + Style(color=found, dim=False)


@lru_cache(maxsize=1024)
def _tint(color: Color, behind: Color, dim: bool, colours: TerminalTheme, ratio: float) -> Color | None:
    """The nearest colour that stands out; None where the colour itself does."""
    background = behind.get_truecolor(colours, foreground=False)
    text: Rgb = color.get_truecolor(colours)
    if dim:
        text = _mixed(background, text, _DIM)
    elif _ratio(text, background) >= ratio:
        return None
    target = (255, 255, 255) if _luminance(background) < 0.18 else (0, 0, 0)
    tints = (_mixed(text, target, step / _TINTS) for step in range(_TINTS + 1))
    return Color.from_rgb(*next((tint for tint in tints if _ratio(tint, background) >= ratio), target))


def _mixed(one: Rgb, other: Rgb, part: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _ratio(one: Rgb, other: Rgb) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Rgb) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (value / 255 for value in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
