"""One TCP connection behind the relay, with the counts of both directions; WebSockets come and go in front of it.

What goes to the client is kept until the client confirms it, and goes out again from where a reconnecting client says it
is. As many bytes as the window holds are kept; then the machine behind is not read any more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from aiohttp import web

from core.rehearsal.relay import messages
from core.rehearsal.relay.messages import LARGEST, Refused

WINDOW = 4 << 20
ACK_EVERY = 2 * LARGEST
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
        self._told = 0
        self._sent = 0
        self._more = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._end: Refused | None = None
        self._pump = asyncio.create_task(self._read())
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

    async def take(self, payload: bytes) -> None:
        """Bytes of the client's, for the machine behind."""
        self.received += len(payload)
        if self.received - self._told > ACK_EVERY:
            self._more.set()
        with contextlib.suppress(OSError):
            self._writer.write(payload)
            await self._writer.drain()

    async def send(self, websocket: web.WebSocketResponse) -> Refused:
        """Sends to a WebSocket what it has not had, and confirmations; returns why the session has ended."""
        while True:
            self._more.clear()
            if self.received > self._told and (self.received - self._told > ACK_EVERY or not self._sending):
                self._told = self.received
                await websocket.send_bytes(messages.counted(messages.ACK, self.received))
            if self._sending:
                piece = self._kept[self._sent]
                self._sent += 1
                await websocket.send_bytes(messages.data(piece))
            elif self._end is not None:
                return self._end
            else:
                await self._something()

    @property
    def _sending(self) -> bool:
        return self._sent < len(self._kept)

    async def _something(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUIET):
                await self._more.wait()

    def close(self) -> None:
        """Ends the connection to the machine behind."""
        self._pump.cancel()
        self._writer.close()

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
