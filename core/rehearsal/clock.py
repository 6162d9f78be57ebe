"""Simulated time: it runs ``speed`` times as fast as real time, goes on while the process is dead, and is never paused.

At speed 0 there is no waiting at all: every duration is 0, and time is the real one.
"""

from __future__ import annotations

import asyncio
import time


class SimulatedClock:
    """The clock of one rehearsal; ``started`` is the real time (epoch seconds) at which it was first set up."""

    def __init__(self, *, speed: float, started: float) -> None:
        self.speed = speed
        self.started = started

    def now(self) -> float:
        """Simulated time in epoch seconds."""
        real = time.time()
        return real if self.speed == 0 else self.started + (real - self.started) * self.speed

    def duration(self, seconds: float) -> float:
        """How long (simulated) something takes that takes ``seconds`` in reality: 0 at speed 0."""
        return 0.0 if self.speed == 0 else seconds

    def timestamp(self, at: float | None = None) -> str:
        """A time of this clock (now, when left out) in the form of Google's APIs and of Kubernetes: RFC 3339, UTC."""
        moment = self.now() if at is None else at
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))

    async def sleep(self, seconds: float) -> None:
        """Waits ``seconds`` of simulated time; at speed 0 it only yields."""
        await asyncio.sleep(0 if self.speed == 0 else max(0.0, seconds) / self.speed)

    async def sleep_until(self, moment: float) -> None:
        """Waits until this clock shows ``moment``."""
        await self.sleep(moment - self.now())
