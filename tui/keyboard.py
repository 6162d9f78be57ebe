"""Keys, from the terminal to what they are for: in the order in which they were typed, each done before the next.

Textual sends a key to what has the focus at that moment, and lets it climb from there to the app, one turn of the loop
for each step. Keys that come faster than they climb, as they do on a busy computer or a slow connection, would go astray:
a letter to the field that the tab before it leaves, a key along with the screen that the key before it closes.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from textual import events
from textual._callback import invoke
from textual.widget import Widget
from textual.widgets import Input

if TYPE_CHECKING:
    from tui.app import MlopsApp

PASTE_GAP = 0.02
"""Seconds: letters that follow one another faster than that came at once."""


class Keyboard:
    """What is typed into an app. All of it runs where the app handles its messages, so that nothing overtakes."""

    def __init__(self, app: MlopsApp) -> None:
        self.app = app
        self.paste_gap = PASTE_GAP
        self._typed: deque[events.Key | events.Paste] = deque()
        self._typed_at = 0.0
        self._at_once: list[events.Key] = []
        self._held: events.Key | None = None

    async def take(self, event: events.Key | events.Paste) -> None:
        """Takes what came from the terminal, and does it once what was typed before is done."""
        self._typed.append(event)
        await self.go_on()

    async def go_on(self) -> None:
        """Does what waits, until a screen has come that is not ready for it: that one goes on when it is."""
        while self._typed and getattr(self.app.screen, "ready", True):
            await self._take(self._typed.popleft())

    async def _take(self, event: events.Key | events.Paste) -> None:
        if isinstance(event, events.Key):
            letter = event.key.removeprefix("alt+")
            if letter != event.key and len(letter) == 1:  # esc, and a letter that tmux joined to it
                await self._release()
                await self._press(events.Key("escape", None))
                event = events.Key(letter, letter)
            if self._pasted(event):
                return
        await self._release()
        await self._press(event)

    def _pasted(self, event: events.Key) -> bool:
        """Whether a key is part of a text that was pasted where none can be taken; its line ends press nothing.

        A slow connection, and a busy computer, bring keys at once that a person typed one by one. So one letter again
        and again is a key that is held, and of two keys the second is held back until no third has come.
        """
        letter = event.is_printable or event.key in ("enter", "ctrl+j")
        if not letter:
            return False
        now, before = event.time, self._typed_at  # when it came in, however late an app that is busy gets to it
        self._typed_at = now
        if now - before >= self.paste_gap:
            self._at_once = [event]
            return False
        self._at_once.append(event)
        typing = isinstance(self.app.focused, Input)
        left_out = [event]
        if len(self._at_once) > 2 and self._held is not None:
            left_out, self._held = [self._held, event], None
        typed = event.is_printable and (typing or all(key.key == event.key for key in self._at_once))
        if not typed and len(self._at_once) == 2:
            self._held = event
            self.app.set_timer(self.paste_gap, self._release)
            return True
        if typing and not all(key.is_printable for key in left_out):
            self.app.say("The pasted text had line ends; they were left out.", severity="warning")
        return not typed

    async def _release(self) -> None:
        """Lets the key through that was held back."""
        held, self._held = self._held, None
        if held is not None:
            await self._press(held)

    async def _press(self, event: events.Key | events.Paste) -> None:
        app = self.app
        app.app_focus = True  # not every terminal tells when it has it again
        if not app.screen.is_mounted:
            app.screen._forward_event(event)
            return
        if isinstance(event, events.Key) and await app._check_bindings(event.key, priority=True):
            return
        event._set_forwarded()
        for widget in (app.focused or app.screen).ancestors_with_self:
            if not isinstance(widget, Widget):
                break
            with widget._context():
                for _, handler in widget._get_dispatch_methods(event.handler_name, event):
                    await invoke(handler, event)
            if event._stop_propagation:
                return
        await app.on_event(event)  # where keys are what they are bound to
