"""A connected socket as a transport of asyncio's, with less between the socket and its protocol than asyncio's own.

asyncio takes three turns of its loop to begin a transport, joins whatever waits to be written into one growing buffer, and
calls through several layers for each read. A tunnel does these things for each of its connections, and for each byte of a
conversation, so here they are done in one call each.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Protocol

READ = 256 << 10
"""Bytes that are read at once."""
HIGH, LOW = 64 << 10, 16 << 10
"""Waiting bytes at which the protocol is asked to write no more, and at which it may again."""
TOGETHER = 64
"""Pieces that are handed to the system at once."""
MUCH = 4096
"""Bytes that are acknowledged at once when they have come together: more than what is answered in a moment anyway."""
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class Connection(Protocol):
    """What a transport needs of a socket."""

    def fileno(self) -> int: ...
    def recv(self, size: int, /) -> bytes: ...
    def send(self, data: Any, /) -> int: ...
    def sendmsg(self, pieces: Iterable[Any], /) -> int: ...
    def shutdown(self, how: int, /) -> None: ...
    def close(self) -> None: ...


class SocketTransport(asyncio.Transport):
    """See the module. `begin` makes it known to its protocol; it reads from `resume_reading` on."""

    __slots__ = (
        "_closing", "_ended", "_heard_all", "_holding", "_loop", "_number", "_out", "_protocol", "_reading", "_receive",
        "_send", "_size", "_socket", "_tcp", "_told", "_waiting",
    )  # fmt: skip

    def __init__(self, connection: Connection, protocol: asyncio.Protocol, *, tcp: bool | None = None) -> None:
        """``tcp``: whether it is a connection over TCP, where that is known; else it is asked, which takes as long again."""
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._socket: Any = connection
        self._protocol = protocol
        if tcp is None:
            tcp = isinstance(connection, socket.socket) and connection.family != socket.AF_UNIX
        self._tcp = tcp
        self._receive, self._send = connection.recv, connection.send
        self._number = self._out = connection.fileno()
        self._waiting: deque[Any] = deque()
        self._size = 0
        self._reading = self._holding = self._heard_all = self._ended = self._closing = self._told = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The socket itself, or an address of it."""
        if name == "socket":
            return self._socket
        try:
            if name == "peername":
                return self._socket.getpeername()
            if name == "sockname":
                return self._socket.getsockname()
        except OSError:
            return default
        return super().get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def begin(self) -> None:
        """Tells its protocol of it."""
        self._protocol.connection_made(self)

    # -- in

    def resume_reading(self) -> None:
        if not self._reading and not self._closing and not self._heard_all:
            self._reading = True
            self._loop.add_reader(self._number, self._readable)

    def pause_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._number)

    def is_reading(self) -> bool:
        return self._reading

    def _readable(self) -> None:
        try:
            data = self._receive(READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(error)
            return
        if self._tcp and len(data) >= MUCH:
            self._acknowledge()
        self._tell(self._heard, data)

    def _acknowledge(self) -> None:
        """Has whoever sends much told soon that it has come.

        A sender that has the system delay its small packets, as sshd does, keeps the last of a download back until all
        before it is acknowledged, which the system here does 40 ms late where it has nothing to send (tcp(7), TCP_QUICKACK).
        """
        if _QUICKACK is not None:
            with contextlib.suppress(OSError):  # what has come counts, whatever becomes of the connection
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def _heard(self, data: bytes) -> None:
        if data:
            self._protocol.data_received(data)
            return
        self._heard_all = True
        self.pause_reading()
        if not self._protocol.eof_received():
            self.close()

    def _tell(self, tell: Callable[..., object], *arguments: Any) -> bool:
        """Tells the protocol something; False where it broke over it, which ends the connection, as with every transport."""
        try:
            tell(*arguments)
        except Exception as error:  # a defect of the protocol's: nobody would hear of its connection again
            self._broken(error)
            return False
        return True

    # -- out

    def write(self, data: Any) -> None:
        if self._closing or self._ended or not data:
            return
        if not self._waiting:
            try:
                sent = self._send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self._fail(error)
                return
            if sent == len(data):
                return
            data = memoryview(data)[sent:]
        self._keep((data,))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        """Takes all of them, and hands the system as many as it takes at once, without putting them together before."""
        if self._closing or self._ended:
            return
        pieces = list(list_of_data)
        if not self._waiting:
            try:
                sent = self._socket.sendmsg(pieces[:TOGETHER])
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self._fail(error)
                return
            at = 0
            while at < len(pieces) and sent >= len(pieces[at]):
                sent -= len(pieces[at])
                at += 1
            if at == len(pieces):
                return
            pieces[:at] = []
            pieces[0] = memoryview(pieces[0])[sent:]
        self._keep(pieces)

    def _keep(self, pieces: Sequence[Any]) -> None:
        """Has them wait until the system takes more."""
        if not self._waiting:
            self._loop.add_writer(self._out, self._writable)
        self._waiting.extend(pieces)
        self._size += sum(map(len, pieces))
        if self._size > HIGH and not self._holding:
            self._holding = True
            self._protocol.pause_writing()

    def _writable(self) -> None:
        waiting = self._waiting
        try:
            sent = self._socket.sendmsg(islice(waiting, TOGETHER))
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(error)
            return
        self._size -= sent
        while sent:
            first = waiting[0]
            if sent < len(first):
                waiting[0] = memoryview(first)[sent:]
                break
            sent -= len(first)
            waiting.popleft()
        if self._holding and self._size <= LOW:
            self._holding = False
            if not self._tell(self._protocol.resume_writing):
                return
        if not waiting and not self._told:
            if self._closing:
                self._over(None)
                return
            self._loop.remove_writer(self._out)
            if self._ended:
                self._shut()

    def write_eof(self) -> None:
        if self._closing or self._ended:
            return
        self._ended = True
        if not self._waiting:
            self._shut()

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return self._size

    def _shut(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    # -- the end

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if self._closing:
            return
        self.pause_reading()
        self._closing = True
        if not self._waiting:
            self._over(None)

    def abort(self) -> None:
        self._fail(None)

    def _broken(self, error: Exception) -> None:
        """The protocol failed, which is a mistake of this program's."""
        context = {"message": "A protocol failed.", "exception": error, "transport": self, "protocol": self._protocol}
        self._loop.call_exception_handler(context)
        self._fail(error)

    def _fail(self, error: Exception | None) -> None:
        self.pause_reading()
        self._closing = True
        self._waiting.clear()
        self._size = 0
        self._over(error)

    def _over(self, error: Exception | None) -> None:
        if not self._told:
            self._told = True
            self._loop.remove_writer(self._out)  # it may stand there with nothing that waits: see `_writable`
            self._loop.call_soon(self._lost, error)

    def _lost(self, error: Exception | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._socket.close()
