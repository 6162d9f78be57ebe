"""The form of an environment's parameters, made from their specification; what is wrong stands beside it as one types.

The checks that depend on the values run beside it; what the form means as a command is always in sight. A typed password
is held in memory until the run has it, and reaches no file, no command and no clipboard.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from core.errors import ParameterError
from core.install.choices import LISTED, Choice, Choices
from core.install.following import Following
from core.parameters import PARAMETERS, PROFILES
from tui import signs, ways
from tui.background import in_thread
from tui.planned import monthly
from tui.preparing import Preparing
from tui.screens.base import BaseScreen, relabel
from tui.screens.choose import Choose
from tui.screens.dialogs import AskText
from tui.text import lines, text
from tui.widgets.field import path_of
from tui.widgets.parameter import ParameterRow, shown
from tui.widgets.password import PasswordField

SETTLED = 0.4
"""Seconds without a key after which the checks look at the values."""
SHORTEST, LONGEST = 8, 128
"""How long a typed password may be."""


class ParametersScreen(BaseScreen):
    """The form; `Preparing.draft` always has the values that are right in themselves."""

    ACTIONS = ("review", "take", "save", "load", "generate", "reveal", "copy", "back")
    HELP = "Fill in what should differ from the defaults, which stand in the empty fields."
    CSS_PATH = "parameters.tcss"
    AUTO_FOCUS = "#in-region, #in-profile"
    MOVES: ClassVar = [
        Binding("up", "app.focus_previous", "Up", show=False),
        Binding("down", "app.focus_next", "Down", show=False),
    ]

    def __init__(self, preparing: Preparing) -> None:
        super().__init__()
        self.preparing = preparing
        self._wrong: dict[str, ParameterError] = {}
        self._unseen: set[str] = set()
        """The parameters whose values the checks have not begun to look at."""

    # -- the form

    def body(self) -> ComposeResult:
        with VerticalScroll(id="form", can_focus=False):
            with Vertical(id="main", classes="panel") as main:
                main.border_title = text(self.preparing.name)
                yield from self._rows(advanced=False)
                yield from self._password()
            yield Static(text(FOLDED), id="folded")
            with Vertical(id="advanced", classes="panel") as advanced:
                advanced.border_title = text("Advanced")
                yield from self._rows(advanced=True)
        yield Static(id="about")
        yield Static(id="checks")
        with Horizontal(id="offers"):
            yield Button(text(""), id="do-take")
        yield Static(id="command")
        with Horizontal(id="buttons"):
            for action, label in BUTTONS:
                yield Button(text(label), id=f"do-{action}")

    def _rows(self, *, advanced: bool) -> ComposeResult:
        group = ""
        for spec in PARAMETERS:
            if spec.advanced is not advanced:
                continue
            if advanced and spec.group != group:
                group = spec.group
                yield Static(text((group, "bold $text-muted")), classes="group")
            yield ParameterRow(spec, listed=spec.key in LISTED, fixed=spec.key in self.preparing.draft.fixed)

    def _password(self) -> ComposeResult:
        secret = self.preparing.draft.environment.names.sql_password_secret
        with Horizontal(id="row-password"):
            yield Static(text("SQL password"), classes="name")
            yield PasswordField(
                id="password",
                placeholder="made by the run",
                help=f"Empty: the run makes one. Either way it is kept in Secret Manager alone, as {secret}.",
            )
        yield Static(id="password-note", classes="note")

    def on_mount(self) -> None:
        self.query_one("#advanced").display = False
        password = self.query_one("#password", PasswordField)
        with password.prevent(PasswordField.Changed):
            password.value = self.preparing.password
        self._fill(self.preparing.draft.environment.given)
        self.work(self._warm, group="warm")
        self.work(self._prices, group="prices")
        self.call_after_refresh(self._show_checks)
        self.set_interval(0.5, self._show_checks)

    async def _warm(self) -> None:
        """Loads what validates before the first key needs it, and finds out which project is meant."""
        await in_thread(_problems, {}, self.preparing.name)
        await self._validate()
        row = self.rows["project_id"]
        row.follow(row.default or await self.preparing.find_project())

    async def _prices(self) -> None:
        """The cost stands there at once, by the table; the catalogue's prices take its place when they come."""
        await self.preparing.ask_prices()
        self._show()

    @property
    def rows(self) -> dict[str, ParameterRow]:
        """The rows by their parameter's key."""
        return {row.spec.key: row for row in self.query(ParameterRow)}

    def _fill(self, given: dict[str, Any] | Any) -> None:
        for key, row in self.rows.items():
            row.set(given.get(key), self._default(key))
        self._show()

    def _default(self, key: str) -> Any:
        found = self.preparing.draft.resolved(key)
        return found or self.preparing.project if key == "project_id" else found

    def given(self) -> dict[str, Any]:
        """The values that a person gave and that can be read."""
        return {key: row.given for key, row in self.rows.items() if row.given is not None and not row.fixed}

    def _kept(self) -> dict[str, Any]:
        """The values that were given and are fixed now."""
        draft = self.preparing.draft
        return {key: value for key, value in draft.environment.given.items() if key in draft.fixed}

    # -- as one types

    def on_parameter_row_edited(self, event: ParameterRow.Edited) -> None:
        event.stop()
        self._show()
        self._unseen.add(event.row.spec.key)
        self.work(self._edited, group="edited")

    async def _edited(self) -> None:
        """Looks at what was changed, by now or by edits whose turn this one took."""
        await self._validate()
        await asyncio.sleep(SETTLED)
        if self._wrong or any(row.problem for row in self.rows.values()):
            return
        for concern in self.preparing.concerned(self._unseen):
            self.work(partial(self._look, concern.id), group=f"look-{concern.id}")
        self._unseen.clear()

    async def _look(self, id: str) -> None:
        from tui.preparing import concern

        await self.preparing.look(concern(id))
        self._follow()
        self._show()
        self._show_checks()

    def _follow(self) -> None:
        """What nobody gave follows: from the other values, or from what was looked at."""
        for key, row in self.rows.items():
            row.follow(self._default(key), self.preparing.draft.follows(key))

    async def _validate(self) -> None:
        given = self.given()
        found = await in_thread(_problems, given, self.preparing.name)
        self._wrong = {error.key: error for error in reversed(found)}
        right = {key: value for key, value in given.items() if key not in self._wrong}
        self.preparing.draft.give({**self._kept(), **right})
        for key, row in self.rows.items():
            own = row.problem_of(str(row.query_one("#in-" + key).value)) if _typed(row) else ""  # type: ignore[attr-defined]
            error = self._wrong.get(key)
            row.tell(own or (f"{error.allowed}. {error.hint}".strip() if error else ""))
        self._follow()
        self._show()

    def on_input_changed(self, event: PasswordField.Changed) -> None:
        """The password, which no row has."""
        event.stop()
        self.preparing.password = event.value
        self._show()

    def password_problem(self) -> str:
        """What is wrong with the typed password."""
        password = self.preparing.password
        if password and not SHORTEST <= len(password) <= LONGEST:
            return f"{SHORTEST} to {LONGEST} characters"
        return ""

    def _to_mend(self) -> list[str]:
        """What is wrong in itself."""
        rows = [key for key, row in self.rows.items() if row.problem]
        return rows + (["the password"] if self.password_problem() else [])

    def on_parameter_row_list_wanted(self, event: ParameterRow.ListWanted) -> None:
        event.stop()
        row = event.row

        async def wanted() -> Choices:
            if row.spec.key in LISTED:
                return await self.preparing.choices(row.spec.key)
            return Choices(tuple(Choice(c, _note(row.spec.key, c)) for c in row.spec.choices))

        def chosen(value: str | None) -> None:
            if value is not None:
                row.choose(value)

        now = shown(row.default if row.given is None else row.given)
        self.app.push_screen(Choose(row.spec.key, wanted, now=now, free=row.spec.key in LISTED), chosen)

    # -- what is shown beside the form

    async def on_descendant_focus(self) -> None:
        self.query_one("#about", Static).update(text(self.help_of(self.focused)))
        self.refresh_bindings()

    def _show(self) -> None:
        self.query_one("#command", Static).update(text((self.command(), "bold")))
        problem = self.password_problem()
        note = self.query_one("#password-note", Static)
        note.display = bool(problem)
        note.update(text((f"✗ {problem}", "$text-error")))
        wrong = self._to_mend()
        parts = [f"{len(wrong)} to mend" if wrong else "all right", f"profile {self._profile()}"]
        parts.append("rehearsal" if self.preparing.rehearsal else self._cost())
        self.place(self.preparing.name, "parameters", standing=text(" · ".join(parts)))
        self.query_one("#do-review", Button).disabled = not self.allowed("review")
        self.refresh_bindings()

    def _profile(self) -> str:
        return str(self.preparing.draft.environment.values["profile"])

    def _cost(self) -> str:
        cost = self.preparing.draft.cost()
        return f"{monthly(cost.low, cost.high)} {cost.prices.currency} a month"

    def _show_checks(self) -> None:
        if self.is_mounted:
            self.query_one("#checks", Static).update(_checks(self.preparing))
            offer = self._offer()
            self.query_one("#offers").display = offer is not None
            if offer is not None:
                relabel(self.query_one("#do-take", Button), text(f"Set {offer.setting}: {offer.why}"))
            self.query_one("#do-review", Button).disabled = not self.allowed("review")

    def command(self) -> str:
        """The command that does the same."""
        settings = [f"{key}={_plain(value)}" for key, value in self.given().items()]
        words = ["mlops-env", "install", self.preparing.name]
        words += [word for setting in settings for word in ("--set", shlex.quote(setting))]
        words += ["--rehearse"] if self.preparing.rehearsal else []
        words += ["--sql-password-stdin"] if self.preparing.password else []
        return " ".join(words)

    # -- what can be done

    def _offer(self) -> Following | None:
        """A value with which something would not block that does."""
        offers = self.preparing.draft.offers(self.preparing.blocking("access", "parameters"))
        return next((each for each in offers if not self.rows[each.key].fixed), None)

    def allowed(self, action: str) -> bool:
        if action == "take" and self.is_mounted:
            return self._offer() is not None
        if action != "review" or not self.is_mounted:
            return True
        return not self._to_mend() and not self.preparing.blocking("access", "parameters")

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.do(str(event.button.id).removeprefix("do-"))

    def action_take(self) -> None:
        """Gives the value that is offered, and looks again."""
        offer = self._offer()
        if offer is not None:
            row = self.rows[offer.key]
            row.set(offer.value, self._default(offer.key))
            row.post_message(ParameterRow.Edited(row))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The key for the review always answers: with the review, or with what stands in its way."""
        return True if action == "review" else super().check_action(action, parameters)

    def action_review(self) -> None:
        """Shows everything that will be done, once the values were looked at as they are now."""
        wrong = self._to_mend()
        if wrong:
            self.ours.say(f"To be mended first: {', '.join(wrong)}.", severity="warning")
        else:
            self.work(self._review, group="review")

    async def _review(self) -> None:
        await self._validate()
        for concern in self.preparing.concerned(p.key for p in PARAMETERS):
            if concern.phase == "parameters":
                await self.preparing.look(concern)
        self._follow()
        self._show_checks()
        if self.allowed("review"):
            if self.preparing.password:
                self.ours.redactor.add(self.preparing.password)
            ways.review(self.ours, self.preparing)
        else:
            blocking = self.preparing.blocking("access", "parameters")
            self.ours.say(f"Something blocks: {'; '.join(c.why or c.id for c in blocking)}", severity="warning")

    def action_generate(self) -> None:
        """Makes a password, which is masked as a typed one is."""
        from core.install.draft import password

        self.query_one("#password", PasswordField).value = password()
        secret = self.preparing.draft.environment.names.sql_password_secret
        self.ours.say(f"A password was made; the run keeps it in Secret Manager, as {secret}.")

    def action_reveal(self) -> None:
        """Shows the parameters that seldom matter, or folds them."""
        advanced = self.query_one("#advanced")
        advanced.display = not advanced.display
        self.query_one("#folded").display = not advanced.display
        if advanced.display:
            advanced.scroll_visible(animate=False)
            self.rows["name_prefix"].query_one("#in-name_prefix").focus()

    def action_copy(self) -> None:
        """Copies the command."""
        self.ours.copy(self.command())

    def action_save(self) -> None:
        """Saves the values as an answers file; a password is never among them."""
        from core.parameters.answers import dump

        self.ours.save(dump({**self._kept(), **self.given()}), f"{self.preparing.name}.toml")

    def action_load(self) -> None:
        """Asks for an answers file, and fills the form from it."""

        def answered(path: str | None) -> None:
            if path:
                self.work(partial(self._load, path_of(path)), group="load")

        body = text("The answers file to load; what it leaves out takes its default.")
        self.app.push_screen(AskText("Load answers", body, f"{self.preparing.name}.toml", "Load"), answered)

    async def _load(self, path: Path) -> None:
        from core.parameters.answers import load

        values = await in_thread(load, path)
        unknown = [error for error in await in_thread(_problems, values, self.preparing.name) if error.key not in self.rows]
        if unknown:
            raise unknown[0]
        before = self.given()
        fixed = self.preparing.draft.fixed
        self._fill({**{key: value for key, value in values.items() if key not in fixed}, **self._kept()})
        now = self.given()
        self._unseen |= {key for key in self.rows if before.get(key) != now.get(key)}
        self.work(self._edited, group="edited")


FOLDED = f"▸ Advanced: {sum(p.advanced for p in PARAMETERS)} more parameters, which seldom matter (ctrl+l)"
BUTTONS = (
    ("review", "Review"), ("reveal", "Advanced"), ("generate", "Generate"), ("load", "Load"), ("save", "Save"),
    ("copy", "Copy"),
)  # fmt: skip


def _problems(given: dict[str, Any], name: str) -> list[ParameterError]:
    from core.parameters.validation import problems

    return problems(given, environment=name)


def _typed(row: ParameterRow) -> bool:
    return row.spec.kind not in ("choice", "boolean") and bool(row.query_one("#in-" + row.spec.key).value)  # type: ignore[attr-defined]


def _plain(value: Any) -> str:
    """A value as ``--set`` takes it: the whole of a map, since a single pair leaves those alone that are there."""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={inner}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ",".join(str(inner) for inner in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _note(key: str, choice: str) -> str:
    profile = PROFILES.get(choice) if key == "profile" else None
    if profile is None:
        return ""
    nodes = f"{profile.node_min}-{profile.node_max} {profile.node_machine_type}"
    return f"{profile.summary}: {nodes}, {profile.sql_tier}"


def _checks(preparing: Preparing) -> Content:
    parts: list[Content] = []
    for check in preparing.checks("access", "parameters"):
        if check.state in ("block", "warn") or (check.state == "skip" and check.key):
            sign = signs.sign(check.state)
            why = ": ".join(part for part in (check.looked_at, check.why) if part)
            more = f" {check.hint}" if check.hint else ""
            parts.append(text((f"{sign} ", sign.style), f"{check.id}: {why}.{more}"))
    passing = sum(check.state == "pass" for check in preparing.checks("access", "parameters"))
    under_way = preparing.open_ones("access", "parameters")
    last = f"{signs.sign('pass').sign} {passing} checks pass" + (
        f" · looking at {', '.join(under_way)}" if under_way else ""
    )
    return lines(*parts[:3], text(last))
