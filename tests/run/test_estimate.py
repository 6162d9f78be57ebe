"""What a run still takes, and which steps decide it."""

from __future__ import annotations

from core import events
from core.events import Event, Record
from core.run.estimate import estimate
from core.run.journal import timestamp
from core.run.state import RunState, fold

BEGIN = 1_790_000_000.0
STEPS = [
    {"id": "a", "title": "A", "seconds": 10.0, "needs": [], "publishes": ["fact_a"]},
    {"id": "b", "title": "B", "seconds": 100.0, "needs": ["fact_a"], "publishes": ["fact_b"]},
    {"id": "c", "title": "C", "seconds": 5.0, "needs": ["fact_a"], "publishes": ["fact_c"]},
    {"id": "d", "title": "D", "seconds": 1.0, "needs": ["fact_b", "fact_c"], "publishes": []},
]


def _state(*happened: tuple[float, Event], rate: float = 1.0) -> RunState:
    first = (0.0, events.RunStarted(steps=STEPS, rate=rate))
    return fold(Record(n, timestamp(BEGIN + at), "r", event) for n, (at, event) in enumerate((first, *happened), 1))


def test_a_fresh_run_takes_its_longest_chain() -> None:
    found = estimate(_state(), timestamp(BEGIN))
    assert found.left == 111
    assert found.critical == ("a", "b", "d")


def test_what_ran_already_is_taken_off() -> None:
    state = _state((0, events.StepStarted(step="a")))
    assert estimate(state, timestamp(BEGIN + 4)).left == 107


def test_a_step_that_takes_longer_than_usual_still_counts_a_little() -> None:
    state = _state((0, events.StepStarted(step="a")))
    assert estimate(state, timestamp(BEGIN + 400)).left == 101.5


def test_a_fact_that_came_early_is_not_waited_for() -> None:
    state = _state(
        (0, events.StepStarted(step="a")),
        (1, events.FactPublished(step="a", name="fact_a", value=1)),
        (1, events.StepStarted(step="b")),
    )
    found = estimate(state, timestamp(BEGIN + 1))
    assert found.left == 101
    assert found.critical == ("b", "d")


def test_time_runs_as_fast_as_the_run() -> None:
    state = _state((0, events.StepStarted(step="a")), rate=60.0)
    assert estimate(state, timestamp(BEGIN + 1)).left == 101.5


def test_what_waits_for_a_failed_step_is_not_counted() -> None:
    state = _state((0, events.StepStarted(step="a")), (3, events.StepFailed(step="a", seconds=3)))
    assert estimate(state, timestamp(BEGIN + 3)) == estimate(RunState(), timestamp(BEGIN))


def test_a_run_that_is_over_takes_no_more() -> None:
    happened = [(1.0, events.StepFinished(step=step, seconds=1)) for step in "abcd"]
    assert estimate(_state(*happened), timestamp(BEGIN + 2)) == estimate(RunState(), timestamp(BEGIN))
