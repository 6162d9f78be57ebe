"""The clock that every wait of a run goes through: polls, backoff, deadlines.

On the real cloud it is real time. In a rehearsal it runs ``rate`` times as fast, and at rate 0 a wait only yields. What
the machine itself needs (Terraform's own work, a process that starts) does not shrink with the rate, so a deadline never
passes before `LEAST_REAL` real seconds, or ``least`` where that is more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LEAST_REAL = 90.0
"""Real seconds that every deadline leaves, however fast the clock."""


class Deadline:
    """A moment by which something must be over; it can be held while a person is waited for."""

    def __init__(self, timeout: asyncio.Timeout | None = None) -> None:
        self._timeout = timeout
        self._left: float | None = None

    def hold(self) -> None:
        """Time stops counting; where it has passed already, nothing is held."""
        when = self._timeout.when() if self._timeout and not self._timeout.expired() else None
        if self._timeout is not None and when is not None:
            self._left = when - asyncio.get_running_loop().time()
            self._timeout.reschedule(None)

    def go_on(self) -> None:
        """Time counts again."""
        if self._timeout is not None and self._left is not None:
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._left)
            self._left = None

    def over(self) -> None:
        """What it was for has ended: nothing counts any more, whatever is held or goes on elsewhere."""
        self._timeout = self._left = None


class Clock:
    """Time in seconds of the run; see the module."""

    def __init__(self, rate: float = 1.0, *, least: float = 0.0) -> None:
        self.rate, self.least = rate, least

    def now(self) -> float:
        """Seconds on this clock since some fixed moment; never goes back."""
        return time.monotonic() * (self.rate or 1.0)

    async def sleep(self, seconds: float) -> None:
        """Waits ``seconds`` of this clock; at rate 0 it only yields."""
        await asyncio.sleep(0 if self.rate == 0 else max(0.0, seconds) / self.rate)

    @asynccontextmanager
    async def deadline(self, seconds: float) -> AsyncIterator[Deadline]:
        """Raises `TimeoutError` when what stands inside takes longer than ``seconds`` of this clock."""
        real = max(LEAST_REAL, self.least, seconds / self.rate if self.rate else 0.0)
        async with asyncio.timeout(real if self.rate != 1.0 else seconds) as timeout:
            deadline = Deadline(timeout)
            try:
                yield deadline
            finally:
                deadline.over()


class VirtualClock(Clock):
    """A clock for tests: a wait returns at once and moves the time on by itself; no deadline is ever real."""

    def __init__(self) -> None:
        super().__init__(rate=0)
        self._now = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Moves the time on."""
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._now += max(0.0, seconds)
        await asyncio.sleep(0)

    @asynccontextmanager
    async def deadline(self, seconds: float) -> AsyncIterator[Deadline]:
        begin = self._now
        yield Deadline()
        if self._now - begin > seconds:
            raise TimeoutError
