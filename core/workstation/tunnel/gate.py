"""The one connection that a tunnel has now, or the wait for the next: why no program here meets a closed door.

A stream that is asked for while there is no connection waits for one, `HOLD` seconds at most; one whose connection ends
while it is being opened has said nothing yet, and waits again.
"""

from __future__ import annotations

import asyncio

from core.run.clock import Clock
from core.workstation.tunnel.definition import End
from core.workstation.tunnel.engine import Link, NotForwarded, Told
from core.workstation.tunnel.streams import Far, Near

HOLD = 10.0
"""Seconds that a new connection is held while there is none to the host."""
OPENING = 15.0
"""Seconds in which a host opens a stream or says that it can't."""


class Gate:
    """Where streams ask for a connection."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._link: Link | None = None
        self._there = asyncio.Event()
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
        if link is None or end in self.commands:
            return False
        far = Far(near)

        def answered(error: NotForwarded | None) -> None:
            late.cancel()
            if error is None:
                _joined(near, far)
            elif error.lost and self._link is link:
                self.shut()
            told(error)

        def give_up() -> None:
            if let_go is not None:
                let_go()
            far.over()
            told(_not_opened(end))

        late = asyncio.get_running_loop().call_later(OPENING, give_up)
        let_go = link.begin(end, far, answered)
        if let_go is None:
            late.cancel()
        return let_go is not None

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
