"""Work that may block, off the event loop, in threads that nobody waits for when the app ends.

The loop's own pool is joined at the end, so that a call which hangs for eight seconds would hold the terminal as long.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


async def in_thread(function: Callable[Given, Result], *args: Given.args, **options: Given.kwargs) -> Result:
    """What the function returns or raises, without blocking the loop meanwhile."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def deliver(set_it: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            set_it(value)

    def work() -> None:
        try:
            value, set_it = function(*args, **options), future.set_result
        except BaseException as error:  # whoever waits is told, whatever it is
            value, set_it = error, future.set_exception  # type: ignore[assignment]
        with contextlib.suppress(RuntimeError):  # the loop is closed: the app has ended
            loop.call_soon_threadsafe(deliver, set_it, value)

    threading.Thread(target=work, daemon=True, name="tui-background").start()
    return await future
