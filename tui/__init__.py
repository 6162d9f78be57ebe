"""The full-screen app: it watches and steers runs, and knows them by what they wrote down.

Importing this package drops the variables by which Textual would write down what is typed, press keys by itself, draw
with another driver, or hold the screen at a size that a shell once exported. It must happen before Textual is imported,
which reads them then; so it happens here, and nowhere is there a way around it.
"""

from __future__ import annotations

import os

_DROPPED = (
    "TEXTUAL",
    "TEXTUAL_LOG",
    "TEXTUAL_PRESS",
    "TEXTUAL_DRIVER",
    "TEXTUAL_DEBUG",
    "TEXTUAL_THEME",
    "COLUMNS",
    "LINES",
)
_DROPPED_PREFIXES = ("TEXTUAL_SCREENSHOT", "TEXTUAL_DEVTOOLS")

THEME = os.environ.get("TEXTUAL_THEME", "")
"""The theme that a person wants, which the variable named before it was dropped: Textual knows none of ours by name."""


def _drop() -> None:
    for name in list(os.environ):
        if name in _DROPPED or name.startswith(_DROPPED_PREFIXES):
            del os.environ[name]


_drop()
