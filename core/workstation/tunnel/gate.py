"""The one connection that a tunnel has now, or the wait for the next: why no program here meets a closed door.

A stream that is asked for while there is no connection waits for one, `HOLD` seconds at most; one whose connection ends
while it is being opened has said nothing yet, and waits again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from core.run.clock import Clock
from core.workstation.tunnel.definition import End
from core.workstation.tunnel.engine import Link, NotForwarded, Told
from core.workstation.tunnel.streams import Far, Near

HOLD = 10.0
"""Seconds that a new connection is held while there is none to the host."""
OPENING = 15.0
"""Seconds in which a host opens a stream or says that it can't."""


class _Opening:
    """One stream that a host was asked to open, and who hears what came of it, once."""

    __slots__ = ("_end", "_far", "_gate", "_let_go", "_link", "_near", "_told", "until")

    def __init__(self, gate: Gate, link: Link, near: Near, end: End, told: Told) -> None:
        self._gate, self._link, self._near, self._end = gate, link, near, end
        self._told: Told | None = told
        self._far = Far(near)
        self._let_go: Callable[[], None] | None = None
        self.until = 0.0
        """The loop's time at which it is given up."""

    @property
    def waits(self) -> bool:
        """Whether nothing has come of it yet."""
        return self._told is not None

    def begin(self) -> bool:
        """Asks for it; says whether the connection can be asked in this way."""
        self._let_go = self._link.begin(self._end, self._far, self._answered)
        return self._let_go is not None

    def give_up(self) -> None:
        """The host took too long."""
        told, self._told = self._told, None
        if self._let_go is not None:
            self._let_go()
        self._far.over()
        if told is not None:
            told(_not_opened(self._end))

    def _answered(self, error: NotForwarded | None) -> None:
        told, self._told = self._told, None
        if told is None:
            return
        self._gate.over()
        if error is None:
            _joined(self._near, self._far)
        elif error.lost and self._gate.link is self._link:
            self._gate.shut()
        told(error)


class Gate:
    """Where streams ask for a connection."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._link: Link | None = None
        self._there = asyncio.Event()
        self._openings: deque[_Opening] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.commands: dict[End, str] = {}
        """Ends that the host opens for a command of the user's alone, and that command."""
        self.waiting = 0
        self.wanted = asyncio.Event()
        """Set when somebody begins to wait: whoever tries again need not be slow about it."""

    @property
    def link(self) -> Link | None:
        """The connection there is now."""
        return self._link

    def open(self, link: Link) -> None:
        """There is a connection: everyone who waited goes on."""
        self._link = link
        self._there.set()

    def shut(self) -> None:
        """There is none."""
        self._link = None
        self._there.clear()

    def begin(self, near: Near, end: End, told: Told) -> bool:
        """Begins to open the other half without a task, where there is a connection that can; else `join` is to be used.

        ``told`` hears the outcome, once.
        """
        link = self._link
        if link is None or (self.commands and end in self.commands):
            return False
        opening = _Opening(self, link, near, end, told)
        if not opening.begin():
            return False
        if opening.waits:
            self._late(opening)
        return True

    def _late(self, opening: _Opening) -> None:
        """Has it given up in time: one timer for all, since each may take as long, and what was asked first is due first."""
        loop = asyncio.get_running_loop()
        opening.until = loop.time() + OPENING
        self._openings.append(opening)
        if self._timer is None:
            self._timer = loop.call_at(opening.until, self._give_up)

    def over(self) -> None:
        """Something came of an opening: those that wait no more are let go, and the timer with the last of them."""
        openings = self._openings
        while openings and not openings[0].waits:
            openings.popleft()
        if not openings and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """Gives up what is due, and comes again for what is not."""
        self._timer = None
        loop, openings = asyncio.get_running_loop(), self._openings
        while openings and (not openings[0].waits or openings[0].until <= loop.time()):
            due = openings.popleft()
            if due.waits:
                due.give_up()
        if openings and self._timer is None:
            self._timer = loop.call_at(openings[0].until, self._give_up)

    async def join(self, near: Near, end: End) -> None:
        """Opens the other half of a stream; raises `NotForwarded` where that does not come about in time."""
        while True:
            link = await self._wait()
            if near.gone:
                return
            far = Far(near)
            try:
                async with self._clock.deadline(OPENING):
                    command = self.commands.get(end)
                    await (link.open_command(command, far) if command else link.open(end, far))
            except TimeoutError as error:
                raise _not_opened(end) from error
            except NotForwarded as error:
                if error.lost:
                    if self._link is link:
                        self.shut()
                    continue
                raise
            _joined(near, far)
            return

    async def _wait(self) -> Link:
        if self._link is not None:
            return self._link
        self.waiting += 1
        self.wanted.set()
        try:
            async with self._clock.deadline(HOLD):
                while self._link is None:
                    await self._there.wait()
            return self._link
        except TimeoutError as error:
            raise NotForwarded(f"There was no connection to the host for {HOLD:.0f} s.", code="no-connection") from error
        finally:
            self.waiting -= 1


def _joined(near: Near, far: Far) -> None:
    if near.gone:
        far.leave()
    elif far.channel is not None:
        near.joined(far)
    elif far.near is not None:  # else its end was told already, and is dealt with
        near.break_off()


def _not_opened(end: End) -> NotForwarded:
    return NotForwarded(f"{end} did not open within {OPENING:.0f} s.", code="not-opened")
