"""An event loop beside the screen's, where the core's clients live: what they read and parse must not hold up a key.

Connections belong to the loop that opened them, so everything about one draft or installation runs here, and only its
result comes to the screen. The thread is nobody's to wait for at the end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any, TypeVar

Result = TypeVar("Result")


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True, name="tui-offstage").start()
    return loop


async def offstage(work: Coroutine[Any, Any, Result]) -> Result:
    """What the coroutine returns or raises; it is cancelled with whoever waits for it."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, _loop()))
