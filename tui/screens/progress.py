"""A run, live or over: its steps and resources, its log, and in front what failed or is waited for.

Everything shown is the fold of the run's journal; what is asked of the run goes over its socket. Closing this screen, or
the terminal, changes nothing.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from functools import partial

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from core.environment import Environment
from core.run import runs
from core.run.state import StepState
from tui import awake, steering, terminal, ways
from tui.background import in_thread
from tui.screens import told
from tui.screens.base import BaseScreen
from tui.screens.dialogs import Ask, Choice
from tui.suspend import run_here
from tui.text import text
from tui.watching import Watched
from tui.widgets.field import Field
from tui.widgets.lined import Lined
from tui.widgets.logview import LogView
from tui.widgets.outcome import Outcome
from tui.widgets.steps import StepList

LOOKS = 0.25
"""Seconds between two looks at the journal and the logs."""


class ProgressScreen(BaseScreen):
    """Watches the newest run of an environment, or a given one."""

    ACTIONS = (
        "retry", "signed_in", "run_here", "skip", "access", "cancel", "log", "search", "follow", "filter", "copy", "page",
        "awake", "save", "next_match", "previous_match", "back",
    )  # fmt: skip
    HELP = "The run's steps at the left, its log or what it needs at the right. Leaving this screen stops nothing."
    CSS_PATH = "progress.tcss"

    def __init__(self, environment: Environment, run: str = "") -> None:
        super().__init__()
        self.environment = environment
        self.watched = Watched(environment, run) if run else Watched.newest(environment)
        self._log_wanted = False
        self._told_end = False
        self._seen_live = False
        self._at = 0.0

    def body(self) -> ComposeResult:
        with Horizontal(id="panes"):
            with Vertical(id="steps-panel", classes="panel") as steps:
                steps.border_title = text("Steps")
                yield StepList(id="steps")
            with Vertical(id="right", classes="panel"):
                yield Outcome(id="outcome")
                yield LogView(id="log")
                yield Field(placeholder="Search in the log", id="needle", help="Enter goes to the next line that has it.")
        yield Static(id="note")

    async def on_mount(self) -> None:
        self.place(self.environment.name)
        self.steps.focus()
        self._open_logs()
        self.run_worker(self._watch(), group="watch", exclusive=True, exit_on_error=False)
        self.set_interval(1.0, self._tick)

    async def on_resize(self, event: events.Resize) -> None:
        self._tick()

    @property
    def steps(self) -> StepList:
        """The list of steps."""
        return self.query_one("#steps", StepList)

    @property
    def log_view(self) -> LogView:
        """The log."""
        return self.query_one("#log", LogView)

    # -- watching

    def _open_logs(self) -> None:
        if self.watched is not None:
            folder = runs.folder(self.environment, self.watched.run)
            self.log_view.open(folder / "logs", begin=told.second_of_day(self.watched.run))

    async def _watch(self) -> None:
        """Follows the run for as long as this screen is there."""
        while True:
            self._go_over()
            watched = self.watched
            if watched is not None and await watched.follow():
                self._at = time.monotonic()
            await self._show()
            await self.log_view.take()
            await asyncio.sleep(LOOKS)

    def _go_over(self) -> None:
        """Goes over to a newer run, which was begun elsewhere: what can be done about the older one is over."""
        entry = next((entry for entry in self.ours.entries if entry.name == self.environment.name), None)
        if entry is None or entry.environment is None or entry.watched is None:
            return
        if self.watched is None or entry.watched.run > self.watched.run:
            self.environment = entry.environment  # made anew, it has another id, and another socket
            self._take_up(entry.watched.run)
            if not isinstance(self.focused, Input):
                self.steps.focus()
            self.ours.say(f"Another run of {self.environment.name} has begun; this is it.")

    def _take_up(self, run: str) -> None:
        self.watched = Watched(self.environment, run)
        self.steps.touched = self._log_wanted = self._told_end = self._seen_live = False
        self._open_logs()

    async def _show(self) -> None:
        watched = self.watched
        if watched is None:
            return
        self.steps.show(watched.state, live=watched.live)
        self._choose_by_itself()
        self._tick()
        shown = told.outcome(watched, self.steps.step())
        in_front = shown is not None and not self._log_wanted
        if shown is not None:
            await self.query_one("#outcome", Outcome).show(*shown)
        self._put_in_front(outcome=in_front)
        self.set_class(in_front, "-told")
        self._titles()
        self._ended()
        self.refresh_bindings()

    def _put_in_front(self, *, outcome: bool) -> None:
        """Shows one of the two; the focus does not go with the other."""
        shown, hidden = self.query_one("#outcome"), self.log_view
        if not outcome:
            shown, hidden = hidden, shown
        if self.focused is not None and hidden in self.focused.ancestors_with_self:
            self.set_focus(self.steps)
        shown.display, hidden.display = True, False

    def _choose_by_itself(self) -> None:
        """The chosen step is the one that matters most, until a person chooses."""
        if self.steps.touched or self.watched is None:
            return
        wanted = told.most_important(self.watched)
        if wanted:
            self.steps.choose(wanted)
            self.log_view.filter(wanted)

    def _tick(self) -> None:
        watched = self.watched
        if watched is None:
            return
        self.steps.show(watched.state, live=watched.live)
        self.place(self.environment.name, told.doing(watched), standing=told.standing(watched, self.size.width))
        quiet = time.monotonic() - self._at if self._at else 0.0
        self.query_one("#note", Static).update(told.note(watched, quiet, cells=self.size.width - 2))

    def _titles(self) -> None:
        log, panel = self.log_view, self.query_one("#right")
        if not log.display:
            panel.border_title, panel.border_subtitle = text(told.heading(self.watched, self.steps.step())), text("")
            return
        panel.border_title = text(f"Log of {log.step}" if log.step else "Log of all steps")
        panel.border_subtitle = text(f"{log.count():,} lines" + (", following" if log.following else ""))

    def _ended(self) -> None:
        """The end, or a wait for a person, rings once."""
        watched = self.watched
        if watched is None:
            return
        self._seen_live = self._seen_live or watched.live
        at_rest = watched.state.run != "" and (not watched.live or watched.state.waiting is not None)
        if at_rest and self._seen_live and not self._told_end:
            terminal.notify(self.app, f"{self.environment.name}: {told.doing(watched)}")
        self._told_end = at_rest
        terminal.set_title(self.app, f"mlops-env {self.environment.name}: {told.doing(watched)}")

    # -- what was chosen

    def on_lined_chosen(self, event: Lined.Chosen) -> None:
        step = self.steps.step()
        if step is not None and self.log_view.step:
            self.log_view.filter(step.id)
        self._titles()

    def on_log_view_changed(self) -> None:
        self._titles()

    def allowed(self, action: str) -> bool:
        watched, log = self.watched, self.log_view if self.is_mounted else None
        if watched is None or log is None:
            return action == "back"
        if action in ("follow", "filter", "search", "save"):
            return log.display
        if action == "awake":
            return watched.live and bool(awake.ways(watched))
        if action in ("next_match", "previous_match"):
            return log.display and bool(log.needle)
        return told.allowed(action, watched, self.steps.step())

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.do(str(event.button.id).removeprefix("do-"))

    # -- steering

    def _failed(self) -> StepState | None:
        return told.failed(self.watched.state, self.steps.step()) if self.watched else None

    def action_retry(self) -> None:
        """Goes on where the run stopped, once that is confirmed."""
        if self.watched is not None:
            failed = self._failed()
            job = partial(steering.retry, self.environment, failed.id if failed else "")
            self._confirm("Go on?", told.going_on(self.watched, failed), "Retry", job)

    def action_skip(self) -> None:
        """Leaves the optional step out, once that is confirmed."""
        failed = self._failed()
        if failed is not None:
            what = f"{failed.id} is left out, and what needs it does without."
            self._confirm("Skip the step?", what, "Skip", partial(steering.skip, self.environment, failed.id))

    def action_cancel(self) -> None:
        """Stops the run, once that is confirmed."""
        what = "What is in flight is brought to a safe end first, which can take minutes. Retry goes on later."
        self._confirm("Cancel the run?", what, "Cancel the run", partial(steering.cancel, self.environment))

    def action_awake(self) -> None:
        """Keeps this machine at the run, once that is confirmed: it stays awake, or lets the run outlive the login."""
        found = awake.ways(self.watched) if self.watched else []

        def answered(answer: str | None) -> None:
            way = next((way for way in found if way.id == answer), None)
            if way is not None:
                self.work(partial(self._keep, way), group="awake")

        body = text(*(f"{way.what}: {shlex.join(way.command)}\n" for way in found))
        choices = [Choice("stay", "No"), *(Choice(way.id, way.label) for way in found)]
        self.app.push_screen(Ask("Keep this machine at the run?", body, choices), answered)

    async def _keep(self, way: awake.Way) -> None:
        if way.here:
            await run_here(self.app, way.command, introduction="mlops-env comes back by itself.")
        else:
            await in_thread(awake.begin, way)
            self.ours.say("This machine stays awake until the run ends.")

    def _confirm(self, title: str, what: str, label: str, job: partial[str] | partial[None]) -> None:
        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.ours.say(f"{title.rstrip('?')}…")  # to ask a run, or to start one, takes a moment
                self.work(partial(self._do, job), group="steer")

        self.app.push_screen(Ask(title, text(what), [Choice("stay", "No"), Choice("yes", label)]), answered)

    async def _do(self, job: partial[str] | partial[None]) -> None:
        run = await in_thread(job)
        if run:
            self._take_up(run)
        self.steps.focus()

    def action_signed_in(self) -> None:
        """Gives the run what it waits for: word of a sign-in, or the password."""
        waiting = self.watched.state.waiting if self.watched else None
        if waiting is not None and waiting.kind == "sql-password":
            from tui.screens.secret import AskSecret

            help = "The password that was chosen for the database's user."
            self.app.push_screen(AskSecret("SQL password", waiting.message, help=help, yes="Hand it over"), self._provide)
        else:
            self.work(partial(self._do, partial(steering.signed_in, self.environment)), group="steer")

    def _provide(self, password: str | None) -> None:
        if password:
            self.ours.redactor.add(password)
            self.work(partial(self._do, partial(steering.provide_password, self.environment, password)), group="steer")

    def action_run_here(self) -> None:
        """Runs the sign-in on this terminal, comes back, and tells the run."""
        command = told.command(self.watched, self.steps.step())
        if command:
            self.work(partial(self._run_here, command), group="steer")

    async def _run_here(self, command: str) -> None:
        if (
            await run_here(self.app, shlex.split(command), introduction="mlops-env is waiting; it comes back by itself.")
            == 0
        ):
            await in_thread(steering.signed_in, self.environment)

    # -- the log

    def action_log(self) -> None:
        """To the log and back to the steps."""
        if self.focused is self.log_view:  # ``has_focus`` is told later
            self._log_wanted = False
            self.set_focus(self.steps)
        else:
            self._log_wanted = True
            self.query_one("#outcome").display = False
            self.log_view.display = True
            self.set_focus(self.log_view)
        self._titles()

    def action_follow(self) -> None:
        """Follows the newest line, or stays."""
        self.log_view.following = not self.log_view.following

    def action_filter(self) -> None:
        """The chosen step's log alone, or all of them."""
        step = self.steps.step()
        self.log_view.filter("" if self.log_view.step or step is None else step.id)
        self.steps.touched = True
        self._titles()

    def action_search(self) -> None:
        """Asks what to search for."""
        field = self.query_one("#needle", Field)
        field.display = True
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        again = event.value == self.log_view.needle
        self.work(partial(self._search, event.value, again=again), group="search")

    async def _search(self, needle: str, *, back: bool = False, again: bool = False) -> None:
        if needle and not await self.log_view.search(needle, back=back, again=again):
            self.ours.say("No line has that.", severity="warning")

    def action_next_match(self) -> None:
        """The next line that matches."""
        self.work(partial(self._search, self.log_view.needle, again=True), group="search")

    def action_previous_match(self) -> None:
        """The line before that matches."""
        self.work(partial(self._search, self.log_view.needle, back=True, again=True), group="search")

    def action_save(self) -> None:
        """Saves the log that is shown as a file."""
        log = self.log_view
        self.work(partial(self._save, f"{self.environment.name}-{log.step or 'all'}.log"), group="save")

    async def _save(self, name: str) -> None:
        self.ours.save(await in_thread(self.log_view.content), name)

    def action_copy(self) -> None:
        """Copies the command that helps, or the chosen row."""
        command = told.command(self.watched, self.steps.step())
        self.ours.copy(command or self.steps.plain(self.steps.chosen))

    def action_page(self) -> None:
        """Shows the address of the page that helps."""
        self.ours.open_page(told.page(self.watched, self.steps.step()))

    def action_access(self) -> None:
        """How to reach what was installed."""
        ways.access(self.ours, self.environment)

    def action_back(self) -> None:
        field = self.query_one("#needle", Field)
        if field.display:
            field.display = False
            self.log_view.needle = ""
            self.log_view.focus()
        else:
            super().action_back()
