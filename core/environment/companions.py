"""Processes beside an environment's runs that serve it alone, and end with it: a tunnel to its notebook, for one.

Each holds a lock in the environment's folder for as long as it lives, so that whoever destroys the environment finds them
without knowing what they are. A process that was killed has let its lock go, and is not there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

from core.environment.lock import Holder, Lock, holder
from core.environment.record import Environment

ENDING = 10.0
"""Real seconds in which a process that was told to end has ended, or is left to itself."""


def join(environment: Environment, name: str) -> Lock:
    """Says that this process serves the environment, until the lock is released."""
    folder = environment.home.ensure("environments", environment.name, "companions")
    lock = Lock(folder / f"{name}.lock")
    lock.acquire(Holder.me(action=name))
    return lock


def end(environment: Environment) -> list[str]:
    """Ends those that run on this machine; returns their names."""
    ended = []
    for path in sorted((environment.folder / "companions").glob("*.lock")):
        found = holder(path)
        if found is None or not found.here or not found.pid:
            continue
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGTERM)
        until = time.monotonic() + ENDING
        while holder(path) is not None and time.monotonic() < until:
            time.sleep(0.02)
        ended.append(path.stem)
    return ended
