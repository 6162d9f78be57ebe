"""The tunnels of this user, seen from outside their processes: begun, ended, looked at; for commands and screens alike."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from core.environment import Home, processes
from core.environment.lock import holder
from core.errors import StepError, UsageError
from core.workstation.tunnel import book, control, docker, places
from core.workstation.tunnel.asking import Ask, Desk, Tell
from core.workstation.tunnel.definition import Tunnel, check_name
from core.workstation.tunnel.process import MODULE
from core.workstation.tunnel.status import DOWN, Status

ENDING = 15.0
"""Seconds in which a tunnel that was told to end has ended."""


def names(home: Home) -> list[str]:
    """Every tunnel that is defined, or was up once, or is."""
    found = set(book.load(home))
    with contextlib.suppress(FileNotFoundError):
        found |= {path.name for path in (home.root / "tunnels").iterdir() if (path / "lock").exists()}
    return sorted(found)


def defined(home: Home, name: str) -> Tunnel:
    """The tunnel as it is defined; a name that is not leads to the environment or host of that name."""
    return book.load(home).get(name) or Tunnel(check_name(name))


def start(home: Home, tunnel: Tunnel, *, ask: Ask | None = None, tell: Tell = lambda _: None) -> Status:
    """Starts a tunnel as a process of its own; returns once it is up, or raises what prevented it.

    What ssh asks meanwhile is asked by ``ask``, and what it waits for is told by ``tell``, both from another thread; without
    ``ask`` there is neither.
    """
    folder = home.ensure("tunnels", tunnel.name)
    with Desk(ask, tell) if ask is not None else contextlib.nullcontext() as desk:
        document = {"tunnel": book.to_table(tunnel), "desk": str(desk.path) if desk is not None else ""}
        answer = processes.start(MODULE, [tunnel.name], log=folder / "errors.log", folder=folder, document=document)
    return Status.from_dict(answer["status"])


def status(home: Home, name: str) -> Status:
    """How a tunnel stands; `core.workstation.tunnel.status.DOWN` where it never was up."""
    found = holder(places.lock(home, name))
    if found is None:
        return _last(home, name)
    for heard in control.listen(places.control(home, name)):
        return heard
    return Status(name, state="connecting", pid=found.pid or None)


def watch(home: Home, name: str) -> Iterator[Status]:
    """What a running tunnel tells, until it ends."""
    yield from control.listen(places.control(home, name), seconds=None)


def stop(home: Home, name: str) -> bool:
    """Ends a tunnel, and removes its Docker context; says whether it was up."""
    tunnel = defined(home, name)
    found = holder(places.lock(home, name))
    up = found is not None
    if found is not None:
        if not found.here:
            raise UsageError(f"The tunnel {name} runs on {found.host}.", code="elsewhere", hint="End it there.")
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGTERM)
        _until_ended(home, name, found.pid)
    docker.let_go(tunnel)
    return up


def log(home: Home, name: str) -> Path:
    """The file of what happened to a tunnel; raises `UsageError` where there is none."""
    path = places.log(home, check_name(name))
    if not path.exists():
        raise UsageError(
            f"The tunnel {name} was never up.", code="no-tunnel", hint=f"Begin it with: mlops-env tunnel up {name}"
        )
    return path


def follow(home: Home, name: str) -> Iterator[str]:
    """The lines of a tunnel's log, those to come as well, until it ends; it is up, or the log alone is told."""
    path, at = log(home, name), 0
    for _ in itertools.chain([None], watch(home, name), [None]):
        data = path.read_bytes()
        if len(data) < at:  # begun anew
            at = 0
        end = data.rfind(b"\n") + 1
        yield from data[at:end].decode(errors="replace").splitlines()
        at = max(at, end)


def _until_ended(home: Home, name: str, pid: int) -> None:
    """Its control socket closes as it ends, and its lock goes with it."""
    for _ in control.listen(places.control(home, name), seconds=ENDING):
        pass
    for _ in range(int(ENDING / 0.05)):
        if holder(places.lock(home, name)) is None:
            return
        _pause()
    raise StepError(f"The tunnel {name} does not end.", code="tunnel-does-not-end", hint=f"End it with: kill -9 {pid}")


def _pause() -> None:
    import time

    time.sleep(0.05)


def _last(home: Home, name: str) -> Status:
    try:
        found = Status.from_dict(json.loads(places.last(home, name).read_text()))
    except (OSError, ValueError, TypeError, KeyError):
        return Status(name, state=DOWN)
    found.pid, found.docker_host, found.up_rate, found.down_rate = None, "", 0.0, 0.0
    return found
