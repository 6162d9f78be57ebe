"""Who holds an environment: one run at a time, known by an advisory lock that ends with its process.

Host and pid name no holder by themselves: Cloud Shell reuses both, homes on NFS are shared while processes are not, and
a killed child is a zombie that still answers. So the lock alone says whether somebody is alive; the file's text (boot id,
host, pid, start time) only says who it is.

Whoever looks takes the lock too, shared and for a moment: a system tells in no other way whether somebody holds it, here,
on macOS and on NFS alike. So a lock that is shared is nobody's, and who wants it tries again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.errors import BusyError

LOOKING = 2.0
"""Seconds in which everybody has looked, at the most; a process that was halted while it did is not waited for longer."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lock, as it wrote itself down; ``socket`` is its control socket's path."""

    boot: str
    host: str
    pid: int
    started: float
    run: str = ""
    action: str = ""
    socket: str = ""

    @classmethod
    def me(cls, **details: Any) -> Holder:
        """This process."""
        return cls(boot_id(), os.uname().nodename, os.getpid(), time.time(), **details)

    @property
    def here(self) -> bool:
        """Whether the holder runs on this machine, since its last boot."""
        return self.boot == boot_id()


class Lock:
    """A lock file that is held while this object is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def acquire(self, holder: Holder) -> None:
        """Takes the lock and writes the holder down; raises `BusyError` that names who holds it."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(handle, self.path)
        except BusyError:
            os.close(handle)
            raise
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(asdict(holder)).encode(), 0)
        os.fsync(handle)
        self._handle = handle

    def release(self) -> None:
        """Lets the lock go; its file stays, so that nobody locks a file that another has just replaced."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def holder(path: Path) -> Holder | None:
    """Who holds the lock at ``path`` now; None where nobody does."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written(handle)
    finally:
        os.close(handle)
    return None


def busy(path: Path) -> BusyError:
    """The error that says who holds the lock at ``path``."""
    return _busy(path, holder(path))


def _busy(path: Path, found: Holder | None) -> BusyError:
    if found is None:
        return BusyError("Another run holds the environment.", hint="Try again in a moment.")
    where = f"process {found.pid}" if found.here else f"process {found.pid} on {found.host}"
    name = path.parent.name
    hint = f"Watch it with: mlops-env attach {name}" if found.here else f"It runs on {found.host}; attach there."
    return BusyError(f"Another run holds {name}: {found.action or 'run'} {found.run} ({where}).", code="busy", hint=hint)


def boot_id() -> str:
    """What is the same on this machine until it boots again, and different everywhere else."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return os.uname().nodename


def _take(handle: int, path: Path) -> None:
    until = time.monotonic() + LOOKING
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            found = holder(path)
            if found is not None or time.monotonic() >= until:
                raise _busy(path, found) from None
            time.sleep(0.001)
        else:
            return


def _written(handle: int) -> Holder:
    for _ in range(50):
        with contextlib.suppress(ValueError, TypeError):
            return Holder(**json.loads(os.pread(handle, 4096, 0)))
        time.sleep(0.01)
    return Holder("", "", 0, 0.0)
