"""The frame that every part stands in: checks, the differences that are listed, and the line that a part ends in.

A check says what the real thing answered (`expected`) and what the simulated one did (`found`), both as plain data. The
frame compares them field by field; a field that differs is a difference, and each is either listed in ``differences.toml``
with its reason or makes the run fail. An entry of that file that met nothing is as wrong as one that is missing, since it
claims what is no longer so; it fails as well, unless some of its part was left out.
"""

from __future__ import annotations

import fnmatch
import json
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
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
    """A check that could not be made here, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part may work: a cache that stays, a folder that goes, and a way to say what it does."""

    cache: Path
    scratch: Path
    say: Callable[[str], None]


Outcome = Check | LeftOut
Part = Callable[[Place], Iterable[Outcome]]


@dataclass(frozen=True, slots=True)
class Listed:
    """A difference that is known: where it shows, as patterns, and why it is left."""

    part: str
    check: str
    field: str
    reason: str

    def covers(self, part: str, check: str, path: str) -> bool:
        """Whether it is this difference."""
        pairs = ((part, self.part), (check, self.check), (path, self.field))
        return all(fnmatch.fnmatchcase(value, pattern) for value, pattern in pairs)

    def __str__(self) -> str:
        return f"{self.part}: {self.check}: {self.field}"


@dataclass(slots=True)
class Result:
    """What became of a part."""

    part: str
    checks: int = 0
    agree: int = 0
    listed: int = 0
    unlisted: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    stale: list[Listed] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing differs but what is listed, and all that is listed differs."""
        return not self.unlisted and not self.stale

    def line(self) -> str:
        """The part's line."""
        return f"{self.part}: {self.checks} checks, {self.agree} agree, {self.listed} listed, {len(self.left_out)} left out"


def listed(path: Path = DIFFERENCES) -> list[Listed]:
    """The differences that are known; raises `ValueError` where one has no reason."""
    found = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("difference", []):
        unknown = set(entry) - {"part", "check", "field", "reason"}
        if unknown or not str(entry.get("reason", "")).strip():
            raise ValueError(f"{path.name}: {json.dumps(entry)}: a difference has part, check, field and a reason")
        found.append(Listed(entry["part"], entry.get("check", "*"), entry.get("field", "*"), entry["reason"]))
    return found


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
    result, met = Result(part), set()
    mine = [entry for entry in known if fnmatch.fnmatchcase(part, entry.part)]
    for outcome in outcomes:
        if isinstance(outcome, LeftOut):
            result.left_out.append(outcome)
            continue
        result.checks += 1
        covered = True
        differences = list(differing(outcome.expected, outcome.found))
        for path, expected, found in differences:
            entry = next((e for e in mine if e.covers(part, outcome.name, path)), None)
            if entry is None:
                covered = False
                result.unlisted.append(
                    f"{outcome.name}: {path or '(all)'}: {_shown(expected)} is really; here {_shown(found)}"
                )
            else:
                met.add(entry)
        result.agree += not differences
        result.listed += bool(differences) and covered
    if not result.left_out:
        result.stale = [entry for entry in mine if entry not in met and entry.part == part]
    return result


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)
    return text if len(text) <= 300 else f"{text[:300]}…"
