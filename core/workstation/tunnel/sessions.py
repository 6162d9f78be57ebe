"""Streams to commands on a host, by asyncssh: as many as are wanted, though a connection takes few of them.

sshd opens at most ten sessions on a connection by itself (MaxSessions), where sockets and ports have no such end. So more
connections are made as they are needed, and each ends with the last stream on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncssh

from core.workstation.tunnel.streams import Far

if TYPE_CHECKING:
    from asyncssh.connection import SSHClientConnection

    Connected = tuple[SSHClientConnection, asyncio.Future[Exception | None]]

WINDOW = 4 << 20
"""Bytes that may be on their way to a command's stream."""
FIRST, MOST = 8, 10
"""Sessions on the tunnel's own connection, which keeps some for looks at the host, and on each other."""


class Sessions:
    """The streams to commands of one link; ``another`` makes a connection like the first."""

    def __init__(self, first: SSHClientConnection, another: Callable[[], Awaitable[Connected]]) -> None:
        self._first, self._another = first, another
        self._taken: dict[SSHClientConnection, int] = {first: 0}
        self._most = MOST
        self._making = asyncio.Lock()
        self._closed = False

    async def open(self, command: str, far: Far) -> None:
        """Runs a command, its standard input and output joined with ``far``; raises what asyncssh raises."""
        session: Any = partial(_Session, far)
        while True:
            connection = await self._with_room()
            self._taken[connection] += 1
            far.when_over = partial(self._over, connection)
            try:
                await connection.create_session(session, command, encoding=None, window=WINDOW)
                return
            except asyncssh.ChannelOpenError:
                others = self._taken[connection] - 1
                if connection.is_closed() or not others:
                    raise
                self._most = min(self._most, others)  # a host that takes fewer than most do
                far.over()

    def close(self) -> None:
        """Ends the other connections; the first is its owner's."""
        self._closed = True
        for connection in self._taken:
            if connection is not self._first:
                connection.abort()

    async def _with_room(self) -> SSHClientConnection:
        async with self._making:
            for connection, taken in self._taken.items():
                if taken < min(self._most, FIRST if connection is self._first else MOST) and not connection.is_closed():
                    return connection
            made, _ = await self._another()
            if self._closed:
                made.abort()
            self._taken[made] = 0
            return made

    def _over(self, connection: SSHClientConnection) -> None:
        self._taken[connection] -= 1
        if not self._taken[connection] and connection is not self._first:
            del self._taken[connection]
            connection.abort()


class _Session(asyncssh.SSHClientSession[bytes]):
    """What a command says on its standard output goes to the stream; what it says on the other is for nobody."""

    def __init__(self, far: Far) -> None:
        self._far = far

    def connection_made(self, chan: Any) -> None:
        self._far.connection_made(chan)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if datatype is None:
            self._far.data_received(data)

    def eof_received(self) -> bool:
        return self._far.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._far.connection_lost(exc)

    def pause_writing(self) -> None:
        self._far.pause_writing()

    def resume_writing(self) -> None:
        self._far.resume_writing()
