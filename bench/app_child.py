"""What the rows of the app do inside a process of their own; each says what it measured as a line of JSON."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from core import events
from core.environment import Environment, Home
from core.run import journal, runs
from core.run.redact import Redactor

RUN = "20260101T000000Z-bench0"
LINES = 500_000
BATCH = 2_000
STEPS = 15
LONGEST = 120.0
"""Seconds after which what is waited for will not come."""


def main(what: str) -> None:
    """Does one measurement by its name."""
    print(json.dumps(asyncio.run(_awaited(MEASUREMENTS[what]))))


async def _awaited(measurement: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    return await measurement()


def _environment() -> Environment:
    return Environment.new(Home.find(), "bench", cloud="rehearsal", given={}).save()


def write_long_run(count: int) -> None:
    """A run that ended, with so many events of a few hundred resources."""
    environment = _environment()
    log = journal.Journal(runs.folder(environment, RUN), run=RUN, redactor=Redactor())
    ids = [f"step-{i}" for i in range(STEPS)]
    log.append(events.RunStarted(steps=[{"id": id, "title": id, "seconds": 10.0} for id in ids]))
    for id in ids:
        log.append(events.StepStarted(step=id))
    for number in range(count - 2 * STEPS - 2):
        kind, name = "google_compute_network", f"module.network.google_compute_network.this[{number % 400}]"
        step = ids[number % STEPS]
        log.append(events.ResourceChanged(step=step, kind=kind, id=name, action="create", state="progress", seconds=1.0))
    for id in ids:
        log.append(events.StepFinished(step=id, seconds=10.0))
    log.append(events.RunFinished(seconds=100.0))
    log.close()


async def whole_state() -> dict[str, float]:
    """Seconds until the long run is folded, in the running app."""
    from tui.app import MlopsApp
    from tui.screens.progress import ProgressScreen

    app = MlopsApp()
    async with app.run_test():
        await _until(lambda: bool(app.entries))
        begin = time.perf_counter()
        screen = ProgressScreen(Environment.load(app.home, "bench"))
        await app.push_screen(screen)
        await _until(lambda: screen.watched is not None and screen.watched.state.end is not None)
        return {"seconds": time.perf_counter() - begin}


async def stalls() -> dict[str, float]:
    """The longest stall and the growth of memory while a step prints, its screen following."""
    from tui.app import MlopsApp
    from tui.screens.progress import ProgressScreen

    os.environ["MLOPS_ENV_HOME"] = tempfile.mkdtemp()
    environment = _environment()
    write_long_run(100)
    app = MlopsApp()
    async with app.run_test(size=(120, 36)) as pilot:
        screen = ProgressScreen(environment)
        await app.push_screen(screen)
        await _until(lambda: screen.steps.count() > 0)
        screen.steps.touched = True  # a person chose: the screen chooses no other step's log by itself
        screen.steps.choose("step-0")
        screen.log_view.filter("step-0")
        await pilot.pause(0.5)
        before = _megabytes()
        stall = await _stall(lambda: _print(runs.folder(environment, RUN) / "logs"))
        await _until(lambda: screen.log_view.count() >= LINES)
        return {"stall": stall, "megabytes": _megabytes() - before, "lines": screen.log_view.count()}


async def stalls_of_bare() -> dict[str, float]:
    """The longest stall of a bare app while the same is printed beside it."""
    from textual.app import App, ComposeResult
    from textual.widgets import Footer, Header, OptionList

    class Bare(App[None]):
        def compose(self) -> ComposeResult:
            yield Header()
            yield OptionList(*[f"row {i}" for i in range(20)])
            yield Footer()

    async with Bare().run_test(size=(120, 36)) as pilot:
        await pilot.pause(0.5)
        return {"stall": await _stall(lambda: _print(Path(tempfile.mkdtemp())))}


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST):
        while not holds():  # noqa: ASYNC110 (the app is looked at from outside)
            await asyncio.sleep(0.005)


async def _stall(work: Callable[[], Awaitable[None]]) -> float:
    """The longest time that the loop was held while something else went on."""
    longest = 0.0
    job = asyncio.ensure_future(work())
    before = time.perf_counter()
    while not job.done():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        longest, before = max(longest, now - before - 0.001), now
    await job
    return longest


async def _print(folder: Path) -> None:
    """A step's tool in a process of its own, which prints as fast as it can."""
    folder.mkdir(parents=True, exist_ok=True)
    script = (
        "import sys\n"
        f"with open({str(folder / 'step-0.log')!r}, 'a') as f:\n"
        f"    for i in range({LINES}):\n"
        "        f.write(f'00:00:{i % 60:02d} \\x1b[32mline\\x1b[0m {i} of what a tool prints, as long as usual\\n')\n"
    )
    child = await asyncio.create_subprocess_exec(_python(), "-P", "-c", script)
    await child.wait()
    await asyncio.sleep(1.5)


def _python() -> str:
    import sys

    return sys.executable


def _megabytes() -> float:
    """The resident memory now."""
    import gc

    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


MEASUREMENTS: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
    "whole_state": whole_state,
    "stalls": stalls,
    "stalls_of_bare": stalls_of_bare,
}
