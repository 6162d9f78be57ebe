"""The engine on virtual time: order by facts, retries, failures, people, cancelling."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

from core import events
from core.errors import PermanentError, PersonNeeded, TemporaryError
from core.run import journal as journals
from core.run.clock import Clock, VirtualClock
from core.run.engine import Engine
from core.run.journal import Journal
from core.run.redact import HIDDEN, Redactor
from core.run.state import fold
from core.run.step import Context, Step


class Bench:
    """An engine on a journal in a folder, and what it wrote."""

    def __init__(self, folder: Path, *steps: Step, clock: Clock | None = None, **options: Any) -> None:
        self.folder, self.clock, self.redactor = folder, clock or VirtualClock(), Redactor()
        self.journal = Journal(folder, run="r1", redactor=self.redactor)
        described = [{"id": s.id, "title": s.title, "needs": list(s.needs)} for s in steps]
        self.journal.append(events.RunStarted(steps=described))
        self.engine = Engine(
            steps, journal=self.journal, clock=self.clock, redactor=self.redactor, logs=folder / "logs", **options
        )

    async def run(self) -> events.Event:
        return await asyncio.wait_for(self.engine.run(), 60)

    @property
    def state(self) -> dict[str, str]:
        return {s.id: s.state for s in fold(journals.read(self.folder)).steps.values()}

    async def until(self, step: str, state: str) -> None:
        """Waits until a step is in a state."""
        while self.state.get(step) != state:
            await asyncio.sleep(0)

    def types(self) -> list[str]:
        return [r.event.type for r in journals.read(self.folder)]


def step(id: str, run: Any, needs: str = "", publishes: str = "", **options: Any) -> Step:
    return Step(id, id.title(), run, tuple(needs.split()), tuple(publishes.split()), **options)


def breaks_once() -> Step:
    """``once``, which fails, and publishes ``a`` when it is run again."""
    tries = []

    async def run(context: Context) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise PermanentError("no")
        context.publish("a", 1)

    return step("once", run, publishes="a")


def lasts(release: asyncio.Event) -> Step:
    """``long``, which keeps the run going until it is released."""

    async def run(_: Context) -> None:
        await release.wait()

    return step("long", run)


async def works(context: Context) -> None:
    context.changed()


async def test_a_step_starts_on_its_facts_not_after_whole_steps(tmp_path: Path) -> None:
    order: list[str] = []
    used = asyncio.Event()

    async def maker(context: Context) -> None:
        context.publish("bucket", "b-1")
        await used.wait()
        order.append("maker ends")

    async def user(context: Context) -> None:
        order.append(f"user has {context.fact('bucket')}")
        used.set()

    bench = Bench(tmp_path, step("user", user, "bucket"), step("maker", maker, publishes="bucket"))
    assert isinstance(await bench.run(), events.RunFinished)
    assert order == ["user has b-1", "maker ends"]
    assert bench.state == {"maker": "unchanged", "user": "unchanged"}


async def test_whoever_reads_the_end_finds_everything_in_order(tmp_path: Path) -> None:
    told: list[tuple[str, list[str]]] = []

    async def in_order(last: events.Event) -> None:
        await asyncio.sleep(0)
        told.append((last.type, bench.types()))

    bench = Bench(tmp_path, step("services", works), at_end=in_order)
    last = await bench.run()
    assert told == [(last.type, ["run.started", "step.started", "step.finished"])]
    assert bench.types()[-1] == last.type


async def test_an_end_out_of_order_is_an_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def broken(_: events.Event) -> None:
        raise ZeroDivisionError("at the end")

    bench = Bench(tmp_path, step("services", works), at_end=broken)
    assert isinstance(await bench.run(), events.RunFinished)
    assert bench.types()[-1] == "run.finished"
    assert "at the end" in capfd.readouterr().err


async def test_what_can_be_done_ahead_begins_before_the_facts_are_there(tmp_path: Path) -> None:
    planned = asyncio.Event()

    async def plan(context: Context) -> None:
        await context.wait_for("name")
        planned.set()

    async def maker(context: Context) -> None:
        context.publish("name", "n")
        await planned.wait()
        context.publish("ready", True)

    bench = Bench(tmp_path, step("maker", maker, publishes="name ready"), step("user", works, "ready", ahead=plan))
    assert isinstance(await bench.run(), events.RunFinished)
    assert bench.state == {"maker": "unchanged", "user": "done"}


async def test_what_goes_wrong_ahead_is_only_logged(tmp_path: Path) -> None:
    async def plan(_: Context) -> None:
        raise KeyError("zone")

    async def maker(context: Context) -> None:
        for _ in range(10):
            await context.clock.sleep(1)
        context.publish("ready", True)

    bench = Bench(tmp_path, step("user", works, "ready", ahead=plan), step("maker", maker, publishes="ready"))
    assert isinstance(await bench.run(), events.RunFinished)
    assert "'zone'" in (tmp_path / "logs" / "user.log").read_text()


async def test_what_is_done_ahead_ends_with_the_run_and_is_waited_for(tmp_path: Path) -> None:
    ended: list[str] = []
    begun = asyncio.Event()

    async def plan(_: Context) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("ahead")

    async def breaks(_: Context) -> None:
        await begun.wait()
        raise PermanentError("broken")

    bench = Bench(tmp_path, step("a", breaks, publishes="a"), step("b", works, "a", ahead=plan))
    assert isinstance(await bench.run(), events.RunFailed)
    assert ended == ["ahead"]
    assert bench.state["b"] == "cancelled"


async def test_a_temporary_error_is_tried_again_after_its_delay_with_backoff(tmp_path: Path) -> None:
    tries = []

    async def flaky(context: Context) -> None:
        tries.append(context.clock.now())
        if len(tries) < 4:
            raise TemporaryError("not yet", delay=30)
        context.changed()

    bench = Bench(tmp_path, step("flaky", flaky))
    assert isinstance(await bench.run(), events.RunFinished)
    assert len(tries) == 4
    assert all(b - a >= 30 for a, b in itertools.pairwise(tries))
    assert bench.types().count("step.retrying") == 3


async def test_retries_end_at_the_deadline(tmp_path: Path) -> None:
    async def never(_: Context) -> None:
        raise TemporaryError("not yet", delay=50, cause="quota")

    bench = Bench(tmp_path, step("never", never, deadline=120, retries=99))
    last = await bench.run()
    assert isinstance(last, events.RunFailed)
    assert last.error["cause"] == "quota"
    assert bench.clock.now() < 300


async def test_a_passed_deadline_names_what_was_waited_for(tmp_path: Path) -> None:
    async def slow(context: Context) -> None:
        context.progress("waiting for Cloud SQL")
        await context.clock.sleep(1000)

    last = await Bench(tmp_path, step("slow", slow, deadline=600)).run()
    assert isinstance(last, events.RunFailed)
    assert last.error["code"] == "deadline"
    assert last.error["cause"] == "waiting for Cloud SQL"


async def test_a_failure_stops_only_what_depends_on_it(tmp_path: Path) -> None:
    async def breaks(_: Context) -> None:
        raise PermanentError("no", cause="because")

    async def gives_b(context: Context) -> None:
        context.changed()
        context.publish("b", 1)

    bench = Bench(
        tmp_path,
        step("breaks", breaks, publishes="a"),
        step("after", works, "a", publishes="c"),
        step("last", works, "c"),
        step("beside", gives_b, publishes="b"),
        step("beside-2", works, "b"),
    )
    last = await bench.run()
    assert isinstance(last, events.RunFailed)
    assert bench.state == {
        "breaks": "failed", "after": "cancelled", "last": "cancelled", "beside": "done", "beside-2": "done"
    }  # fmt: skip
    reasons = {s.id: s.message for s in fold(journals.read(tmp_path)).steps.values()}
    assert reasons["after"] == "it needs a from breaks"


async def test_waiting_inside_a_step_for_a_fact_that_will_not_come_ends(tmp_path: Path) -> None:
    async def breaks(_: Context) -> None:
        raise PermanentError("no")

    async def waits(context: Context) -> None:
        await context.wait_for("a")

    bench = Bench(tmp_path, step("waits", waits), step("breaks", breaks, publishes="a"))
    assert isinstance(await bench.run(), events.RunFailed)
    assert bench.state == {"breaks": "failed", "waits": "cancelled"}


async def test_a_failed_step_is_run_again_on_request_while_the_run_goes_on(tmp_path: Path) -> None:
    release = asyncio.Event()

    bench = Bench(tmp_path, breaks_once(), step("user", works, "a"), lasts(release))
    run = asyncio.ensure_future(bench.run())
    await bench.until("once", "failed")
    assert not bench.engine.retry("long")
    assert bench.engine.retry("once")
    await bench.until("user", "done")
    release.set()
    assert isinstance(await run, events.RunFinished)


@pytest.mark.parametrize("ask", ["retry", "skip"])
async def test_a_run_that_comes_to_its_end_takes_up_no_failed_step(tmp_path: Path, ask: str) -> None:
    begun, ending, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def plan(_: Context) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:  # as a program that is asked to stop takes its time
            ending.set()
            await over.wait()

    async def breaks(_: Context) -> None:
        await begun.wait()
        raise PermanentError("broken")

    bench = Bench(tmp_path, step("a", breaks, publishes="a", optional=True), step("b", works, "a", ahead=plan))
    run = asyncio.ensure_future(bench.run())
    await ending.wait()
    assert not getattr(bench.engine, ask)("a")
    over.set()
    assert isinstance(await run, events.RunFailed)
    assert bench.state == {"a": "failed", "b": "cancelled"}


async def test_what_waited_in_mid_work_goes_on_once_the_failed_step_is_run_again(tmp_path: Path) -> None:
    release = asyncio.Event()
    began = []

    async def waits(context: Context) -> None:
        began.append(1)
        await context.wait_for("a")
        context.publish("b", 1)

    async def waits_for_that(context: Context) -> None:
        await context.wait_for("b")

    bench = Bench(
        tmp_path,
        breaks_once(),
        step("waits", waits, publishes="b"),
        step("waits-too", waits_for_that),
        step("after", works, "b"),
        lasts(release),
    )
    run = asyncio.ensure_future(bench.run())
    await bench.until("waits-too", "cancelled")
    assert bench.state["waits"] == "cancelled"
    assert bench.engine.retry("once")
    release.set()
    assert isinstance(await run, events.RunFinished)
    assert len(began) == 2
    assert bench.state == {**dict.fromkeys(("once", "waits", "waits-too", "long"), "unchanged"), "after": "done"}


async def test_what_waited_in_mid_work_goes_on_once_the_failed_step_is_skipped(tmp_path: Path) -> None:
    release = asyncio.Event()
    got = []

    async def breaks(_: Context) -> None:
        raise PermanentError("no")

    async def waits(context: Context) -> None:
        got.append(await context.wait_for("a"))

    optional = step("breaks", breaks, publishes="a", optional=True)
    bench = Bench(tmp_path, optional, step("waits", waits), lasts(release))
    run = asyncio.ensure_future(bench.run())
    await bench.until("waits", "cancelled")
    assert bench.engine.skip("breaks")
    release.set()
    assert isinstance(await run, events.RunFinished)
    assert got == [None]


async def test_what_waited_for_two_failed_steps_ends_cancelled_where_one_is_run_again(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def breaks(_: Context) -> None:
        raise PermanentError("never")

    async def waits(context: Context) -> None:
        await context.wait_for("a")
        await context.wait_for("d")

    bench = Bench(
        tmp_path,
        breaks_once(),
        step("breaks", breaks, publishes="c"),
        step("between", works, "c", "d"),
        step("waits", waits),
        lasts(release),
    )
    run = asyncio.ensure_future(bench.run())
    await bench.until("waits", "cancelled")
    assert bench.engine.retry("once")
    release.set()
    last = await run
    assert isinstance(last, events.RunFailed)
    assert last.error["message"] == "never"
    assert bench.state["waits"] == "cancelled"


async def test_what_puts_its_work_in_order_while_the_failed_step_is_run_again_goes_on(tmp_path: Path) -> None:
    in_order, release = asyncio.Event(), asyncio.Event()

    async def waits(context: Context) -> None:
        try:
            await context.wait_for("a")
        finally:
            in_order.set()
            await release.wait()

    bench = Bench(tmp_path, breaks_once(), step("waits", waits))
    run = asyncio.ensure_future(bench.run())
    await in_order.wait()
    assert bench.engine.retry("once")
    release.set()
    assert isinstance(await run, events.RunFinished)
    assert bench.state == {"once": "unchanged", "waits": "unchanged"}


async def test_a_run_whose_step_could_not_begin_has_not_finished(tmp_path: Path) -> None:
    bench = Bench(tmp_path, step("user", works, "nobodys"))
    last = await bench.run()
    assert isinstance(last, events.RunFailed)
    assert last.error["message"] == "User was not done."


async def test_an_optional_step_can_be_skipped_and_its_facts_are_none(tmp_path: Path) -> None:
    async def image(_: Context) -> None:
        raise AssertionError

    async def user(context: Context) -> None:
        assert context.fact("digest") is None

    bench = Bench(
        tmp_path, step("image", image, publishes="digest", optional=True), step("user", user, "digest"), skip=["image"]
    )
    assert isinstance(await bench.run(), events.RunFinished)
    assert bench.state["image"] == "skipped"


async def test_cancel_is_graceful_and_ends_cancelled(tmp_path: Path) -> None:
    cleaned = []
    started = asyncio.Event()

    async def long(_: Context) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    bench = Bench(tmp_path, step("long", long, publishes="a"), step("after", works, "a"))
    run = asyncio.ensure_future(bench.run())
    await started.wait()
    bench.engine.cancel("asked for")
    bench.engine.cancel("asked for again")
    last = await run
    assert isinstance(last, events.RunCancelled)
    assert last.exit_code == 4
    assert cleaned == [True]
    assert bench.state == {"long": "cancelled", "after": "cancelled"}
    told = bench.types()
    assert told.count("run.stopping") == 1
    assert told.index("run.stopping") < told.index("step.cancelled")


async def test_a_run_that_was_over_when_it_was_asked_to_stop_says_nothing_more(tmp_path: Path) -> None:
    bench = Bench(tmp_path, step("quick", works))
    await bench.run()
    bench.engine.cancel("too late")
    assert bench.types()[-1] == "run.finished"


async def test_an_interrupted_run_says_why_and_has_no_end(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def long(_: Context) -> None:
        started.set()
        await asyncio.Event().wait()

    bench = Bench(tmp_path, step("long", long))
    run = asyncio.ensure_future(bench.run())
    await started.wait()
    bench.engine.interrupt("the machine shuts down")
    await run
    state = fold(journals.read(tmp_path))
    assert state.end is None
    assert state.interrupted == "the machine shuts down"


async def test_a_person_who_comes_lets_every_waiting_step_go_on(tmp_path: Path) -> None:
    given: dict[str, Any] = {}

    async def needs_one(context: Context) -> None:
        if not given:
            raise PersonNeeded("sign-in", "Sign in again.", command="gcloud auth login")

    bench = Bench(tmp_path, step("a", needs_one), step("b", needs_one), on_provided=given.__setitem__)
    run = asyncio.ensure_future(bench.run())
    while bench.state != {"a": "waiting", "b": "waiting"}:
        await asyncio.sleep(0)
    assert fold(journals.read(tmp_path)).waiting is not None
    assert bench.engine.provide("sign-in", True)
    assert isinstance(await run, events.RunFinished)
    assert bench.types().count("run.waiting") == 1
    assert bench.types().count("run.resumed") == 1


async def test_a_wait_that_no_step_asked_for_counts_for_no_deadline(tmp_path: Path) -> None:
    clock, tries = VirtualClock(), []

    async def works_once_signed_in(_: Context) -> None:
        tries.append(1)
        if len(tries) == 1:
            waits = asyncio.ensure_future(bench.engine.person(PersonNeeded("sign-in", "Sign in again.")))
            await asyncio.sleep(0)
            clock.advance(100_000)
            assert bench.engine.provide("sign-in", True)
            await waits
            raise TemporaryError("reset")

    bench = Bench(tmp_path, step("a", works_once_signed_in, deadline=600), clock=clock)
    assert isinstance(await bench.run(), events.RunFinished)
    assert len(tries) == 2


async def test_a_deadline_that_begins_while_a_person_is_waited_for_is_held(tmp_path: Path) -> None:
    async def needs_two(context: Context) -> None:
        context.publish("begun", True)
        await context.person("sign-in", "Sign in again.")

    async def needs_one(context: Context) -> None:
        await context.person("sql-password", "Which?")
        await context.person("sign-in", "Sign in again.")

    first, later = step("a", needs_two, publishes="begun"), step("b", needs_one, "begun", deadline=0.02)
    bench = Bench(tmp_path, first, later, clock=Clock())
    run = asyncio.ensure_future(bench.run())
    while bench.state != {"a": "waiting", "b": "waiting"}:
        await asyncio.sleep(0)
    assert bench.engine.provide("sql-password", "hunter22")
    while bench.state["b"] != "waiting":
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    assert bench.engine.provide("sign-in", True)
    assert isinstance(await run, events.RunFinished)


async def test_a_person_is_waited_for_while_a_step_ends_whose_deadline_has_passed(tmp_path: Path) -> None:
    late, release = asyncio.Event(), asyncio.Event()

    async def slow(_: Context) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            late.set()
            await release.wait()

    async def needs_one(context: Context) -> None:
        await late.wait()
        await context.person("sign-in", "Sign in again.")

    bench = Bench(tmp_path, step("slow", slow, deadline=0), step("a", needs_one), clock=Clock())
    run = asyncio.ensure_future(bench.run())
    while bench.state["a"] not in ("waiting", "failed"):
        await asyncio.sleep(0)
    bench.engine.provide("sign-in", True)
    release.set()
    assert isinstance(await run, events.RunFailed)
    assert bench.state == {"slow": "failed", "a": "unchanged"}


async def test_without_anybody_to_wait_for_the_run_ends_waiting(tmp_path: Path) -> None:
    async def needs_one(_: Context) -> None:
        raise PersonNeeded("sql-password", "The password was lost.")

    stopped = []

    async def other(_: Context) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(True)

    bench = Bench(tmp_path, step("other", other), step("a", needs_one), wait=0)
    last = await bench.run()
    assert isinstance(last, events.RunWaiting)
    assert stopped == [True]
    state = fold(journals.read(tmp_path))
    assert state.exit_code == 7
    assert state.waiting is not None
    assert state.waiting.kind == "sql-password"
    assert state.steps["a"].state == "waiting"


async def test_a_provided_secret_is_hidden_everywhere_from_then_on(tmp_path: Path) -> None:
    secret = "correct horse battery"
    got: dict[str, Any] = {}

    async def talks(context: Context) -> None:
        if not got:
            raise PersonNeeded("sql-password", "Which?")
        context.log(f"password={got['sql-password']}")
        raise PermanentError("failed", cause=f"with {got['sql-password']}")

    bench = Bench(tmp_path, step("talks", talks), on_provided=got.__setitem__)
    run = asyncio.ensure_future(bench.run())
    while "run.waiting" not in bench.types():
        await asyncio.sleep(0)
    bench.engine.provide("sql-password", secret)
    await run
    written = "".join(p.read_text() for p in tmp_path.rglob("*") if p.is_file())
    assert secret not in written
    assert HIDDEN in written


async def test_a_defect_is_a_failure_with_its_traceback_in_the_log_alone(tmp_path: Path) -> None:
    async def broken(_: Context) -> None:
        raise ZeroDivisionError("1/0")

    bench = Bench(tmp_path, step("broken", broken))
    last = await bench.run()
    assert isinstance(last, events.RunFailed)
    assert last.error["code"] == "internal"
    assert "Traceback" not in (tmp_path / "events.jsonl").read_text()
    assert "Traceback" in (tmp_path / "logs" / "broken.log").read_text()


@pytest.mark.parametrize("change", [True, False])
async def test_the_run_knows_whether_anything_changed(tmp_path: Path, change: bool) -> None:
    async def maybe(context: Context) -> None:
        if change:
            context.changed()

    last = await Bench(tmp_path, step("maybe", maybe)).run()
    assert isinstance(last, events.RunFinished)
    assert last.changed is change


async def test_a_step_that_ends_without_its_fact_has_failed(tmp_path: Path) -> None:
    bench = Bench(tmp_path, step("forgets", works, publishes="a"), step("user", works, "a"))
    assert isinstance(await bench.run(), events.RunFailed)
    assert bench.state == {"forgets": "failed", "user": "cancelled"}


async def test_operations_left_open_are_found_again(tmp_path: Path) -> None:
    seen = []

    async def takes_up(context: Context) -> None:
        seen.append(context.pending_operation("cluster"))
        context.operation_finished("cluster", "op-1")
        seen.append(context.pending_operation("cluster"))

    await Bench(tmp_path, step("takes-up", takes_up), pending={"cluster": "op-1"}).run()
    assert seen == ["op-1", None]


async def test_a_step_that_waits_in_mid_work_is_cancelled_when_the_fact_cannot_come(tmp_path: Path) -> None:
    async def breaks(context: Context) -> None:
        raise PermanentError("no room")

    async def waits(context: Context) -> None:
        await context.wait_for("user")

    bench = Bench(
        tmp_path,
        step("platform", breaks, publishes="instance"),
        step("database", works, "instance", "user"),
        step("pipelines", waits, publishes="pipelines"),
        step("verify", works, "pipelines"),
    )
    last = await bench.run()
    assert isinstance(last, events.RunFailed)
    assert last.error["message"] == "no room"
    assert bench.state == {"platform": "failed", "database": "cancelled", "pipelines": "cancelled", "verify": "cancelled"}
