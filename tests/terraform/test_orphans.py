"""A Terraform whose run was killed: it goes on to its end, is waited for, and a lock it left is told from anybody else's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path

import pytest
from terraform_work import Heard, made

from core.environment.lock import Holder
from core.run.clock import VirtualClock
from core.terraform import Completed, Terraform, locks, process
from core.terraform.diagnostics import StateLocked

WAITING = """
variable "pipe" { type = string }
resource "terraform_data" "first" { input = 1 }
resource "terraform_data" "waiting" {
  input = terraform_data.first.output
  provisioner "local-exec" { command = "exec cat ${var.pipe}" }
}
resource "terraform_data" "last" { input = terraform_data.waiting.output }
"""
APPLY = """
import asyncio, json, sys
from pathlib import Path
sys.path[:0] = [json.loads(sys.argv[1])["tests"]]
from terraform_work import Heard, made
document = json.loads(sys.argv[1])
terraform = made(Path(document["root"]), document["text"], document["command"], pipe=document["pipe"])
async def main():
    plan = await terraform.plan(Heard())
    await terraform.apply(plan, Heard(), on_complete=lambda _: print("begun", flush=True))
asyncio.run(main())
"""


@pytest.fixture
async def orphan(tmp_path: Path, command: list[str], heard: Heard) -> Terraform:
    """A Terraform in the middle of its work whose run has just been killed; the pipe holds it up."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    terraform = made(tmp_path, WAITING, command, pipe=str(pipe))
    await terraform.init(heard)
    document = {
        "tests": str(Path(__file__).parent),
        "root": str(tmp_path),
        "text": WAITING,
        "command": command,
        "pipe": str(pipe),
    }
    run = subprocess.Popen([sys.executable, "-c", APPLY, json.dumps(document)], stdout=subprocess.PIPE)
    assert run.stdout is not None
    assert await asyncio.to_thread(run.stdout.readline) == b"begun\n"
    run.kill()
    run.communicate()
    return terraform


async def test_it_finishes_and_saves_what_it_made(tmp_path: Path, orphan: Terraform, heard: Heard) -> None:
    assert locks.at_work(orphan.folder)
    settling = asyncio.create_task(orphan.settle(heard))
    await _let_go(tmp_path / "pipe", orphan)
    await settling
    assert not locks.at_work(orphan.folder)
    assert set(await orphan.state(heard)) == {f"terraform_data.{name}" for name in ("first", "waiting", "last")}
    assert any("earlier run" in line for line in heard.logged)


async def _let_go(pipe: Path, terraform: Terraform) -> None:
    """Ends the wait that the pipe holds it in, as soon as it has come there."""
    while locks.at_work(terraform.folder):
        with contextlib.suppress(OSError):
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
            return
        await asyncio.sleep(0.01)


async def test_it_is_asked_to_stop_where_everything_is_to_go(orphan: Terraform, heard: Heard) -> None:
    await orphan.settle(heard, interrupt=True)
    state = await orphan.state(heard)
    assert "terraform_data.first" in state
    assert "terraform_data.last" not in state


async def test_nobody_else_works_beside_it(orphan: Terraform, heard: Heard) -> None:
    try:
        with pytest.raises(locks.TemporaryError, match="at work"):
            await orphan.plan(heard)
    finally:
        await orphan.settle(heard, interrupt=True)


async def test_with_nobody_at_work_there_is_nothing_to_wait_for(tmp_path: Path, heard: Heard) -> None:
    clock = VirtualClock()
    await locks.settle(tmp_path, heard, clock, interrupt=False)
    assert not clock.waits


def _left(folder: Path, **changes: object) -> Holder:
    """A Terraform of this directory whose end nobody saw."""
    holder = replace(Holder.me(action="terraform"), started=1_790_000_000.0, **changes)
    with locks.ChildLock(folder) as lock:
        lock._write([holder])
    return holder


async def test_one_that_makes_nothing_is_not_waited_for(tmp_path: Path, heard: Heard) -> None:
    with locks.ChildLock(tmp_path) as lock:
        child = subprocess.Popen(["sleep", "600"], pass_fds=(lock.fileno,), start_new_session=True)
        lock.begin("plan")
        lock.began(child.pid)
    assert locks.at_work(tmp_path)
    reaped = asyncio.create_task(asyncio.to_thread(child.wait))
    await asyncio.wait_for(locks.settle(tmp_path, heard, VirtualClock(), interrupt=False), 60)
    assert await reaped == -signal.SIGKILL
    assert locks.unfinished(tmp_path)


def _one_at_work(folder: Path, doing: str, *, program: str = "sleep", named: bool = True) -> subprocess.Popen[bytes]:
    """A process that has the lock of a directory, as a Terraform has whose run is dead."""
    with locks.ChildLock(folder) as lock:
        lock.begin(doing)
        child = subprocess.Popen([program, "600"], pass_fds=(lock.fileno,), start_new_session=True)
        if named:
            lock.began(child.pid)
    return child


async def _ended(child: subprocess.Popen[bytes], settling: Coroutine[None, None, None]) -> int:
    reaped = asyncio.create_task(asyncio.to_thread(child.wait))
    await asyncio.wait_for(settling, 60)
    return await reaped


async def test_one_whose_run_died_before_it_could_name_it_is_found(tmp_path: Path, heard: Heard) -> None:
    child = _one_at_work(tmp_path, "plan", named=False)
    assert await _ended(child, locks.settle(tmp_path, heard, VirtualClock(), interrupt=False)) == -signal.SIGKILL


async def test_a_provider_whose_terraform_was_killed_is_ended(tmp_path: Path, heard: Heard) -> None:
    provider = tmp_path / "terraform-provider-google_v7.45.0_x5"
    provider.write_text("#!/bin/sh\nread nothing < $0.pipe\n")
    provider.chmod(0o700)
    os.mkfifo(f"{provider}.pipe")
    child = _one_at_work(tmp_path, "apply", program=str(provider))
    assert await _ended(child, locks.settle(tmp_path, heard, VirtualClock(), interrupt=False)) == -signal.SIGKILL
    assert any("killed" in line for line in heard.logged)


async def test_one_that_ends_as_it_is_looked_at_needs_no_ps(
    tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    child = _one_at_work(tmp_path, "apply")
    monkeypatch.setattr(locks, "holders", lambda _: [gone.pid])
    monkeypatch.setenv("PATH", str(tmp_path))
    settling = asyncio.create_task(locks.settle(tmp_path, heard, VirtualClock(), interrupt=False))
    await asyncio.sleep(0)
    child.kill()
    assert await asyncio.to_thread(child.wait) == -signal.SIGKILL
    await asyncio.wait_for(settling, 60)


async def test_an_apply_that_never_got_the_states_lock_is_ended(
    tmp_path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "IDLE", 1.0)
    child = _one_at_work(tmp_path, "apply")
    answers = iter([True, False, True, False, False])

    async def locked() -> bool:
        return next(answers)

    assert (
        await _ended(child, locks.settle(tmp_path, heard, VirtualClock(), interrupt=False, locked=locked)) == -signal.SIGKILL
    )
    assert next(answers, None) is None


async def test_nobody_is_left_at_work_where_the_program_could_not_be_started(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await process.run(["/nowhere/terraform"], folder=tmp_path, environment={}, on_line=lambda _: None, doing="apply")
    assert not locks.unfinished(tmp_path)
    assert not locks.at_work(tmp_path)


def test_a_shorter_text_in_place_of_a_longer_one_names_who_is_there_at_every_moment(tmp_path: Path) -> None:
    holder = _left(tmp_path)
    file = tmp_path / locks.NAME
    file.write_text(file.read_text() + '"torn": 1}\n')
    assert locks.unfinished(tmp_path) == [holder]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Error releasing the state lock", True),
        ("Error acquiring the state lock: Error 503", True),
        ("Error acquiring the state lock Lock Info: ID: 1 Created:   2999-01-01 00:00:00.1 +0000 UTC", True),
        ("Error acquiring the state lock Lock Info: ID: 1 Created:   2020-01-01 00:00:00.1 +0000 UTC", False),
        ("  Created:   2999-01-01 00:00:00.1 +0000 UTC", True),
        ("  Created:   2020-01-01 00:00:00.1 +0000 UTC", False),
        ("Error: something else", False),
    ],
)
async def test_who_may_have_left_a_lock_is_remembered(tmp_path: Path, said: str, kept: bool) -> None:
    command = ["sh", "-c", f"echo '{said}'; exit 1"]
    assert await process.run(command, folder=tmp_path, environment=os.environ, on_line=lambda _: None) == 1
    assert bool(locks.unfinished(tmp_path)) == kept


def _lock(host: str, created: str = "2026-09-21 14:13:21.123456789 +0000 UTC") -> StateLocked:
    return StateLocked("1234", f"me@{host}", created, "")


def test_a_lock_of_a_dead_terraform_of_ours_is_known(tmp_path: Path) -> None:
    holder = _left(tmp_path)
    assert locks.is_ours_and_dead(_lock(holder.host), tmp_path)


def test_a_lock_of_another_machine_is_not(tmp_path: Path) -> None:
    _left(tmp_path)
    assert not locks.is_ours_and_dead(_lock("elsewhere"), tmp_path)


def test_a_lock_that_is_older_than_our_terraform_is_not(tmp_path: Path) -> None:
    holder = _left(tmp_path)
    assert not locks.is_ours_and_dead(_lock(holder.host, "2026-09-21 14:10:00.1 +0000 UTC"), tmp_path)


def test_a_lock_is_not_ours_where_every_terraforms_end_was_seen(tmp_path: Path) -> None:
    holder = _left(tmp_path)
    locks.forget(tmp_path)
    assert not locks.is_ours_and_dead(_lock(holder.host), tmp_path)


def test_a_lock_is_not_dead_while_its_terraform_lives(tmp_path: Path) -> None:
    holder = _left(tmp_path)
    with locks.ChildLock(tmp_path):
        assert not locks.is_ours_and_dead(_lock(holder.host), tmp_path)


def test_the_lock_is_the_childs_after_its_parents_end(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with locks.ChildLock(tmp_path) as lock:
        child = subprocess.Popen(["cat"], stdin=reader, stdout=subprocess.DEVNULL, pass_fds=(lock.fileno,))
    assert locks.at_work(tmp_path)
    os.close(reader)
    os.close(writer)
    child.wait()
    assert not locks.at_work(tmp_path)


async def test_a_terraform_that_was_killed_leaves_its_name(tmp_path: Path, command: list[str], heard: Heard) -> None:
    os.mkfifo(tmp_path / "pipe")
    terraform = made(tmp_path, WAITING, command, pipe=str(tmp_path / "pipe"))
    await terraform.init(heard)
    plan = await terraform.plan(heard)

    def kill(_: Completed) -> None:
        (found,) = locks.unfinished(terraform.folder)
        os.kill(found.pid, signal.SIGKILL)

    with pytest.raises(locks.TemporaryError):
        await terraform.apply(plan, heard, on_complete=kill)
    (left,) = locks.unfinished(terraform.folder)
    assert left.here


def test_one_that_was_left_is_remembered_while_others_come_and_go(tmp_path: Path) -> None:
    holder = _left(tmp_path)
    with locks.ChildLock(tmp_path) as lock:
        lock.begin()
        assert len(locks.unfinished(tmp_path)) == 2
        lock.end()
    assert locks.unfinished(tmp_path) == [holder]
    assert locks.is_ours_and_dead(_lock(holder.host), tmp_path)
