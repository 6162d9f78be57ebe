"""What a step is, and what it is handed: the border between the engine and everything that works for a run.

A step waits for facts, publishes facts, and can always be done again: it looks first, and changes only what differs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from core.run.clock import Clock
from core.run.redact import Redactor

Outcome = Literal["done", "unchanged", "skipped"]


class Reporter(Protocol):
    """Where a step, or an adapter that works for it, tells what happens; every method is redacted and never blocks."""

    def log(self, text: str) -> None:
        """A line (or more) for the step's log: what its tools printed."""

    def progress(self, message: str, fraction: float | None = None) -> None:
        """Something to show beside the step; ``fraction`` is 0 to 1 where it is known."""

    def resource(self, kind: str, id: str, action: str, state: str, seconds: float = 0.0) -> None:
        """One resource changed; see `core.events.ResourceChanged`."""


class Context(Reporter, Protocol):
    """All that a step has of its run."""

    clock: Clock
    redactor: Redactor

    def fact(self, name: str) -> Any:
        """A fact that the step named in its needs (so it is there), or that is there by chance; KeyError otherwise."""

    async def wait_for(self, name: str) -> Any:
        """The value of a fact once it is published; raises `CancelledByUser` where it never will be."""

    def publish(self, name: str, value: Any) -> None:
        """Makes a fact known to every step that waits for it; never a secret."""

    def operation_started(self, key: str, name: str) -> None:
        """Persists the name of a long operation before it is waited for."""

    def operation_finished(self, key: str, name: str) -> None:
        """The long operation ended, well or not."""

    def pending_operation(self, key: str) -> str | None:
        """The name of an operation that this run or the one before began for ``key`` and did not see the end of."""

    async def person(self, kind: str, message: str, *, hint: str = "", command: str = "", account: str = "") -> Any:
        """Waits for a person (``sign-in``, ``sql-password``); returns what was provided; raises `PersonNeeded`."""

    def changed(self) -> None:
        """Notes that the step changed something, so that it ends ``done`` and not ``unchanged``."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: ``run`` gets the context and returns its outcome, None for ``done`` or ``unchanged`` by what it noted.

    ``needs`` and ``publishes`` name facts; ``seconds`` is what it usually takes; ``deadline`` when it has failed. ``ahead``
    is what can be done before its facts are there: it makes nothing, and where it fails, ``run`` does without it.
    """

    id: str
    title: str
    run: Callable[[Context], Awaitable[Outcome | None]]
    needs: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    seconds: float = 10.0
    deadline: float = 600.0
    optional: bool = False
    retries: int = 8
    ahead: Callable[[Context], Awaitable[None]] | None = None
