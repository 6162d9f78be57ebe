"""A run's state: a fold of its events, the same for the screen, ``status``, ``attach`` and the next run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from core import events
from core.events import Event, Record
from core.run.journal import seconds_between


@dataclass
class Resource:
    """One resource of a step as it was last reported."""

    kind: str
    id: str
    action: str
    state: str
    seconds: float = 0.0


@dataclass
class StepState:
    """A step as it stands: ``pending running waiting done unchanged failed skipped cancelled``."""

    id: str
    title: str = ""
    state: str = "pending"
    needs: list[str] = field(default_factory=list)
    publishes: list[str] = field(default_factory=list)
    optional: bool = False
    expected: float = 0.0
    started: str = ""
    seconds: float = 0.0
    attempt: int = 0
    message: str = ""
    fraction: float | None = None
    error: dict[str, Any] | None = None
    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)


@dataclass
class RunState:
    """A run as its journal tells it; ``end`` is its last word, None while there is none."""

    run: str = ""
    action: str = ""
    previous: str = ""
    pid: int = 0
    rate: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)
    started: str = ""
    last: str = ""
    last_n: int = 0
    steps: dict[str, StepState] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    operations: dict[str, str] = field(default_factory=dict)
    waits: dict[str, events.RunWaiting] = field(default_factory=dict)
    """The people who are waited for, by what they can give: the last one comes last."""
    stopping: bool = False
    interrupted: str = ""
    end: Event | None = None

    @property
    def exit_code(self) -> int:
        """The exit code that the run's end stands for; 7 where it ended waiting, 1 where it did not end."""
        if isinstance(self.end, events.RunFinished | events.RunFailed | events.RunCancelled):
            return self.end.exit_code
        return 7 if self.waiting else 1

    @property
    def waiting(self) -> events.RunWaiting | None:
        """The person who is waited for, the last one where there are several; None where nobody is."""
        return next(reversed(self.waits.values()), None)

    def error(self) -> dict[str, Any] | None:
        """The error that the run failed with."""
        return self.end.error if isinstance(self.end, events.RunFailed) else None

    def apply(self, record: Record) -> None:
        """Takes one more event into the state."""
        if record.n >= self.last_n:  # a journal that was sifted is not quite in order
            self.last, self.last_n = record.time, record.n
        event = record.event
        if isinstance(event, events.RunStarted):
            self._begin(record, event)
        elif event.step:
            self._step(record, event)
        elif isinstance(event, events.RunWaiting):
            self.waits.pop(event.kind, None)
            self.waits[event.kind] = event
        elif isinstance(event, events.RunResumed):
            self.waits.pop(event.kind, None)
        elif isinstance(event, events.RunStopping):
            self.stopping = True
            self.waits.clear()
        elif isinstance(event, events.RunInterrupted):
            self.interrupted = event.reason
        elif isinstance(event, events.RunFinished | events.RunFailed | events.RunCancelled):
            self.end = event
            self.waits.clear()

    def _begin(self, record: Record, event: events.RunStarted) -> None:
        self.run, self.started, self.action = record.run, record.time, event.action
        self.previous, self.pid, self.rate = event.previous, event.pid, event.rate
        self.options = event.options
        for item in event.steps:
            self.steps[item["id"]] = StepState(
                item["id"],
                item.get("title", ""),
                needs=item.get("needs", []),
                publishes=item.get("publishes", []),
                optional=item.get("optional", False),
                expected=item.get("seconds", 0.0),
            )

    def _step(self, record: Record, event: Event) -> None:
        step = self.steps.get(event.step)
        if step is None:
            step = self.steps[event.step] = StepState(event.step)
        match event:
            case events.ResourceChanged():
                step.resources[event.kind, event.id] = Resource(
                    event.kind, event.id, event.action, event.state, event.seconds
                )
            case events.StepProgress():
                step.message, step.fraction = event.message, event.fraction
            case events.StepStarted():
                if step.state == "cancelled":  # what it was cancelled for came after all
                    step.message = ""
                step.state, step.attempt, step.error = "running", event.attempt, None
                step.started = step.started or record.time
            case events.StepRetrying():
                step.error, step.attempt = event.error, event.attempt
            case events.StepWaiting():
                step.state = "waiting"
            case events.StepFinished():
                step.state, step.seconds, step.error = event.state, event.seconds, None
            case events.StepFailed():
                step.state, step.seconds, step.error = "failed", event.seconds, event.error
            case events.StepCancelled():
                step.state, step.seconds, step.message = "cancelled", event.seconds, event.reason
            case events.OperationStarted():
                self.operations[event.key] = event.name
            case events.OperationFinished():
                self.operations.pop(event.key, None)
            case events.FactPublished():
                self.facts[event.name] = event.value

    def elapsed(self, step: StepState, now: str) -> float:
        """Seconds on the run's clock that a step has taken so far."""
        if step.state in ("running", "waiting") and step.started:
            return seconds_between(step.started, now) * (self.rate or 1.0)
        return step.seconds


def fold(records: Iterable[Record]) -> RunState:
    """The state that a run's events add up to."""
    state = RunState()
    for record in records:
        state.apply(record)
    return state
