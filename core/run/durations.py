"""How long steps took in earlier runs on this machine: what the next run is expected to take.

Only what a step did counts: one that found nothing to do, or was skipped, tells nothing. Runs of another cloud, or of a
clock at another rate, tell nothing of this one either.
"""

from __future__ import annotations

from statistics import median

from core.environment.home import Home
from core.environment.record import Environment
from core.run import journal, runs
from core.run.state import RunState, fold

LATEST = 5
"""How many of the newest runs are asked."""


def learnt(home: Home, action: str, *, cloud: str, rate: float) -> dict[str, float]:
    """Seconds of the run's clock by step: the median of what each took in the newest runs that did something."""
    known = (each for each in Environment.readable(home) if each.cloud == cloud)
    found = [(run, each) for each in known for run in runs.ids(each)]
    took: dict[str, list[float]] = {}
    asked = 0
    for run, environment in sorted(found, key=lambda each: each[0], reverse=True):
        state = fold(journal.read(runs.folder(environment, run), brief=True))
        times = _times(state) if state.action == action and state.rate == rate else {}
        for step, seconds in times.items():
            took.setdefault(step, []).append(seconds)
        asked += bool(times)
        if asked == LATEST:
            break
    return {step: median(seconds) for step, seconds in took.items()}


def _times(state: RunState) -> dict[str, float]:
    return {step.id: step.seconds for step in state.steps.values() if step.state == "done" and step.seconds > 0}
