"""Networks that go without a word, machines that sleep, relays that are away for a while: on a clock that the test moves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import relay_bench
from relay_bench import Bench, Far

from core.rehearsal.relay import session as simulated
from core.run.clock import Clock
from core.workstation.ssh import stream as streams
from core.workstation.ssh.closing import SessionLost
from core.workstation.ssh.stream import STALL, Stream


class HandClock(Clock):
    """Stands still until it is moved."""

    def __init__(self) -> None:
        super().__init__()
        self.value = 100.0
        self._waiting: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.value

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        moment = asyncio.get_running_loop().create_future()
        self._waiting.append((self.value + seconds, moment))
        await moment

    async def pass_time(self, seconds: float, until: object = None) -> None:
        """Moves the time on, a second at a time; each second leaves the network a moment of real time."""
        for _ in range(int(seconds)):
            self.value += 1.0
            for when, moment in self._waiting:
                if when <= self.value and not moment.done():
                    moment.set_result(None)
            self._waiting = [(when, moment) for when, moment in self._waiting if not moment.done()]
            for _ in range(20):
                await asyncio.sleep(0)


class Hole:
    """A way to the relay on which one direction of what is open can be lost, without a word to anybody."""

    def __init__(self, port: int) -> None:
        self._port, self._deaf = port, 0
        self.opened = 0

    def swallow(self) -> None:
        """Of every connection that is open now, nothing more arrives at the relay."""
        self._deaf = self.opened

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        number = self.opened
        source = (f"127.0.0.{number}", 0)  # another address each time, as on another network
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=source)

        async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, up: bool) -> None:
            while data := await source.read(1 << 16):
                if not (up and number <= self._deaf):
                    sink.write(data)

        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(carry(reader, far_writer, True), carry(far_reader, writer, False))
        writer.close()
        far_writer.close()


class Stalling:
    """A stream on a clock of the test's, through a hole."""

    def __init__(self, bench: Bench, hole: Hole, clock: HandClock) -> None:
        self.bench, self.hole, self.clock = bench, hole, clock
        bench.relay.clock = clock

    async def opened(self) -> tuple[Stream, Far]:
        stream, far = await self.bench.opened()
        stream.write(b"hello")
        await far.until(5)
        return stream, far

    async def resumes(self, stream: Stream, *, seconds: int) -> bool:
        """Whether the stream goes on over another WebSocket within so many seconds of the clock."""
        before = stream.resumed
        for _ in range(seconds):
            if self.bench.states[-1] == "resuming":
                break
            await self.clock.pass_time(1)
        else:
            return False
        async with asyncio.timeout(30):
            while stream.resumed == before and not stream.is_closing():
                await self.clock.pass_time(1)
                await asyncio.sleep(0.01)
        return stream.resumed > before


@contextlib.asynccontextmanager
async def stalling(folder: Path) -> AsyncIterator[Stalling]:
    async with relay_bench.running(folder) as bench:
        hole = Hole(int(str(bench.cloud.relay).rpartition(":")[2].partition("/")[0]))
        server = await asyncio.start_server(hole.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        bench.relay = bench.through(f"wss://127.0.0.1:{port}/v4")
        yield Stalling(bench, hole, HandClock())
        server.close()


async def test_what_is_swallowed_without_a_word_is_sent_again_over_a_new_websocket(tmp_path: Path) -> None:
    async with stalling(tmp_path) as at:
        stream, far = await at.opened()
        at.hole.swallow()
        stream.write(b" again")

        assert await at.resumes(stream, seconds=int(STALL) + 5)
        assert await far.until(11) == b"hello again"
        assert any("nothing was confirmed" in status.reason for status in at.bench.seen)


async def test_a_quiet_stream_is_left_alone(tmp_path: Path) -> None:
    async with stalling(tmp_path) as at:
        stream, _ = await at.opened()
        async with asyncio.timeout(30):
            while stream._out.unconfirmed:
                await asyncio.sleep(0.05)

        assert not await at.resumes(stream, seconds=200)


async def test_a_machine_that_slept_does_not_wait_to_find_its_socket_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stalling(tmp_path) as at:
        wall = 1e9
        monkeypatch.setattr(streams, "time", SimpleNamespace(time=lambda: wall + at.clock.now()))
        stream, far = await at.opened()
        await at.clock.pass_time(3)
        at.hole.swallow()
        wall += 600

        assert await at.resumes(stream, seconds=3)
        stream.write(b", back")
        assert await far.until(11) == b"hello, back"


async def test_a_relay_that_is_away_for_half_a_minute_is_waited_for(tmp_path: Path) -> None:
    async with stalling(tmp_path) as at:
        stream, far = await at.opened()
        at.bench.service.cut(seconds=1e9)
        stream.write(b" meanwhile")
        assert not await _resumed_after(at, stream, 30)
        at.bench.service.faults.closed_until = 0.0

        assert await at.resumes(stream, seconds=10)
        assert await far.until(15) == b"hello meanwhile"
        assert 5 < at.bench.tokens.given < 60, "it is asked again and again, and not without a pause"


async def test_a_relay_that_stays_away_ends_the_stream_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "KEPT", 40.0)
    async with stalling(tmp_path) as at:
        stream, far = await at.opened()
        at.bench.service.cut(seconds=1e9)

        async with asyncio.timeout(60):
            while not far.lost:
                await at.clock.pass_time(5)
                await asyncio.sleep(0.01)
        assert isinstance(far.lost[0], SessionLost)
        assert stream.is_closing()


async def test_a_relay_that_confirms_late_is_given_ever_more_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "QUIET", 1e9)
    async with stalling(tmp_path) as at:
        stream, far = await at.opened()
        assert await at.resumes(stream, seconds=int(STALL) + 5)
        stream.write(b" more")
        await far.until(10)

        assert not await at.resumes(stream, seconds=int(STALL) + 5)
        assert await at.resumes(stream, seconds=int(STALL) + 5)


async def _resumed_after(at: Stalling, stream: Stream, seconds: int) -> bool:
    for _ in range(seconds):
        await at.clock.pass_time(1)
        await asyncio.sleep(0.01)
    return stream.resumed > 0
