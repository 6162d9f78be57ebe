"""The app itself: screens, themes, the keys that are everywhere, and its end.

It watches runs that are processes of their own, and keeps nothing that they need: killed at any moment, it loses nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.filter import NoColor
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import Worker, WorkerState

from core.environment import Environment, Home
from core.errors import MlopsError, UsageError, no_room
from core.run.redact import Redactor
from tui import keys, settings, signs, terminal, themes
from tui.background import in_thread
from tui.keyboard import Keyboard
from tui.screens.base import Acting, WaitingLine
from tui.text import line, text

if TYPE_CHECKING:
    from tui.inventory import Entry

FOR_LONG = 3600.0
"""Seconds that a message stands at most which is taken away when it is no longer true."""
LOOKS = 1.0
"""Seconds between two looks at the environments."""


def _palette() -> type[Provider]:
    from tui.palette import Actions

    return Actions


class MlopsApp(App[int], inherit_bindings=False):
    """The full-screen app."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(b.key, b.action, b.description, show=False, priority=b.action == "interrupt") for b in keys.everywhere()
    ]
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+g"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_palette}
    # Textual never loads the styles of the screen that it begins with.
    CSS_PATH = [Path(__file__).with_name("styles.tcss"), Path(__file__).parent / "screens" / "home.tcss"]  # noqa: RUF012
    TITLE = "mlops-env"

    def __init__(self, home: Home | None = None, *, ascii: bool | None = None) -> None:
        super().__init__(driver_class=terminal.TerminalDriver)
        self.home = home or Home.find()
        self.redactor = Redactor()
        self.crashed = ""
        self.farewell: list[str] = []
        self.keyboard = Keyboard(self)
        self.animation_level = "none"
        self.settings, self._unread = settings.load(self.home)
        self._writing = threading.Lock()
        without = self.settings.ascii or not signs.utf8()
        self.ascii = signs.AsciiFilter(enabled=without if ascii is None else ascii)
        if self.no_color:  # Textual would still send greys
            self._filters = [NoColor()]
        self._filters.append(self.ascii)
        self._copied = ""
        self._mouse_given = self._begun = False
        self.entries: list[Entry] = []
        self.account = ""
        for theme in themes.ALL:
            self.register_theme(theme)
        self.theme = themes.first(self.settings.theme)

    def get_default_screen(self) -> Screen[Any]:
        from tui.screens.home import HomeScreen

        return HomeScreen()

    def on_mount(self) -> None:
        self.app_resume_signal.subscribe(self, self._show_cursor)

    def begin(self) -> None:
        """Begins what nothing that is painted first should wait for; each screen asks for it once it is painted."""
        if self._begun:
            return
        self._begun = True
        terminal.push_title(self)
        self._show_cursor()
        if self._unread:
            self.say(self._unread, severity="warning")
        self.run_worker(self._look_around(), group="look-around", exit_on_error=False)

    async def _look_who(self) -> None:
        self.account = await self._whose()
        await self._show(self.entries)

    async def _whose(self) -> str:
        from core.prerequisites.account import whose
        from tui.offstage import offstage

        return await offstage(whose())

    async def _look_around(self) -> None:
        """Keeps what is known of the environments up to date, on whatever screen one is."""
        from core.environment import rehearsal as rehearsals
        from tui.inventory import Inventory

        inventory = Inventory(self.home)
        await in_thread(rehearsals.sweep, self.home)
        await self._show(await in_thread(inventory.look))
        asked = False
        while True:
            await asyncio.sleep(LOOKS)
            await self._show(await in_thread(inventory.look))
            if not asked and len(self.screen_stack) == 1:  # Home shows it, and nothing else should wait for it
                asked = True
                self.run_worker(self._look_who(), group="look-who", exit_on_error=False)

    async def _show(self, entries: list[Entry]) -> None:
        from tui.screens.home import HomeScreen

        self.entries = entries
        needy = [e for e in entries if e.standing == "waiting" and e.watched is not None and e.watched.live]
        said = text("! ", "; ".join(f"{e.name} waits for you: {_waits_for(e)}" for e in needy)) if needy else None
        for screen in self.screen_stack:
            for waiting in screen.query(WaitingLine):
                waiting.show(said)
            if isinstance(screen, HomeScreen):
                await screen.show(entries)

    # -- typing

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            await self.keyboard.take(event)
        else:
            await super().on_event(event)

    # -- what is everywhere

    def action_interrupt(self) -> None:
        """Copies what a person selected; asks how to leave where nothing is."""
        chosen = self.screen.get_selected_text() or ""
        focused = self.focused
        if not chosen and isinstance(focused, Input) and not focused.password:
            chosen = focused.selected_text
        if chosen:
            self.copy(chosen)
            self.screen.clear_selection()
        else:
            self.run_worker(self.action_quit(), group="quit", exclusive=True, exit_on_error=False)

    async def action_quit(self) -> None:
        """Asks how to leave: runs go on, or are cancelled; the command that comes back is printed."""
        from tui.screens.quit import QuitDialog

        if isinstance(self.screen, QuitDialog):
            return
        live = await in_thread(_live, self.home)
        self.push_screen(QuitDialog(live), self._leave)

    def _leave(self, answer: list[str] | None) -> None:
        if answer is not None:
            self.farewell = answer
            self.exit(0)

    def action_help(self) -> None:
        """Help on what has the focus, and every key."""
        from tui.screens.help import HelpScreen

        screen = self.screen
        if isinstance(screen, HelpScreen):
            screen.dismiss(None)
        elif isinstance(screen, Acting):
            self.push_screen(HelpScreen(screen.help_of(screen.focused), screen.offered()))

    def action_palette(self) -> None:
        """Everything that can be done now, by name."""
        self.action_command_palette()

    def action_mouse(self) -> None:
        """Gives the mouse to the terminal, so that its own selection works, and takes it back."""
        driver = self._driver
        if isinstance(driver, terminal.TerminalDriver):
            if self._mouse_given:
                driver._enable_mouse_support()
            else:
                driver._disable_mouse_support()
        self._mouse_given = not self._mouse_given
        self.say("The mouse is the terminal's now; press m to take it back." if self._mouse_given else "The mouse is back.")

    def choose_theme(self, name: str) -> None:
        """Changes the colours."""
        self.theme = name
        self._choose(theme=name)

    def toggle_ascii(self) -> None:
        """ASCII alone, or every sign."""
        self.ascii.enabled = not self.ascii.enabled
        self.screen.refresh(repaint=True, layout=True)
        self._choose(ascii=self.ascii.enabled)

    def toggle_cursor(self) -> None:
        """Shows the terminal's cursor, which stands on what has the focus, or hides it."""
        self._choose(cursor=not self.settings.cursor)
        if self._driver is not None:
            self._driver.write("\x1b[?25h" if self.settings.cursor else "\x1b[?25l")

    def _show_cursor(self, _: object = None) -> None:
        if self.settings.cursor and self._driver is not None:
            self._driver.write("\x1b[?25h")

    def _choose(self, **chosen: Any) -> None:
        """Keeps a choice for the next start."""
        self.settings = replace(self.settings, **chosen)
        self.run_worker(self._keep(), group="settings", exit_on_error=False)

    async def _keep(self) -> None:
        if wrong := await in_thread(self._written):
            self.say(wrong, severity="warning")

    def _written(self) -> str:
        with self._writing:  # the last one to write has the last choice
            return settings.keep(self.home, self.settings)

    # -- from screen to screen

    def open_page(self, url: str) -> None:
        """Opens a page where there is a desktop, and shows its whole address in any case."""
        from tui import pages
        from tui.screens.dialogs import ShowText

        if url:
            self.push_screen(ShowText("A page" if not pages.open(url) else "Opened in the browser", url, copyable=url))

    # -- saying, copying, saving

    def say(self, message: str, *, severity: Any = "information") -> None:
        """A short message that goes by itself."""
        self.notify(line(message), severity=severity, markup=False)

    @contextmanager
    def saying(self, message: str) -> Iterator[None]:
        """A short message that stands for as long as something takes."""
        self.notify(line(message), timeout=FOR_LONG, markup=False)
        try:
            yield
        finally:
            self.clear_notifications()

    def copy(self, chosen: str) -> None:
        """The one way by which anything is copied; see `tui.clipboard`."""
        if self.redactor.text(chosen) != chosen:
            self.say("That holds a secret, and is not copied.", severity="warning")
            return
        if chosen == self._copied:
            from tui.screens.dialogs import ShowText

            self._copied = ""
            self.push_screen(ShowText("To be copied", chosen, copyable=chosen))
            return
        self._copied = chosen
        self.run_worker(self._copy(chosen), group="copy", exit_on_error=False)

    async def _copy(self, chosen: str) -> None:
        from tui import clipboard

        self.say(await in_thread(clipboard.send, self, chosen))

    def copy_to_clipboard(self, text: str) -> None:
        self.copy(text)

    def save(self, content: str, name: str) -> Path | None:
        """Saves a text as a file of the person's, and says where; secrets are hidden in it."""
        from core.environment.files import write_atomically

        folder = Path.cwd() if os.access(Path.cwd(), os.W_OK) else Path.home()
        path = folder / name
        number = 1
        while path.exists():
            number += 1
            path = folder / f"{Path(name).stem}-{number}{Path(name).suffix}"
        try:
            write_atomically(path, self.redactor.text(content))
        except OSError as error:
            self.show_error(UsageError(f"{path} can't be written: {error.strerror}.", code="not-writable"))
            return None
        self.say(f"Saved as {path}")
        return path

    # -- what goes wrong

    async def run_action(self, *arguments: Any, **named: Any) -> bool:
        """Does an action, wherever it was asked for; a defect in it is an error screen, and what goes on goes on."""
        try:
            return await super().run_action(*arguments, **named)
        except Exception as error:  # nothing of the screen was lost, whatever the action met
            self.show_error(error)
            return True

    def show_error(self, error: BaseException) -> None:
        """Shows an error as a screen with its cause and the next step; a defect's traceback goes to the log."""
        from tui import crash
        from tui.screens.dialogs import ShowError

        if not self.is_running:  # its screens are going: what still looks at them finds them half gone, and means nothing
            return
        error = no_room(error) or error
        if not isinstance(error, MlopsError):
            path = crash.record(error, self.home, self.redactor)
            error = MlopsError("mlops-env met an error that it does not know.", hint=f"The details are in {path}.")
        hide = self.redactor.text
        self.push_screen(
            ShowError(hide(error.message), cause=hide(error.cause), hint=hide(error.hint), command=hide(error.command))
        )

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.show_error(event.worker.error)

    def _handle_exception(self, error: Exception) -> None:
        """Ends the app on a defect in one line; never renders a traceback, which would show what was typed."""
        from tui import crash

        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        if not self.crashed:
            self.crashed = crash.sentence(crash.record(error, self.home, self.redactor))
        self._close_messages_no_wait()

    def panic(self, *renderables: Any) -> None:
        self._handle_exception(RuntimeError("The terminal's library gave up."))


def _waits_for(entry: Entry) -> str:
    waiting = entry.watched.state.waiting if entry.watched is not None else None
    return f"{waiting.message} {waiting.hint}".strip() if waiting is not None else ""


def _live(home: Home) -> list[str]:
    """The environments that something runs on now; one whose record can't be read keeps nobody from leaving."""
    from core.run import runs

    return [each.name for each in Environment.readable(home) if runs.current(each) is not None]


def run() -> int:
    """Runs the app in this terminal; returns the exit code."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError(
            "The app needs a terminal on standard input, output and error.",
            code="no-terminal",
            hint="mlops-env --help lists the commands that need none.",
        )
    app = MlopsApp()
    with terminal.guarded():
        app.run()
    if app.crashed:
        print(app.crashed, file=sys.stderr, flush=True)
    for said in app.farewell:
        print(said, flush=True)
    # Threads that still wait for an answer must not keep the person waiting.
    sys.stdout.flush()
    os._exit(app.return_code or 0)
