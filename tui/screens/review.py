"""Everything that an installation will do, before anything is made; and the one key that does it."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from core.environment.lifetime import lifetime
from core.errors import MlopsError
from core.run.estimate import Estimate
from tui import keys, planned, ways
from tui.preparing import Preparing
from tui.screens.base import BaseScreen
from tui.screens.dialogs import Ask, Choice
from tui.text import lines, text
from tui.times import about
from tui.widgets.field import Field
from tui.widgets.tree import Tree


class ReviewScreen(BaseScreen):
    """The tree of what will be done at the left, what it costs and takes at the right."""

    ACTIONS = ("install", "search", "save", "copy", "again", "back")
    HELP = "What is shown is what will be done. Nothing has been made yet."
    CSS_PATH = "review.tcss"

    def __init__(self, preparing: Preparing) -> None:
        super().__init__()
        self.preparing = preparing
        self.plan: dict[str, Any] | None = None
        self.expected: Estimate | None = None
        self._starting = False

    def body(self) -> ComposeResult:
        with Horizontal(id="panes"):
            with Vertical(id="tree-panel", classes="panel") as panel:
                panel.border_title = text("What will be done")
                yield Static(text("Looking…"), id="looking")
                yield Tree(id="tree")
                yield Field(id="needle", placeholder="Search", help="Only what has this text is shown.")
            with VerticalScroll(id="summary-panel", classes="panel", can_focus=True) as summary:
                summary.border_title = text("In short")
                yield Static(id="summary")
        with Horizontal(id="buttons"):
            for action in ("install", "search", "save", "back"):
                key = keys.BY_ACTION[action]
                yield Button(text(f"{key.label} ({key.shown})"), id=f"do-{action}")

    def on_mount(self) -> None:
        self.query_one("#needle").display = self.query_one("#tree").display = False
        self.query_one("#do-install", Button).disabled = True
        self.place(self.preparing.name, "review", standing=text(self._kind()))
        self._summarize()
        self.work(self._look, group="preview")

    def _kind(self) -> str:
        return "rehearsal" if self.preparing.rehearsal else "Google Cloud"

    async def _look(self) -> None:
        looking, loop, over = self.query_one("#looking", Static), asyncio.get_running_loop(), asyncio.Event()

        def tell(message: str) -> None:
            if not over.is_set():
                looking.update(text(f"{message[:1].upper()}{message[1:]}…"))

        def progress(message: str) -> None:
            loop.call_soon_threadsafe(tell, message)

        try:
            self.expected = await self.preparing.expected()
            self._summarize()
            self.plan = await self.preparing.preview(progress)
        except MlopsError:
            looking.update(text("What would be done could not be found out. Look again once that is mended (i)."))
            raise
        finally:
            over.set()
            self.call_later(self.refresh_bindings)
        self._show(self.plan)

    def _show(self, plan: dict[str, Any]) -> None:
        tree = self.query_one("#tree", Tree)
        self.query_one("#looking").display, tree.display = False, True
        tree.show(planned.tree(plan, namespace=self.preparing.draft.environment.names.namespace))
        tree.focus()
        found = planned.counts(plan)
        said = [f"{found[word]} to {word}" for word in ("make", "take over", "change", "replace", "delete") if found[word]]
        self.place(self.preparing.name, "review", standing=text(" · ".join([*(said or ["nothing to do"]), self._kind()])))
        self.query_one("#do-install", Button).disabled = False
        self._summarize()
        self.refresh_bindings()

    def _summarize(self) -> None:
        self.query_one("#summary", Static).update(_summary(self.preparing, self.plan, self.expected))

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

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.do(str(event.button.id).removeprefix("do-"))

    def action_again(self) -> None:
        """Looks again."""
        self.work(self._look, group="preview")

    def action_install(self) -> None:
        """Does it, once that is confirmed."""

        def answered(answer: str | None) -> None:
            if answer == "yes" and not self._starting:
                self._starting = True
                self.work(self._install, group="install")

        cost = "It is a rehearsal, and costs nothing." if self.preparing.rehearsal else "From now on it costs money."
        ends = lifetime()
        keep = f" To keep it running: {ends.command}" if ends.command else ""
        body = text(f"Installs {self.preparing.name}. {cost} {ends.sentence}{keep}")
        self.app.push_screen(Ask("Install?", body, [Choice("stay", "No"), Choice("yes", "Install")]), answered)

    async def _install(self) -> None:
        try:
            run = await self.preparing.start()
        finally:
            self._starting = False
        # A screen's own worker can't wait for the end of its screen.
        following = ways.installing(self.ours, self.preparing.draft.environment, run)
        self.ours.run_worker(following, group="steer", exit_on_error=False)

    def action_search(self) -> None:
        """Asks what to search for."""
        field = self.query_one("#needle", Field)
        field.display = True
        field.focus()

    def on_input_changed(self, event: Field.Changed) -> None:
        event.stop()
        self.query_one("#tree", Tree).search(event.value)

    def on_input_submitted(self, event: Field.Submitted) -> None:
        event.stop()
        self.query_one("#tree").focus()

    def action_save(self) -> None:
        """Saves the tree as text."""
        self.ours.save(self.query_one("#tree", Tree).content(), f"{self.preparing.name}-review.txt")

    def action_copy(self) -> None:
        """Copies the chosen line."""
        self.ours.copy(self.query_one("#tree", Tree).chosen_text())

    def action_back(self) -> None:
        field = self.query_one("#needle", Field)
        if field.display:
            field.display = False
            field.value = ""
            self.query_one("#tree").focus()
        else:
            super().action_back()


def _summary(preparing: Preparing, plan: dict[str, Any] | None, expected: Estimate | None) -> Content:
    draft = preparing.draft
    values, names = draft.environment.values, draft.environment.names
    time = "not known yet"
    if expected is not None:
        time = f"about {about(expected.left)}, decided by {', '.join(expected.critical[:5])}"
    rows = [
        text(("Nothing of this has been made yet.", "bold")),
        text(""),
        text(f"Kubeflow Pipelines {values['kfp_version']}, {values['profile']}"),
        text(
            f"{values['project_id'] or preparing.project or 'project not known yet'}, {values['zone'] or values['region']}"
        ),
        text(f"nodes: {values['node_min']}-{values['node_max']} {values['node_machine_type']}"),
        text(f"Cloud SQL: {values['sql_tier']}, {str(values['sql_availability']).lower()}"),
        text(""),
        text(("SQL password", "$text-muted")),
        text("as typed" if preparing.password else "made by the run"),
        text("kept in Secret Manager alone:"),
        text(names.sql_password_secret),
        text(""),
        text(("Time", "$text-muted")),
        text(time),
        text(""),
        text(("Cost", "$text-muted")),
        text(
            "none: a rehearsal on this machine" if preparing.rehearsal else "not estimated here; Google's calculator knows"
        ),
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
