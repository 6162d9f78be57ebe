"""The steps of a run, with the resources under those that are open, as lines of one widget."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text

from core.run.estimate import estimate
from core.run.journal import timestamp
from core.run.state import Resource, RunState, StepState
from tui import signs
from tui.text import cut, fill, line
from tui.times import clock, usual
from tui.widgets.lined import Lined

_ORDER = {"failed": 0, "started": 1, "progress": 1, "done": 2}
_OF_RESOURCE = {"started": "running", "progress": "running"}
_STATES = (
    "pending", "running", "waiting", "done", "unchanged", "skipped", "failed", "cancelled", "interrupted", "not-begun",
)  # fmt: skip
ID_CELLS, WORD_CELLS = 13, 11

Row = tuple[StepState, Resource | None]


class StepList(Lined):
    """Shows a `RunState`; a step's resources are shown while it runs, when it failed, or when it was opened."""

    help = (
        "The steps of the run: state, time, and what they usually take. The sign ‹ marks those that decide how long the "
        "whole run takes. Enter shows or folds what a step makes."
    )
    DEFAULT_CSS = """
    StepList > .steps--pending, StepList > .steps--skipped, StepList > .steps--cancelled,
    StepList > .steps--not-begun { color: $text-muted; }
    StepList > .steps--running { color: $text-accent; }
    StepList > .steps--waiting, StepList > .steps--interrupted { color: $text-warning; }
    StepList > .steps--done, StepList > .steps--unchanged { color: $text-success; }
    StepList > .steps--failed { color: $text-error; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"steps--{state}" for state in _STATES}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.state = RunState()
        self.now = timestamp()
        self.live = False
        self._rows: list[Row] = []
        self._critical: frozenset[str] = frozenset()
        self._toggled: set[str] = set()

    def show(self, state: RunState, *, live: bool, now: str = "") -> None:
        """Shows the run as it stands; where it is no longer alive, what ran is interrupted."""
        chosen = self.step()
        self.state, self.live, self.now = state, live, now or (timestamp() if live else state.last)
        self._critical = frozenset(estimate(state, self.now).critical) if live else frozenset()
        self._lay_out()
        if chosen is not None and (self.step() is not chosen):
            self.choose(chosen.id)
        self.fit()

    def step(self) -> StepState | None:
        """The step that is chosen, or whose resource is."""
        return self._rows[self.chosen][0] if self.chosen < len(self._rows) else None

    def choose(self, step: str) -> None:
        """Chooses a step's row."""
        for number, (found, resource) in enumerate(self._rows):
            if found.id == step and resource is None:
                self.chosen = number
                return

    def shown_state(self, step: StepState) -> str:
        """A step's state; one that ran when its run died is interrupted, one that waited for its turn has not begun."""
        if step.state == "pending" and not self.live:
            return "not-begun"
        ran = step.state in ("running", "waiting")
        return "interrupted" if ran and not self.live else step.state

    def count(self) -> int:
        return len(self._rows)

    def _lay_out(self) -> None:
        self._rows = []
        for step in self.state.steps.values():
            self._rows.append((step, None))
            if self._open(step):
                found = sorted(step.resources.values(), key=lambda r: _ORDER.get(r.state, 1))
                self._rows += [(step, resource) for resource in found]

    def _open(self, step: StepState) -> bool:
        by_itself = self.shown_state(step) in ("running", "waiting", "failed", "interrupted")
        return bool(step.resources) and by_itself != (step.id in self._toggled)

    def action_open(self) -> None:
        step = self.step()
        if step is not None and step.resources:
            self._toggled ^= {step.id}
            self._lay_out()
            self.choose(step.id)
            self.fit()
        super().action_open()

    def row(self, y: int, width: int) -> Text:
        step, resource = self._rows[y]
        return self._of_step(step, width) if resource is None else self._of_resource(resource, width)

    def _of_step(self, step: StepState, width: int) -> Text:
        state = self.shown_state(step)
        sign = signs.sign(state)
        style = self.get_component_rich_style(f"steps--{state}", partial=True) if state in _STATES else ""
        title = width - ID_CELLS - WORD_CELLS - 18
        text = Text(end="")
        text.append(f"{sign.sign} ", style)
        text.append(fill(line(step.id), ID_CELLS) + " ", "bold" if state in ("running", "failed") else "")
        if title >= 12:
            text.append(fill(line(step.title), title - 1) + " ")
        text.append(fill(sign.word, WORD_CELLS), style)
        room = width - text.cell_len - 2
        text.append(cut(self._time(step, state), room).rjust(room))
        text.append(" ‹" if step.id in self._critical else "  ", style)
        return text

    def _time(self, step: StepState, state: str) -> str:
        expected = usual(step.expected) if step.expected else ""
        if state in ("running", "waiting"):
            return f"{clock(self.state.elapsed(step, self.now))} {expected:>4}".rstrip()
        if state in ("pending", "not-begun", "interrupted", "skipped", "cancelled") and not step.seconds:
            return expected if state == "pending" else ""
        return f"{clock(step.seconds)}     "

    def _of_resource(self, resource: Resource, width: int) -> Text:
        state = _OF_RESOURCE.get(resource.state, resource.state)
        if state == "running" and not self.live:
            state = "interrupted"
        sign = signs.sign(state)
        style = self.get_component_rich_style(f"steps--{state}", partial=True) if state in _STATES else ""
        time = clock(resource.seconds) if resource.seconds else ""
        text = Text(end="")
        text.append(f"  {sign.sign} ", style)
        room = width - text.cell_len - len(time) - 3 - len(sign.word) - 1
        text.append(fill(line(label(resource)), room) + " ")
        text.append(sign.word, style)
        text.append(f" {time}  ")
        return text

    def plain(self, y: int) -> str:
        resource = self._rows[y][1]
        if resource is None:
            return super().plain(y)
        return line(f"{resource.kind} {resource.id} {resource.action} {resource.state} {clock(resource.seconds)}")


def label(resource: Resource) -> str:
    """What a resource is called where there is little room: Terraform's address tells its kind once more."""
    if not resource.kind.startswith("google_"):
        return f"{resource.id.rpartition('/')[2]} {resource.kind}"
    rest = resource.id.rpartition(resource.kind)[2].removeprefix(".").removeprefix("this")
    return f"{resource.kind.removeprefix('google_')} {rest}".rstrip()
