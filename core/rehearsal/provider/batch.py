"""Changes of one project's policy, gathered for a moment and written as one, as the real provider does.

The first who comes waits for the others; if the one write fails, each tries its own, so that one bad member of a policy
does not take the others along.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from core.rehearsal.provider.errors import ResourceFailed
from core.rehearsal.provider.pace import Pace

WINDOW = 3.0

T = TypeVar("T")


class _Group(Generic[T]):
    def __init__(self) -> None:
        self.items: list[T] = []
        self.done = threading.Event()
        self.written = False


class Batches(Generic[T]):
    """Gathers what is to be written under the same key at about the same time."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._guard = threading.Lock()
        self._open: dict[str, _Group[T]] = {}

    def write(self, key: str, request: str, item: T, send: Callable[[list[T]], None]) -> None:
        """Has ``send`` write the item, together with others if there are any.

        Raises what writing it alone raises, said of the ``request``.
        """
        with self._guard:
            group = self._open.get(key)
            leads = group is None
            if group is None:
                group = self._open[key] = _Group()
            group.items.append(item)
        if leads:
            self._lead(key, group, send)
        else:
            group.done.wait()
        if not group.written:
            _alone(group, request, item, send)

    def _lead(self, key: str, group: _Group[T], send: Callable[[list[T]], None]) -> None:
        self._pace.sleep(WINDOW)
        with self._guard:
            del self._open[key]
        try:
            if len(group.items) > 1:
                try:
                    send(group.items)
                    group.written = True
                except ResourceFailed:
                    group.written = False
        finally:
            group.done.set()


def _alone(group: _Group[T], request: str, item: T, send: Callable[[list[T]], None]) -> None:
    try:
        send([item])
    except ResourceFailed as failed:
        again = f"Batch request and retried single request {json.dumps(request)} both failed. Final error: "
        before = again if len(group.items) > 1 else ""
        raise ResourceFailed(f"Request `{request}` returned error: {before}{failed}") from failed.__cause__
