"""The environments of this machine, how they stand, and what can be done with the chosen one."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from core.environment.lifetime import cloud_shell
from tui import keys
from tui.screens.base import BaseScreen
from tui.text import lines, text

if TYPE_CHECKING:
    from core.environment import Environment
    from tui.inventory import Entry
    from tui.widgets.environments import EnvironmentList


class HomeScreen(BaseScreen):
    """The first screen."""

    ACTIONS = ("retry", "rehearse", "new", "watch", "access", "parameters", "destroy", "cancel", "tunnels", "devcontainer")
    HELP = "The environments that this machine keeps. Choose one with the arrow keys; enter opens its run."

    def __init__(self) -> None:
        super().__init__()
        self._filling = asyncio.Lock()
        self._filled = False

    def body(self) -> ComposeResult:
        with Vertical(id="list-panel", classes="panel") as panel:
            panel.border_title = text("Environments")
            yield Static(text("Looking what is here…"), id="empty")

    def _button(self, action: str) -> Button:
        key = keys.BY_ACTION[action]
        return Button(text(f"{key.label} ({key.shown})"), id=f"do-{action}")

    async def _fill(self) -> None:
        """What shows environments comes with the first look at them: until then only the frame is painted."""
        from tui.widgets.environments import EnvironmentList

        panel, empty = self.query_one("#list-panel"), self.query_one("#empty")
        await panel.mount(Static(id="heads"), EnvironmentList(id="environments"), before=empty)
        await panel.mount(Horizontal(self._button("rehearse"), self._button("new"), id="first-buttons"))
        buttons = Horizontal(*map(self._button, ("retry", "watch", "access", "parameters", "destroy")), id="detail-buttons")
        await self.mount(Vertical(Static(id="detail"), buttons, id="detail-panel", classes="panel"), after=panel)

    @property
    def listed(self) -> EnvironmentList:
        """The list of environments."""
        return cast("EnvironmentList", self.query_one("#environments"))

    async def show(self, entries: list[Entry]) -> None:
        """Shows the environments as they stand."""
        from tui.widgets.environments import heads

        async with self._filling:  # several looks may come in at once
            if not self._filled:
                await self._fill()
                self._filled = True
        listed, before = self.listed, len(self.listed.entries)
        listed.show(entries)
        self.query_one("#heads", Static).update(text((heads(entries, listed.size.width), "$text-muted")))
        empty = self.query_one("#empty", Static)
        empty.display = not entries
        empty.update(EMPTY)
        self.query_one("#heads").display = listed.display = self.query_one("#detail-panel").display = bool(entries)
        live = sum(entry.watched is not None and entry.watched.live for entry in entries)
        parts = [self.ours.account, "Cloud Shell" if cloud_shell() else "", f"{live} running" if live else ""]
        self.place(standing=text(" · ".join(part for part in parts if part)))
        self._detail()
        if not entries and (self.focused is None or self.focused is listed):
            self.query_one("#do-rehearse").focus()
        elif entries and not before:
            listed.focus()
        self.refresh_bindings()

    async def on_resize(self, event: events.Resize) -> None:
        if self._filled:
            await self.show(self.ours.entries)

    def _detail(self) -> None:
        entry = self.listed.entry()
        panel = self.query_one("#detail-panel")
        if entry is None:
            return
        panel.border_title = text(entry.name)
        self.query_one("#detail", Static).update(_detail(entry))
        for button in self.query("#detail-buttons Button"):
            button.display = self.allowed(str(button.id).removeprefix("do-"))

    def on_lined_chosen(self) -> None:
        self._detail()
        self.refresh_bindings()

    def on_lined_opened(self) -> None:
        self._open()

    def _open(self) -> None:
        entry = self.listed.entry()
        if entry is None or entry.environment is None:
            return
        if entry.standing == "installed" and self.allowed("access"):
            self.action_access()
        elif entry.watched is not None:
            self.action_watch()
        else:
            self.action_parameters()

    def allowed(self, action: str) -> bool:
        if not self._filled:
            return action in ("rehearse", "new", "tunnels", "devcontainer")
        from tui.screens import told

        entry = self.listed.entry()
        if action in ("rehearse", "new", "tunnels", "devcontainer"):
            return True
        if entry is None or entry.environment is None:
            return False
        if action == "parameters":
            return entry.watched is None or not entry.watched.live
        if entry.watched is None:
            return False
        if action == "destroy":
            return not entry.watched.live and entry.standing != "destroyed"
        return action == "watch" or told.allowed(action, entry.watched, None)

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.do(str(event.button.id).removeprefix("do-"))

    def _chosen(self) -> Environment:
        entry = self.listed.entry()
        assert entry is not None
        assert entry.environment is not None
        return entry.environment

    # -- what can be done

    def action_rehearse(self) -> None:
        """A new environment on a simulated cloud."""
        from tui import ways

        ways.rehearse(self.ours)

    def action_new(self) -> None:
        """A new environment on Google Cloud."""
        from tui import ways

        ways.new(self.ours)

    def action_parameters(self) -> None:
        """What the chosen environment is to be: looked at, changed, and installed anew."""
        from tui import ways

        ways.change(self.ours, self._chosen())

    def action_destroy(self) -> None:
        """Removes what the chosen environment made."""
        from tui import ways

        ways.destroy(self.ours, self._chosen())

    def action_watch(self) -> None:
        """Opens the chosen environment's run."""
        from tui import ways

        ways.progress(self.ours, self._chosen())

    def action_retry(self) -> None:
        """Goes on with the chosen environment's last run, once that is confirmed."""
        from tui.screens import told
        from tui.screens.dialogs import Ask, Choice

        entry = self.listed.entry()
        if entry is None or entry.watched is None:
            return
        environment, failed = entry.watched.environment, told.failed(entry.watched.state, None)

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.ours.say(f"Going on with {environment.name}…")
                self.work(partial(self._retry, environment, failed.id if failed else ""), group="steer")

        question = text(told.going_on(entry.watched, failed))
        self.app.push_screen(Ask("Go on?", question, [Choice("stay", "No"), Choice("yes", "Retry")]), answered)

    async def _retry(self, environment: Environment, step: str) -> None:
        from tui import steering, ways
        from tui.background import in_thread

        run = await in_thread(steering.retry, environment, step)
        ways.progress(self.ours, environment, run)

    def action_cancel(self) -> None:
        """Opens the run, where it can be cancelled with its state in sight."""
        self.action_watch()

    def action_tunnels(self) -> None:
        """The tunnels of this user."""
        from tui import ways

        ways.tunnels(self.ours)

    def action_devcontainer(self) -> None:
        """A devcontainer on the chosen environment's image."""
        from tui import ways

        entry = self.listed.entry() if self._filled else None
        ways.devcontainer(self.ours, entry.name if entry is not None else "")

    def action_access(self) -> None:
        """How to reach the chosen environment."""
        from tui import ways

        ways.access(self.ours, self._chosen())


EMPTY = lines(
    text("No environment is kept on this machine yet."),
    text(""),
    text(("Rehearse", "bold"), " installs everything on a simulated cloud on this machine: no account, no cost."),
)


def _detail(entry: Entry) -> Content:
    from tui.screens import told

    environment = entry.environment
    if environment is None:
        return text((entry.broken, "$text-error"))
    values = environment.values
    where = values["zone"] or values["region"]
    rows = [
        text(f"Kubeflow Pipelines {values['kfp_version']} · {where} · namespace {values['namespace']} · {values['profile']}")
    ]
    watched = entry.watched
    if watched is not None:
        shown = told.outcome(watched, None)
        if shown is not None:
            rows.append(shown[0])
            rows += [text((f"{label}  " if label else "", "$text-muted"), what) for label, what in shown[1][:2] if what]
        elif watched.live:
            step = watched.state.steps.get(told.most_important(watched))
            rows.append(text(("Now  ", "$text-muted"), f"{step.id}: {step.message or step.title}" if step else "starting"))
            rows.append(
                text("The run goes on when you leave; ", (f"mlops-env attach {entry.name}", "bold"), " comes back to it.")
            )
    if environment.cloud == "rehearsal":
        rows.append(text("A rehearsal: everything is simulated, and costs nothing."))
    return lines(*rows)
