"""Who is at work in a work directory, and whose lock lies on the state.

The operating system knows the first: a lock on a file here is handed to Terraform as an open file, so it is held for as
long as that process (or a provider of its) lives, also when the run that started it is dead. The file's text says who was
at work here and has not been seen to end; it is written before the process begins, since a run may die at any moment. Only
where somebody was may the state's lock be one of a dead Terraform of ours; once a later one gets that lock, they are
forgotten.

A Terraform whose run is dead has lost its tokens with it, and asks for what it needs for ever. So only one that has
something to save is waited for.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable
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
MAKES_NOTHING = frozenset(f"terraform {verb}" for verb in ("init", "plan", "show", "output"))
"""What has nothing to save."""
IDLE, LOOKS = 20.0, 2
"""Seconds between two looks at the state's lock, and how many must find none before an apply is taken for one that has
not begun, or is done."""
PROVIDER = "terraform-provider-"
"""In the command of every provider that Terraform starts."""
Locked = Callable[[], Awaitable[bool]]
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

    def begin(self, doing: str = "") -> None:
        """A process is about to begin; ``doing`` is its subcommand."""
        self._before = unfinished(self._path.parent)
        self._now = replace(Holder.me(action=f"terraform {doing}".strip()), pid=0)
        self._write([*self._before, self._now])

    def began(self, pid: int) -> None:
        """The process that was about to begin is this one."""
        self._write([*self._before, replace(self._now, pid=pid)])

    def end(self) -> None:
        """Its end was seen, and it was in good order: the state's lock is not its any more."""
        self._write(self._before)

    def forget(self) -> None:
        """Nobody is left who could have a lock on the state."""
        self._write([])

    def _write(self, holders: list[Holder]) -> None:
        text = "".join(f"{json.dumps(asdict(h))}\n" for h in holders).encode()
        os.pwrite(self._handle, text, 0)  # first, so that there is no moment at which nobody is named
        os.ftruncate(self._handle, len(text))


def unfinished(folder: Path) -> list[Holder]:
    """The Terraforms in this directory whose end no run saw, the last one last; that one may live."""
    found: list[Holder] = []
    with contextlib.suppress(OSError):
        for line in (folder / NAME).read_text().splitlines():
            with contextlib.suppress(ValueError, TypeError):  # the rest of a longer text, where the run died as it wrote
                found.append(Holder(**json.loads(line)))
    return found


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


async def settle(folder: Path, reporter: Reporter, clock: Clock, *, interrupt: bool, locked: Locked | None = None) -> None:
    """Waits for a Terraform that a dead run left behind: it saves what it made, which nobody else can.

    ``interrupt`` asks it (once) to stop after what it has begun. ``locked`` says whether anybody has a lock on the state;
    an apply without one has begun nothing yet or has saved everything, and is ended if it stays so.
    """
    if not at_work(folder):
        return
    found = next(reversed(unfinished(folder)), None)
    who = f"process {found.pid}" if found and found.here and found.pid else "a process"
    reporter.log(f"Terraform of an earlier run is still at work ({who}); waiting for its end.")
    reporter.progress(f"Terraform of an earlier run ({who}) finishes what it began")
    if interrupt and found is not None and found.here and found.pid:
        _signal([found.pid], signal.SIGINT)
    idle, next_look = 0, clock.now() + IDLE
    while at_work(folder):
        if found is not None and found.here:
            if locked is not None and clock.now() >= next_look:
                idle = 0 if await locked() else idle + 1
                next_look = clock.now() + IDLE
            if why := _of_no_use(found, folder, idle):
                reporter.log(f"Ending what is left of a {found.action} of an earlier run, which {why}.")
                _signal(holders(folder), signal.SIGKILL)
        await clock.sleep(1.0)
        await _breathe()


def _of_no_use(found: Holder, folder: Path, idle: int) -> str:
    """Why nothing is lost by ending it; empty where something might be."""
    if found.action in MAKES_NOTHING:
        return "makes nothing"
    if idle >= LOOKS:
        return "has no lock on the state"
    left = holders(folder)
    if left and all(PROVIDER in _command(pid) for pid in left):  # which hear nothing of it when Terraform is killed
        return "was killed itself"
    return ""


def holders(folder: Path) -> list[int]:
    """The processes that have this directory's lock in their hands, this one left out; none where that can't be seen."""
    path = str((folder / NAME).resolve())
    if not Path("/proc/self/fd").exists():
        return _by_lsof(path)
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(handle.readlink()) == path for handle in (process / "fd").iterdir()):
                found.add(int(process.name))
    return sorted(found - {os.getpid()})


def _by_lsof(path: str) -> list[int]:
    lsof = shutil.which("lsof", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    if lsof is None:
        return []
    listed = subprocess.run([lsof, "-t", "--", path], capture_output=True, text=True, check=False).stdout
    return sorted({int(word) for word in listed.split() if word.isdigit()} - {os.getpid()})


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    ps = shutil.which("ps")  # a small Linux has none, and there the process has ended meanwhile
    if ps is None:
        return ""
    return subprocess.run([ps, "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout


def _signal(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, what)


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
