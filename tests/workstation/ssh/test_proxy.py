"""What ssh runs as its ProxyCommand: a stream on two descriptors, whole whoever is slow, ended with whoever ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import relay_bench

from core.rehearsal.relay import session
from core.workstation.ssh.closing import SessionLost
from core.workstation.ssh.proxy import carry

SIZE = 6 << 20
NOISE = random.Random(3).randbytes(SIZE)


class Pipes:
    """The two pipes of a ProxyCommand: ``near`` is written and ``seen`` read by ssh."""

    def __init__(self) -> None:
        self.source, self.near = os.pipe()
        self.seen, self.sink = os.pipe()

    def read(self, size: int) -> bytes:
        """Reads until so much has come, or the end."""
        parts: list[bytes] = []
        while (left := size - sum(map(len, parts))) and (data := os.read(self.seen, min(left, 1 << 16))):
            parts.append(data)
        return b"".join(parts)

    def close(self) -> None:
        for descriptor in (self.near, self.seen):
            with contextlib.suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    made = Pipes()
    yield made
    made.close()


SAID = NOISE[: session.WINDOW // 2]
"""As much as a relay sends before anything is confirmed, which nobody does who is not read."""


async def talkative(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(SAID)
    await writer.drain()
    writer.close()


async def test_all_that_the_vm_said_arrives_though_it_closed_long_before_it_was_read(tmp_path: Path, pipes: Pipes) -> None:
    async with relay_bench.running(tmp_path, talkative) as bench:
        carrying = asyncio.create_task(carry(bench.relay, source=pipes.source, sink=pipes.sink))
        async with asyncio.timeout(30):
            while not bench.seen or bench.service._sessions:
                await asyncio.sleep(0.02)

        assert await asyncio.to_thread(pipes.read, SIZE) == SAID
        await asyncio.wait_for(carrying, 30)


async def test_both_directions_are_busy_and_neither_waits_for_the_other(tmp_path: Path, pipes: Pipes) -> None:
    async with relay_bench.running(tmp_path) as bench:
        carrying = asyncio.create_task(carry(bench.relay, source=pipes.source, sink=pipes.sink))
        reading = asyncio.create_task(asyncio.to_thread(pipes.read, SIZE))
        await asyncio.to_thread(_write, pipes.near, NOISE)

        assert await asyncio.wait_for(reading, 60) == NOISE
        os.close(pipes.near)
        await asyncio.wait_for(carrying, 30)
        assert await asyncio.to_thread(pipes.read, 1) == b""


async def test_a_reader_that_goes_ends_it(tmp_path: Path, pipes: Pipes) -> None:
    async with relay_bench.running(tmp_path, talkative) as bench:
        carrying = asyncio.create_task(carry(bench.relay, source=pipes.source, sink=pipes.sink))
        await asyncio.to_thread(pipes.read, 100)
        os.close(pipes.seen)

        await asyncio.wait_for(carrying, 30)


async def test_a_session_that_is_lost_is_the_error_of_the_whole(tmp_path: Path, pipes: Pipes) -> None:
    async with relay_bench.running(tmp_path) as bench:
        carrying = asyncio.create_task(carry(bench.relay, source=pipes.source, sink=pipes.sink))
        await asyncio.to_thread(os.write, pipes.near, b"x")
        await asyncio.to_thread(pipes.read, 1)
        bench.service.forget()

        with pytest.raises(SessionLost):
            await asyncio.wait_for(carrying, 30)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
