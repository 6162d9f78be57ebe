"""How often Python looks for objects that nothing but one another holds.

By default it looks whenever 700 (2,000 since Python 3.13) more have been made than let go, and again through all that was
loaded: a tenth of the time that a command takes to load, and a sixth of what the app computes.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = 10_000
"""Objects more than were let go, until Python looks among the young ones."""


def look_seldom() -> None:
    """For the whole process, from now on."""
    gc.set_threshold(SELDOM, *gc.get_threshold()[1:])


def settle() -> None:
    """What is there now stays, and is not looked through any more: for a process that begins what it was started for."""
    gc.freeze()


@contextmanager
def loading() -> Iterator[None]:
    """Within it, nothing is looked for; what was loaded stays, and is not looked through afterwards either."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
