"""All the checks before an installation together, against the slowest of them alone, where each call takes 80 ms."""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bench.measure import Row
from core.environment import Environment, Home
from core.environment import rehearsal as rehearsals
from core.gcp import services
from core.install import outside
from core.install.installation import Installation
from core.prerequisites import Subject, access, examine_access, wanted_services
from core.prerequisites.concerns import CONCERNS, look

ASKED = [concern for concern in CONCERNS if concern.signed_in]
ROUNDS = 7
LATENCY_MS = 80


def checks() -> Row:
    """The checks of a project whose APIs are on, each time with a client that knows nothing yet."""
    with _cloud() as environment:
        alone = {concern.id: _rounds(environment, partial(look, concern=concern)) for concern in ASKED}
        together = _rounds(environment, _everything)
    slowest = max(statistics.median(each) for each in alone.values())
    against = f"the slowest one alone, at {LATENCY_MS} ms a call"
    return Row.of("checks", [each / slowest for each in together], goal=1.3, against=against)


def _rounds(environment: Environment, work: Callable[[Subject], Awaitable[Any]]) -> list[float]:
    return [_seconds(environment, work) for _ in range(ROUNDS)]


async def _everything(subject: Subject) -> None:
    await access.sign_in(subject)
    await examine_access(subject)


def _seconds(environment: Environment, work: Callable[[Subject], Awaitable[Any]]) -> float:
    async def timed(opened: Installation) -> float:
        subject = Subject(opened.google, environment.values, environment.home, {}, environment.names)
        begin = time.perf_counter()
        await work(subject)
        return time.perf_counter() - begin

    return float(_with(environment, timed))


def _with(environment: Environment, work: Callable[[Installation], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        opened = outside.opened(environment)
        try:
            return await work(opened)
        finally:
            await opened.close()

    return asyncio.run(run())


@contextmanager
def _cloud() -> Iterator[Environment]:
    """A simulated cloud whose answers take their time, for an environment that is not installed."""
    folder, before = Path(tempfile.mkdtemp(prefix="mlops-env-bench-")), os.environ.get("MLOPS_ENV_HOME")
    os.environ["MLOPS_ENV_HOME"] = str(folder / "home")
    environment = Environment.new(Home.find(), "bench", cloud="rehearsal", given={"zone": "us-central1-a"})
    scenario = folder / "scenario.toml"
    scenario.write_text(f"speed = 0\nlatency_ms = {LATENCY_MS}\n")
    try:
        rehearsals.ensure(environment, scenario=scenario)
        wanted = [*wanted_services.REQUIRED, *wanted_services.OPTIONAL]
        _with(environment, lambda opened: services.enable(opened.google, wanted))
        yield environment
    finally:
        rehearsals.forget(environment.home, environment.name)
        if before is None:
            del os.environ["MLOPS_ENV_HOME"]
        else:
            os.environ["MLOPS_ENV_HOME"] = before
        shutil.rmtree(folder, ignore_errors=True)
