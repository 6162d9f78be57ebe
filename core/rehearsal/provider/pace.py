"""How fast the provider waits: simulated seconds pass ``rate`` times as fast as real ones; at 0 a wait only yields."""

from __future__ import annotations

import os
import threading
import time

RATE = "MLOPS_ENV_PROVIDER_RATE"
"""The environment variable that holds the rate; without it time is real."""
YIELD = 0.002
LEAST_REAL = 60.0
"""Real seconds that every timeout leaves, since the machine's own work does not shrink with the rate."""


class Pace:
    """Waits and deadlines in seconds of the simulated cloud."""

    def __init__(self, rate: float = 1.0) -> None:
        self.rate = rate

    @classmethod
    def from_environment(cls) -> Pace:
        """The pace that the environment asks for."""
        try:
            return cls(max(0.0, float(os.environ.get(RATE, "1"))))
        except ValueError:
            return cls()

    def sleep(self, seconds: float, stop: threading.Event | None = None) -> None:
        """Waits, until ``stop`` is set if it is given."""
        self.sleep_until(time.monotonic() + self.real(seconds), stop)

    def real(self, seconds: float) -> float:
        """Real seconds that a wait takes."""
        return YIELD if self.rate == 0 else max(YIELD, seconds / self.rate)

    def sleep_until(self, moment: float, stop: threading.Event | None = None) -> None:
        """Waits for a moment of `time.monotonic`, so that what an answer takes on this machine does not add up."""
        real = max(0.0, moment - time.monotonic())
        if stop is None:
            time.sleep(real)
        else:
            stop.wait(real)

    def deadline(self, seconds: float) -> float:
        """The moment (of `time.monotonic`) at which ``seconds`` will have passed."""
        real = seconds if self.rate == 1 else max(LEAST_REAL, seconds / self.rate if self.rate else 0.0)
        return time.monotonic() + real
