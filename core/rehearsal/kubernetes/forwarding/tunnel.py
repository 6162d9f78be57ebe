"""The port-forward of kubectl: SPDY/3.1 frames inside a WebSocket, two streams for each connection.

Only what kubectl uses is here: streams that it opens, each answered, data both ways, pings, and headers compressed with
the dictionary that the protocol fixes.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from core.rehearsal.kubernetes.forwarding.ports import Ports, Refused
from core.rehearsal.kubernetes.status import Obj

PROTOCOL = "SPDY/3.1+portforward.k8s.io"
CHUNK = 32 * 1024
_VERSION = 3
_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY = 1, 2, 3, 6, 7
_FIN = 1

_NAMES = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length content-location "
    "content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match "
    "if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range "
    "referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method "
    "get status 200|OK version HTTP/1.1 url public set-cookie keep-alive origin"
)
_CODES = (
    "100 101 201 202 205 206 300 302 303 304 305 306 307 402 405 406 407 408 409 410 411 412 413 414 415 416 417 502 504 505"
)
_TEXTS = (
    "203 Non-Authoritative Information", "204 No Content", "301 Moved Permanently", "400 Bad Request", "401 Unauthorized",
    "403 Forbidden", "404 Not Found", "500 Internal Server Error", "501 Not Implemented", "503 Service Unavailable",
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT",
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,",
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.",
)  # fmt: skip


def dictionary() -> bytes:
    """The dictionary that SPDY/3 compresses headers with: names with their lengths, then words as they are."""
    names = (name.replace("|", " ").encode() for name in _NAMES.split())
    counted = b"".join(struct.pack(">I", len(name)) + name for name in names)
    return counted + _CODES.replace(" ", "").encode() + "".join(_TEXTS).encode()


class Framer:
    """The frames of one SPDY session; both directions of compression last as long as it does."""

    def __init__(self) -> None:
        self._buffer = b""
        self._inflate = zlib.decompressobj(zdict=dictionary())
        self._deflate = zlib.compressobj(zdict=dictionary())

    def feed(self, data: bytes) -> Iterator[tuple[bool, int, int, bytes]]:
        """The frames that data completes: (control, type or stream, flags, payload)."""
        self._buffer += data
        while len(self._buffer) >= 8:
            first, second = struct.unpack(">II", self._buffer[:8])
            length = second & 0xFFFFFF
            if len(self._buffer) < 8 + length:
                return
            payload, self._buffer = self._buffer[8 : 8 + length], self._buffer[8 + length :]
            control = bool(first >> 31)
            yield control, first & 0xFFFF if control else first & 0x7FFFFFFF, second >> 24, payload

    def headers(self, block: bytes) -> dict[str, str]:
        """The headers in a compressed block."""
        raw = self._inflate.decompress(block)
        count, at, found = struct.unpack(">I", raw[:4])[0], 4, {}
        for _ in range(count):
            parts = []
            for _ in range(2):
                size = struct.unpack(">I", raw[at : at + 4])[0]
                parts.append(raw[at + 4 : at + 4 + size].decode())
                at += 4 + size
            found[parts[0].lower()] = parts[1]
        return found

    def reply(self, stream: int) -> bytes:
        """A SYN_REPLY without headers."""
        block = self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return control(_SYN_REPLY, struct.pack(">I", stream) + block)

    def open(self, stream: int, headers: dict[str, str]) -> bytes:
        """A SYN_STREAM, as a client sends it."""
        raw = struct.pack(">I", len(headers))
        for name, value in headers.items():
            for text in (name.encode(), value.encode()):
                raw += struct.pack(">I", len(text)) + text
        block = self._deflate.compress(raw) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return control(_SYN_STREAM, struct.pack(">IIBB", stream, 0, 0, 0) + block)


def control(kind: int, payload: bytes, flags: int = 0) -> bytes:
    """A control frame."""
    return struct.pack(">II", 1 << 31 | _VERSION << 16 | kind, flags << 24 | len(payload)) + payload


def data_frame(stream: int, payload: bytes, *, last: bool = False) -> bytes:
    """A data frame."""
    return struct.pack(">II", stream, (_FIN if last else 0) << 24 | len(payload)) + payload


@dataclass
class _Connection:
    """One forwarded connection: its two streams, and the way to the pod."""

    error: int = 0
    data: int = 0
    writer: asyncio.StreamWriter | None = None
    task: asyncio.Task[None] | None = None


class _Tunnel:
    def __init__(self, websocket: web.WebSocketResponse, ports: Ports, pod: Obj) -> None:
        self._websocket, self._ports, self._pod = websocket, ports, pod
        self._framer = Framer()
        self._connections: dict[str, _Connection] = {}
        self._streams: dict[int, _Connection] = {}

    async def send(self, frame: bytes) -> None:
        """Sends a frame, unless the client has gone."""
        if not self._websocket.closed:
            await self._websocket.send_bytes(frame)

    async def take(self, data: bytes) -> bool:
        """Acts on what came; whether the session goes on."""
        for is_control, what, flags, payload in self._framer.feed(data):
            if not is_control:
                await self._data(what, payload, last=bool(flags & _FIN))
            elif what == _SYN_STREAM:
                await self._opened(payload)
            elif what == _PING:
                await self.send(control(_PING, payload))
            elif what == _RST_STREAM:
                self._reset(struct.unpack(">I", payload[:4])[0] & 0x7FFFFFFF)
            elif what == _GOAWAY:
                return False
        return True

    async def _opened(self, payload: bytes) -> None:
        stream = struct.unpack(">I", payload[:4])[0] & 0x7FFFFFFF
        headers = self._framer.headers(payload[10:])
        await self.send(self._framer.reply(stream))
        connection = self._connections.setdefault(headers.get("requestid", ""), _Connection())
        self._streams[stream] = connection
        if headers.get("streamtype") == "error":
            connection.error = stream
            return
        connection.data = stream
        try:
            reader, connection.writer = await self._ports.connect(self._pod, int(headers.get("port", "0")))
        except Refused as error:
            await self.send(data_frame(connection.error, str(error).encode(), last=True))
            await self.send(data_frame(stream, b"", last=True))
            return
        connection.task = asyncio.create_task(self._pump(reader, connection))

    async def _pump(self, reader: asyncio.StreamReader, connection: _Connection) -> None:
        while data := await reader.read(CHUNK):
            await self.send(data_frame(connection.data, data))
        await self.send(data_frame(connection.data, b"", last=True))
        await self.send(data_frame(connection.error, b"", last=True))

    async def _data(self, stream: int, payload: bytes, *, last: bool) -> None:
        connection = self._streams.get(stream)
        if connection is None or connection.writer is None or stream != connection.data:
            return
        if payload:
            connection.writer.write(payload)
            await connection.writer.drain()
        if last and connection.writer.can_write_eof():
            connection.writer.write_eof()

    def _reset(self, stream: int) -> None:
        connection = self._streams.pop(stream, None)
        if connection is not None and stream == connection.data:
            self._close(connection)

    @staticmethod
    def _close(connection: _Connection) -> None:
        if connection.task is not None:
            connection.task.cancel()
        if connection.writer is not None:
            connection.writer.close()

    def close(self) -> None:
        """Ends every connection."""
        for connection in self._connections.values():
            self._close(connection)


async def serve(request: web.Request, websocket: web.WebSocketResponse, ports: Ports, pod: Obj) -> None:
    """Carries as many connections as the client opens."""
    tunnel = _Tunnel(websocket, ports, pod)
    try:
        async for message in websocket:
            if message.type == WSMsgType.BINARY and not await tunnel.take(message.data):
                break
    except (ConnectionError, zlib.error):
        pass
    finally:
        tunnel.close()
        await websocket.close()
