"""Things done at once: their results in order, and the first failure as itself, with nothing left running."""

from __future__ import annotations

import asyncio

import pytest

from core.errors import PermanentError
from core.run.together import together


async def test_results_come_in_order_whoever_is_first() -> None:
    gate = asyncio.Event()

    async def late() -> str:
        await gate.wait()
        return "late"

    async def early() -> str:
        gate.set()
        return "early"

    assert await together([late(), early()]) == ["late", "early"]
    assert await together([]) == []


async def test_the_first_failure_comes_out_as_itself_and_ends_the_others() -> None:
    ended: list[str] = []

    async def runs_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")

    async def fails() -> None:
        await asyncio.sleep(0)
        raise PermanentError("No.")

    with pytest.raises(PermanentError, match=r"No\."):
        await together([runs_on(), fails()])
    assert ended == ["cleaned up"]


async def test_cancelling_it_cancels_all_of_them() -> None:
    ended: list[int] = []

    async def runs_on(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    task = asyncio.create_task(together([runs_on(1), runs_on(2)]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == [1, 2]
