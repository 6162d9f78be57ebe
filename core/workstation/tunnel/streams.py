"""One forwarded connection: what a program here and a server there say to each other, passed on as it comes.

Both halves are protocols of asyncio, and sessions of asyncssh's as well, since the two have the same methods. Each holds
the other back when it can't write any more. A connection that ends before both sides have said that they are through
ends with an error where the system has one for it (a reset, over TCP), so that nobody takes a part for the whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

AT_ONCE = 4096
"""Bytes that a reader of the far side takes as one, or not at all."""
_RESET = struct.pack("ii", 1, 0)


class Channel(Protocol):
    """What a half writes to: a transport of asyncio's, or a channel of asyncssh's."""

    def write(self, data: Any) -> None:
        """Takes bytes, and keeps those that can't go yet."""

    def write_eof(self) -> None:
        """Says that no more will come."""

    def close(self) -> None:
        """Ends when everything that was taken is gone."""

    def abort(self) -> None:
        """Ends at once."""

    def pause_reading(self) -> None:
        """Holds back what comes."""

    def resume_reading(self) -> None:
        """Lets it come again."""


@dataclass(slots=True)
class Traffic:
    """What has passed through a forward: bytes each way, connections in all and open now."""

    up: int = 0
    down: int = 0
    connections: int = 0
    open: int = 0


class Near(asyncio.Protocol):
    """The half on this machine: a program that connected to the listener."""

    __slots__ = ("_accepted", "_early", "far", "first", "gone", "said_all", "traffic", "transport")

    def __init__(self, accepted: Callable[[Near], None], traffic: Traffic) -> None:
        self._accepted, self.traffic = accepted, traffic
        self.transport: asyncio.Transport | None = None
        self.far: Far | None = None
        self.gone = False
        self.said_all = False
        self.first: bytes | None = b""
        """What was said so far, while that is so little that it can be said again, and nothing has answered."""
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.traffic.connections += 1
        self.traffic.open += 1
        self._accepted(self)

    def listen(self) -> None:
        """Hears what it says from here on, and whether it goes."""
        assert self.transport is not None
        with contextlib.suppress(RuntimeError):
            self.transport.resume_reading()

    def joined(self, far: Far) -> None:
        """The other half is there: what was said meanwhile goes to it."""
        self.far = far
        assert far.channel is not None
        assert self.transport is not None
        early, self._early = b"".join(self._early), []
        self.first = early if len(early) <= AT_ONCE else None
        with contextlib.suppress(OSError):
            if early:
                far.channel.write(early)
            if self.said_all:
                far.channel.write_eof()
        self.listen()

    def data_received(self, data: bytes) -> None:
        self.traffic.up += len(data)
        far = self.far
        if far is None or far.channel is None:  # it is to come, or has gone and another may take its place
            self._early.append(data)
            assert self.transport is not None
            self.transport.pause_reading()
            return
        if self.first is not None:
            self.first = data if not self.first and len(data) <= AT_ONCE else None
        with contextlib.suppress(OSError):  # it has ended, and says so next
            far.channel.write(data)

    def again(self) -> None:
        """The other half was never there: another takes its place, and hears what that one did not."""
        self.far = None
        if self.first:
            self._early.insert(0, self.first)
        self.first = b""
        self._accepted(self)

    def eof_received(self) -> bool:
        self.said_all = True
        far = self.far
        if far is None:
            return True
        if far.channel is not None:
            with contextlib.suppress(OSError):
                far.channel.write_eof()
        return not far.eof

    def pause_writing(self) -> None:
        if self.far is not None and self.far.channel is not None:
            self.far.channel.pause_reading()

    def resume_writing(self) -> None:
        if self.far is not None and self.far.channel is not None:
            self.far.channel.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self.traffic.open -= 1
        far, self.far = self.far, None
        if far is not None:
            far.leave()

    def end(self) -> None:
        """Everything was said: it ends once that is delivered."""
        if self.transport is not None:
            self.transport.close()

    def break_off(self) -> None:
        """Ends at once, with an error for the program where there can be one."""
        if self.transport is None or self.gone:
            return
        connection = self.transport.get_extra_info("socket")
        if connection.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()


_ASKING: set[asyncio.Task[None]] = set()
"""Held here, since the loop itself holds no task."""


class Far(asyncio.Protocol):
    """The half at the other end of the tunnel."""

    __slots__ = ("_asking", "channel", "doubt", "eof", "near", "refused", "when_over")

    def __init__(self, near: Near) -> None:
        self.near: Near | None = near
        self.channel: Any = None
        self.eof = False
        self.when_over: Callable[[], None] | None = None
        self._asking = False
        self.doubt: Callable[[], Awaitable[bool]] | None = None
        """Where an engine can't tell whether a stream was opened: whether its connection is what ended."""
        self.refused: Callable[[], bool] | None = None
        """Where it can't tell that either: whether the host did not open it; nothing, once something was heard of it."""

    def over(self) -> None:
        """Tells whoever counts the streams, once."""
        told, self.when_over = self.when_over, None
        if told is not None:
            told()

    def connection_made(self, transport: Any) -> None:
        self.channel = transport

    def session_started(self) -> None:
        """Nothing is to be done for it; asyncssh says it."""

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        near, self.refused = self.near, None
        if near is not None and near.transport is not None:
            near.first = None
            near.traffic.down += len(data)
            near.transport.write(data)

    def pieces_received(self, pieces: Sequence[Any], size: int) -> None:
        """The same of several pieces of data, ``size`` bytes together."""
        near = self.near
        if near is not None and near.transport is not None:
            near.first = None
            near.traffic.down += size
            if len(pieces) == 1:
                near.transport.write(pieces[0])
            else:
                near.transport.writelines(pieces)

    def eof_received(self) -> bool:
        if self.doubt is not None and self.near is not None:
            self._ask(self.doubt, self.near, unheard=self.near.first == b"")
            return True
        return self._said_all()

    def _said_all(self) -> bool:
        """Whether more may go to the far side, now that no more comes from it."""
        near, self.eof = self.near, True
        if near is None or near.transport is None or near.transport.is_closing():
            return False
        with contextlib.suppress(OSError):
            near.transport.write_eof()
        return not near.said_all

    def _ask(self, doubt: Callable[[], Awaitable[bool]], near: Near, *, unheard: bool) -> None:
        """Finds out whether the far side has ended this stream, or its connection all of them."""

        async def find_out() -> None:
            lost = await doubt()
            if near.gone:
                return
            if lost and unheard and near.first is not None:
                self._let_go()
                near.again()
            elif lost or (self.refused is not None and self.refused()) or self.channel is None:
                near.break_off()
            elif not self._said_all():
                self._let_go()
                near.end()

        self._asking = True
        task = asyncio.get_running_loop().create_task(find_out())
        _ASKING.add(task)
        task.add_done_callback(_ASKING.discard)

    def _let_go(self) -> None:
        self.near = None
        channel, self.channel = self.channel, None
        if channel is not None:
            channel.close()

    def pause_writing(self) -> None:
        if self.near is not None and self.near.transport is not None:
            with contextlib.suppress(RuntimeError):
                self.near.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.near is not None and self.near.transport is not None:
            with contextlib.suppress(RuntimeError):
                self.near.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over()
        near, self.near = self.near, None
        self.channel = None
        if near is None or self._asking:
            return
        if self.eof and exc is None:
            near.end()
        elif self.doubt is not None and isinstance(exc, ConnectionError):
            self._ask(self.doubt, near, unheard=near.first is not None)
        else:
            near.break_off()

    def leave(self) -> None:
        """The program here has gone."""
        self._let_go()
