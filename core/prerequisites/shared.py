"""Calls that several checks make at the same time, made once.

Nothing is kept: once an answer is there, the next to ask gets a new one. So whoever looks again really does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from core.gcp import Google

_UNDER_WAY: WeakKeyDictionary[Google, dict[str, asyncio.Future[Any]]] = WeakKeyDictionary()


async def call(google: Google, api: str, version: str, method: str, **params: Any) -> dict[str, Any]:
    """What `Google.call` answers, to all who ask for the same while it is under way; raises an `ApiError` to each."""
    found: dict[str, Any] = await _once(
        google, f"{api} {version} {method} {sorted(params.items())}", lambda: google.call(api, version, method, **params)
    )
    return found


async def listed(google: Google, api: str, version: str, method: str, *, items: str, **params: Any) -> list[dict[str, Any]]:
    """The same of everything that a method lists."""
    found: list[dict[str, Any]] = await _once(
        google,
        f"{api} {version} {method} {items} {sorted(params.items())}",
        lambda: google.list(api, version, method, items=items, **params),
    )
    return found


async def _once(google: Google, key: str, ask: Callable[[], Awaitable[Any]]) -> Any:
    under_way = _UNDER_WAY.setdefault(google, {})
    if key not in under_way:
        task = under_way[key] = asyncio.ensure_future(ask())
        task.add_done_callback(lambda done: _ended(under_way, key, done))
    return await asyncio.shield(under_way[key])


def _ended(under_way: dict[str, asyncio.Future[Any]], key: str, done: asyncio.Future[Any]) -> None:
    under_way.pop(key, None)
    if not done.cancelled():
        done.exception()  # each who asked was told; nobody has to be a second time
