"""How well the text on a screen stands out from its background, cell by cell, as WCAG 2 computes it.

Frames, bars and what a dialog covers are no text. What is looked at is what goes to the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.color import Color, ColorType
from rich.segment import Segment
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import ModalScreen

from tui import themes

LEAST = {themes.DARK.name: 4.5, themes.LIGHT.name: 4.5, themes.CONTRAST.name: 7.0}
"""The contrast that the text of a theme has at the least: WCAG's AA, and AAA where it is high."""
_DRAWN = range(0x2500, 0x25A0)
"""Box drawing and block elements."""


def luminance(colour: Color) -> float:
    """The relative luminance of a colour, 0 to 1."""
    assert colour.type is not ColorType.DEFAULT
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in colour.get_truecolor())
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(text: Color, background: Color) -> float:
    """The ratio of two colours' luminance, 1 to 21."""
    low, high = sorted((luminance(text), luminance(background)))
    return (high + 0.05) / (low + 0.05)


async def faint(pilot: Pilot[int]) -> list[str]:
    """The texts of the screen that are hard to read in one of the themes; the theme it had is put back."""
    app, found = pilot.app, []
    before = app.theme
    for theme, least in LEAST.items():
        app.theme = theme
        for _ in range(3):
            await pilot.pause()
        found += [f"{theme}: {said}" for said in dict.fromkeys(_below(pilot, least))]
    app.theme = before
    await pilot.pause()
    return found


def _below(pilot: Pilot[int], least: float) -> Iterator[str]:
    screen = pilot.app.screen
    shown = [child.region for child in screen.children] if isinstance(screen, ModalScreen) else [screen.region]
    for y, strip in enumerate(screen._compositor.render_strips()):
        x = 0
        for segment in strip:
            cells = Region(x, y, segment.cell_length, 1)
            x += segment.cell_length
            if any(cells.overlaps(region) for region in shown) and (said := _text(segment)):
                ratio, colours = _ratio(segment)
                if ratio < least:
                    yield f"{ratio:.2f} {colours}: {said}"


def _text(segment: Segment) -> str:
    return "" if segment.control else "".join(c for c in segment.text if ord(c) not in _DRAWN).strip()


def _ratio(segment: Segment) -> tuple[float, str]:
    style = segment.style
    assert style is not None, segment
    assert style.color is not None, segment
    assert style.bgcolor is not None, segment
    text, background = style.color, style.bgcolor
    return contrast(text, background), f"{text.name} on {background.name}{' dim' * bool(style.dim)}"
