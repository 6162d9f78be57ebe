"""The client's side of a WebSocket (RFC 6455), as far as the relay speaks it: binary messages and a close, one frame each.

Messages are handed over as they are parsed, without a task in between, and written at once where the connection takes them.
It sends no pings, since stock clients send none and the relay's manners with them are unknown, and no compression.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import os
import ssl
import struct
from collections.abc import Callable, Mapping
from typing import Any, cast

from core.gcp import wire
from core.workstation.ssh import masking

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
ABNORMAL, PROTOCOL = 1006, 1002
LARGEST = 16 << 20
CLOSING = 2.0
"""Seconds that the other side has to answer a close."""


class NotAccepted(Exception):
    """Raised when the handshake is answered otherwise; ``status`` is the answer's."""

    def __init__(self, status: int) -> None:
        super().__init__(f"The answer was {status}.")
        self.status = status


class WebSocket(wire.Exchange):
    """One WebSocket; `start` says who is handed its messages, ``closed`` is done with code and reason when it is over."""

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._take: Callable[[bytes], None] | None = None
        self._room: Callable[[], None] | None = None
        self._over: Callable[[], None] | None = None
        self.closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self.writable = True

    async def first(self) -> bytes | None:
        """The next message alone, before `start`; None where the WebSocket closed instead."""
        got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def once(message: bytes) -> None:
            self._take = None
            got.set_result(message)

        self._take = once
        self._parse()
        ends: list[asyncio.Future[Any]] = [got, self.closed]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        self._take = None
        return got.result() if got.done() else None

    def start(self, take: Callable[[bytes], None], over: Callable[[], None], room: Callable[[], None]) -> None:
        """Hands over every message from now on, beginning with what has come already.

        ``over``: those that came together have all been handed over. ``room``: it can be written again.
        """
        self._take, self._over, self._room = take, over, room
        self._parse()

    def send(self, *messages: bytes) -> None:
        """Sends messages, in one write."""
        parts: list[bytes | bytearray] = []
        for message in messages:
            parts += _framed(BINARY, message)
        if not self.transport.is_closing():
            self.transport.write(b"".join(parts))

    def pause(self) -> None:
        """Reads no more for now."""
        with contextlib.suppress(RuntimeError):
            self.transport.pause_reading()

    def resume(self) -> None:
        """Reads again."""
        with contextlib.suppress(RuntimeError):
            self.transport.resume_reading()

    async def close(self, code: int = 1000) -> None:
        """Closes in order, if the other side is there to answer."""
        if not self.closed.done():
            self._frame(CLOSE, struct.pack(">H", code))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSING):
                    await asyncio.shield(self.closed)
        self.transport.close()

    def drop(self, code: int = ABNORMAL, reason: str = "") -> None:
        """Lets it go without a word."""
        self._end(code, reason)
        self.transport.abort()

    # What asyncio tells a protocol.

    def rest(self, data: bytes) -> None:
        self._buffer += data
        if self._take is not None:
            self._parse()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._end(ABNORMAL, str(exc or ""))

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        if self._room is not None:
            self._room()

    # Frames.

    def _parse(self) -> None:
        buffer, at = self._buffer, 0
        view = memoryview(buffer)
        try:
            while len(buffer) - at >= 2 and self._take is not None and not self.closed.done():
                first, second = buffer[at], buffer[at + 1]
                begin, size = at + 2, second & 127
                if size >= 126:
                    wide = 2 if size == 126 else 8
                    if len(buffer) - begin < wide:
                        break
                    size = int.from_bytes(view[begin : begin + wide], "big")
                    begin += wide
                if second & 128 or first & 112 or size > LARGEST:
                    self._refuse()
                    break
                if len(buffer) - begin < size:
                    break
                at = begin + size
                self._handle(first & 15, bool(first & 128), view[begin:at])
        finally:
            view.release()
            if at and self._buffer is buffer:
                del buffer[:at]
        if at and self._over is not None:
            self._over()

    def _handle(self, code: int, last: bool, view: memoryview) -> None:
        payload = bytes(view)
        view.release()
        if code in (BINARY, 0):
            if last and not self._parts:
                cast(Callable[[bytes], None], self._take)(payload)
                return
            self._parts.append(payload)
            if last:
                whole, self._parts = b"".join(self._parts), []
                cast(Callable[[bytes], None], self._take)(whole)
        elif code == PING:
            self._frame(PONG, payload)
        elif code == CLOSE:
            said = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            with contextlib.suppress(OSError):
                self._frame(CLOSE, payload[:2])
            self._end(said, payload[2:].decode(errors="replace"))
            self.transport.close()
        elif code != PONG:
            self._refuse()

    def _refuse(self) -> None:
        self._end(PROTOCOL, "the relay sent what is no WebSocket frame")
        self.transport.abort()

    def _frame(self, code: int, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"".join(_framed(code, data)))

    def _end(self, code: int, reason: str) -> None:
        if not self.closed.done():
            self.closed.set_result((code, reason))


def _framed(code: int, data: bytes) -> tuple[bytes, bytes, bytearray]:
    """A whole frame, under a mask of its own, as every client's."""
    size = len(data)
    if size < 126:
        head = bytes((128 | code, 128 | size))
    elif size < 1 << 16:
        head = struct.pack(">BBH", 128 | code, 254, size)
    else:
        head = struct.pack(">BBQ", 128 | code, 255, size)
    return head, *masking.under(data)


async def connect(
    url: str, headers: Mapping[str, str], *, subprotocol: str, origin: str, trust: Callable[[], ssl.SSLContext]
) -> WebSocket:
    """Opens a WebSocket; raises `NotAccepted`, or `OSError` where nobody answers."""
    opened = await wire.connect(url, trust, WebSocket)
    nonce = base64.b64encode(os.urandom(16)).decode()
    asked = {
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": nonce,
        "Sec-WebSocket-Protocol": subprotocol, "Origin": origin, **headers,
    }  # fmt: skip
    try:
        answer = await opened.ask("GET", url, asked)
        if answer.status != 101:
            raise NotAccepted(answer.status)
        expected = base64.b64encode(hashlib.sha1(nonce.encode() + MAGIC, usedforsecurity=False).digest()).decode()
        if answer.headers.get("sec-websocket-accept") != expected:
            raise ConnectionResetError("The handshake was answered by something that is no WebSocket server.")
    except BaseException:
        opened.transport.abort()
        raise
    return opened
