"""What every screen has: the line of place and state, the line of keys, help, the palette, and its errors as a screen.

A screen says which actions of `tui.keys` it has (``ACTIONS``), has a method ``action_…`` for each, and says which of them
make sense now (`allowed`). Footer, palette, help and keys all follow from these three.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.geometry import Offset, Size
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Button, Input, Static
from textual.worker import Worker, WorkerState

from tui import keys
from tui.text import text
from tui.widgets.keybar import KeyBar
from tui.widgets.lined import Lined
from tui.widgets.placebar import PlaceBar

if TYPE_CHECKING:
    from tui.app import MlopsApp

LEAST_WIDTH, LEAST_HEIGHT = 60, 20
Result = TypeVar("Result")

MOVING = [
    Binding("tab", "app.focus_next", "Next", show=False),
    Binding("shift+tab", "app.focus_previous", "Previous", show=False),
]


def relabel(button: Button, label: Content) -> None:
    """Gives a button another label, and the width of it, which Textual by itself leaves as it was."""
    if button.label != label:
        button.label = label
        button.refresh(layout=True)


class Acting(Screen[Result], inherit_bindings=False):
    """A screen whose actions stand in the table of keys."""

    ACTIONS: ClassVar[tuple[str, ...]] = ()
    HELP: ClassVar[str] = ""
    ready = False
    """Whether it has what takes its keys; see `tui.keyboard`."""
    _pointed: Offset | None = None
    MOVES: ClassVar[list[Binding]] = []
    """Keys that only move within this screen, beside tab."""
    EVERYWHERE: ClassVar[list[Binding]] = []
    """The keys that are everywhere, where the app's own do not reach."""

    def __init_subclass__(cls, **options: Any) -> None:
        cls.BINDINGS = [*MOVING, *cls.MOVES, *keys.bindings(*cls.ACTIONS), *cls.EVERYWHERE]
        super().__init_subclass__(**options)

    @property
    def ours(self) -> MlopsApp:
        """The app, as what it is."""
        return cast("MlopsApp", self.app)

    def allowed(self, action: str) -> bool:
        """Whether an action of this screen makes sense now; what does not is in neither footer nor palette."""
        return True

    def offered(self) -> list[str]:
        """The actions that make sense now, those of the app last."""
        return [a for a in (*self.ACTIONS, *keys.EVERYWHERE) if a in keys.EVERYWHERE or self.allowed(a)]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.allowed(action) if action in self.ACTIONS else True

    async def do(self, action: str) -> None:
        """Does one action of the table, wherever it is asked for: footer, button or palette."""
        target = self.app if action in keys.EVERYWHERE else self
        await self.app.run_action(action, default_namespace=target)

    def action_back(self) -> None:
        """Leaves this screen; the first one asks whether to quit."""
        if len(self.app.screen_stack) > 1:
            self.dismiss(None)
        else:
            self.run_worker(self.ours.action_quit(), group="quit", exclusive=True, exit_on_error=False)

    async def on_descendant_focus(self) -> None:
        self.call_after_refresh(self.point)

    async def on_screen_resume(self) -> None:
        self.call_after_refresh(self.point)
        self.call_after_refresh(self.ours.begin)  # each, since one that another covers is not painted any more
        if self.ready:
            self.app.call_later(self.ours.keyboard.go_on)

    async def _be_ready(self) -> None:
        self.ready = True
        await self.ours.keyboard.go_on()

    def _on_mount(self, event: events.Mount) -> None:
        self.app.call_later(self._be_ready)  # after what chose where the focus is at first
        self.screen_layout_refresh_signal.subscribe(self, lambda _: self.point(), immediate=True)

    def point(self) -> None:
        """Puts the terminal's cursor on what has the focus, for whoever reads the screen with something else than eyes."""
        focused = self.focused
        if focused is None or self.app.screen is not self:
            return
        if isinstance(focused, Lined):
            focused.show_cursor()
        else:
            at = focused.cursor_screen_offset if isinstance(focused, Input) else focused.content_region.offset
            self.app.cursor_position = at
        if self.app.cursor_position != self._pointed:
            self._pointed = self.app.cursor_position
            focused.refresh()  # it moves with what is painted next

    def help_of(self, widget: Widget | None) -> str:
        """What the focused thing is for: its own ``help``, else that of what it stands in, else the screen's."""
        while widget is not None:
            found = getattr(widget, "help", "")
            if isinstance(found, str) and found:
                return found
            widget = widget.parent if isinstance(widget.parent, Widget) else None
        return self.HELP

    def work(self, job: Callable[[], Awaitable[Any]], *, group: str, description: str = "") -> Worker[Any]:
        """Starts work that replaces what is under way in its group; where it fails, its error becomes a screen."""
        return self.run_worker(job(), group=group, description=description or group, exclusive=True, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            event.stop()
            self.ours.show_error(event.worker.error)


class BaseScreen(Acting[None]):
    """A whole screen; what is its own stands in `body`. Classes ``-narrow`` and ``-wide`` tell its styles the width."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (70, "-usual"), (110, "-wide")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        # Textual says the width only after the first paint, which would be of a layout that is not this width's.
        self.add_class(next(name for cells, name in self.HORIZONTAL_BREAKPOINTS[::-1] if self.app.size.width >= cells))
        yield PlaceBar()
        yield WaitingLine()
        yield from self.body()
        yield KeyBar()

    def body(self) -> ComposeResult:
        """What stands between the line of place and the line of keys."""
        return iter(())

    async def on_resize(self, event: events.Resize) -> None:
        small = event.size.width < LEAST_WIDTH or event.size.height < LEAST_HEIGHT
        found = self.query(TooSmall)
        if small and not found:
            await self.mount(TooSmall())
        for notice in self.query(TooSmall):
            notice.fit(event.size, small)

    def place(self, *names: str, standing: Content | None = None) -> None:
        """Says where one is, and how it stands."""
        bar = self.query_one(PlaceBar)
        bar.places = names
        if standing is not None:
            bar.standing = standing


class Dialog(ModalScreen[Result], Acting[Result], inherit_bindings=False):
    """A question over the screen: buttons take the focus, the harmless one first; esc is the harmless answer."""

    ACTIONS: ClassVar[tuple[str, ...]] = ("back",)
    EVERYWHERE: ClassVar = [Binding(b.key, f"app.{b.action}", b.description, show=False) for b in keys.everywhere()]
    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > .dialog {
        width: 64; max-width: 90%; height: auto; max-height: 90%;
        border: round $primary; background: $surface; padding: 1 2;
    }
    Dialog .dialog > VerticalScroll { height: auto; max-height: 60vh; scrollbar-size-vertical: 1; padding-right: 1; }
    Dialog .buttons { height: auto; width: auto; margin-top: 1; }
    """

    def action_back(self) -> None:
        self.dismiss(None)


class WaitingLine(Static):
    """Says on every screen which runs wait for a person; hidden where none does."""

    DEFAULT_CSS = """
    WaitingLine { height: auto; display: none; background: $warning-muted; color: $text-warning; padding: 0 1; }
    WaitingLine.-shown { display: block; }
    """

    def show(self, content: Content | None) -> None:
        """Shows the line, or hides it."""
        self.set_class(content is not None, "-shown")
        if content is not None:
            self.update(content)


class TooSmall(Static):
    """Covers a screen that is smaller than the app can be used at, and says how large it has to be."""

    DEFAULT_CSS = """
    TooSmall {
        display: none; layer: notice; dock: top; width: 100%; height: 100%;
        background: $background; content-align: center middle; text-align: center;
    }
    TooSmall.-shown { display: block; }
    BaseScreen { layers: default notice; }
    """

    def fit(self, size: Size, small: bool) -> None:
        """Shows the notice where the screen is too small, and hides it where it is not."""
        self.set_class(small, "-shown")
        if small:
            self.update(
                text(
                    f"This window has {size.width} columns and {size.height} rows; ",
                    f"mlops-env needs {LEAST_WIDTH} and {LEAST_HEIGHT}. A run goes on meanwhile.",
                )
            )
