"""The simulated cloud of a rehearsed environment: found where it runs, started again on its old ports where it does not.

It is a process of its own, so that it outlives the command that needed it. Its liveness is its lock, not its pid.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core import resources
from core.environment import processes
from core.environment.cloud import Cloud
from core.environment.files import write_atomically
from core.environment.home import Home
from core.environment.lock import Holder, Lock, holder
from core.environment.record import Environment
from core.errors import BusyError, UnknownEnvironment, UsageError

EARLY = ("core.rehearsal", "core.rehearsal.__main__:load")
"""The process of a simulated cloud, as `core.environment.processes.begin` takes it."""
VARIABLE = "MLOPS_ENV_REHEARSAL"
"""The folder of a rehearsal in another home, as ``rehearsal env`` exports it: a laptop beside the machine that installs."""
LEAST_OF_A_REAL_PROVIDER = 1200.0
"""Real seconds that every deadline leaves where the scenario wants the real provider, which waits by the real clock."""
BORROWED = "draft.lock"
GIVEN = "scenario.toml"
"""The scenario as it was given, to know it again."""


def cloud(environment: Environment, *, scenario: Path | None = None) -> Cloud:
    """The cloud an environment is on; a simulated one is started if it does not run."""
    if environment.cloud != "rehearsal":
        return Cloud()
    return _cloud(ensure(environment, scenario=scenario), folder(environment.home, environment.name))


def cloud_of(home: Home, project: str) -> Cloud:
    """The cloud that a project is in: a rehearsal of this home, the one that the variable names, or Google's."""
    for environment in Environment.readable(home):
        if environment.cloud == "rehearsal" and environment.values["project_id"] == project:
            return cloud(environment)
    named = Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None
    if named is not None and (named / "endpoints.json").exists():
        data = json.loads((named / "endpoints.json").read_text())
        if data["project"] == project:
            return _cloud(data, named)
    return Cloud()


def ensure(
    environment: Environment, *, scenario: Path | None = None, begun: processes.Beginning | None = None
) -> dict[str, Any]:
    """Starts the simulated cloud of an environment unless it runs; returns its ``endpoints.json``.

    ``begun`` is an `EARLY` one, and is left where the cloud runs already.
    Raises `UsageError` where the scenario is wrong, or another one is given while the cloud exists already.
    """
    place = environment.home.ensure("rehearsals", environment.name)
    with _starting(place):
        scenario = _new_scenario(environment.name, place, scenario)
        if running(environment.home, environment.name) is None:
            arguments = [environment.name, "--project", str(environment.values["project_id"])]
            if scenario is not None:
                arguments += ["--scenario", str(scenario.absolute())]
            (begun or processes.begin(*EARLY)).go(arguments, log=place / "server.log", folder=place, document={})
            if scenario is not None:
                write_atomically(place / GIVEN, scenario.read_bytes())
    return endpoints(environment.home, environment.name)


def _new_scenario(name: str, place: Path, scenario: Path | None) -> Path | None:
    """The scenario for a cloud that is not there yet. One that is there keeps its own, and takes no other."""
    if scenario is None or not (place / "scenario.json").exists():
        return scenario
    given = place / GIVEN
    if given.exists() and given.read_bytes() == scenario.read_bytes():
        return None
    raise UsageError(
        f"{name} is being rehearsed already, and keeps its scenario.",
        code="scenario-given",
        hint="Leave --scenario out, or take another name.",
    )


def endpoints(home: Home, name: str) -> dict[str, Any]:
    """Where the simulated cloud of an environment answers, as it wrote it down."""
    try:
        data = json.loads((folder(home, name) / "endpoints.json").read_text())
    except FileNotFoundError:
        raise UnknownEnvironment(name) from None
    assert isinstance(data, dict)
    return data


def running(home: Home, name: str) -> Holder | None:
    """The process of the simulated cloud, or None."""
    return holder(folder(home, name) / "server.lock")


def stop(home: Home, name: str) -> bool:
    """Ends the simulated cloud's process and keeps its store; says whether there was one."""
    found = running(home, name)
    if found is None:
        return False
    os.kill(found.pid, signal.SIGTERM)
    for _ in range(500):
        if running(home, name) is None:
            return True
        time.sleep(0.01)
    os.kill(found.pid, signal.SIGKILL)
    return True


def forget(home: Home, name: str) -> None:
    """Ends the simulated cloud and removes its store."""
    stop(home, name)
    shutil.rmtree(folder(home, name), ignore_errors=True)


def borrow(environment: Environment) -> Lock:
    """Marks a simulated cloud as one that is only looked at: where whoever does dies, `sweep` ends it.

    Raises `UsageError` where another process looks at one of the same name.
    """
    lock = Lock(environment.home.ensure("rehearsals", environment.name) / BORROWED)
    try:
        lock.acquire(Holder.me(action="draft"))
    except BusyError:
        raise UsageError(
            f"{environment.name} is being prepared in another window.",
            code="being-prepared",
            hint="Go on there, or take another name.",
        ) from None
    return lock


def sweep(home: Home) -> list[str]:
    """Forgets the clouds that were only looked at by a process that is no more; returns their environments' names."""
    found = []
    for mark in sorted(home.rehearsals.glob(f"*/{BORROWED}")):
        name = mark.parent.name
        if holder(mark) is None and not (home.environments / name / "environment.toml").exists():
            forget(home, name)
            found.append(name)
    return found


def folder(home: Home, name: str) -> Path:
    """Where the simulated cloud keeps its store."""
    return home.rehearsals / name


def _cloud(data: dict[str, Any], place: Path) -> Cloud:
    return Cloud(
        kind="rehearsal",
        google=data["google"],
        ca_file=Path(data["ca_file"]),
        credentials_file=Path(data["credentials_file"]),
        rate=float(data["speed"]),
        least=0.0 if data["provider_mirror"] else LEAST_OF_A_REAL_PROVIDER,
        simulator=place,
        manifests=resources.folder("kustomize") / "stand-in",
        relay=data.get("relay"),
    )


@contextmanager
def _starting(place: Path) -> Iterator[None]:
    handle = os.open(place / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
