"""How long a run may still take, and which steps decide that: from what steps usually take and what they wait for.

A step that runs is taken to need the rest of its usual time; one that waits begins when the last step that publishes
something it needs, and has not yet, is through. The chain that ends last is the critical path.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.run.state import RunState, StepState

LEAST = 0.05
"""The share of its usual time that a step which takes longer than that is still taken to need."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """``left`` is in seconds of the run's clock; ``critical`` are the steps that decide it, in order."""

    left: float
    critical: tuple[str, ...]


def estimate(state: RunState, now: str) -> Estimate:
    """The estimate at a moment, a timestamp as the journal has them."""
    finder = _Finder(state, now)
    ends = {step: finder.end(step) for step in state.steps}
    last = max(ends, key=lambda step: ends[step], default="")
    if not last or ends[last] <= 0:
        return Estimate(0.0, ())
    return Estimate(ends[last], finder.chain(last))


class _Finder:
    def __init__(self, state: RunState, now: str) -> None:
        self.state, self.now = state, now
        self.publisher = {fact: step.id for step in state.steps.values() for fact in step.publishes}
        self.ends: dict[str, float] = {}
        self.lost: dict[str, bool] = {}

    def end(self, id: str) -> float:
        """Seconds until a step has ended; 0 for one that has, or never will begin."""
        if id not in self.ends:
            self.ends[id] = 0.0  # what waits for itself would never begin
            self.ends[id] = self._end(self.state.steps[id])
        return self.ends[id]

    def _end(self, step: StepState) -> float:
        if step.state in ("running", "waiting"):
            return max(step.expected - self.state.elapsed(step, self.now), step.expected * LEAST)
        if step.state != "pending" or any(self._lost(before) for before in self._before(step)):
            return 0.0
        return step.expected + max((self.end(before) for before in self._before(step)), default=0.0)

    def _lost(self, id: str) -> bool:
        """Whether a step failed, or waits for one that did; looked at once a step, as there are many ways to each."""
        if id not in self.lost:
            step = self.state.steps[id]
            self.lost[id] = step.state in ("failed", "cancelled")
            if step.state == "pending":
                self.lost[id] = any(self._lost(before) for before in self._before(step))
        return self.lost[id]

    def _before(self, step: StepState) -> list[str]:
        facts = [fact for fact in step.needs if fact not in self.state.facts]
        return list(dict.fromkeys(self.publisher[fact] for fact in facts if fact in self.publisher))

    def chain(self, id: str) -> tuple[str, ...]:
        found = [id]
        while self.state.steps[found[0]].state == "pending":
            before = [b for b in self._before(self.state.steps[found[0]]) if b not in found]
            if not before:
                break
            found.insert(0, max(before, key=self.end))
        return tuple(found)
