"""The run as a process of its own: holds the environment's lock, listens on its control socket, and runs the engine.

Started by `core.install.start`, as ``python -P -m core.install.process NAME RUN`` would be. What it is to do, secrets too,
comes as one document on its standard input. Hang-ups are ignored; a SIGTERM (a machine that shuts down sends one) stops it
and leaves it ``interrupted``, to be taken up again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

from core import events
from core.authorities import load_aiohttp
from core.environment import Environment, Home, processes
from core.environment import rehearsal as rehearsals
from core.environment.lock import Holder, Lock
from core.errors import MlopsError, no_room
from core.install import made, plan, shown
from core.install.expected import told
from core.install.installation import Installation
from core.run import journal, runs
from core.run.clock import Clock
from core.run.control import Control, socket_path
from core.run.engine import Engine
from core.run.redact import Redactor
from core.run.step import Step


def main() -> int:
    """Runs what the document on standard input says; returns the run's exit code."""
    name, run = sys.argv[1:3]
    document = processes.read_document()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.umask(0o077)
    lock: Lock | None = None
    try:
        environment = Environment.load(Home.find(), name)
        lock = Lock(runs.lock_path(environment))
        control = str(socket_path(environment.id))
        lock.acquire(Holder.me(run=run, action=document["action"], socket=control))
        installation = _installation(environment, run, document)
    except MlopsError as error:
        if lock is not None:
            lock.release()
        processes.refuse(error)
    except OSError as error:
        _full(error, lock)
    try:
        code = asyncio.run(_run(installation, run, document, lock))
    except OSError as error:
        _full(error, lock)
    finally:
        lock.release()
    return code


def _full(error: OSError, lock: Lock | None) -> NoReturn:
    """Refuses where the disk has no room; raises what it is where it is something else."""
    if lock is not None:
        lock.release()
    full = no_room(error)
    if full is None:
        raise error
    processes.refuse(full)


def load() -> None:
    """Loads what every run needs."""
    load_aiohttp()
    libraries = ("httplib2", "googleapiclient.discovery", "google.oauth2.service_account")
    for module in (*libraries, *(f"core.install.{name}" for name in plan.INSTALL)):
        with contextlib.suppress(ImportError):
            import_module(module)


def _installation(environment: Environment, run: str, document: dict[str, Any]) -> Installation:
    cloud = rehearsals.cloud(environment)
    redactor = Redactor()
    secrets = dict(document.get("secrets", {}))
    for secret in secrets.values():
        redactor.add(secret)
    seen = shown.of(environment)
    if seen is not None and seen.follows:
        environment = environment.with_resolved(**seen.follows).save()
    return Installation(
        environment=environment,
        cloud=cloud,
        clock=Clock(cloud.rate, least=cloud.least),
        redactor=redactor,
        run_folder=runs.folder(environment, run),
        secrets=secrets,
        shown=seen,
    )


async def _run(installation: Installation, run: str, document: dict[str, Any], lock: Lock) -> int:
    environment = installation.environment
    action = document["action"]
    steps = plan.steps(installation, action, document)
    before = runs.ids(environment)
    log = journal.Journal(installation.run_folder, run=run, redactor=installation.redactor)
    engine = Engine(
        steps,
        journal=log,
        clock=installation.clock,
        redactor=installation.redactor,
        logs=installation.run_folder / "logs",
        wait=document.get("wait"),
        skip=document.get("skip", ()),
        pending=pending_operations(environment, before),
        on_provided=installation.provided,
        at_end=lambda last: _at_end(installation, action, engine.facts, _exit_code(last)),
    )
    installation.person = engine.person
    control = Control(socket_path(environment.id), engine, info={"run": run, "pid": os.getpid()})
    await control.start()
    options = {"delete_data": bool(document.get("delete_data"))}
    previous = before[-1] if before else ""
    log.append(_started(installation, steps, action, previous=previous, options=options))
    processes.answer({"run": run, "pid": os.getpid()})
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, engine.interrupt, "the machine told it to stop (SIGTERM)")
    if action == "destroy":
        made.forget(environment)
    try:
        return _exit_code(await engine.run())
    finally:
        await control.close()
        log.close()
        lock.release()  # at once: who reads that it ended may begin the next


def _exit_code(last: events.Event) -> int:
    return int(getattr(last, "exit_code", 7))


async def _at_end(installation: Installation, action: str, facts: Mapping[str, Any], code: int) -> None:
    """Puts everything in order before it is said that the run has ended."""
    environment = installation.environment
    await installation.close()
    if code == 0 or action == "destroy":
        shown.forget(environment)
    if code == 0 and action == "install":
        made.keep(environment, facts)
    if code == 0 and action == "destroy" and environment.cloud == "rehearsal":
        await asyncio.to_thread(rehearsals.stop, environment.home, environment.name)


def _started(
    installation: Installation, steps: Sequence[Step], action: str, *, previous: str, options: dict[str, Any]
) -> events.RunStarted:
    return events.RunStarted(
        action=action,
        previous=previous,
        pid=os.getpid(),
        rate=installation.cloud.rate,
        options=options,
        steps=told(installation, steps, action),
    )


def pending_operations(environment: Environment, before: Sequence[str]) -> dict[str, str]:
    """The long operations that earlier runs began and saw no end of, by what they are for."""
    open_operations: dict[str, str] = {}
    for run in before:
        for record in journal.read(runs.folder(environment, run), only=(events.OperationStarted, events.OperationFinished)):
            if isinstance(record.event, events.OperationStarted):
                open_operations[record.event.key] = record.event.name
            elif isinstance(record.event, events.OperationFinished):
                open_operations.pop(record.event.key, None)
    return open_operations


if __name__ == "__main__":
    sys.exit(main())
