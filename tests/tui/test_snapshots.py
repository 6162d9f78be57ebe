"""Pictures of Home and Progress in every state, at the three sizes; a change of one is to be looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
import tui_runs
from textual.pilot import Pilot
from tui_pilot import shown, until, until_shown

from core.environment import Home
from core.events import Event
from tui.app import MlopsApp
from tui.screens.progress import ProgressScreen

SIZES = [(80, 24), (120, 36), (60, 20)]
Happened = Sequence[tuple[float, Event]]
STATES: dict[str, tuple[Callable[[], Happened], bool, str]] = {
    "live": (tui_runs.halfway, True, "installing"),
    "failed": (tui_runs.failed, False, "failed at pipelines"),
    "interrupted": (tui_runs.halfway, False, "interrupted"),
    "waiting": (lambda: [*tui_runs.halfway(), tui_runs.waiting()], True, "waiting for you"),
    "installed": (tui_runs.installed, False, "is installed"),
    "cancelled": (tui_runs.cancelled, False, "cancelled"),
}


@pytest.fixture
def taken(snap_compare: Any, app: MlopsApp, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Takes the picture once the screen says something, and compares it."""
    monkeypatch.setattr("tui.screens.progress.time", SimpleNamespace(monotonic=lambda: 1.0))

    def take(size: tuple[int, int], before: Callable[[Pilot[int]], Any]) -> None:
        async def settled(pilot: Pilot[int]) -> None:
            await before(pilot)
            pilot.app.workers.cancel_all()  # what follows a run never ends by itself
            await until(pilot, lambda: not len(pilot.app.workers))

        assert snap_compare(app, terminal_size=size, run_before=settled)

    return take


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("state", STATES)
def test_progress(
    state: str, size: tuple[int, int], home: Home, moment: SimpleNamespace, taken: Callable[..., None]
) -> None:
    happened, live, says = STATES[state]
    environment = tui_runs.environment(home)
    tui_runs.write(environment, happened())
    tui_runs.write_log(
        environment, "platform", [f"14:12:{i:02d} module.database: Still creating... [{i}s]" for i in range(40)]
    )

    async def before(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: bool(pilot.app.entries))  # type: ignore[attr-defined]
        await pilot.app.push_screen(ProgressScreen(environment))
        await until(pilot, lambda: says in " ".join(shown(pilot.app).split()))
        if state == "live":
            await until_shown(pilot, "40 lines")
        await pilot.pause(0.3)

    with ExitStack() as stack:
        if live:
            stack.enter_context(tui_runs.alive(environment))
        taken(size, before)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("filled", [True, False], ids=["environments", "empty"])
def test_home(filled: bool, size: tuple[int, int], home: Home, moment: SimpleNamespace, taken: Callable[..., None]) -> None:
    live = tui_runs.environment(home, "team-a", cloud="google") if filled else None
    if live is not None:
        tui_runs.write(live, tui_runs.halfway())
        for name, happened in (("demo", tui_runs.installed()), ("old", tui_runs.halfway()), ("trial", tui_runs.failed())):
            tui_runs.write(tui_runs.environment(home, name), [(ago + 90000, event) for ago, event in happened])

    async def before(pilot: Pilot[int]) -> None:
        await until_shown(pilot, "team-a" if filled else "No environment is kept")
        await pilot.pause(0.1)

    with ExitStack() as stack:
        if live is not None:
            stack.enter_context(tui_runs.alive(live))
        taken(size, before)


@pytest.mark.parametrize("theme", ["light", "high-contrast"])
def test_other_colours(theme: str, home: Home, moment: SimpleNamespace, taken: Callable[..., None]) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.failed())

    async def before(pilot: Pilot[int]) -> None:
        pilot.app.theme = theme
        await until(pilot, lambda: bool(pilot.app.entries))  # type: ignore[attr-defined]
        await pilot.app.push_screen(ProgressScreen(environment))
        await until_shown(pilot, "cannot pull")
        await pilot.pause(0.3)

    taken((80, 24), before)


@pytest.mark.parametrize("key", ["question_mark", "q", "ctrl+g", "R"])
def test_what_opens_over_a_screen(key: str, home: Home, moment: SimpleNamespace, taken: Callable[..., None]) -> None:
    tui_runs.write(tui_runs.environment(home), tui_runs.failed())

    async def before(pilot: Pilot[int]) -> None:
        await until_shown(pilot, "failed at pipelines")
        await pilot.press(key)
        await until(pilot, lambda: len(pilot.app.screen_stack) > 1)
        await pilot.pause(0.3)

    taken((80, 24), before)
