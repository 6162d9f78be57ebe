"""How long to wait before the next try: not at all at first, then longer each time, capped, and never twice the same."""

from __future__ import annotations

import random

FIRST, CAP, GROWTH = 0.05, 10.0, 2.0


class Backoff:
    """Delays in seconds, from none up to `CAP`."""

    def __init__(self, *, draw: random.Random | None = None) -> None:
        self._draw = draw or random.Random()
        self._next = 0.0

    def again(self) -> None:
        """What was tried has worked."""
        self._next = 0.0

    def delay(self) -> float:
        """The next delay: between half of what it has grown to, and all of it."""
        grown, self._next = self._next, min(CAP, self._next * GROWTH or FIRST)
        return grown * self._draw.uniform(0.5, 1.0)
