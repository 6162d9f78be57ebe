"""One HTTP exchange on a connection of its own, with nothing loaded for it: for what must be there at once.

A connection goes through the user's proxy where there is one (with CONNECT, and its password), and trusts what every client
here trusts. What comes after an answer's head is its protocol's: a body, or the frames of a WebSocket.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

from core.gcp import network

HEAD = 64 << 10
"""Bytes that an answer's head may have."""


class RefusedByProxy(OSError):
    """Raised when a proxy does not let a connection through."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer's head."""

    status: int
    headers: Mapping[str, str]


class Exchange(asyncio.Protocol):
    """Asks once, and hands what follows the answer's head to `rest`; by itself it keeps it as the `body`."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._head: asyncio.Future[Answer] = loop.create_future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._early = bytearray()
        self._body = bytearray()
        self.transport: asyncio.Transport

    async def ask(self, verb: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Sends a request and returns the answer's head; raises `OSError` where there is none."""
        parts = urllib.parse.urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [
            f"{verb} {target} HTTP/1.1",
            f"Host: {parts.netloc}",
            *(f"{key}: {value}" for key, value in headers.items()),
        ]
        return await self.sent("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    async def sent(self, request: bytes) -> Answer:
        """Sends a request as it stands."""
        self.transport.write(request)
        return await self._head

    async def body(self) -> bytes:
        """The answer's body, once the connection has ended."""
        await self._ended
        raw, head = bytes(self._body), self._head.result()
        return _unchunked(raw) if head.headers.get("transfer-encoding") == "chunked" else raw

    def rest(self, data: bytes) -> None:
        """Bytes after the head."""
        self._body += data

    # What asyncio tells a protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._head.done():
            self.rest(data)
            return
        self._early += data
        end = self._early.find(b"\r\n\r\n")
        if end < 0 and len(self._early) <= HEAD:
            return
        answer = _answer(bytes(self._early[: max(end, 0)]))
        if answer is None:
            self._head.set_exception(ConnectionResetError("The answer is no HTTP."))
            self.transport.abort()
            return
        self._head.set_result(answer)
        if len(self._early) > end + 4:
            self.rest(bytes(self._early[end + 4 :]))
        self._early.clear()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._head.done():
            self._head.set_exception(
                ConnectionResetError(f"The connection was closed before an answer: {exc or 'no reason'}.")
            )
            with contextlib.suppress(Exception):
                self._head.exception()
        if not self._ended.done():
            self._ended.set_result(None)


Kind = TypeVar("Kind", bound=Exchange)


async def connect(url: str, trust: Callable[[], ssl.SSLContext], factory: Callable[[], Kind]) -> Kind:
    """Opens a connection to a URL's host for a protocol; raises `OSError`, of which `RefusedByProxy` is one.

    ``trust`` is asked for a context only where there is something to encrypt: making one takes its time.
    """
    parts = urllib.parse.urlsplit(url)
    secure = parts.scheme in ("https", "wss")
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    proxy = network.proxies().for_url(url)
    loop = asyncio.get_running_loop()
    if proxy is None:
        _, protocol = await loop.create_connection(factory, host, port, ssl=trust() if secure else None)
        return protocol
    through = await _through(proxy, host, port, trust)
    protocol = factory()
    if secure:
        encrypted = await loop.start_tls(through.transport, protocol, trust(), server_hostname=host)
        protocol.connection_made(cast(asyncio.BaseTransport, encrypted))
    else:
        through.transport.set_protocol(protocol)
        protocol.connection_made(through.transport)
    return protocol


async def _through(proxy: str, host: str, port: int, trust: Callable[[], ssl.SSLContext]) -> Exchange:
    parts = urllib.parse.urlsplit(proxy)
    encrypted = trust() if parts.scheme == "https" else None
    address = parts.hostname or "", parts.port or (443 if encrypted else 80)
    _, opened = await asyncio.get_running_loop().create_connection(Exchange, *address, ssl=encrypted)
    lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}"]
    if parts.username is not None:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
    answer = await opened.sent("\r\n".join([*lines, "", ""]).encode("latin-1"))
    if answer.status != 200:
        opened.transport.abort()
        raise RefusedByProxy(f"The proxy {parts.hostname} answered {answer.status}.")
    return opened


def _answer(raw: bytes) -> Answer | None:
    first, *rest = raw.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        return None
    pairs = (line.partition(":") for line in rest if line)
    return Answer(int(words[1]), {key.strip().lower(): value.strip() for key, _, value in pairs})


def _unchunked(raw: bytes) -> bytes:
    parts, at = [], 0
    while at < len(raw):
        end = raw.index(b"\r\n", at)
        size = int(raw[at:end].split(b";")[0], 16)
        parts.append(raw[end + 2 : end + 2 + size])
        at = end + 4 + size
        if not size:
            break
    return b"".join(parts)
