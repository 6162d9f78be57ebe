"""A disk that fills up in the middle of a run: the run ends, says why, and is taken up again once there is room."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import events
from core.errors import PermanentError
from core.run import journal as journals
from core.run.clock import VirtualClock
from core.run.engine import Engine
from core.run.journal import LAST_WORDS, Journal
from core.run.redact import Redactor
from core.run.state import RunState, fold
from core.run.step import Context, Step
from tests.small_disk import fill, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "1m") as folder:
        yield folder


async def run(folder: Path, *steps: Step) -> tuple[events.Event, RunState]:
    """What a run of the steps came to: its last event, and what a later reader finds."""
    redactor = Redactor()
    journal = Journal(folder, run="r1", redactor=redactor)
    try:
        journal.append(events.RunStarted(steps=[{"id": s.id, "title": s.title, "needs": list(s.needs)} for s in steps]))
        engine = Engine(steps, journal=journal, clock=VirtualClock(), redactor=redactor, logs=folder / "logs")
        last = await asyncio.wait_for(engine.run(), 60)
    finally:
        journal.close()
    return last, fold(journals.read(folder))


async def test_the_run_ends_with_the_reason_and_what_goes_on_is_ended(disk: Path) -> None:
    ended: list[str] = []

    async def fills(context: Context) -> None:
        fill(disk)
        for number in range(10_000):
            context.log("a line of a log is not worth an end")
            context.progress(f"resource {number}")
            await asyncio.sleep(0)

    async def waits(_: Context) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waits")

    async def never(_: Context) -> None:
        raise AssertionError("it needs what did not come")

    last, state = await run(
        disk,
        Step("platform", "Platform", fills, (), ("cluster",)),
        Step("image", "Image", waits),
        Step("pipelines", "Pipelines", never, ("cluster",), ()),
    )
    assert isinstance(last, events.RunFailed)
    assert state.end == last
    assert last.error["code"] == "disk-full"
    assert "No space left on device" in last.error["cause"]
    assert last.exit_code == 3
    assert ended == ["waits"]
    assert {id: step.state for id, step in state.steps.items()} == dict.fromkeys(
        ("platform", "image", "pipelines"), "cancelled"
    )


async def test_a_step_that_finds_no_room_fails_for_that_and_the_others_go_on(tmp_path: Path) -> None:
    async def writes(_: Context) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "/home/me/main.tf")

    async def works(context: Context) -> None:
        context.changed()

    last, state = await run(tmp_path, Step("manifests", "Manifests", writes), Step("services", "Services", works))
    assert isinstance(last, events.RunFailed)
    assert last.error["cause"] == f"{os.strerror(errno.EDQUOT)}: /home/me/main.tf"
    assert {id: step.state for id, step in state.steps.items()} == {"manifests": "failed", "services": "done"}


async def test_a_run_that_had_ended_but_for_its_last_event_has_ended(disk: Path) -> None:
    async def fills(_: Context) -> None:
        fill(disk)
        with open(disk / "filling", "r+b") as file:
            file.truncate((disk / "filling").stat().st_size - 4096)
        raise PermanentError("This failed by itself. " * 400)

    last, state = await run(disk, Step("platform", "Platform", fills))
    assert isinstance(last, events.RunFailed)
    assert state.end == last


def test_every_line_is_whole_or_is_not_there(disk: Path) -> None:
    journal = Journal(disk, run="r1", redactor=Redactor())
    journal.append(events.RunStarted())
    fill(disk)
    met: list[OSError] = []
    journal.on_full = met.append
    journal.append(events.StepProgress(step="platform", message="a" * (LAST_WORDS - 8192)))
    with pytest.raises(OSError, match="No space left"):
        for number in range(10_000):
            journal.append(events.StepProgress(step="platform", message=f"{number} " * 500))
    journal.close()
    lines = (disk / journals.FILE).read_bytes().splitlines(keepends=True)
    assert len(met) == 1
    assert all(line.endswith(b"\n") for line in lines)
    assert len(list(journals.read(disk))) == len(lines) > 2


def test_no_room_is_kept_beyond_a_journal(disk: Path) -> None:
    free = os.statvfs(disk).f_bfree
    journal = Journal(disk, run="r1", redactor=Redactor())
    kept = (free - os.statvfs(disk).f_bfree) * os.statvfs(disk).f_bsize
    assert kept >= LAST_WORDS
    journal.close()
    assert (free - os.statvfs(disk).f_bfree) * os.statvfs(disk).f_bsize < LAST_WORDS
    assert [path.name for path in disk.iterdir()] == [journals.FILE]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_takes_nothing_is_a_sentence() -> None:
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-P", "-m", "core.cli", "schema"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3
    assert "There is no room left on the disk." in done.stderr
    assert "does not know" not in done.stderr
