"""The frame that every part stands in: checks, the differences that are listed, and the line that a part ends in.

A check says what the real thing answered (`expected`) and what the simulated one did (`found`), both as plain data. The
frame compares them field by field; a field that differs is a difference, and each is either listed in ``differences.toml``
with its reason or makes the run fail. A pattern of that file that met nothing is as wrong as an entry that is missing, since
it claims what is no longer so: it fails too, in each part that it speaks of. Only what could not be asked is excused, where
the check that was left out names it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

DIFFERENCES = Path(__file__).with_name("differences.toml")
ABSENT = "(absent)"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was asked of the real and of the simulated."""

    name: str
    expected: Any
    found: Any


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A check that could not be made here, and why; ``checks`` are patterns of those that fall away with it."""

    name: str
    reason: str
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part may work: a cache that stays, a folder that goes, and a way to say what it does."""

    cache: Path
    scratch: Path
    say: Callable[[str], None]


Outcome = Check | LeftOut
Part = Callable[[Place], Iterable[Outcome]]


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """A pattern in which a star stands for anything, and all else, brackets too, for itself."""
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)


def fits(pattern: str, value: str) -> bool:
    """Whether a value is what a pattern of the list says."""
    return _pattern(pattern).fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Listed:
    """A difference that is known: where it shows, as patterns, and why it is left."""

    part: str
    checks: tuple[str, ...]
    fields: tuple[str, ...]
    reason: str

    def met(self, check: str, path: str) -> set[Met]:
        """Its patterns that a difference meets; none where it is not this one."""
        checks = {(self, "check", pattern) for pattern in self.checks if fits(pattern, check)}
        fields = {(self, "field", pattern) for pattern in self.fields if fits(pattern, path)}
        return checks | fields if checks and fields else set()

    def stale(self, met: set[Met], left_out: Iterable[LeftOut]) -> Iterator[str]:
        """Its patterns that met nothing, though what they speak of was asked."""
        fallen = [pattern for left in left_out for pattern in left.checks]
        asked = [c for c in self.checks if not any(fits(pattern, c) for pattern in fallen)]
        unmet = [c for c in asked if (self, "check", c) not in met]
        yield from (f"{self.part}: {check}" for check in unmet)
        if len(unmet) < len(asked):
            unmet = [f for f in self.fields if (self, "field", f) not in met]
            yield from (f"{self.part}: {', '.join(asked)}: {field}" for field in unmet)


Met = tuple[Listed, str, str]
"""A pattern that met a difference: whose it is, of which kind, and itself."""


@dataclass(slots=True)
class Result:
    """What became of a part."""

    part: str
    checks: int = 0
    agree: int = 0
    listed: int = 0
    unlisted: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing differs but what is listed, and all that is listed differs."""
        return not self.unlisted and not self.stale

    def line(self) -> str:
        """The part's line."""
        return f"{self.part}: {self.checks} checks, {self.agree} agree, {self.listed} listed, {len(self.left_out)} left out"


def listed(path: Path = DIFFERENCES) -> list[Listed]:
    """The differences that are known; raises `ValueError` where one has no reason, or says not where it is."""
    found = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("difference", []):
        if set(entry) != {"part", "check", "field", "reason"} or not str(entry["reason"]).strip():
            raise ValueError(f"{path.name}: {json.dumps(entry)}: a difference has part, check, field and a reason")
        found.append(Listed(entry["part"], _several(entry["check"]), _several(entry["field"]), entry["reason"]))
    return found


def _several(given: str | list[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def differing(expected: Any, found: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every place at which two values differ, with what stands in each."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in [*expected, *(n for n in found if n not in expected)]:
            below = f"{path}.{name}" if path else str(name)
            yield from differing(expected.get(name, ABSENT), found.get(name, ABSENT), below)
    elif isinstance(expected, list) and isinstance(found, list):
        for n in range(max(len(expected), len(found))):
            pair = (given[n] if n < len(given) else ABSENT for given in (expected, found))
            yield from differing(*pair, f"{path}[{n}]")
    elif type(expected) is not type(found) or expected != found:
        yield path, expected, found


def judge(part: str, outcomes: Iterable[Outcome], known: Iterable[Listed]) -> Result:
    """Goes through a part's checks."""
    result, met = Result(part), set[Met]()
    mine = [entry for entry in known if fits(entry.part, part)]
    for outcome in outcomes:
        if isinstance(outcome, LeftOut):
            result.left_out.append(outcome)
            continue
        result.checks += 1
        covered = True
        differences = list(differing(outcome.expected, outcome.found))
        for path, expected, found in differences:
            entries = set().union(*(entry.met(outcome.name, path) for entry in mine))
            met |= entries
            if not entries:
                covered = False
                result.unlisted.append(
                    f"{outcome.name}: {path or '(all)'}: {_shown(expected)} is really; here {_shown(found)}"
                )
        result.agree += not differences
        result.listed += bool(differences) and covered
    result.stale = [line for entry in mine for line in entry.stale(met, result.left_out)]
    return result


def to_its_end(part: Iterable[Outcome]) -> Iterator[Outcome]:
    """A part's checks; where it breaks off, that is a check of its own, which fails."""
    try:
        yield from part
    except Exception as error:
        yield Check("it runs to its end", "", f"{type(error).__name__}: {error}")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)
    return text if len(text) <= 300 else f"{text[:300]}…"
