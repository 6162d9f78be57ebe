"""What the machine, the account and the project must have: looked at side by side, each shown as it is known.

The first phase gives access at all, and keeps the parameters shut while something blocks; the second depends on the
parameters, and runs again beside their form.
"""

from __future__ import annotations

import shlex
from functools import partial

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button

from core.prerequisites import Check
from core.prerequisites.concerns import CONCERNS, Concern
from tui import signs, ways
from tui.background import in_thread
from tui.offstage import offstage
from tui.preparing import Preparing
from tui.screens.base import BaseScreen
from tui.screens.dialogs import Ask, Choice
from tui.text import text
from tui.widgets.checks import CheckList, Row
from tui.widgets.lined import Lined
from tui.widgets.outcome import Outcome

APIS = "apis"
"""The concern about which this program itself can do something in the cloud."""


class PrerequisitesScreen(BaseScreen):
    """The first screen of an installation; it owns the draft, and forgets it when it is left."""

    ACTIONS = ("parameters", "again", "run_here", "copy", "page", "all_again", "back")
    HELP = "Everything is looked at by itself. What blocks keeps the parameters shut: mend it, and look again."
    CSS_PATH = "prerequisites.tcss"

    def __init__(self, preparing: Preparing) -> None:
        super().__init__()
        self.preparing = preparing
        self._ready = False
        self._of = "access"

    def body(self) -> ComposeResult:
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                with Vertical(id="access-panel", classes="panel") as panel:
                    panel.border_title = text("Access")
                    yield CheckList("access", id="access")
                with Vertical(id="parameters-panel", classes="panel") as panel:
                    panel.border_title = text("For these parameters")
                    yield CheckList("parameters", id="parameters")
            with Vertical(id="detail-panel", classes="panel"):
                yield Outcome(id="detail")

    async def on_mount(self) -> None:
        self._list("access").focus()
        await self._show()
        self.work(self._open, group="open")

    async def on_screen_resume(self) -> None:
        """What was looked at meanwhile, beside the form, is shown here too."""
        if self.is_mounted and self._ready:
            await self._show()

    async def on_unmount(self) -> None:
        await self.preparing.end()

    def _list(self, phase: str) -> CheckList:
        return self.query_one(f"#{phase}", CheckList)

    # -- looking

    async def _open(self) -> None:
        await self.preparing.open()
        self._ready = True
        self._look(*CONCERNS)

    def _look(self, *concerns: Concern) -> None:
        for concern in concerns:
            self.work(partial(self._one, concern), group=f"look-{concern.id}", description=concern.title)

    async def _one(self, concern: Concern) -> None:
        try:
            looking = self.preparing.look(concern)
            self.call_later(self._show)
            await looking
        finally:
            self.call_later(self._show)

    async def _show(self) -> None:
        if not self.is_mounted:
            return
        for phase in ("access", "parameters"):
            self._list(phase).show(self.preparing)
        self._choose_what_blocks()
        self.place(self.preparing.name, "prerequisites", standing=self._standing())
        await self._detail()
        self.refresh_bindings()

    def _choose_what_blocks(self) -> None:
        """The first thing that blocks is the chosen one, until a person chooses."""
        listed = self._list("access")
        blocking = next((i for i, row in enumerate(listed.rows) if row.state == "block"), None)
        if blocking is not None and not listed.touched and self._of == "access" and listed.chosen != blocking:
            listed.chosen = blocking

    def _standing(self) -> Content:
        checks = self.preparing.checks("access", "parameters")
        open_ones = len(self.preparing.open_ones("access", "parameters"))
        words = (("block", "block"), ("warn", "warn"), ("pass", "pass"))
        said = [f"{n} {word}" for state, word in words if (n := sum(c.state == state for c in checks))]
        said += [f"{open_ones} under way"] if open_ones else []
        said += ["rehearsal"] if self.preparing.rehearsal else []
        return text(" · ".join(said))

    async def _detail(self) -> None:
        row = self._row()
        if row is None:
            return
        self.query_one("#detail-panel").border_title = text(row.name)
        actions = [a for a in ("run_here", "copy", "page", "again", "parameters") if self.allowed(a)]
        await self.query_one("#detail", Outcome).show(_headline(row), [*_parts(row), *self._gate()], actions)

    def _gate(self) -> list[tuple[str, str]]:
        preparing = self.preparing
        blocking = preparing.blocking("access")
        if blocking:
            return [("", f"The parameters open once nothing blocks: {', '.join(c.id for c in blocking)}.")]
        waiting = preparing.open_ones("access")
        return [("", f"The parameters open once these are known: {', '.join(waiting)}.")] if waiting else []

    def _row(self) -> Row | None:
        return self._list(self._of).chosen_row()

    async def on_lined_chosen(self, event: Lined.Chosen) -> None:
        self._of = str(event.lined.id)
        await self._detail()
        self.refresh_bindings()

    async def on_descendant_focus(self) -> None:
        focused = self.focused
        if isinstance(focused, CheckList) and focused.id != self._of:
            self._of = str(focused.id)
            await self._detail()
            self.refresh_bindings()

    async def on_lined_opened(self, event: Lined.Opened) -> None:
        if self.allowed("again"):
            self.action_again()

    # -- what can be done

    def allowed(self, action: str) -> bool:
        row = self._row() if self.is_mounted else None
        if action == "back":
            return True
        if action == "parameters":
            return self._ready and self.preparing.may_go_on("access")
        if action == "all_again":
            return self._ready
        check = row.check if row is not None else None
        if action == "again":
            return self._ready and row is not None and row.state != "running"
        if check is None:
            return False
        if action == "page":
            return bool(check.url)
        if action == "copy":
            return bool(check.command or check.looked_at)
        return bool(check.command) or _can_be_fetched(check)

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.do(str(event.button.id).removeprefix("do-"))

    def action_parameters(self) -> None:
        """Goes on to the parameters."""
        ways.parameters(self.ours, self.preparing)

    def action_again(self) -> None:
        """Looks at the chosen one again."""
        row = self._row()
        if row is not None:
            self._look(row.concern)

    def action_all_again(self) -> None:
        """Looks at everything again."""
        self._look(*CONCERNS)

    def action_copy(self) -> None:
        """Copies the command that helps, or what was seen."""
        row = self._row()
        if row is not None and row.check is not None:
            self.ours.copy(row.check.command or row.check.looked_at)

    def action_page(self) -> None:
        """Opens the page that helps."""
        row = self._row()
        if row is not None and row.check is not None:
            self.ours.open_page(row.check.url)

    def action_run_here(self) -> None:
        """Runs the command that helps on this terminal, or fetches the program, once that is confirmed."""
        row = self._row()
        check = row.check if row is not None else None
        if row is None or check is None:
            return

        def answered(answer: str | None) -> None:
            if answer == "yes":
                self.work(partial(self._mend, row), group="mend")

        question, verb, what = _asked(check, row.concern)
        self.app.push_screen(Ask(question, text(what), [Choice("stay", "No"), Choice("yes", verb)]), answered)

    async def _mend(self, row: Row) -> None:
        from tui.suspend import run_here

        check = row.check
        assert check is not None
        if row.concern.id == APIS:
            self.ours.say("Switching on what looking needs, which takes a minute or two…")
            await offstage(self.preparing.draft.switch_on())
            self._look(*CONCERNS)
            return
        if check.command:
            await run_here(self.app, shlex.split(check.command), introduction="mlops-env comes back by itself.")
            if row.concern.id == "sign-in":
                self.preparing.draft.renewed()
                self._look(*CONCERNS)
                return
        else:
            self.ours.say(f"Fetching {row.concern.title}…")
            await in_thread(self.preparing.draft.fetch, row.concern.title)
        self._look(row.concern)


def _can_be_fetched(check: Check) -> bool:
    return not check.command and check.state == "block" and check.id.startswith("tool.")


def _asked(check: Check, concern: Concern) -> tuple[str, str, str]:
    """The question before something is done about a check, the word for yes, and what is done."""
    if concern.id == APIS:
        what = f"Switches on in your project, now: {check.looked_at}. It is all that is made before the review."
        return "Switch them on?", "Switch on", what
    if _can_be_fetched(check):
        return "Fetch it?", "Fetch", f"Fetches {check.id.removeprefix('tool.')} into mlops-env's own folder."
    return "Run it here?", "Run", f"Runs here, and comes back: {check.command}"


def _headline(row: Row) -> Content:
    sign = signs.sign(row.state)
    title = row.check.title if row.check is not None else row.concern.title
    return text((f"{sign} ", f"bold {sign.style}"), (title, "bold"))


def _parts(row: Row) -> list[tuple[str, str]]:
    check = row.check
    if check is None:
        return [("Why it matters", row.concern.matters)]
    word = check.why.partition(" ")[0]
    first = word[:1].upper() if word.isalpha() else word[:1]  # a host, a file or a flag keeps its own letters
    wrong = f"{first}{check.why[1:]}." if check.why else ""
    return [
        ("Looked at", check.looked_at),
        ("Found", wrong),
        ("Allowed", check.allowed),
        ("Why it matters", row.concern.matters),
        ("What to do", check.hint),
        ("Command", check.command),
        ("Page", check.url),
    ]
