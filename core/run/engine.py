"""The engine: every step is a task that waits for the facts it needs, and starts the moment they are there.

The graph is implied by facts, so the wall time is the critical path. A temporary error is tried again with backoff until
the step's deadline; a permanent one ends the step and leaves waiting only what depends on it. Everything that happens
goes to the journal first; nothing else is kept that a later run would need.
"""

from __future__ import annotations

import asyncio
import random
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from core import events
from core.errors import CancelledByUser, MlopsError, PermanentError, PersonNeeded, TemporaryError, no_room
from core.run.clock import Clock, Deadline
from core.run.context import StepContext
from core.run.journal import Journal
from core.run.redact import Redactor
from core.run.step import Step

LONGEST_DELAY = 60.0
"""Seconds of the run's clock that backoff grows to."""


@dataclass
class _Running:
    """A step and where it stands in this run."""

    step: Step
    context: StepContext
    task: asyncio.Task[None] | None = None
    ahead: asyncio.Task[None] | None = None
    state: str = "pending"
    error: MlopsError | None = None
    deadline: Deadline = field(default_factory=Deadline)
    again: asyncio.Event = field(default_factory=asyncio.Event)


class _WillNotCome(CancelledByUser):
    """Raised in mid-step where a fact that it waits for will not be published any more, unless somebody intervenes."""

    def __init__(self, fact: str, publisher: str) -> None:
        self.fact = fact
        super().__init__(f"{publisher} failed, so {fact} will not come.")


class Engine:
    """Runs one graph of steps to its end.

    ``wait`` is how many seconds of the clock a person is waited for (None: for ever, 0: not at all). ``on_provided`` is
    called with the kind and the value when a person came. ``pending`` are the long operations that the run before left.
    ``at_end`` is told the run's last event before the journal is: whoever reads that there finds all of it done. What goes
    wrong with it is written to standard error, and changes nothing.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        journal: Journal,
        clock: Clock,
        redactor: Redactor,
        logs: Path,
        wait: float | None = None,
        pending: Mapping[str, str] | None = None,
        skip: Sequence[str] = (),
        on_provided: Callable[[str, Any], None] | None = None,
        at_end: Callable[[events.Event], Awaitable[None]] | None = None,
    ) -> None:
        self.clock, self.redactor, self.journal, self.logs = clock, redactor, journal, logs
        self.facts: dict[str, Any] = {}
        self.operations: dict[str, str] = dict(pending or {})
        self.wait = wait
        self._on_provided = on_provided or (lambda _kind, _value: None)
        self._at_end = at_end
        self._arrived: dict[str, asyncio.Event] = {}
        self._people: dict[str, asyncio.Future[Any]] = {}
        self._held, self._held_since = 0.0, 0.0
        self._skip = set(skip)
        self._steps = {s.id: _Running(s, StepContext(self, s.id)) for s in steps}
        self._publisher = {fact: s.id for s in steps for fact in s.publishes}
        self._stopping: events.RunCancelled | events.RunInterrupted | events.RunFailed | None = None
        self._needed: PersonNeeded | None = None
        self._ending = False
        self._settled = asyncio.Event()
        self._random = random.Random()
        self._begin = clock.now()
        journal.on_full = self._disk_full

    # -- the whole run

    async def run(self) -> events.Event:
        """Runs every step; returns the run's last event, which is in the journal."""
        self._begin = self.clock.now()
        async with asyncio.TaskGroup() as group:
            for running in self._steps.values():
                running.task = group.create_task(self._drive(running), name=running.step.id)
                running.task.add_done_callback(lambda _: self._settled.set())
                running.ahead = group.create_task(self._ahead(running))
            group.create_task(self._end_when_settled())
        self.journal.on_full = None  # what is left to say is in the room that is kept for it
        last = self._last()
        if self._at_end is not None:
            (problem,) = await asyncio.gather(self._at_end(last), return_exceptions=True)
            if problem is not None:
                print(self.redactor.text("".join(traceback.format_exception(problem))), file=sys.stderr)
        self.journal.append(last)
        return last

    async def _end_when_settled(self) -> None:
        """Ends the steps that wait for a fact nobody will bring any more, once nothing is at work."""
        while any(self._active(r) for r in self._steps.values()):
            self._settled.clear()
            await self._settled.wait()
        self._ending = True
        for running in self._steps.values():
            for task in (running.task, running.ahead):
                if task is not None:
                    task.cancel()

    def _active(self, running: _Running) -> bool:
        if running.task is None or running.task.done():
            return False
        ready = running.state == "pending" and all(need in self.facts for need in running.step.needs)
        return ready or running.state in ("running", "waiting")

    def _last(self) -> events.Event:
        """What the run came to."""
        for running in self._steps.values():
            self._cancelled(running)
        seconds = round(self.clock.now() - self._begin, 3)
        failed = [r for r in self._steps.values() if r.state == "failed"]
        undone = [r for r in self._steps.values() if r.state == "cancelled"]
        last: events.Event
        if self._stopping is not None:
            last = self._stopping
            if not isinstance(last, events.RunInterrupted):
                last = type(last)(**{**last.payload(), "seconds": seconds})
        elif self._needed is not None:
            needed = self._needed
            last = events.RunWaiting(kind=needed.kind, message=needed.message, hint=needed.hint, command=needed.command)
        elif failed:
            error = next(r.error for r in failed if r.error is not None)
            last = events.RunFailed(seconds=seconds, error=error.to_dict(), exit_code=error.exit_code)
        elif undone:
            told = _undone(undone[0].step, self._reason(undone[0]))
            last = events.RunFailed(seconds=seconds, error=told.to_dict(), exit_code=told.exit_code)
        else:
            changed = any(r.state == "done" and r.context.has_changed for r in self._steps.values())
            last = events.RunFinished(seconds=seconds, changed=changed)
        return last

    # -- one step

    async def _drive(self, running: _Running) -> None:
        try:
            await self._until_over(running)
        except PersonNeeded as error:
            running.error = error
            running.state = "waiting for a person"
        except asyncio.CancelledError:
            self._cancelled(running)

    def _cancelled(self, running: _Running) -> None:
        if running.state in ("pending", "running", "waiting"):
            seconds = round(running.context.seconds(), 3)
            self.journal.append(events.StepCancelled(step=running.step.id, seconds=seconds, reason=self._reason(running)))
            running.state = "cancelled"

    async def _ahead(self, running: _Running) -> None:
        """What a step does before its turn. Whatever goes wrong with it, the step meets it again then."""
        if running.step.ahead is None:
            return
        (problem,) = await asyncio.gather(running.step.ahead(running.context), return_exceptions=True)
        if isinstance(problem, Exception):
            running.context.log(f"Nothing was done ahead: {problem}")

    async def _until_over(self, running: _Running) -> None:
        """Runs the step, and again each time somebody asks for that, or what it waited for comes after all."""
        for need in running.step.needs:
            await self._arrival(need).wait()
        while True:
            running.again.clear()
            await self._attempts(running)
            self._settled.set()
            if running.state not in ("failed", "cancelled"):
                return
            await running.again.wait()

    async def _attempts(self, running: _Running) -> None:
        step, context = running.step, running.context
        if step.id in self._skip:
            self._over(running, "skipped")
            return
        context.begin()
        attempt = 0
        while True:
            attempt += 1
            running.state = "running"
            self.journal.append(events.StepStarted(step=step.id, attempt=attempt))
            try:
                async with self.clock.deadline(step.deadline - context.counted()) as running.deadline:
                    if self._people:
                        running.deadline.hold()
                    outcome = await step.run(context)
            except PersonNeeded as needed:
                await self.person(needed, step=step.id)
                attempt -= 1
                continue
            except TemporaryError as error:
                if attempt > step.retries or context.counted() >= step.deadline:
                    self._failed(running, error)
                    return
                await self._back_off(running, error, attempt)
                continue
            except TimeoutError:
                self._failed(running, _too_late(step, context))
                return
            except CancelledByUser as error:
                if isinstance(error, _WillNotCome) and not self._arrival(f"!{error.fact}").is_set():
                    attempt -= 1  # while it put its work in order, what failed was begun again: it may come after all
                    continue
                running.error = error
                self._cancelled(running)
                self._never(step)
                return
            except MlopsError as error:
                self._failed(running, error)
                return
            except Exception as error:  # a defect of ours: the run ends well all the same
                context.log(traceback.format_exc())
                self._failed(running, no_room(error) or _defect(step, error, self.logs))
                return
            missing = [fact for fact in step.publishes if fact not in self.facts]
            if missing and outcome != "skipped":
                self._failed(running, _defect(step, LookupError(f"{missing} was not published"), self.logs))
                return
            self._over(running, outcome or ("done" if context.has_changed else "unchanged"))
            return

    async def _back_off(self, running: _Running, error: TemporaryError, attempt: int) -> None:
        grown = min(LONGEST_DELAY, 2.0**attempt) * self._random.uniform(0.5, 1.0)
        delay = max(error.delay, grown)
        running.error = error
        running.context.log(f"{error.message} {error.cause}".strip() + f" (again in {delay:.0f} s)")
        self.journal.append(
            events.StepRetrying(step=running.step.id, attempt=attempt, delay=round(delay, 3), error=error.to_dict())
        )
        await self.clock.sleep(delay)

    def _over(self, running: _Running, outcome: str) -> None:
        running.state, running.error = outcome, None
        if outcome == "skipped":
            for fact in running.step.publishes:
                if fact not in self.facts:
                    self.publish(running.step.id, fact, None)
        self.journal.append(
            events.StepFinished(step=running.step.id, state=outcome, seconds=round(running.context.seconds(), 3))
        )

    def _failed(self, running: _Running, error: MlopsError) -> None:
        running.state, running.error = "failed", error
        seconds = round(running.context.seconds(), 3)
        running.context.log(f"{error.message} {error.cause}".strip())
        self.journal.append(events.StepFailed(step=running.step.id, seconds=seconds, error=error.to_dict()))
        self._never(running.step)

    def _never(self, step: Step) -> None:
        """Tells whoever waits in mid-step that a step's facts won't come, nor those of the steps that need them."""
        for fact in step.publishes:
            if fact in self.facts or self._arrival(f"!{fact}").is_set():
                continue
            self._arrival(f"!{fact}").set()
            for other in self._steps.values():
                if other.state == "pending" and fact in other.step.needs:
                    self._never(other.step)

    def _reason(self, running: _Running) -> str:
        if isinstance(self._stopping, events.RunFailed):
            return str(self._stopping.error["message"])
        if self._stopping is not None:
            return "the run was stopped"
        for need in running.step.needs:
            publisher = self._publisher.get(need)
            if need not in self.facts and publisher:
                return f"it needs {need} from {publisher}"
        if isinstance(running.error, CancelledByUser):
            return running.error.message
        return "a person is needed" if self._needed else ""

    # -- facts and people, for contexts

    def publish(self, step: str, name: str, value: Any) -> None:
        """Makes a fact known and wakes whoever waits for it."""
        self.facts[name] = value
        self.journal.append(events.FactPublished(step=step, name=name, value=value))
        self._arrival(name).set()
        self._settled.set()

    async def fact(self, name: str) -> Any:
        """The fact's value once it is there; raises `CancelledByUser` once it is sure that it never will be."""
        if name not in self.facts:
            coming = asyncio.ensure_future(self._arrival(name).wait())
            never = asyncio.ensure_future(self._arrival(f"!{name}").wait())
            try:
                await asyncio.wait({coming, never}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                coming.cancel()
                never.cancel()
        if name not in self.facts:
            raise _WillNotCome(name, self._publisher.get(name, "a step"))
        return self.facts[name]

    async def person(self, needed: PersonNeeded, *, step: str = "") -> Any:
        """Waits for what only a person can give; one wait serves everything that needs the same.

        Deadlines are held meanwhile. Raises the error given once nobody came in time; the run then ends waiting.
        """
        if step:
            self._steps[step].state = "waiting"
            self.journal.append(events.StepWaiting(step=step, for_=needed.kind))
        if self.wait == 0 or self._needed is not None:
            self._nobody_came(needed)
        begin = self.clock.now()
        if needed.kind not in self._people:
            self._begin_waiting(needed)
        try:
            value = await asyncio.wait_for(asyncio.shield(self._people[needed.kind]), self.wait)
        except TimeoutError:
            self._nobody_came(needed)
        if step:
            self._steps[step].state = "running"
            self._steps[step].context.waited += self.clock.now() - begin
            self.journal.append(events.StepStarted(step=step))
        return value

    def held(self) -> float:
        """Seconds of the clock in which a person was waited for so far: no deadline counts them."""
        return self._held + (self.clock.now() - self._held_since if self._people else 0.0)

    def _begin_waiting(self, needed: PersonNeeded) -> None:
        if not self._people:
            self._held_since = self.clock.now()
        self._people[needed.kind] = asyncio.get_running_loop().create_future()
        self.journal.append(
            events.RunWaiting(kind=needed.kind, message=needed.message, hint=needed.hint, command=needed.command)
        )
        for running in self._steps.values():
            running.deadline.hold()

    def _nobody_came(self, needed: PersonNeeded) -> NoReturn:
        self._needed = needed
        self._cancel_all()
        raise needed

    def _arrival(self, name: str) -> asyncio.Event:
        return self._arrived.setdefault(name, asyncio.Event())

    # -- what somebody asks of the run

    def provide(self, kind: str, value: Any) -> bool:
        """Hands over what a person gave; says whether anything waited for it."""
        if isinstance(value, str):
            self.redactor.add(value)
        self._on_provided(kind, value)
        held = self.held()
        future = self._people.pop(kind, None)
        if future is None:
            return False
        future.set_result(value)
        self.journal.append(events.RunResumed(kind=kind))
        if not self._people:
            self._held = held
            for running in self._steps.values():
                running.deadline.go_on()
        return True

    def retry(self, step: str) -> bool:
        """Runs a failed step again; says whether there was one, and the run still takes anything up."""
        running = self._steps.get(step)
        if self._ending or running is None or running.state != "failed":
            return False
        running.state = "running"
        running.again.set()
        self._hope_again()
        return True

    def skip(self, step: str) -> bool:
        """Skips an optional step that failed or has not begun; says whether it could be."""
        running = self._steps.get(step)
        if self._ending or running is None or not running.step.optional or running.state not in ("failed", "pending"):
            return False
        self._skip.add(step)
        if running.state == "failed":
            running.state = "running"
            running.again.set()
            self._hope_again()
        return True

    def _hope_again(self) -> None:
        """Forgets which facts will never come, but for those of steps that stay failed, and has whoever missed one go on."""
        for name in [name for name, event in self._arrived.items() if name.startswith("!") and event.is_set()]:
            del self._arrived[name]
        missed = [r for r in self._steps.values() if r.state == "cancelled" and isinstance(r.error, CancelledByUser)]
        for running in missed:
            running.state, running.error = "pending", None
            running.again.set()
        for running in self._steps.values():
            if running.state == "failed":
                self._never(running.step)

    def cancel(self, reason: str) -> None:
        """Stops everything that runs, gracefully; the run ends ``cancelled``."""
        if self._stopping is None:
            self._stopping = events.RunCancelled(reason=reason)
        ending = self._ending
        self._cancel_all()
        if not ending:
            self.journal.append(events.RunStopping(reason=reason))

    def interrupt(self, reason: str) -> None:
        """Stops because the machine says so; the run stays ``interrupted``, to be taken up again."""
        if self._stopping is None:
            self._stopping = events.RunInterrupted(reason=reason)
        self._cancel_all()

    def _disk_full(self, error: OSError) -> None:
        """Stops because nothing that happens could be kept any more; the run ends ``failed``, and says why."""
        told = no_room(error)
        if self._stopping is None and told is not None:
            self._stopping = events.RunFailed(error=told.to_dict(), exit_code=told.exit_code)
        self._cancel_all()
        current = asyncio.current_task()
        if current is not None and any(current in (running.task, running.ahead) for running in self._steps.values()):
            current.cancel()

    def _cancel_all(self) -> None:
        self._ending = True
        current = asyncio.current_task()
        for running in self._steps.values():
            for task in (running.task, running.ahead):
                if task is not None and task is not current and not task.done() and not task.cancelling():
                    task.cancel()
        self._settled.set()


def _too_late(step: Step, context: StepContext) -> PermanentError:
    return PermanentError(
        f"{step.title} took longer than {step.deadline / 60:.0f} minutes.",
        code="deadline",
        cause=context.last_message or "It did not say what it was waiting for.",
        hint="Retry goes on where it stopped.",
    )


def _undone(step: Step, reason: str) -> PermanentError:
    return PermanentError(
        f"{step.title} was not done.", code="not-done", cause=reason, hint="Retry goes on where it stopped."
    )


def _defect(step: Step, error: Exception, logs: Path) -> PermanentError:
    return PermanentError(
        f"{step.title} met an error that it does not know.",
        code="internal",
        cause=f"{type(error).__name__}: {error}",
        hint=f"The details are in {logs / f'{step.id}.log'}.",
    )
