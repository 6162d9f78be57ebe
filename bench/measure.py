"""Taking turns, and what a row of the results is."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

PROGRAM = str(Path(sys.executable).with_name("mlops-env"))


class Lacking(Exception):
    """Raised when a row can't be measured here; its text says what it needs."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the results; ``spread`` is the lowest and the highest round."""

    name: str
    value: float
    goal: float
    against: str
    unit: str
    spread: tuple[float, float]

    @classmethod
    def of(cls, name: str, values: Sequence[float], *, goal: float, against: str, unit: str = "ratio") -> Row:
        """The row that some rounds make."""
        return cls(
            name, round(statistics.median(values), 3), goal, against, unit, (round(min(values), 3), round(max(values), 3))
        )

    def to_dict(self) -> dict[str, Any]:
        """The row as the file of results holds it."""
        return {**asdict(self), "pass": self.value <= self.goal, "spread": list(self.spread)}


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def in_turns(ours: Callable[[], object], theirs: Callable[[], object], *, rounds: int) -> list[float]:
    """The ratio of each round's times; one round before them warms up, and the order alternates."""
    return ratios(partial(seconds, ours), partial(seconds, theirs), rounds=rounds)


def ratios(ours: Callable[[], float], theirs: Callable[[], float], *, rounds: int) -> list[float]:
    """The same of what both sides measure by themselves."""
    ours()
    theirs()
    found = []
    for number in range(rounds):
        if number % 2:
            other, mine = theirs(), ours()
        else:
            mine, other = ours(), theirs()
        found.append(mine / other)
    return found


def run(command: Sequence[str], *, variables: Mapping[str, str] | None = None, codes: Sequence[int] = (0,)) -> str:
    """Runs a command, and raises `Lacking` with its last words where it does not end as it should."""
    done = subprocess.run(
        list(command),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(variables or {})},
    )
    if done.returncode not in codes:
        last = " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-3:])
        shown = " ".join([Path(command[0]).name, *command[1:4]])
        raise Lacking(f"{shown} ended with {done.returncode}: {last[:500]}")
    return done.stdout
