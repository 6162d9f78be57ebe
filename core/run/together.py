"""Several things at once, of which the first failure ends the others and comes out as itself.

A task group raises its failures in a group, which would hide an `MlopsError` from the engine; a gather leaves the others
running behind the caller's back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def together(things: Iterable[Awaitable[T]]) -> list[T]:
    """Awaits all of them side by side; their results in order."""
    tasks = [asyncio.ensure_future(thing) for thing in things]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
