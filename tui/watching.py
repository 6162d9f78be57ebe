"""A run as it is watched: its journal read as it grows, and whether somebody still holds the environment.

The journal is looked at by ``stat``; notifications of the file system are blind on network homes. A hundred thousand
events come in pieces, between which the screen lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from core.environment import Environment
from core.environment.lock import Holder
from core.run import runs
from core.run.journal import Reader
from core.run.state import RunState


class Watched:
    """One run of an environment: ``state`` is the fold of what was read so far, ``holder`` who runs it now."""

    def __init__(self, environment: Environment, run: str) -> None:
        self.environment, self.run = environment, run
        self.state = RunState()
        self.holder: Holder | None = None
        self._reader = Reader(runs.folder(environment, run))

    @classmethod
    def newest(cls, environment: Environment) -> Watched | None:
        """The run that goes on, else the last one; None where there was none."""
        held = runs.current(environment)
        found = runs.ids(environment)
        run = held.run if held is not None and held.run else found[-1] if found else ""
        return cls(environment, run) if run else None

    @property
    def live(self) -> bool:
        """Whether the run goes on now."""
        return self.holder is not None and self.state.end is None

    @property
    def standing(self) -> str:
        """The environment's state because of this run, in the words of `core.run.runs.state`."""
        if not self.state.run:
            return "new" if self.holder is None else "running"
        return runs.state(self.state, self.holder)

    def _pieces(self) -> Iterator[int]:
        for records in self._reader.catch_up():
            for record in records:
                self.state.apply(record)
            yield len(records)

    def look(self) -> None:
        """Looks who holds the environment; another run than this one is not this one's holder."""
        held = runs.current(self.environment)
        self.holder = held if held is None or held.run in ("", self.run) else None

    def read(self) -> bool:
        """Takes in everything that is new, at once; says whether there was something."""
        self.look()
        return sum(self._pieces()) > 0

    async def follow(self) -> bool:
        """Takes in everything that is new, with pauses; says whether there was something."""
        self.look()
        some = False
        for taken in self._pieces():
            some = some or taken > 0
            await asyncio.sleep(0)
        return some
