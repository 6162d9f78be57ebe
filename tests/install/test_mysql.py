"""Signing in to MySQL: only the native plugin proves that ML Metadata could, whatever the server greets with."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from core.install.mysql import NATIVE, SHA2, Account, NoAnswer, SignInRefused

CLIENT_PLUGIN_AUTH, CLIENT_SECURE, CLIENT_41, CLIENT_LENENC = 1 << 19, 1 << 15, 1 << 9, 1 << 21
OK = b"\0\0\0\2\0\0\0"
DENIED = b"\xff" + (1045).to_bytes(2, "little") + b"#28000Access denied for user"


class Server:
    """As much of MySQL's protocol as a sign-in takes: greets with caching_sha2, then asks for the user's own plugin."""

    def __init__(self, *, plugin: str, password: str, greets_with: str = SHA2) -> None:
        self.plugin, self.password, self.greets_with = plugin, password, greets_with
        self.presented: list[str] = []
        self.switched = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        salt = os.urandom(20).replace(b"\0", b"x")
        self._send(writer, 0, self._greeting(salt))
        try:
            sequence, response = await self._read(reader)
            presented, answer = self._response(response)
            self.presented.append(presented)
            if presented != self.plugin:
                self.switched += 1
                self._send(writer, sequence + 1, b"\xfe" + self.plugin.encode() + b"\0" + salt + b"\0")
                sequence, answer = await self._read(reader)
            if self.plugin == SHA2:
                good = answer == _sha2(self.password, salt)
                if good:
                    self._send(writer, sequence + 1, b"\1\3")
                    sequence += 1
            else:
                good = answer == _native(self.password, salt)
            self._send(writer, sequence + 1, OK if good else DENIED)
            while good:
                _, command = await self._read(reader)
                if command[:1] == b"\1":
                    break
                self._send(writer, 1, OK)
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    def _greeting(self, salt: bytes) -> bytes:
        flags = CLIENT_PLUGIN_AUTH | CLIENT_SECURE | CLIENT_41 | CLIENT_LENENC
        low, high = (flags & 0xFFFF).to_bytes(2, "little"), (flags >> 16).to_bytes(2, "little")
        head = b"\x0a8.4.3-google\0" + (7).to_bytes(4, "little") + salt[:8] + b"\0" + low + b"\xff\2\0" + high + b"\x15"
        return head + bytes(10) + salt[8:] + b"\0" + self.greets_with.encode() + b"\0"

    def _response(self, packet: bytes) -> tuple[str, bytes]:
        rest = packet[32:]
        _user, _, rest = rest.partition(b"\0")
        length, rest = rest[0], rest[1:]
        return rest[length:].split(b"\0")[0].decode(), rest[:length]

    def _send(self, writer: asyncio.StreamWriter, sequence: int, payload: bytes) -> None:
        writer.write(len(payload).to_bytes(3, "little") + bytes([sequence % 256]) + payload)

    async def _read(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        head = await reader.readexactly(4)
        return head[3], await reader.readexactly(int.from_bytes(head[:3], "little"))


def _native(password: str, salt: bytes) -> bytes:
    once = hashlib.sha1(password.encode()).digest()
    mask = hashlib.sha1(salt + hashlib.sha1(once).digest()).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


def _sha2(password: str, salt: bytes) -> bytes:
    once = hashlib.sha256(password.encode()).digest()
    mask = hashlib.sha256(hashlib.sha256(once).digest() + salt).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[int]:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    yield listener.sockets[0].getsockname()[1]
    listener.close()


@pytest.mark.parametrize("greets_with", [SHA2, NATIVE])
async def test_a_native_user_is_proven_through_the_switch(greets_with: str) -> None:
    server = Server(plugin=NATIVE, password="canary", greets_with=greets_with)
    async with listening(server) as port:
        await Account(port, "root", "canary").prove(native=True)
    assert (server.presented, server.switched) == ([NATIVE], 0)


async def test_a_user_with_the_other_plugin_is_not_though_the_password_is_right() -> None:
    server = Server(plugin=SHA2, password="canary")
    async with listening(server) as port:
        await Account(port, "root", "canary").prove()
        with pytest.raises(SignInRefused, match=SHA2):
            await Account(port, "root", "canary").prove(native=True)
    assert server.presented == [SHA2, NATIVE]


async def test_an_ordinary_sign_in_follows_the_switch_to_native() -> None:
    server = Server(plugin=NATIVE, password="canary")
    async with listening(server) as port:
        await Account(port, "root", "canary").prove()
    assert (server.presented, server.switched) == ([SHA2], 1)


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("plugin", [NATIVE])
async def test_a_wrong_password_is_refused(plugin: str, native: bool) -> None:
    async with listening(Server(plugin=plugin, password="canary")) as port:
        with pytest.raises(SignInRefused, match="Access denied"):
            await Account(port, "root", "other").prove(native=native)


async def test_nobody_there() -> None:
    with pytest.raises(NoAnswer):
        await Account(1, "root", "canary").prove()


async def test_a_server_that_hangs_up_gives_no_answer() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listener = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    with pytest.raises(NoAnswer):
        await Account(listener.sockets[0].getsockname()[1], "root", "canary").prove()
    listener.close()
