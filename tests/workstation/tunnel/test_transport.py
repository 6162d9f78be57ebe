"""A socket as a transport: nothing is lost or reordered, whoever is slow, and each end is told once and truly."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Iterator

import pytest

from core.workstation.tunnel.transport import HIGH, SocketTransport

GENEROUS = 20.0


class Heard(asyncio.Protocol):
    """Keeps what a transport tells it."""

    def __init__(self, *, half_open: bool = False) -> None:
        self.said = b""
        self.events: list[str] = []
        self._half_open = half_open
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.said += data

    def eof_received(self) -> bool:
        self.events.append("eof")
        return self._half_open

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        yield near, far


def transport(connection: socket.socket, protocol: Heard) -> SocketTransport:
    made = SocketTransport(connection, protocol)
    made.begin()
    made.resume_reading()
    return made


async def all_of(connection: socket.socket) -> bytes:
    loop, said = asyncio.get_running_loop(), b""
    async with asyncio.timeout(GENEROUS):
        while data := await loop.sock_recv(connection, 1 << 16):
            said += data
    return said


async def test_a_slow_reader_gets_everything_in_order_and_then_the_end(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    heard = Heard()
    to = transport(near, heard)
    pieces = [os.urandom(size) for size in (1, 70_000, 3, 400_000, 5) * 4]
    for piece in pieces:
        to.write(piece)
    assert heard.events == ["pause"]
    assert to.get_write_buffer_size() > HIGH
    to.close()
    to.write(b"after the end")
    assert await all_of(far) == b"".join(pieces)
    async with asyncio.timeout(GENEROUS):
        assert await heard.lost is None
    assert heard.events == ["pause", "resume"]
    assert near.fileno() == -1, "its socket is closed"


@pytest.mark.parametrize("sizes", [(1, 2, 3), (40_000,) * 100, (1,) * 200, (0, 5, 0, 700_000, 1), ()])
async def test_many_pieces_at_once_are_one_stream(pair: tuple[socket.socket, socket.socket], sizes: tuple[int, ...]) -> None:
    near, far = pair
    heard = Heard()
    to = transport(near, heard)
    pieces = [os.urandom(size) for size in sizes]
    to.write(b"before ")
    to.writelines(map(memoryview, pieces))
    to.writelines(pieces)
    to.write(b" after")
    waiting = to.get_write_buffer_size()
    assert ("pause" in heard.events) is (waiting > HIGH)
    to.close()
    assert await all_of(far) == b"before " + b"".join(pieces * 2) + b" after"
    assert to.get_write_buffer_size() == 0


async def test_the_end_of_one_direction_leaves_the_other(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    heard, loop = Heard(half_open=True), asyncio.get_running_loop()
    to = transport(near, heard)
    to.write(bytes(1 << 20))
    to.write_eof()
    to.write(b"too late")
    assert await all_of(far) == bytes(1 << 20)
    await loop.sock_sendall(far, b"answer")
    far.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(GENEROUS):
        while "eof" not in heard.events:
            await asyncio.sleep(0)
        assert heard.said == b"answer"
        assert not heard.lost.done()
        to.close()
        assert await heard.lost is None


async def test_a_protocol_that_wants_no_half_is_ended_by_the_others_end(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    heard = Heard()
    transport(near, heard)
    far.send(b"last words")
    far.close()
    async with asyncio.timeout(GENEROUS):
        assert await heard.lost is None
    assert (heard.said, heard.events) == (b"last words", ["eof"])


async def test_what_is_paused_stays_unread(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    heard = Heard()
    to = transport(near, heard)
    to.pause_reading()
    far.send(b"later")
    for _ in range(5):
        await asyncio.sleep(0)
    assert heard.said == b""
    to.resume_reading()
    async with asyncio.timeout(GENEROUS):
        while heard.said != b"later":
            await asyncio.sleep(0)
    to.abort()


async def test_an_abort_drops_what_waits(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    heard = Heard()
    to = transport(near, heard)
    to.write(bytes(8 << 20))
    to.abort()
    to.abort()
    async with asyncio.timeout(GENEROUS):
        assert await heard.lost is None
    assert len(await all_of(far)) < 8 << 20


@pytest.mark.parametrize("writing", [False, True])
async def test_a_reset_is_told_as_what_it_is(writing: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        near = socket.create_connection(listening.getsockname())
        far, _ = listening.accept()
    near.setblocking(False)
    heard = Heard()
    to = transport(near, heard)
    if writing:
        to.pause_reading()
        to.write(bytes(16 << 20))
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()
    async with asyncio.timeout(GENEROUS):
        assert isinstance(await heard.lost, ConnectionError)


async def test_a_protocol_that_fails_ends_its_connection_and_is_told_of(pair: tuple[socket.socket, socket.socket]) -> None:
    class Failing(Heard):
        def data_received(self, data: bytes) -> None:
            raise ValueError("a mistake")

    near, far = pair
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context.get("exception")))
    heard = Failing()
    transport(near, heard)
    far.send(b"x")
    async with asyncio.timeout(GENEROUS):
        assert isinstance(await heard.lost, ValueError)
    assert [str(each) for each in told] == ["a mistake"]


@pytest.mark.parametrize("end", ["close", "abort", "fail"])
async def test_an_end_at_the_last_byte_that_waited_leaves_nothing_of_it_in_the_loop(
    pair: tuple[socket.socket, socket.socket], end: str
) -> None:
    class Ending(Heard):
        def resume_writing(self) -> None:
            if end == "fail":
                raise ValueError("a mistake")
            getattr(to, end)()

    near, far = pair
    loop, number = asyncio.get_running_loop(), near.fileno()
    loop.set_exception_handler(lambda *_: None)
    heard = Ending()
    to = transport(near, heard)
    to.write(bytes(HIGH * 8))
    await all_of(far)
    async with asyncio.timeout(GENEROUS):
        await heard.lost
    assert not loop.remove_writer(number), "the next socket of that number would be taken for it"


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="this system has no say in when it acknowledges")
@pytest.mark.parametrize(("size", "at_once"), [(10, 0), (60_000, 1)])
async def test_much_is_acknowledged_at_once_and_a_word_with_its_answer(size: int, at_once: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as far:
        near, _ = server.accept()
        near.setblocking(False)
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)  # as the system has it once both sides have spoken
        heard = Heard()
        to = transport(near, heard)
        far.sendall(bytes(size))
        async with asyncio.timeout(GENEROUS):
            while len(heard.said) < size:
                await asyncio.sleep(0)
        assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == at_once
        to.close()
        await heard.lost
