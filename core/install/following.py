"""Answers that follow by themselves: what a person left open takes the value with which a check does not block.

A check that blocks says with which values it would not (`core.prerequisites.check.Answer`). Where such a parameter was not
set, its value follows, is told with what it follows from, and stays with the environment as what was found out. What was set
is never changed: it is an offer, which a person takes or not. Nothing follows that would not do away with the block.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.environment import Environment
from core.prerequisites import Check

FOLLOW = frozenset({"profile", "user_gcp_sa", "private_nodes", "build_region", "zone"})
"""Parameters that may follow: sizes, and what only says how. Whether there is an image or a notebook, a person says."""
ROUNDS = 3
"""How often one answer may bring up another check that has one."""

Look = Callable[[Environment], Awaitable[list[Check]]]


@dataclass(frozen=True, slots=True)
class Following:
    """One value, ``source`` it follows from (a constraint, a quota), and ``why`` it helps."""

    key: str
    value: Any
    source: str
    why: str

    @property
    def setting(self) -> str:
        """As it is written on a command line."""
        return f"{self.key}={str(self.value).lower() if isinstance(self.value, bool) else self.value}"

    def to_dict(self) -> dict[str, Any]:
        """The entry of a plan's ``follows``."""
        return asdict(self)

    def to_check(self) -> Check:
        """How it stands among the checks."""
        key, _, value = self.setting.partition("=")
        return Check(f"follows.{key}", "What follows by itself", "warn", f"{key} = {value}", self.sentence)

    @property
    def sentence(self) -> str:
        """Where it comes from, for a person."""
        return f"follows from {self.source}: {self.why}"


def follows(checks: Iterable[Check], environment: Environment) -> list[Following]:
    """What follows from checks that block, each parameter once."""
    return _once(each for each in _answers(checks, environment) if each.key in FOLLOW and _is_open(each.key, environment))


def _is_open(key: str, environment: Environment) -> bool:
    """Whether nobody said, and nothing stands by it yet: in the zone that a run once took there may be a cluster."""
    return key not in environment.given and not (key == "zone" and environment.values["zone"])


def offers(checks: Iterable[Check], environment: Environment) -> list[Following]:
    """What a person could change so that a check that blocks would not."""
    following = {each.key for each in follows(checks, environment)}
    return _once(each for each in _answers(checks, environment) if each.key not in following)


def _once(found: Iterable[Following]) -> list[Following]:
    """Each parameter once, with the value of the first that names it."""
    first: dict[str, Following] = {}
    for each in found:
        first.setdefault(each.key, each)
    return list(first.values())


def taken(environment: Environment, found: Sequence[Following]) -> Environment:
    """The environment with what followed."""
    return environment.with_resolved(**{each.key: each.value for each in found}) if found else environment


async def settle(environment: Environment, checks: list[Check], look: Look) -> tuple[list[Check], list[Following]]:
    """The checks once everything followed that follows from them, and what did; as they were where that does not help."""
    found: dict[str, Following] = {}
    now, stood_in_the_way = checks, {c.id for c in checks if follows([c], environment)}
    for _ in range(ROUNDS):
        new = follows(now, taken(environment, list(found.values())))
        if not new:
            break
        found |= {each.key: each for each in new}
        now = await look(taken(environment, list(found.values())))
    if not found or stood_in_the_way & _blocks(now):
        return checks, []
    return [*(each.to_check() for each in found.values()), *now], list(found.values())


def _blocks(checks: Iterable[Check]) -> set[str]:
    return {check.id for check in checks if check.state == "block"}


def _answers(checks: Iterable[Check], environment: Environment) -> list[Following]:
    values: Mapping[str, Any] = environment.values
    return [
        Following(answer.key, answer.value, _source(check), answer.why)
        for check in checks
        if check.state == "block"
        for answer in check.answers[:1]
        if values[answer.key] != answer.value
    ]


def _source(check: Check) -> str:
    kind, _, name = check.id.partition(".")
    return check.looked_at if kind == "policy" else f"{kind} {name}" if name else f"the check {check.id}"
