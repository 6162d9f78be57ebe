"""Pictures of Home, Progress and what opens over them, in every state, at the three sizes; a change is to be looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
import tui_runs
from textual.pilot import Pilot
from tui_pictures import Pictures
from tui_pilot import press, shown, until, until_shown

from core import events
from core.environment import Home
from core.errors import PermanentError, UsageError
from core.events import Event
from tui.app import MlopsApp
from tui.screens.progress import ProgressScreen

Happened = Sequence[tuple[float, Event]]


def _optional() -> Happened:
    return [tui_runs.begin(optional=["pipelines"]), *tui_runs.failed()[1:]]


def _begun() -> Happened:
    return [tui_runs.begin(2), (1, events.StepStarted(step="prerequisites"))]


PROGRESS: dict[str, tuple[Callable[[], Happened], bool, tuple[str, ...], str]] = {
    "begun": (_begun, True, (), "Log of prerequisites"),
    "live": (tui_runs.halfway, True, (), "40 lines"),
    "log-of-all": (tui_runs.halfway, True, ("t",), "41 lines"),
    "searching": (tui_runs.halfway, True, ("slash", *"[7s]", "enter"), "[7s]"),
    "asked-to-cancel": (tui_runs.halfway, True, ("X",), "Cancel the run?"),
    "failed": (tui_runs.failed, False, (), "failed at pipelines"),
    "failed-and-optional": (_optional, False, (), "Skip (S)"),
    "interrupted": (tui_runs.halfway, False, (), "interrupted"),
    "waiting": (lambda: [*tui_runs.halfway(), tui_runs.waiting()], True, (), "Run here (H)"),
    "password": (lambda: [*tui_runs.halfway(), tui_runs.waiting("sql-password")], True, ("G",), "SQL password"),
    "waited-too-long": (lambda: [*tui_runs.halfway(), tui_runs.waiting()], False, (), "retry goes on"),
    "installed": (tui_runs.installed, False, (), "is installed"),
    "cancelled": (tui_runs.cancelled, False, (), "cancelled"),
    "destroying": (tui_runs.destroying, True, (), "destroying"),
    "destroyed": (tui_runs.destroyed, False, (), "is destroyed"),
}  # fmt: skip


async def _still(pilot: Pilot[int]) -> None:
    """What follows a run never ends by itself."""
    pilot.app.workers.cancel_all()
    await until(pilot, lambda: not len(pilot.app.workers))


@pytest.fixture(autouse=True)
def _clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.screens.progress.time", SimpleNamespace(monotonic=lambda: 1.0))


async def _progress(pilot: Pilot[int], home: Home, happened: Happened, keys: Sequence[str], says: str) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, happened)
    lines = [f"14:12:{i:02d} module.database: Still creating... [{i}s]" for i in range(40)]
    tui_runs.write_log(environment, "platform", lines)
    tui_runs.write_log(environment, "services", ["14:11:00 enabling compute.googleapis.com"])
    await until(pilot, lambda: bool(pilot.app.entries))  # type: ignore[attr-defined]
    await pilot.app.push_screen(ProgressScreen(environment))
    await until(pilot, lambda: "demo ›" in shown(pilot.app))
    if says in ("Run here (H)", "SQL password"):
        await until_shown(pilot, "waits for you")
    if keys:
        await until_shown(pilot, "40 lines" if says != "SQL password" else "Ready (G)")
    await press(pilot, *keys)
    await until(pilot, lambda: says in " ".join(shown(pilot.app).split()))


@pytest.mark.parametrize("state", PROGRESS)
async def test_progress(state: str, app: MlopsApp, home: Home, pictures: Pictures) -> None:
    happened, live, keys, says = PROGRESS[state]
    with ExitStack() as stack:
        if live:
            stack.enter_context(tui_runs.alive(tui_runs.environment(home)))
        async with app.run_test(size=(80, 24)) as pilot:
            await _progress(pilot, home, happened(), keys, says)
            await _still(pilot)
            await pictures.take(pilot, f"progress-{state}")


@pytest.mark.parametrize("colours", ["light", "high-contrast", "none"])
async def test_other_colours(colours: str, home: Home, monkeypatch: pytest.MonkeyPatch, pictures: Pictures) -> None:
    if colours == "none":
        monkeypatch.setenv("NO_COLOR", "")
    app = MlopsApp(home, ascii=False)
    async with app.run_test(size=(80, 24)) as pilot:
        if colours != "none":
            app.theme = colours
        await _progress(pilot, home, tui_runs.failed(), (), "cannot pull")
        await _still(pilot)
        await pictures.take(pilot, f"colours-{colours}-progress", (80, 24))
        await press(pilot, "question_mark")
        await until_shown(pilot, "Close")
        await pictures.take(pilot, f"colours-{colours}-help", (80, 24))
    if colours == "none":
        painted = re.findall(r"^\S (\S+ on \S+)", pictures.last, re.MULTILINE)
        assert set(painted) == {"default on default"}


@pytest.mark.parametrize("state", ["looking", "empty", "environments", "many", "unreadable", "running", "waiting"])
async def test_home(state: str, app: MlopsApp, home: Home, monkeypatch: pytest.MonkeyPatch, pictures: Pictures) -> None:
    says = {"looking": "Looking what is here", "empty": "No environment is kept", "unreadable": "can't be read"}
    with ExitStack() as stack:
        if state in ("environments", "many", "running", "waiting"):
            _some(home, stack, 30 if state == "many" else 0, needy=state == "waiting")
        if state == "unreadable":
            tui_runs.environment(home)
            monkeypatch.setattr("tui.inventory.Environment.load", _unreadable)
        if state == "looking":
            monkeypatch.setattr(MlopsApp, "_look_around", _nothing)
        async with app.run_test(size=(80, 24)) as pilot:
            await until_shown(pilot, says.get(state, "team-a"), *([] if state == "looking" else ["signed in as"]))
            if state in ("running", "waiting"):
                await press(pilot, "down", "down")
            if state == "waiting":
                await until_shown(pilot, "waits for you")
            await pilot.pause(0.1)
            await _still(pilot)
            await pictures.take(pilot, f"home-{state}")


def _unreadable(*_: object) -> None:
    raise UsageError("environment.toml can't be read: Invalid value (at line 1, column 11).")


async def _nothing(_: MlopsApp) -> None:
    """Looks at nothing."""


def _some(home: Home, stack: ExitStack, more: int, *, needy: bool) -> None:
    live = tui_runs.environment(home, "team-a", cloud="google")
    tui_runs.write(live, [*tui_runs.halfway(), *([tui_runs.waiting()] if needy else [])])
    stack.enter_context(tui_runs.alive(live))
    for name, happened in (("demo", tui_runs.installed()), ("old", tui_runs.halfway()), ("trial", tui_runs.failed())):
        tui_runs.write(tui_runs.environment(home, name), [(ago + 90000, event) for ago, event in happened])
    for number in range(more):
        tui_runs.environment(home, f"zone-{number:02d}")


@pytest.mark.parametrize(
    ("name", "keys", "says"),
    [
        ("help", ("question_mark",), "Close"),
        ("quit", ("q",), "Leave mlops-env?"),
        ("palette", ("ctrl+g",), "Here: Retry"),
        ("retry", ("R",), "Go on?"),
        ("new", ("n",), "Its name"),
        ("rehearsal", ("e",), "A scenario file"),
        ("too-long-a-text", (), "Save as a file"),
        ("error", (), "That did not work"),
    ],
)
async def test_what_opens_over_a_screen(
    name: str, keys: Sequence[str], says: str, app: MlopsApp, home: Home, pictures: Pictures
) -> None:
    tui_runs.write(tui_runs.environment(home), tui_runs.failed())
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "failed at pipelines", "signed in as")
        if name == "error":
            app.show_error(PermanentError("The plan can't be made.", cause="403", hint="Ask an owner.", command="gcloud x"))
        elif name == "too-long-a-text":
            app.open_page("https://console.cloud.google.com/net-services/nat/list?project=" + "demo-project-" * 40)
        await press(pilot, *keys)
        await until_shown(pilot, says)
        await _still(pilot)
        await pictures.take(pilot, f"over-{name}")


async def test_leaving_while_something_runs(app: MlopsApp, home: Home, pictures: Pictures) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    with tui_runs.alive(environment):
        async with app.run_test(size=(80, 24)) as pilot:
            await until_shown(pilot, "installing", "signed in as")
            await press(pilot, "q")
            await until_shown(pilot, "Leave running")
            await _still(pilot)
            await pictures.take(pilot, "over-quit-running")


async def test_a_window_that_is_too_small(app: MlopsApp, pictures: Pictures) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "No environment is kept")
        await pictures.take(pilot, "too-small", (59, 20), (60, 19), (20, 5))
