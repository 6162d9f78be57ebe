"""One TCP connection behind the relay, with the counts of both directions; WebSockets come and go in front of it.

What goes to the client is kept until the client confirms it, and goes out again from where a reconnecting client says it
is. As many bytes as the window holds are kept; then the machine behind is not read any more. What comes from the client is
confirmed once the machine behind has taken it, which is all that slows a client down: the WebSocket itself is always read,
or the confirmations in it would wait for the machine that waits for them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from itertools import islice

from aiohttp import web

from core.rehearsal.relay import messages
from core.rehearsal.relay.messages import LARGEST, Refused

WINDOW = 4 << 20
ACK_EVERY = 2 * LARGEST
TOGETHER = 8
"""Messages that go out in one write."""
QUIET = 1.0
"""Real seconds after which the rest is confirmed too."""


class Session:
    """See the module; ``ended`` is set once the machine behind has closed and everything of it was sent."""

    def __init__(self, sid: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sid, self._reader, self._writer = sid, reader, writer
        self._kept: deque[bytes] = deque()
        self._kept_size = 0
        self.confirmed = 0
        self.received = 0
        self._taken = self._told = 0
        self._sent = 0
        self._more = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._end: Refused | None = None
        self._written = asyncio.Event()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._drain())]
        self.attached: web.Request | None = None
        """The request whose WebSocket carries it now."""

    def rewind(self, total: int) -> None:
        """A client that reconnects has this many bytes; raises `Refused` where that can't be."""
        self.confirm(total)
        self._sent = 0
        self._more.set()

    def confirm(self, total: int) -> None:
        """The client has this many bytes; raises `Refused` where that can't be."""
        more = total - self.confirmed
        if not 0 <= more <= self._kept_size:
            raise Refused(messages.BAD_ACK, "Bad ack")
        while more:
            piece = self._kept.popleft()
            if len(piece) > more:
                self._kept.appendleft(piece[more:])
                piece = piece[:more]
            else:
                self._sent = max(0, self._sent - 1)
            more -= len(piece)
            self.confirmed += len(piece)
            self._kept_size -= len(piece)
        if self._kept_size < WINDOW:
            self._room.set()

    def take(self, payload: bytes) -> None:
        """Bytes of the client's, for the machine behind."""
        self.received += len(payload)
        self._writer.write(payload)
        self._written.set()

    async def send(self, websocket: web.WebSocketResponse, transport: asyncio.Transport) -> Refused:
        """Sends to a WebSocket what it has not had, and confirmations; returns why the session has ended."""
        quiet = False
        while True:
            self._more.clear()
            if self._taken - self._told > (0 if quiet else ACK_EVERY):
                self._told = self._taken
                await websocket.send_bytes(messages.counted(messages.ACK, self._told))
            if self._sending:
                *more, last = islice(self._kept, self._sent, self._sent + TOGETHER)
                self._sent += len(more) + 1
                if more:
                    transport.write(b"".join(map(messages.framed, more)))
                await websocket.send_bytes(messages.data(last))  # which waits where the client is slow
            elif self._end is not None:
                return self._end
            else:
                quiet = await self._quiet()

    @property
    def _sending(self) -> bool:
        return self._sent < len(self._kept)

    async def _quiet(self) -> bool:
        """Waits for something to do; True where there was nothing for a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUIET):
                await self._more.wait()
                return False
        return True

    def close(self) -> None:
        """Ends the connection to the machine behind."""
        for task in self._tasks:
            task.cancel()
        self._writer.close()

    async def _drain(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                await self._written.wait()
                self._written.clear()
                sent = self.received
                await self._writer.drain()
                self._taken = sent
                if self._taken - self._told > ACK_EVERY:
                    self._more.set()

    async def _read(self) -> None:
        end = Refused(messages.NORMAL, "")
        try:
            while payload := await self._reader.read(LARGEST):
                self._kept.append(payload)
                self._kept_size += len(payload)
                self._more.set()
                if self._kept_size >= WINDOW:
                    self._room.clear()
                    await self._room.wait()
        except OSError:
            end = Refused(messages.READ_FAILED, "Destination read failed")
        self._end = end
        self._more.set()
