"""Dark, light and high-contrast colours; a state is never told by them alone.

Muted text has a colour of its own: one that follows the background is lost where a widget paints its own lines.
"""

from __future__ import annotations

import os

from textual.theme import Theme

import tui

DARK = Theme(
    "dark",
    primary="#7aa2f7",
    secondary="#9ab4d8",
    accent="#7dcfff",
    foreground="#d5d9e2",
    background="#15181e",
    surface="#1b1f27",
    panel="#252b36",
    success="#8fce7c",
    warning="#e6b450",
    error="#f7768e",
    dark=True,
    variables={"text-muted": "#9aa3b5", "border-blurred": "#3d4657"},
)
LIGHT = Theme(
    "light",
    primary="#1f5fb4",
    secondary="#4a6480",
    accent="#0b6e8f",
    foreground="#1c2128",
    background="#fbfbfa",
    surface="#f1f2f3",
    panel="#e2e5e9",
    success="#1d7a36",
    warning="#8a5a00",
    error="#b3202c",
    dark=False,
    variables={"text-muted": "#5a6472", "border-blurred": "#c4cad2"},
)
CONTRAST = Theme(
    "high-contrast",
    primary="#ffff00",
    secondary="#ffffff",
    accent="#00ffff",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    success="#00ff00",
    warning="#ffff00",
    error="#ff8080",
    dark=True,
    text_alpha=1.0,
    variables={
        "border": "#ffff00",
        "border-blurred": "#ffffff",
        "text-muted": "#c8c8c8",
        "primary-muted": "#404000",
        "foreground-muted": "#ffffff",
    },
)
ALL = (DARK, LIGHT, CONTRAST)


def first(chosen: str = "") -> str:
    """The theme to begin with: what TEXTUAL_THEME names, else what was chosen, else what suits the terminal's background."""
    names = {theme.name for theme in ALL}
    for wanted in (tui.THEME, chosen):
        if wanted in names:
            return wanted
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT.name if background in ("7", "15") else DARK.name
