"""The bytes on their way out: what waits, what was sent and is not confirmed yet, and what goes out again after a drop."""

from __future__ import annotations

from collections import deque

from core.workstation.ssh.frames import MOST


class Outgoing:
    """One direction of a session; `take` gives what is sent next, `confirm` and `rewind` follow the relay's counts."""

    def __init__(self, *, window: int) -> None:
        self._window = window
        self._waiting: deque[bytes] = deque()
        self._unconfirmed: deque[bytes] = deque()
        self.waiting = 0
        """Bytes that were never sent, or must be sent again."""
        self.unconfirmed = 0
        """Bytes that were sent, and that the relay has not said to have."""
        self.confirmed = 0
        """Bytes of the session that the relay has."""

    @property
    def total(self) -> int:
        """All bytes that were ever put in."""
        return self.confirmed + self.unconfirmed + self.waiting

    def put(self, data: bytes) -> None:
        """Adds to the end of the stream, in pieces that fit a message."""
        self.waiting += len(data)
        if len(data) <= MOST:
            self._waiting.append(data)
        else:
            self._waiting.extend(data[at : at + MOST] for at in range(0, len(data), MOST))

    def take(self) -> bytes:
        """At most one message's worth, small pieces joined; empty where nothing waits or the window is full."""
        if not self._waiting or self.unconfirmed >= self._window:
            return b""
        first = self._waiting.popleft()
        if self._waiting and len(first) + len(self._waiting[0]) <= MOST:
            first = self._joined(first)
        self._unconfirmed.append(first)
        self.waiting -= len(first)
        self.unconfirmed += len(first)
        return first

    def _joined(self, first: bytes) -> bytes:
        parts, size = [first], len(first)
        while self._waiting and size + len(self._waiting[0]) <= MOST:
            parts.append(self._waiting.popleft())
            size += len(parts[-1])
        return b"".join(parts)

    def confirm(self, total: int) -> None:
        """The relay has this many bytes of the session; raises `ValueError` where it can't."""
        more = total - self.confirmed
        if not 0 <= more <= self.unconfirmed:
            raise ValueError(f"{total} bytes confirmed, after {self.confirmed}, with {self.unconfirmed} on their way")
        while more:
            piece = self._unconfirmed.popleft()
            if len(piece) > more:
                self._unconfirmed.appendleft(piece[more:])
                piece = piece[:more]
            more -= len(piece)
            self.confirmed += len(piece)
            self.unconfirmed -= len(piece)

    def rewind(self, total: int) -> int:
        """After a reconnection: what the relay does not have goes out again, before all else; how many bytes that is."""
        self.confirm(total)
        again = self.unconfirmed
        self._waiting.extendleft(reversed(self._unconfirmed))
        self._unconfirmed.clear()
        self.waiting += again
        self.unconfirmed = 0
        return again
