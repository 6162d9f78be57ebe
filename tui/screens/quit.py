"""How to leave: a run goes on by itself, is cancelled, or one stays; and the command that comes back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from core.environment import Environment, Home
from core.environment.lifetime import lifetime
from core.errors import MlopsError
from core.run import runs
from tui.background import in_thread
from tui.screens.base import Dialog
from tui.text import text


class QuitDialog(Dialog[list[str] | None]):
    """Answers the lines to print on the way out; None: stay."""

    def __init__(self, live: Sequence[str]) -> None:
        super().__init__()
        self.live = list(live)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = text("Leave mlops-env?")
            yield Static(text(self._said()))
            with Horizontal(classes="buttons"):
                yield Button(text("Stay"), id="stay")
                yield Button(text("Leave running" if self.live else "Leave"), id="leave")
                if self.live:
                    yield Button(text("Cancel and leave"), id="cancel")

    def on_mount(self) -> None:
        if not self.live:
            self.query_one("#leave").focus()

    def _said(self) -> str:
        if not self.live:
            return "Nothing is running."
        return f"A run goes on: {', '.join(self.live)}. {lifetime().sentence}"

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "stay":
            self.dismiss(None)
        else:
            self.work(partial(self._leave, cancels=event.button.id == "cancel"), group="leave")

    async def _leave(self, *, cancels: bool) -> None:
        self.dismiss([await in_thread(partial(_left, self.ours.home, name, cancels=cancels)) for name in self.live])


def _left(home: Home, name: str, *, cancels: bool) -> str:
    """Leaves one run as was answered, and says so; it may have ended while the question stood."""
    environment = Environment.load(home, name)
    ended = f"The run of {name} has ended. See: mlops-env status {name}"
    if not cancels:
        goes_on = runs.current(environment) is not None
        return f"The run goes on. Come back with: mlops-env attach {name}" if goes_on else ended
    try:
        cancel(environment)
    except MlopsError:
        if runs.current(environment) is not None:
            raise
        return ended
    return f"{name} stops once what is in flight is safe. See: mlops-env status {name}"


def cancel(environment: Environment) -> None:
    """Asks the run of an environment to stop; raises `MlopsError` where it does not answer."""
    from core.run.control import ask

    if not ask(environment.id, {"do": "cancel", "reason": "it was cancelled in the app"}).get("ok"):
        raise MlopsError(f"The run of {environment.name} could not be cancelled.", hint="Try again in a moment.")
