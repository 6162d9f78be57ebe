"""A stream whose connection ends before it was answered: another takes it up, and nothing that was said is lost."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from core.workstation.tunnel.gate import _joined
from core.workstation.tunnel.streams import Far, Near, Traffic
from core.workstation.tunnel.transport import SocketTransport


class Channel:
    """What reaches the other side."""

    def __init__(self) -> None:
        self.heard = b""
        self.ended = False

    def write(self, data: bytes) -> None:
        self.heard += data

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        """Nothing more is written."""


class Stream:
    """A program that has connected, and its stream; ``sure`` lets it be known that the connection has ended."""

    def __init__(self, program: socket.socket, here: socket.socket) -> None:
        self.program, self.taken_up = program, 0
        self.near = Near(self._accepted, Traffic())
        self.sure = asyncio.Event()
        SocketTransport(here, self.near).begin()
        self.near.listen()

    def _accepted(self, _: Near) -> None:
        self.taken_up += 1

    def opened(self) -> Far:
        """The other half, through a connection; it is not joined yet."""
        far = Far(self.near)
        far.doubt = self._is_lost
        far.connection_made(Channel())
        return far

    async def _is_lost(self) -> bool:
        await self.sure.wait()
        return True

    async def says(self, words: bytes) -> None:
        self.program.send(words)
        before = self.near.traffic.up
        while self.near.traffic.up < before + len(words):
            await asyncio.sleep(0)

    async def known(self) -> None:
        self.sure.set()
        while self.taken_up < 2:
            await asyncio.sleep(0)


@pytest.fixture
async def stream() -> Any:
    with _pair() as (program, here):
        yield Stream(program, here)


@contextlib.contextmanager
def _pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    program, here = socket.socketpair()
    here.setblocking(False)
    with program, here:
        yield program, here


@pytest.mark.parametrize("before", [b"", b"first, "])
async def test_what_is_said_before_the_end_is_known_reaches_the_next(stream: Stream, before: bytes) -> None:
    far = stream.opened()
    stream.near.joined(far)
    if before:
        await stream.says(before)
    far.connection_lost(ConnectionResetError())
    await stream.says(b"hello")
    await stream.known()

    following = stream.opened()
    stream.near.joined(following)
    assert following.channel.heard == before + b"hello"
    await stream.says(b" again")
    assert following.channel.heard == before + b"hello again"


async def test_what_was_said_before_it_was_joined_reaches_the_next(stream: Stream) -> None:
    far = stream.opened()
    await stream.says(b"hello")
    far.eof_received()
    await stream.known()
    _joined(stream.near, far)  # whoever opened it comes to it only now

    following = stream.opened()
    stream.near.joined(following)
    assert following.channel.heard == b"hello"
    assert not stream.near.gone


async def test_it_is_taken_up_once_however_often_its_end_is_told(stream: Stream) -> None:
    far = stream.opened()
    stream.near.joined(far)
    far.eof_received()
    far.connection_lost(ConnectionResetError())
    await stream.known()
    for _ in range(10):
        await asyncio.sleep(0)
    assert stream.taken_up == 2


async def test_what_is_too_long_to_be_said_again_breaks_off(stream: Stream) -> None:
    far = stream.opened()
    stream.near.joined(far)
    far.eof_received()
    await stream.says(bytes(5000))
    stream.sure.set()
    while not stream.near.gone:
        await asyncio.sleep(0)
    assert stream.taken_up == 1
