"""Who is at work in a work directory, and whose lock lies on the state.

The operating system knows the first: a lock on a file here is handed to Terraform as an open file, so it is held for as
long as that process (or a provider of its) lives, also when the run that started it is dead. The file's text says who was
at work here and has not been seen to end. Only where somebody was may the state's lock be one of a dead Terraform of ours;
once a later one gets that lock, they are forgotten.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType

from core.environment.lock import Holder
from core.errors import TemporaryError
from core.run.clock import Clock
from core.run.step import Reporter
from core.terraform.diagnostics import StateLocked

NAME = ".terraform.pid"
MAKES_NOTHING = frozenset({"terraform plan", "terraform init"})
"""What has nothing to save: without its run, which gave it its tokens, it might ask for the state for ever."""
SLACK = 5.0
"""Seconds by which two readings of the same clock may differ, one of which was written down whole."""


class ChildLock:
    """Held around one Terraform process in a work directory; ``fileno`` is what the process inherits."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._handle = -1
        self._before: list[Holder] = []

    def __enter__(self) -> ChildLock:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise TemporaryError(
                "Another Terraform is at work in this environment.", code="terraform-at-work", delay=5
            ) from None
        self._handle = handle
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._handle)
        self._handle = -1

    @property
    def fileno(self) -> int:
        """The open file that a child inherits."""
        return self._handle

    def begin(self, pid: int, doing: str = "") -> None:
        """A process begins; ``doing`` is its subcommand."""
        self._before = unfinished(self._path.parent)
        self._write([*self._before, replace(Holder.me(action=f"terraform {doing}".strip()), pid=pid)])

    def end(self) -> None:
        """Its end was seen, and it was in good order: the state's lock is not its any more."""
        self._write(self._before)

    def forget(self) -> None:
        """Nobody is left who could have a lock on the state."""
        self._write([])

    def _write(self, holders: list[Holder]) -> None:
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, "".join(f"{json.dumps(asdict(h))}\n" for h in holders).encode(), 0)


def unfinished(folder: Path) -> list[Holder]:
    """The Terraforms in this directory whose end no run saw, the last one last; that one may live."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return [Holder(**json.loads(line)) for line in (folder / NAME).read_text().splitlines()]
    return []


def forget(folder: Path) -> None:
    """A Terraform of this directory got the state's lock, so none that is dead has it."""
    if unfinished(folder):
        with ChildLock(folder) as lock:
            lock.forget()


def at_work(folder: Path) -> bool:
    """Whether a Terraform that a run started here lives."""
    try:
        with ChildLock(folder):
            return False
    except TemporaryError:
        return True
    except FileNotFoundError:
        return False


async def settle(folder: Path, reporter: Reporter, clock: Clock, *, interrupt: bool) -> None:
    """Waits for a Terraform that a dead run left behind: it saves what it made, which nobody else can.

    ``interrupt`` asks it (once) to stop after what it has begun.
    """
    if not at_work(folder):
        return
    found = next(reversed(unfinished(folder)), None)
    if found is not None and found.here and found.action in MAKES_NOTHING:
        reporter.log(f"Ending a {found.action} of an earlier run (process {found.pid}), which makes nothing.")
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(found.pid, signal.SIGKILL)
    who = f"process {found.pid}" if found and found.here else "a process"
    reporter.log(f"Terraform of an earlier run is still at work ({who}); waiting for its end.")
    reporter.progress(f"Terraform of an earlier run ({who}) finishes what it began")
    if interrupt and found is not None and found.here:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(found.pid, signal.SIGINT)
    while at_work(folder):
        await clock.sleep(1.0)
        await _breathe()


def is_ours_and_dead(lock: StateLocked, folder: Path) -> bool:
    """Whether the state's lock is surely one that a dead Terraform of this directory left.

    The caller holds the environment's lock, so no other run of it is alive; this proves that the lock is a run's at all.
    """
    if at_work(folder) or not lock.id:
        return False
    host, created = lock.who.rpartition("@")[2], moment(lock.created)
    return any(host == h.host and (created is None or created >= h.started - SLACK) for h in unfinished(folder))


def moment(text: str) -> float | None:
    """Epoch seconds of a time as Go prints it: ``2026-11-24 10:11:12.131415161 +0000 UTC``."""
    date, _, rest = text.partition(" ")
    time, _, zone = rest.partition(" ")
    offset = zone.partition(" ")[0] or "+0000"
    with contextlib.suppress(ValueError):
        return datetime.strptime(f"{date} {time[:8]} {offset}", "%Y-%m-%d %H:%M:%S %z").timestamp()
    return None


async def _breathe() -> None:
    """A moment of real time: what is waited for is a process of this machine, whatever the rate of the clock."""
    import asyncio

    await asyncio.sleep(0.1)
