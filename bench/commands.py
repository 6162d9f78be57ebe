"""How fast the small commands start, against Python itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from bench.measure import PROGRAM, Row, in_turns, run
from bench.rehearsed import rehearsal

ROUNDS = 21


def help() -> Row:
    """``mlops-env --help`` against ``python -c pass``."""
    return _against_python("--help", ["--help"], goal=5.0)


def status() -> Row:
    """``mlops-env status NAME`` of an installed environment, against ``python -c pass``."""
    with rehearsal("speed = 0\n") as installed:
        return _against_python("status", ["status", installed.name], goal=6.0, variables=installed.variables)


def _against_python(name: str, arguments: Sequence[str], *, goal: float, variables: Mapping[str, str] | None = None) -> Row:
    ratios = in_turns(
        lambda: run([PROGRAM, *arguments], variables=variables),
        lambda: run([sys.executable, "-P", "-c", "pass"]),
        rounds=ROUNDS,
    )
    return Row.of(name, ratios, goal=goal, against="python -c pass")
