"""What every engine of a tunnel does: it makes one connection, and opens streams on it, until that ends.

An engine knows nothing of listeners, waiting or trying again; those are the same for all of them. What can go wrong is
in three kinds: worth another try (`Unreachable`), in need of a person (`SignInRefused`, `HostKeyRefused`, or core's
`PersonNeeded`), and one stream alone (`NotForwarded`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from core.errors import PrerequisiteError, TemporaryError
from core.workstation.tunnel.definition import End
from core.workstation.tunnel.streams import Far


class Unreachable(TemporaryError):
    """Raised when no connection came about, and another try may end better."""


class SignInRefused(PrerequisiteError):
    """Raised when the host does not accept the user or the key."""


class HostKeyRefused(PrerequisiteError):
    """Raised when the host's key is not known, or not the one that is."""


class NotForwarded(TemporaryError):
    """Raised when the host could not open a stream to the end that was asked for; ``lost``: since the connection ended."""

    def __init__(self, message: str, *, lost: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.lost = lost


Told = Callable[[NotForwarded | None], None]
"""Hears what prevented a stream, or None once it is there."""


class Link(Protocol):
    """One connection to a host."""

    @property
    def about(self) -> str:
        """How it is made, in a few words: the cipher, the way."""

    def begin(self, end: End, far: Far, told: Told) -> Callable[[], None] | None:
        """Begins to open a stream without a task, where that can be; gives what lets it go again.

        ``told`` hears the outcome, once.
        """

    async def open(self, end: End, far: Far) -> None:
        """Opens a stream to an end there; ``far`` has its channel then. Raises `NotForwarded`."""

    async def open_command(self, command: str, far: Far) -> None:
        """Opens a stream to the standard input and output of a command there. Raises `NotForwarded`."""

    def not_opened(self, end: End) -> str:
        """Why the last stream to an end was not opened, where that shows only after `open`; empty where it was."""

    async def lost(self) -> str:
        """Waits for the connection's end; says what ended it."""

    async def prove(self) -> None:
        """The other side has to answer within seconds from here on, or the connection ends."""

    async def run(self, command: str) -> tuple[int, str]:
        """Runs a command there; its exit code and what it printed. Raises `NotForwarded`."""

    async def close(self) -> None:
        """Ends the connection, and everything on it."""


class Engine(Protocol):
    """A way to make connections to one host."""

    @property
    def name(self) -> str:
        """What it is called in definitions."""

    @property
    def why(self) -> str:
        """Why it is this one, in a few words; empty where nothing stood against the first."""

    async def connect(self) -> Link:
        """A new connection. Raises `Unreachable`, `SignInRefused`, `HostKeyRefused` or `PersonNeeded`."""
