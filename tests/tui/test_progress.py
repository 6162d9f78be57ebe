"""Progress: a run that lives, failed, waits, was interrupted or is over; and what can be done about it."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tui_runs
from textual.pilot import Pilot
from textual.widgets import Input
from tui_pilot import focused, press, shown, until, until_shown

from core import events
from core.environment import Environment, Home
from core.run import runs
from core.run.state import RunState
from tui import clipboard, steering
from tui.app import MlopsApp
from tui.screens import told
from tui.screens.progress import ProgressScreen
from tui.watching import Watched
from tui.widgets.steps import StepList


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What was asked of runs, none of which is there."""
    found: list[tuple[str, Any]] = []

    def ask(_: Environment, request: dict[str, Any]) -> None:
        found.append((request["do"], request))

    def retry(_: Environment, step: str = "") -> str:
        found.append(("retry", step))
        return ""

    monkeypatch.setattr(steering, "ask", ask)
    monkeypatch.setattr(steering, "retry", retry)
    return found


async def opened(pilot: Pilot[int], environment: Environment) -> ProgressScreen:
    screen = ProgressScreen(environment)
    await pilot.app.push_screen(screen)
    await until(pilot, lambda: screen.query_one(StepList).count() > 0)
    return screen


async def test_a_live_run_shows_steps_resources_and_what_decides(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    tui_runs.write_log(environment, "platform", ["14:12:00 module.database: Creating..."])
    with tui_runs.alive(environment):
        async with app.run_test(size=(120, 36)) as pilot:
            await opened(pilot, environment)
            screen = await until_shown(pilot, "demo › installing", "Creating...", "costs")
    lines = screen.splitlines()
    platform = next(line for line in lines if "platform" in line and "running" in line)
    assert "11:18" in platform
    assert "~15m" in platform
    assert "‹" in platform
    assert any("container_cluster" in line and "✓" in line for line in lines)
    assert any("sql_database_instance module.database.this[each.key]"[:30] in line and "◐" in line for line in lines)
    assert "12:40, about" in lines[0]
    assert "6/15" in lines[0]
    assert "rehearsal" in lines[0]
    assert "it costs nothing" in " ".join(screen.split())


@pytest.mark.parametrize(
    ("size", "top"),
    [
        ((120, 36), "rehearsal time 10:00, about 18 min more · 3/15 ██"),
        ((80, 24), "rehearsal time 10:00, about 18 min more · 3/15"),
        ((60, 20), "rehearsal 10:00, ~18 min · 3/15"),
    ],
)
async def test_every_time_of_a_rehearsal_is_on_the_simulated_clock_and_says_so(
    app: MlopsApp, home: Home, moment: SimpleNamespace, size: tuple[int, int], top: str
) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.at_sixty_times())
    with tui_runs.alive(environment):
        async with app.run_test(size=size) as pilot:
            await opened(pilot, environment)
            screen = await until_shown(pilot, top)
    assert "5:00" in next(line for line in screen.splitlines() if "platform" in line and "running" in line)
    if size[1] > 20:
        assert "times are simulated, 60 times as fast (about 17 s more here); it costs nothing." in " ".join(screen.split())


@pytest.mark.parametrize("cells", [58, 78, 118])
def test_the_note_is_whole_sentences_however_little_room_there_is(home: Home, cells: int) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.at_sixty_times())
    with tui_runs.alive(environment):
        watched = Watched(environment, tui_runs.RUN)
        watched.read()
        said = told.note(watched, 0.0, cells=cells).plain
    assert said.endswith(".")
    assert "it costs nothing." in said
    assert len(textwrap.wrap(said, cells)) <= told.NOTE_ROWS


async def test_a_clock_without_waits_foretells_nothing(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.at_sixty_times(rate=0.0))
    with tui_runs.alive(environment):
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot, environment)
            screen = await until_shown(pilot, "without waiting")
    assert " rehearsal, 0:10 · 3/15" in screen.splitlines()[0]


async def test_the_real_cloud_has_one_clock_and_no_word_for_it(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    environment = tui_runs.environment(home, cloud="google")
    tui_runs.write(environment, tui_runs.halfway())
    with tui_runs.alive(environment):
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot, environment)
            screen = await until_shown(pilot, " 12:40, about 11 min more · 6/15")
    assert "rehearsal" not in screen


async def test_a_run_that_is_begun_elsewhere_takes_the_place_of_the_one_before(
    app: MlopsApp, home: Home, moment: SimpleNamespace, asked: list[tuple[str, Any]]
) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.failed())
    tui_runs.write_log(environment, "pipelines", ["14:22:00 of the older run"])
    newer = "20260921T152000Z-abc124"
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, environment)
        await until_shown(pilot, "demo › failed at pipelines")
        await press(pilot, "l")
        await until_shown(pilot, "of the older run")
        with tui_runs.alive(environment, newer):
            tui_runs.write(environment, tui_runs.halfway(), run=newer)
            tui_runs.write_log(environment, "platform", ["15:22:00 of the newer run"], run=newer)
            said = await until_shown(pilot, "demo › installing", "of the newer run")
            assert "of the older run" not in said
            assert focused(app).id == "steps"
            assert not screen.allowed("retry")
            await press(pilot, "X", "tab", "enter")
            await until(pilot, lambda: asked != [])
    assert asked[0][0] == "cancel"


async def test_to_the_log_and_back_however_quickly(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.failed())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, environment)
        await until_shown(pilot, "cannot pull its")
        screen.action_log()
        assert focused(app).id == "log"
        screen.action_log()
        assert focused(app).id == "steps"
        await until_shown(pilot, "cannot pull its")


async def test_the_screen_follows_the_run_to_its_end_and_rings(
    app: MlopsApp, home: Home, moment: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    rung: list[str] = []
    monkeypatch.setattr("tui.terminal.notify", lambda _, message: rung.append(message))
    async with app.run_test() as pilot:
        with tui_runs.alive(environment):
            await opened(pilot, environment)
            await until_shown(pilot, "installing")
            tui_runs.write(environment, tui_runs.installed()[len(tui_runs.halfway()) - 1 :], more=True)
        await until_shown(pilot, "demo › installed", "demo is installed.", "a Access")
    assert rung == ["demo: installed"]


async def test_events_that_come_in_a_burst_are_shown_together(
    app: MlopsApp, home: Home, moment: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    laid_out: list[int] = []
    show = StepList.show

    def counted(self: StepList, state: RunState, **options: Any) -> None:
        laid_out.append(state.last_n)
        show(self, state, **options)

    async with app.run_test() as pilot:
        with tui_runs.alive(environment):
            await opened(pilot, environment)
            await until_shown(pilot, "installing")
            monkeypatch.setattr(StepList, "show", counted)
            burst = [(1.0, events.StepProgress(step="platform", message=f"{n} of 2000")) for n in range(2000)]
            tui_runs.write(environment, burst, more=True)
            tui_runs.write(environment, tui_runs.installed()[len(tui_runs.halfway()) - 1 :], more=True)
        await until_shown(pilot, "demo is installed.")
    assert len(set(laid_out)) < 20


async def test_a_failure_stands_in_front_with_its_cause_and_next_step(
    app: MlopsApp, home: Home, moment: SimpleNamespace
) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.failed())
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, environment)
        screen = await until_shown(pilot, "failed at pipelines", "ml-pipeline-ui cannot pull its image.", "Cause", "Next")
        flat = " ".join(screen.split())
        assert "R Retry" in flat
        assert "Skip" not in flat
        await press(pilot, "l")
        await until_shown(pilot, "Log of pipelines")
        await press(pilot, "l")
        await until_shown(pilot, "cannot pull its image")


async def test_skipping_is_offered_where_the_step_is_optional(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    environment = tui_runs.environment(home)
    happened = tui_runs.failed()
    happened[0] = tui_runs.begin(optional=["pipelines"])
    tui_runs.write(environment, happened)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, environment)
        await until_shown(pilot, "Skip (S)")
        assert screen.allowed("skip")


async def test_retry_asks_and_then_goes_on(
    app: MlopsApp, home: Home, moment: SimpleNamespace, asked: list[tuple[str, Any]]
) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.failed())
    async with app.run_test() as pilot:
        await opened(pilot, environment)
        await until_shown(pilot, "R Retry")
        await press(pilot, "R")
        await until_shown(pilot, "Go on?", "Goes on with the installation of demo at pipelines")
        assert asked == []
        await press(pilot, "tab", "enter")
        await until(pilot, lambda: asked == [("retry", "pipelines")])


@pytest.mark.parametrize(
    ("end", "doing"),
    [(events.RunCancelled(reason="asked"), "removal cancelled"), (None, "removal interrupted at workloads")],
)
async def test_going_on_with_a_removal_is_called_so(
    app: MlopsApp, home: Home, moment: SimpleNamespace, end: events.Event | None, doing: str
) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, [*tui_runs.destroying(), *([(0.0, end)] if end is not None else [])])
    async with app.run_test(size=(100, 30)) as pilot:
        await until_shown(pilot, f"= {doing}"[:30])
        await press(pilot, "R")
        await until_shown(pilot, "Goes on with the removal of demo")
        await press(pilot, "escape", "w")
        await until_shown(pilot, f"demo › {doing}", "The removal of demo was")
        await press(pilot, "R")
        await until_shown(pilot, "Goes on with the removal of demo")


@asynccontextmanager
async def live_run(app: MlopsApp, home: Home) -> AsyncIterator[Pilot[int]]:
    """Progress, as it shows a run that goes on."""
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    with tui_runs.alive(environment):
        async with app.run_test() as pilot:
            await opened(pilot, environment)
            await until_shown(pilot, "X Cancel run")
            yield pilot


async def test_a_live_run_is_cancelled_once_that_is_confirmed(
    app: MlopsApp, home: Home, moment: SimpleNamespace, asked: list[tuple[str, Any]]
) -> None:
    async with live_run(app, home) as pilot:
        await press(pilot, "X")
        await until_shown(pilot, "Cancel the run?", "safe end")
        await press(pilot, "escape")
        await press(pilot, "X", "tab", "enter")
        await until(pilot, lambda: [do for do, _ in asked] == ["cancel"])


@pytest.mark.parametrize("begun", [tui_runs.halfway, tui_runs.destroying])
async def test_a_run_that_was_asked_to_stop_is_stopping_until_it_has_ended(
    app: MlopsApp, home: Home, moment: SimpleNamespace, begun: Callable[[], list[tuple[float, events.Event]]]
) -> None:
    environment = tui_runs.environment(home)
    stopping = (0.0, events.RunStopping(reason="it was cancelled in the app"))
    tui_runs.write(environment, [*begun(), tui_runs.waiting(), stopping])
    with tui_runs.alive(environment):
        async with app.run_test(size=(100, 30)) as pilot:
            await until_shown(pilot, "stopping")
            screen = await opened(pilot, environment)
            assert " more" not in await until_shown(pilot, "demo › stopping")
            assert not any(screen.allowed(action) for action in ("cancel", "retry", "skip", "signed_in"))


async def test_a_key_that_is_held_down_confirms_nothing(
    app: MlopsApp, home: Home, moment: SimpleNamespace, asked: list[tuple[str, Any]]
) -> None:
    async with live_run(app, home) as pilot:
        await press(pilot, *"XXXXXX")
        await until_shown(pilot, "Cancel the run?")
        assert len(app.screen_stack) == 3
        await press(pilot, *["enter"] * 6)  # the answer that has the focus is to stay
        await until_shown(pilot, "X Cancel run")
        assert asked == []


async def test_what_was_interrupted_says_so_and_what_goes_on(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    async with app.run_test() as pilot:
        await opened(pilot, environment)
        screen = await until_shown(
            pilot, "interrupted at platform", "The installation of demo was", "interrupted.", "R Retry"
        )
        assert "= platform" in screen
        assert "◐" not in screen


async def test_a_sign_in_that_ran_out_is_told_with_its_command(
    app: MlopsApp, home: Home, moment: SimpleNamespace, asked: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/tmp/tab")
    environment = tui_runs.environment(home)
    tui_runs.write(environment, [*tui_runs.halfway(), tui_runs.waiting()])
    with tui_runs.alive(environment):
        async with app.run_test() as pilot:
            await opened(pilot, environment)
            screen = await until_shown(pilot, "waiting for you", "The sign-in has run out.", "Ready (G)", "Run here (H)")
            assert "gcloud auth" in screen
            await press(pilot, "G")
            await until(pilot, lambda: asked != [])
    assert asked == [("signed-in", {"do": "signed-in", "config": "/tmp/tab", "account": ""})]


async def test_a_password_that_is_waited_for_reaches_the_run_alone(
    app: MlopsApp, home: Home, moment: SimpleNamespace, asked: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    monkeypatch.setattr(clipboard, "send", lambda _, text: copied.append(text) or "")
    environment = tui_runs.environment(home)
    tui_runs.write(environment, [*tui_runs.halfway(), tui_runs.waiting("sql-password")])
    with tui_runs.alive(environment):
        async with app.run_test(notifications=True) as pilot:
            await opened(pilot, environment)
            await until_shown(pilot, "Ready (G)")
            await press(pilot, "G")
            await until_shown(pilot, "SQL password")
            await press(pilot, *"Correct-horse1")
            assert "Correct" not in shown(app)
            await press(pilot, "ctrl+a", "shift+end", "ctrl+c")
            await until_shown(pilot, "Leave mlops-env?")
            await press(pilot, "escape")
            await press(pilot, "enter")
            await until(pilot, lambda: asked != [])
            app.copy("x Correct-horse1")
            await until_shown(pilot, "holds a secret")
    assert copied == []
    assert asked[0][1] == {"do": "provide", "kind": "sql-password", "value": "Correct-horse1"}
    assert not [p for p in home.root.rglob("*") if p.is_file() and b"Correct-horse" in p.read_bytes()]


async def test_the_log_is_searched_filtered_and_saved(
    app: MlopsApp, home: Home, moment: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    tui_runs.write_log(environment, "platform", [f"14:12:{i % 60:02d} line {i}" for i in range(500)])
    tui_runs.write_log(environment, "services", ["14:11:00 enabling [/red] compute"])
    with tui_runs.alive(environment):
        async with app.run_test(size=(120, 36)) as pilot:
            screen = await opened(pilot, environment)
            await until_shown(pilot, "line 499", "500 lines, following")
            await press(pilot, "slash")
            await until(pilot, lambda: isinstance(focused(app), Input))
            await press(pilot, *"LINE 123", "enter")
            await until_shown(pilot, "line 123")
            assert not screen.log_view.following
            await press(pilot, "escape")
            assert focused(app) is screen.log_view
            await press(pilot, "t")
            await until_shown(pilot, "Log of all steps", "501 lines")
            await press(pilot, "home")
            await until_shown(pilot, "services 14:11:00 enabling [/red] compute")
            await press(pilot, "s")
            await until(pilot, lambda: (tmp_path / "demo-all.log").exists())
    saved = (tmp_path / "demo-all.log").read_text().splitlines()
    assert saved[0] == "services 14:11:00 enabling [/red] compute"
    assert len(saved) == 501


@pytest.mark.parametrize("length", [5, 300])
async def test_the_newest_line_stays_in_sight_however_long_lines_are(
    app: MlopsApp, home: Home, moment: SimpleNamespace, length: int
) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    tui_runs.write_log(environment, "platform", [f"14:12:00 line {i} {'x' * length}" for i in range(100)])
    with tui_runs.alive(environment):
        async with app.run_test() as pilot:
            log = (await opened(pilot, environment)).log_view
            await until_shown(pilot, "line 99")
            assert log.show_horizontal_scrollbar is (length > 100)
            tui_runs.write_log(environment, "platform", [f"14:12:01 and then {'y' * 500}"])
            await until_shown(pilot, "and then")


async def test_the_log_follows_the_run_from_step_to_step_until_one_is_chosen(
    app: MlopsApp, home: Home, moment: SimpleNamespace
) -> None:
    environment = tui_runs.environment(home)
    begun = [tui_runs.begin(), (700.0, events.StepStarted(step="prerequisites"))]
    tui_runs.write(environment, begun)
    tui_runs.write_log(environment, "services", ["14:11:00 enabling compute"])
    with tui_runs.alive(environment):
        async with app.run_test(size=(120, 36)) as pilot:
            screen = await opened(pilot, environment)
            await until_shown(pilot, "Log of prerequisites")
            next_ones = [
                (690.0, events.StepFinished(step="prerequisites", seconds=10)),
                (690.0, events.StepStarted(step="services")),
            ]
            tui_runs.write(environment, next_ones, more=True)
            await until_shown(pilot, "Log of services", "enabling compute")
            await press(pilot, "l")
            await until(pilot, lambda: screen.log_view.has_focus)
            tui_runs.write(
                environment, [*tui_runs.done(600, "services", 90), (600, events.StepStarted(step="platform"))], more=True
            )
            await until_shown(pilot, "Log of platform")
            await press(pilot, "l", "up")
            await until_shown(pilot, "Log of manifests")
            tui_runs.write(environment, tui_runs.done(0, "platform", 600), more=True)
            await until_shown(pilot, "3/15")
            assert screen.log_view.step == "manifests"


async def test_choosing_a_step_shows_its_log_and_stays_chosen(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    tui_runs.write_log(environment, "services", ["14:11:00 enabling compute"])
    with tui_runs.alive(environment):
        async with app.run_test(size=(120, 36)) as pilot:
            screen = await opened(pilot, environment)
            await press(pilot, "home", "down")
            await until_shown(pilot, "Log of services", "enabling compute")
            tui_runs.write(environment, tui_runs.done(0, "namespace", 1, namespace="kubeflow"), more=True)
            await until_shown(pilot, "7/15")
            step = screen.steps.step()
            assert step is not None
            assert step.id == "services"


async def test_what_a_step_made_is_shown_or_folded_by_enter(app: MlopsApp, home: Home, moment: SimpleNamespace) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.failed())
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, environment)
        await until_shown(pilot, "failed at pipelines")
        await press(pilot, *["up"] * 7)
        assert screen.steps.step() is screen.steps.state.steps["platform"]
        before = screen.steps.count()
        await press(pilot, "enter")
        assert screen.steps.count() == before + 3
        await press(pilot, "enter")
        assert screen.steps.count() == before


async def test_hostile_resources_and_errors_are_shown_as_they_are(
    app: MlopsApp, home: Home, moment: SimpleNamespace
) -> None:
    hostile = "a[each.key] [/red] \x1b]52;c;eA==\x07日本"
    error = {**tui_runs.ERROR, "message": hostile, "cause": hostile, "hint": hostile, "command": hostile}
    environment = tui_runs.environment(home)
    happened = [
        *tui_runs.halfway(),
        tui_runs.resource(2, "platform", "google_x", hostile, "failed"),
        (1.0, events.StepFailed(step="platform", error=error)),
        (0.0, events.RunFailed(error=error)),
    ]
    tui_runs.write(environment, happened)
    tui_runs.write_log(environment, "platform", [hostile])
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, environment)
        screen = await until_shown(pilot, "a[each.key] [/red] 日本", "x a[each.key] [/red]")
        assert "\x1b" not in screen
        await press(pilot, "l")
        await until_shown(pilot, "Log of platform")


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36)])
async def test_every_size_shows_steps_and_the_failure(
    app: MlopsApp, home: Home, moment: SimpleNamespace, size: tuple[int, int]
) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.failed())
    async with app.run_test(size=size) as pilot:
        await opened(pilot, environment)
        screen = await until_shown(pilot, "pipelines", "ml-pipeline-ui", "q Quit", "? Help")
        assert all(len(line) <= size[0] for line in screen.splitlines())


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("size", [(60, 20), (80, 24)])
async def test_the_failed_step_is_in_sight_and_named_however_much_is_being_made_above_it(
    app: MlopsApp, home: Home, moment: SimpleNamespace, size: tuple[int, int], live: bool
) -> None:
    environment = tui_runs.environment(home)
    being_made = [tui_runs.resource(9, "platform", "google_x", f"module.x{n}", "progress") for n in range(30)]
    failing = (2.0, events.StepFailed(step="sql-proxy", error=tui_runs.ERROR))
    tui_runs.write(environment, [*tui_runs.halfway(), *being_made, (3.0, events.StepStarted(step="sql-proxy")), failing])
    with tui_runs.alive(environment) if live else nullcontext():
        async with app.run_test(size=size) as pilot:
            await opened(pilot, environment)
            await until_shown(pilot, "Failed at sql-proxy", "cannot pull its", "✗ sql-proxy")


async def test_the_chosen_step_stays_in_sight_while_more_is_made_above_it(
    app: MlopsApp, home: Home, moment: SimpleNamespace
) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    with tui_runs.alive(environment):
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot, environment)
            await press(pilot, "end")
            await until_shown(pilot, "protect  ")
            being_made = [tui_runs.resource(1, "platform", "google_x", f"module.x{n}", "progress") for n in range(30)]
            tui_runs.write(environment, being_made, more=True)
            await until_shown(pilot, "module.x29", "protect  ")


async def test_the_focus_stays_where_a_failure_takes_the_place_of_the_log(
    app: MlopsApp, home: Home, moment: SimpleNamespace
) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.failed()[:-5])
    with tui_runs.alive(environment):
        async with app.run_test() as pilot:
            screen = await opened(pilot, environment)
            await press(pilot, "tab")
            await until(pilot, lambda: app.focused is screen.log_view)
            tui_runs.write(environment, tui_runs.failed()[-5:-4], more=True)
            await until_shown(pilot, "cannot pull its")
            assert focused(app) is screen.steps
            await press(pilot, "tab")
            await until(pilot, lambda: app.focused not in (None, screen.steps))
            tui_runs.write(environment, [(0, events.StepStarted(step="pipelines"))], more=True)
            await until_shown(pilot, "Log of pipelines")
            assert focused(app) is screen.steps


async def test_logs_that_are_closed_while_they_are_taken_in_are_let_go(
    app: MlopsApp, home: Home, moment: SimpleNamespace
) -> None:
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    with tui_runs.alive(environment):
        async with app.run_test() as pilot:
            screen = await opened(pilot, environment)
            await until_shown(pilot, "Log of platform")
            tui_runs.write_log(environment, "platform", [f"14:12:00 line {i} {'x' * 80}" for i in range(9000)])
            taking = asyncio.ensure_future(screen.log_view.take())
            await asyncio.sleep(0)
            screen.log_view.open(runs.folder(environment, tui_runs.RUN) / "logs")
            await taking
            await until_shown(pilot, "line 8999")
