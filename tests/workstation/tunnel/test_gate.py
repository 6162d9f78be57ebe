"""Waiting for a connection, growing pauses, and a machine that slept; on virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import partial

import pytest

from core.run.clock import Clock, VirtualClock
from core.workstation.tunnel import gate as gates
from core.workstation.tunnel.backoff import CAP, Backoff
from core.workstation.tunnel.definition import End
from core.workstation.tunnel.engine import NotForwarded, Told
from core.workstation.tunnel.gate import Gate
from core.workstation.tunnel.sleeping import Sleep
from core.workstation.tunnel.streams import Far, Near, Traffic

END = End(host="localhost", port=80)


class Channel:
    def __init__(self) -> None:
        self.heard: list[object] = []

    def write(self, data: bytes) -> None:
        self.heard.append(data)

    def write_eof(self) -> None:
        self.heard.append("eof")

    def close(self) -> None:
        self.heard.append("closed")


class Wire:
    """The local side of a stream, without a socket."""

    def __init__(self) -> None:
        self.reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Link:
    def __init__(self, error: NotForwarded | None = None) -> None:
        self.error, self.channel = error, Channel()

    async def open(self, end: End, far: Far) -> None:
        if self.error is not None:
            raise self.error
        far.connection_made(self.channel)


def near() -> Near:
    made = Near(lambda _: None, Traffic())
    made.transport = Wire()  # type: ignore[assignment]
    return made


async def test_who_comes_while_there_is_no_connection_waits_and_loses_nothing() -> None:
    gate, link, client = Gate(Clock()), Link(), near()
    joining = asyncio.create_task(gate.join(client, END))
    client.data_received(b"hello ")
    client.data_received(b"world")
    client.eof_received()
    while not gate.waiting:
        await asyncio.sleep(0)
    assert gate.wanted.is_set()
    gate.open(link)  # type: ignore[arg-type]
    await joining
    assert link.channel.heard == [b"hello world", "eof"]
    assert gate.waiting == 0


async def test_a_connection_that_ends_while_it_opens_a_stream_is_waited_past() -> None:
    gate, good = Gate(Clock()), Link()
    gate.open(Link(NotForwarded("gone", lost=True)))  # type: ignore[arg-type]
    joining = asyncio.create_task(gate.join(near(), END))
    while not gate.waiting:
        await asyncio.sleep(0)
    gate.open(good)  # type: ignore[arg-type]
    await joining


async def test_what_the_host_refuses_is_not_tried_again() -> None:
    gate = Gate(Clock())
    gate.open(Link(NotForwarded("administratively prohibited")))  # type: ignore[arg-type]
    with pytest.raises(NotForwarded, match="prohibited"):
        await gate.join(near(), END)


class Asked(Link):
    """It is asked to open streams, and answers when a test has it do so."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Told] = []
        self.let_go: list[int] = []

    def begin(self, end: End, far: Far, told: Told) -> Callable[[], None]:
        self.answers.append(told)
        far.connection_made(self.channel)
        return partial(self.let_go.append, len(self.answers) - 1)


async def test_of_many_streams_that_are_opened_at_once_those_are_given_up_that_nobody_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gates, "OPENING", 0.01)
    gate, link = Gate(Clock()), Asked()
    gate.open(link)  # type: ignore[arg-type]
    heard: dict[int, NotForwarded | None] = {}
    last = asyncio.Event()

    def told(number: int, error: NotForwarded | None) -> None:
        heard[number] = error
        if number == 4:
            last.set()

    for number in range(4):
        assert gate.begin(near(), END, partial(told, number))
    link.answers[2](None)
    link.answers[0](None)
    assert heard == {0: None, 2: None}
    await asyncio.sleep(0)  # one that is asked for later is due later, and by the same timer
    assert gate.begin(near(), END, partial(told, 4))
    async with asyncio.timeout(30):
        await last.wait()
    assert link.let_go == [1, 3, 4]
    assert [heard[number] is None for number in range(5)] == [True, False, True, False, False]
    link.answers[1](None)  # too late: nobody hears of it
    assert heard[1] is not None


async def test_a_stream_that_is_asked_for_while_another_is_given_up_is_given_up_in_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gates, "OPENING", 0.01)
    gate, link, both = Gate(Clock()), Asked(), asyncio.Event()
    gate.open(link)  # type: ignore[arg-type]

    def again(_: NotForwarded | None) -> None:
        assert gate.begin(near(), END, lambda _: both.set())

    assert gate.begin(near(), END, again)
    async with asyncio.timeout(30):
        await both.wait()
    assert link.let_go == [0, 1]


async def test_nobody_waits_for_ever() -> None:
    class Passing(VirtualClock):
        """Its deadlines pass as soon as somebody waits."""

        def deadline(self, seconds: float):  # type: ignore[no-untyped-def, override]
            assert seconds <= 10
            return asyncio.timeout(0.001)

    with pytest.raises(NotForwarded, match="no connection"):
        await Gate(Passing()).join(near(), END)


def test_pauses_grow_to_a_cap_and_are_never_the_same() -> None:
    backoff = Backoff(draw=random.Random(7))
    delays = [backoff.delay() for _ in range(20)]
    assert delays[0] == 0
    assert 0 < delays[1] <= 0.05
    assert all(delay <= CAP for delay in delays)
    assert all(delay >= CAP / 2 for delay in delays[-5:])
    assert len(set(delays)) == len(delays)
    backoff.again()
    assert backoff.delay() == 0


async def test_a_machine_that_slept_is_told_from_one_that_was_busy() -> None:
    readings = iter([100.0, 100.1, 100.2, 160.2, 190.2])
    clock = VirtualClock()
    sleep = Sleep(clock, lambda: next(readings))
    assert await sleep.over() == pytest.approx(60)
    assert len(clock.waits) == 3
    assert await sleep.over() == pytest.approx(30), "one that came meanwhile is not missed"
