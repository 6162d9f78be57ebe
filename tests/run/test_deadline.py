"""A deadline that is held while a person is waited for: it counts again afterwards, and is nothing once it is over."""

from __future__ import annotations

import asyncio

import pytest

from core.run.clock import Clock, Deadline


async def test_while_it_is_held_no_time_counts() -> None:
    with pytest.raises(TimeoutError):
        async with Clock(1).deadline(0.02) as deadline:
            deadline.hold()
            await asyncio.sleep(0.05)
            deadline.go_on()
            await asyncio.Event().wait()


@pytest.mark.parametrize("rate", [0, 1000])
async def test_however_fast_the_clock_the_least_is_left(rate: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.run.clock.LEAST_REAL", 0.01)
    async with Clock(rate, least=5).deadline(1):
        await asyncio.sleep(0.05)
    with pytest.raises(TimeoutError):
        async with Clock(rate).deadline(1):
            await asyncio.Event().wait()


async def test_once_it_is_over_holding_it_means_nothing() -> None:
    async with Clock(1).deadline(5) as deadline:
        deadline.hold()
    deadline.go_on()
    deadline.hold()
    deadline.go_on()


async def test_one_that_never_began_can_be_held() -> None:
    Deadline().hold()
    Deadline().go_on()
