"""Everything that an installation will do, before anything is made; and the one key that does it."""

from __future__ import annotations

import asyncio
import shlex
from functools import partial
from typing import Any

from textual.content import Content

from core.environment.lifetime import lifetime
from core.errors import MlopsError
from core.run.estimate import Estimate
from tui import planned, ways
from tui.preparing import Preparing
from tui.screens.dialogs import Ask, Choice
from tui.screens.treed import TreeScreen
from tui.suspend import run_here
from tui.text import lines, text
from tui.times import about


class ReviewScreen(TreeScreen):
    """The tree of what will be done at the left, what it costs and takes at the right."""

    ACTIONS = ("install", "search", "save", "copy", "again", "back")
    BUTTONS = ("install", "search", "save", "back")
    HELP = "What is shown is what will be done. Nothing has been made yet."

    def __init__(self, preparing: Preparing) -> None:
        super().__init__()
        self.preparing = preparing
        self.plan: dict[str, Any] | None = None
        self.expected: Estimate | None = None
        self._starting = False

    def whose(self) -> str:
        return self.preparing.name

    def on_mount(self) -> None:
        self.place(self.preparing.name, "review", standing=text(self._kind()))
        self._summarize()
        self.work(self._look, group="preview")

    def _kind(self) -> str:
        return "rehearsal" if self.preparing.rehearsal else "Google Cloud"

    async def _look(self) -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def tell(message: str) -> None:
            if not over.is_set():
                self.tell(f"{message[:1].upper()}{message[1:]}…")

        def progress(message: str) -> None:
            loop.call_soon_threadsafe(tell, message)

        try:
            self.expected = await self.preparing.expected()
            self._summarize()
            self.plan = await self.preparing.preview(progress)
        except MlopsError:
            self.tell("What would be done could not be found out. Look again once that is mended (i).")
            raise
        finally:
            over.set()
            self.call_later(self.refresh_bindings)
        self._show(self.plan)

    def _show(self, plan: dict[str, Any]) -> None:
        self.show_tree(planned.tree(plan, namespace=self.preparing.draft.environment.names.namespace))
        found = planned.counts(plan)
        said = [f"{found[word]} to {word}" for word in planned.MOVING if found[word]]
        self.place(self.preparing.name, "review", standing=text(" · ".join([*(said or ["nothing to do"]), self._kind()])))
        self._summarize()
        self.refresh_bindings()

    def _summarize(self) -> None:
        self.summarize(_summary(self.preparing, self.plan, self.expected))

    # -- what can be done

    def allowed(self, action: str) -> bool:
        if action == "back":
            return True
        if action == "again":
            return self.plan is None and self.is_mounted and not self.workers_busy()
        return self.plan is not None and not self._starting

    def workers_busy(self) -> bool:
        """Whether the preview is under way."""
        return any(w.group == "preview" and not w.is_finished for w in self.workers)

    def action_again(self) -> None:
        """Looks again."""
        self.work(self._look, group="preview")

    def action_install(self) -> None:
        """Does it, once that is confirmed."""

        def answered(answer: str | None) -> None:
            if answer == "yes" and not self._starting:
                self._starting = True
                self.work(self._install, group="install")
            elif answer == "keep":
                self.work(partial(self._keep, ends.command), group="keep")

        cost = "It is a rehearsal, and costs nothing." if self.preparing.rehearsal else "From now on it costs money."
        ends = lifetime()
        keep = f" This keeps it running: {ends.command}" if ends.command else ""
        body = text(f"Installs {self.preparing.name}. {cost} {ends.sentence}{keep}")
        choices = [Choice("stay", "No"), Choice("yes", "Install")]
        choices += [Choice("keep", "Keep it running first")] if ends.command else []
        self.app.push_screen(Ask("Install?", body, choices), answered)

    async def _keep(self, command: str) -> None:
        await run_here(self.app, shlex.split(command), introduction="mlops-env comes back by itself.")
        self.action_install()

    async def _install(self) -> None:
        try:
            run = await self.preparing.start()
        finally:
            self._starting = False
        # A screen's own worker can't wait for the end of its screen.
        following = ways.installing(self.ours, self.preparing.draft.environment, run)
        self.ours.run_worker(following, group="steer", exit_on_error=False)


def _summary(preparing: Preparing, plan: dict[str, Any] | None, expected: Estimate | None) -> Content:
    draft = preparing.draft
    values, names = draft.environment.values, draft.environment.names
    kept = ", unless one is kept already" if draft.saved else ""
    rows = [
        text((_first_of_all(preparing, plan), "bold")),
        text(""),
        text(("Time", "$text-muted")),
        text(_time(preparing, plan, expected)),
        text(""),
        text(("Cost", "$text-muted")),
        *(text(said) for said in _cost(preparing)),
        text(""),
        text(("SQL password", "$text-muted")),
        text("as typed" if preparing.password else f"made by the run{kept}"),
        text("kept in Secret Manager alone:"),
        text(names.sql_password_secret),
        text(""),
        text(f"Kubeflow Pipelines {values['kfp_version']}, {values['profile']}"),
        text(
            f"{values['project_id'] or preparing.project or 'project not known yet'}, {values['zone'] or values['region']}"
        ),
        text(f"nodes: {values['node_min']}-{values['node_max']} {values['node_machine_type']}"),
        text(f"Cloud SQL: {values['sql_tier']}, {str(values['sql_availability']).lower()}"),
    ]
    if plan is not None:
        terraform = plan["terraform"]
        rows += [
            text(""),
            text(("Counts", "$text-muted")),
            text(f"{len(plan['services'])} APIs, {len(plan['roles'])} roles"),
            text(f"{len(terraform['resources'])} cloud resources, {len(plan['kubernetes'])} objects"),
            text(f"{len(plan['files'])} files and folders"),
        ]
    return lines(*rows)


def _first_of_all(preparing: Preparing, plan: dict[str, Any] | None) -> str:
    if not preparing.draft.saved:
        return "Nothing of this has been made yet."
    if plan is not None and not planned.changes(plan):
        return "Everything is as it should be: nothing has to be made."
    return "What is there already stays; the rest has not been made yet."


def _time(preparing: Preparing, plan: dict[str, Any] | None, expected: Estimate | None) -> str:
    if expected is None:
        return "not known yet"
    if preparing.draft.saved and plan is not None and not planned.changes(plan):
        return "a few minutes: everything is looked at again"
    most = "at most " if preparing.draft.saved else ""
    simulated = " of simulated time" if preparing.rehearsal else ""
    return f"{most}about {about(expected.left)}{simulated}, decided by {', '.join(expected.critical[:5])}"


def _cost(preparing: Preparing) -> list[str]:
    cost = preparing.draft.cost()
    currency = cost.prices.currency
    said = [f"{planned.monthly(cost.low, cost.high)} {currency} a month", *(f"not known: {what}" for what in cost.unknown)]
    said += [f"{each.how}: up to {each.monthly:,.0f} less" for each in cost.savings]
    note = [f"list prices of {planned.whose(cost.prices.source, cost.prices.date)}", *([cost.note] if cost.note else [])]
    if preparing.rehearsal:
        return ["none: a rehearsal on this machine", f"on Google Cloud {said[0]}", *note]
    return said + note
