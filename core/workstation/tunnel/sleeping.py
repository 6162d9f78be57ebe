"""Tells when the machine has slept: its connections may be dead then, and nothing says so.

Linux counts the time asleep apart (CLOCK_BOOTTIME against CLOCK_MONOTONIC); elsewhere the wall clock runs on while the
monotonic one stands still.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from core.run.clock import Clock

LOOKS = 2.0
"""Seconds between two comparisons of the clocks: no system tells an ordinary process that it woke up."""
LEAST = 3.0
"""Seconds asleep that are worth a proof."""


def asleep_so_far() -> float:
    """Seconds that the machine has slept since some fixed moment."""
    running = getattr(time, "CLOCK_BOOTTIME", None)
    if running is not None:
        return time.clock_gettime(running) - time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.time() - time.monotonic()


class Sleep:
    """The machine's sleep, told once each time; none is missed while the last one is still dealt with."""

    def __init__(self, clock: Clock, asleep: Callable[[], float] = asleep_so_far) -> None:
        self._clock, self._asleep = clock, asleep
        self._before = asleep()

    async def over(self) -> float:
        """Waits until the machine has slept; says for how many seconds."""
        while True:
            await self._clock.sleep(LOOKS)
            before, self._before = self._before, self._asleep()
            if self._before - before >= LEAST:
                return self._before - before
