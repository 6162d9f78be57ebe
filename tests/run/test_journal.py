"""The journal: whole lines, a fold, and nothing lost or invented by a crash."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import events
from core.run import journal, runs
from core.run.journal import Journal, Reader
from core.run.redact import Redactor
from core.run.state import RunState, fold


def test_every_event_comes_back_as_it_was(tmp_path: Path) -> None:
    written = [cls() for cls in events.TYPES.values()]
    log = Journal(tmp_path, run="r", redactor=Redactor())
    for event in written:
        log.append(event)
    read = list(journal.read(tmp_path))
    assert [r.event for r in read] == written
    assert [r.n for r in read] == list(range(1, len(written) + 1))


def test_only_the_kinds_that_are_asked_for_are_read(tmp_path: Path) -> None:
    log = Journal(tmp_path, run="r", redactor=Redactor())
    for event in (events.StepStarted(step="a"), events.StepProgress(step="a", message='"type":"step.finished"'),
                  events.StepFinished(step="a"), events.OperationStarted(step="a", key="k", name="n")):  # fmt: skip
        log.append(event)
    read = journal.read(tmp_path, only=(events.StepFinished, events.OperationStarted))
    assert [(r.n, type(r.event)) for r in read] == [(3, events.StepFinished), (4, events.OperationStarted)]


def test_a_line_that_a_crash_cut_off_is_no_event(tmp_path: Path) -> None:
    log = Journal(tmp_path, run="r", redactor=Redactor())
    log.append(events.StepStarted(step="a"))
    with (tmp_path / journal.FILE).open("a") as file:
        file.write('{"v":1,"n":2,"type":"step.fini')
    assert [r.event.type for r in journal.read(tmp_path)] == ["step.started"]


def test_an_unknown_type_and_an_unknown_field_do_not_disturb(tmp_path: Path) -> None:
    lines = [
        {"v": 2, "n": 1, "time": "t", "run": "r", "type": "step.sang"},
        {"v": 2, "n": 2, "time": "t", "run": "r", "type": "step.started", "step": "a", "mood": "good"},
    ]
    (tmp_path / journal.FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert [r.event for r in journal.read(tmp_path)] == [events.StepStarted(step="a")]


def test_a_reader_sees_each_event_once_and_waits_for_whole_lines(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    assert reader.new() == []
    log = Journal(tmp_path, run="r", redactor=Redactor())
    log.append(events.StepStarted(step="a"))
    assert len(reader.new()) == 1
    assert reader.new() == []
    path = tmp_path / journal.FILE
    line = json.dumps(events.Record(2, "t", "r", events.StepFinished(step="a")).to_dict())
    with path.open("a") as file:
        file.write(line[:20])
    assert reader.new() == []
    with path.open("a") as file:
        file.write(line[20:] + "\n")
    assert [r.event.type for r in reader.new()] == ["step.finished"]


def state_of(*happened: events.Event) -> RunState:
    return fold(events.Record(n, f"2026-01-01T00:00:{n:02d}.000Z", "r", e) for n, e in enumerate(happened, 1))


def test_the_states_of_an_environment() -> None:
    begun = events.RunStarted(action="install")
    waits = events.RunWaiting(kind="sign-in")
    assert runs.state(None, None) == "new"
    assert runs.state(state_of(begun), None) == "interrupted"
    assert runs.state(state_of(begun, events.RunInterrupted(reason="reboot")), None) == "interrupted"
    assert runs.state(state_of(begun, waits), None) == "waiting"
    assert runs.state(state_of(begun, waits, events.RunResumed(kind="sign-in")), None) == "interrupted"
    assert runs.state(state_of(begun, events.RunFinished()), None) == "installed"
    assert runs.state(state_of(begun, events.RunFailed()), None) == "failed"
    assert runs.state(state_of(begun, events.RunCancelled()), None) == "cancelled"
    assert runs.state(state_of(events.RunStarted(action="destroy"), events.RunFinished()), None) == "destroyed"


@pytest.mark.parametrize("kinds", [("sign-in", "sql-password"), ("sql-password", "sign-in")])
def test_who_comes_first_is_not_all_that_a_run_waits_for(kinds: tuple[str, str]) -> None:
    first, second = kinds
    waits = [events.RunWaiting(kind=kind) for kind in kinds]
    state = state_of(events.RunStarted(action="install"), *waits)
    assert state.waiting == waits[1]
    for came, still in ((first, waits[1]), (second, waits[0])):
        one = state_of(events.RunStarted(action="install"), *waits, events.RunResumed(kind=came))
        assert one.waiting == still
        assert one.exit_code == 7
    both = state_of(*waits, events.RunResumed(kind=second), events.RunResumed(kind=first))
    assert both.waiting is None
    assert state_of(*waits, events.RunCancelled()).waiting is None


def test_operations_without_an_end_are_left_open() -> None:
    state = state_of(
        events.OperationStarted(step="s", key="cluster", name="op-1"),
        events.OperationStarted(step="s", key="sql", name="op-2"),
        events.OperationFinished(step="s", key="sql", name="op-2"),
    )
    assert state.operations == {"cluster": "op-1"}


def test_elapsed_time_is_on_the_runs_clock() -> None:
    state = state_of(events.RunStarted(rate=60.0), events.StepStarted(step="a"))
    assert state.elapsed(state.steps["a"], "2026-01-01T00:00:04.000Z") == 120.0


NAMES = st.sampled_from(["a", "b", 'this["eu"]', 'x","action":"y', "ü", "\\", "\n\r"])
SMALL = st.one_of(
    st.builds(events.ResourceChanged, step=NAMES, kind=NAMES, id=NAMES, action=NAMES, state=NAMES, seconds=st.floats(0, 9)),
    st.builds(events.StepProgress, step=NAMES, message=NAMES, fraction=st.none() | st.floats(0, 1)),
)
LARGE = st.one_of(
    st.builds(events.StepStarted, step=NAMES, attempt=st.integers(1, 3)),
    st.builds(events.StepCancelled, step=NAMES, reason=NAMES),
    st.builds(events.FactPublished, step=NAMES, name=NAMES, value=st.fixed_dictionaries({"type": st.just("step.progress")})),
    st.builds(events.RunWaiting, kind=NAMES),
)


def caught_up(reader: Reader) -> RunState:
    state = RunState()
    for records in reader.catch_up():
        for record in records:
            state.apply(record)
    return state


@given(st.lists(SMALL | SMALL | SMALL | LARGE, max_size=40), st.integers(1, 300), st.integers(1, 5), st.integers(1, 20))
@settings(deadline=None, max_examples=60)
def test_catching_up_ends_in_the_same_state_as_every_event(
    happened: list[events.Event], piece: int, batch: int, kept: int
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        log = Journal(folder, run="r", redactor=Redactor())
        for event in happened:
            log.append(event)
        reader = Reader(folder)
        reader.PIECE, reader.BATCH, reader.KEPT = piece, batch, kept
        whole, quick = fold(journal.read(folder)), caught_up(reader)
    assert quick == whole
    assert list(quick.steps) == list(whole.steps)
    assert [list(s.resources) for s in quick.steps.values()] == [list(s.resources) for s in whole.steps.values()]


def test_catching_up_leaves_out_what_a_later_event_overtakes(tmp_path: Path) -> None:
    log = Journal(tmp_path, run="r", redactor=Redactor())
    for number in range(300):
        log.append(events.ResourceChanged(step="s", kind="k", id=f'this["{number % 3}"]', state="progress", seconds=number))
        log.append(events.StepProgress(step="s", message=f"{number}"))
    records = [record for batch in Reader(tmp_path).catch_up() for record in batch]
    assert [record.n for record in records] == [595, 600, 597, 599]


def test_a_line_that_cannot_be_read_overtakes_nothing(tmp_path: Path) -> None:
    log = Journal(tmp_path, run="r", redactor=Redactor())
    log.append(events.ResourceChanged(step="s", kind="k", id="i", state="done"))
    line = (tmp_path / journal.FILE).read_text()
    (tmp_path / journal.FILE).write_text(f"{line}{line[:20]}{line}{line[:-2]}\n")
    assert caught_up(Reader(tmp_path)).steps["s"].resources["k", "i"].state == "done"


def test_a_look_that_is_broken_off_loses_nothing(tmp_path: Path) -> None:
    log = Journal(tmp_path, run="r", redactor=Redactor())
    for number in range(10):
        log.append(events.ResourceChanged(step="s", kind="k", id=f"{number}", state="done"))
    reader = Reader(tmp_path)
    reader.PIECE, reader.BATCH = 100, 2
    for _, batch in zip(range(7), reader.catch_up(), strict=False):
        assert batch == []
    assert len(caught_up(reader).steps["s"].resources) == 10
