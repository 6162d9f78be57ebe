"""Starts the rehearsal of one environment: ``python -P -m core.rehearsal NAME [--project ID] [--scenario FILE]``.

It answers one line of JSON on standard output once it serves (or why it can't), lets that stream go, and holds a lock in
its folder for as long as it lives, which is all that tells whether it does.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import signal
import socket
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from core.errors import BusyError, MlopsError, UsageError
from core.rehearsal import scenario as scenarios
from core.rehearsal.folder import folder, write_private
from core.rehearsal.scenario import Scenario, parse
from core.rehearsal.world import World

LOOKING = 2.0
"""Seconds in which everybody has seen whether the lock is held, at the most."""


def main(arguments: list[str]) -> int:
    """Runs one rehearsal until it is asked to end."""
    options = _options(arguments)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.umask(0o077)
    place = folder(options.name)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = _lock(place)
        world = _world(place, options)
        asyncio.run(_run(world))
    except MlopsError as error:
        _answer({"error": error.to_dict()})
        return error.exit_code
    os.close(handle)
    return 0


def load() -> None:
    """Loads what the first answer needs."""
    from core.authorities import load_aiohttp

    load_aiohttp()
    import_module("core.rehearsal.server")


async def _run(world: World) -> None:
    load()
    from core.rehearsal.server import Server

    server = Server(world)
    await server.start()
    _answer({"ready": True})
    await server.serve()


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -P -m core.rehearsal")
    parser.add_argument("name")
    parser.add_argument("--project", default="")
    parser.add_argument("--scenario", type=Path)
    return parser.parse_args(arguments)


def _world(place: Path, options: argparse.Namespace) -> World:
    scenario = _scenario(place / "scenario.json", options.scenario)
    kept = place / "project"
    project = kept.read_text().strip() if kept.exists() else options.project
    if not project:
        raise UsageError("A new rehearsal needs a project.", code="project", hint="Give it with --project ID.")
    write_private(kept, project.encode())
    return World.open(place, project=project, scenario=scenario)


def _scenario(kept: Path, given: Path | None) -> Scenario:
    """The scenario of the first day, which holds from then on."""
    if given is None and kept.exists():
        return parse(json.loads(kept.read_text()))
    scenario = Scenario()
    if given is not None:
        scenario = scenarios.load(given)
        if scenario.fault or scenario.durations:
            from core.rehearsal.google import known

            known.demand(scenario)
    write_private(kept, json.dumps(scenario.to_dict(), indent=1).encode())
    return scenario


def _lock(place: Path) -> int:
    """Takes the lock for good; its text says who holds it, for those who want to end the process."""
    handle = os.open(place / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + LOOKING
    while not _taken(handle, fcntl.LOCK_EX):
        if not _taken(handle, fcntl.LOCK_SH) or time.monotonic() >= until:
            os.close(handle)
            raise BusyError("The rehearsal runs already.", code="rehearsal-runs")
        time.sleep(0.001)  # who looks whether it runs shares the lock for a moment
    boot = Path("/proc/sys/kernel/random/boot_id")
    holder = {
        "boot": boot.read_text().strip() if boot.exists() else socket.gethostname(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": time.time(),
        "action": "rehearsal",
    }
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(holder).encode(), 0)
    return handle


def _taken(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answer(line: dict[str, Any]) -> None:
    """The one line on standard output; then the stream is let go, so that nobody waits for its end."""
    os.write(1, json.dumps(line).encode() + b"\n")
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(null, stream)
    os.close(null)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
