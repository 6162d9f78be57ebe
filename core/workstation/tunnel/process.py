"""The process of a tunnel: ``python -P -m core.workstation.tunnel.process NAME``, or a command that stays in front.

It holds the tunnel's lock, tells its status on a control socket, writes what happens to its log, and ends by SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core import garbage
from core.environment import Home, companions, processes
from core.environment.files import write_atomically
from core.environment.lock import Holder, Lock, holder
from core.errors import BusyError, MlopsError
from core.run.clock import Clock
from core.workstation.heap import keep_buffers
from core.workstation.tunnel import asking, book, docker, places
from core.workstation.tunnel.control import Telling
from core.workstation.tunnel.definition import Tunnel
from core.workstation.tunnel.preparing import Prepared, prepare
from core.workstation.tunnel.running import Running
from core.workstation.tunnel.status import DOWN, STOPPED, WAITING, Status

MODULE = "core.workstation.tunnel.process"
LOG_KEPT = 256 << 10
"""Bytes of a log beyond which a new process begins it anew, the end of the old one first."""

Ready = Callable[[Status], None]
Tell = Callable[[str], None]


def take(home: Home, name: str) -> Lock:
    """The tunnel's lock; raises `BusyError` where it runs already."""
    home.ensure("tunnels", name)
    lock = Lock(places.lock(home, name))
    try:
        lock.acquire(Holder.me(action="tunnel", socket=str(places.control(home, name))))
    except BusyError as error:
        found = holder(places.lock(home, name))
        who = f" (process {found.pid})" if found is not None else ""
        raise BusyError(
            f"The tunnel {name} is up already{who}.",
            code="tunnel-up",
            hint=f"Look at it with: mlops-env tunnel status {name}",
        ) from error
    return lock


async def serve(
    home: Home, tunnel: Tunnel, *, ready: Ready, tell: Tell, ask: bool = False, desk: asking.At | None = None
) -> None:
    """Runs a tunnel until it is cancelled; ``ready`` is told its status once it is up. Raises what ends it."""
    clock = Clock()
    _many_files()
    keep_buffers()
    prepared = await prepare(home, tunnel, clock=clock, ask=ask, desk=desk)
    here = prepared.environment
    if here is not None and here.folder.is_dir():
        companions.join(here, f"tunnel {tunnel.name}")  # held until this process is gone: who ends it waits for just that
    tell_all = _both(home, tunnel.name, tell)
    running = Running(prepared.tunnel, prepared.engine, clock=clock, tell=tell_all, patience=prepared.patience)

    def status() -> Status:
        return told(running.status(), prepared)

    telling = Telling(places.control(home, tunnel.name), status, clock)
    await telling.start()
    work = asyncio.create_task(running.run())
    comparing = asyncio.create_task(_compare(running, prepared, tell_all))
    passing, up = asyncio.create_task(_pass_on(running, telling)), asyncio.create_task(_when_up(running, status, ready))
    try:
        await asyncio.wait((work, up), return_when=asyncio.FIRST_EXCEPTION)
        if up.done():
            up.result()
        await work
    finally:
        await _end(home, prepared, running, telling, [work, passing, up, comparing])


async def _when_up(running: Running, status: Callable[[], Status], ready: Ready) -> None:
    await asyncio.shield(running.first)
    garbage.settle()
    ready(status())


async def _compare(running: Running, prepared: Prepared, tell: Tell) -> None:
    """Says, once it is up, where another than the key's owner is signed in by now."""
    if prepared.another is not None:
        await asyncio.shield(running.first)
        if said := await prepared.another():
            tell(said)


async def _pass_on(running: Running, telling: Telling) -> None:
    while True:
        await running.changed.wait()
        running.changed.clear()
        telling.changed()


async def _end(home: Home, prepared: Prepared, running: Running, telling: Telling, tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    last = running.status()
    if last.error is None or last.state not in (STOPPED, WAITING):
        last = replace(last, state=DOWN)
    write_atomically(places.last(home, running.tunnel.name), json.dumps(last.to_dict()))
    await telling.close()
    await prepared.close()


def told(found: Status, prepared: Prepared) -> Status:
    """The status of a running tunnel, with what its user needs."""
    tunnel, found.relayed = prepared.tunnel, prepared.relayed
    found.pid = os.getpid()
    found.docker_host = docker.host_of(found.forwards)
    found.docker_context = docker.context_name(tunnel.name) if tunnel.docker_context and found.docker_host else ""
    return found


def main() -> int:
    """The process of its own."""
    garbage.look_seldom()
    name = sys.argv[1]
    document = processes.read_document()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    home = Home.find()
    try:
        tunnel = book.from_table(home, name, document["tunnel"])
        lock = take(home, name)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                asyncio.run(_until_told(home, tunnel, document.get("desk", "")))
        finally:
            docker.let_go(tunnel)
            lock.release()
    except MlopsError as error:
        processes.refuse(error)
    return 0


async def _until_told(home: Home, tunnel: Tunnel, at: str) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    desk = asking.At(Path(at), asking.program(places.folder(home, tunnel.name))) if at else None

    def ready(found: Status) -> None:
        processes.answer({"status": found.to_dict()})

    await serve(home, tunnel, ready=ready, tell=lambda _: None, desk=desk)


def _both(home: Home, name: str, tell: Tell) -> Tell:
    """Tells the log and whoever looks on."""
    path = places.log(home, name)
    with contextlib.suppress(OSError):
        if path.stat().st_size > LOG_KEPT:
            write_atomically(path, path.read_bytes()[-LOG_KEPT // 2 :].partition(b"\n")[2])

    def both(words: str) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(handle, f"{stamp} {' '.join(words.split())}\n".encode())
            finally:
                os.close(handle)
        tell(words)

    return both


def _many_files() -> None:
    """Lets this process hold as many connections as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(65536, hard)
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main())
