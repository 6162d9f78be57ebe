"""What the children that carry a tunnel have in common: they are heard, they are ended, and they end with this process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal

from core.run.clock import Clock

ENDING = 1.0
"""Seconds in which a child ends when it is told to, and says its last words."""
LONGEST = 64 << 10
"""Bytes that are kept of what a child writes."""
TOO_MANY = "Too many authentication failures"
"""What a host says to whoever has tried as many keys as it takes."""
_REFUSED = ("Permission denied (", TOO_MANY)


class Heard(asyncio.Protocol):
    """What a child writes into a pipe of ours; ``end`` is the child's, which lets go of it here once the child is begun.

    A pipe of asyncio's would keep the child's end from being seen for as long as somebody else holds the pipe: a
    ProxyCommand has ssh's standard error, and may live on after it.
    """

    def __init__(self) -> None:
        self.text = bytearray()
        self.end = -1
        self._more = asyncio.Event()
        self._over = False
        self._transport: asyncio.BaseTransport | None = None

    async def __aenter__(self) -> Heard:
        """Opens the pipe."""
        here, self.end = os.pipe()
        self._transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: self, os.fdopen(here, "rb", 0))
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        """Lets the child's end go; there is no child where there was an error."""
        os.close(self.end)
        if kind is not None:
            self.close()

    async def until(self, words: bytes | None) -> bool:
        """Waits for words, whatever else is written before; false where all has been said, and they were not."""
        while not (found := words is not None and words in self.text) and not self._over:
            self._more.clear()
            await self._more.wait()
        return found

    async def said(self, clock: Clock) -> str:
        """All that was written, once the child has ended, or `ENDING` seconds later."""
        with contextlib.suppress(TimeoutError):
            async with clock.deadline(ENDING):
                await self.until(None)
        return self.text.decode(errors="replace").strip()

    def close(self) -> None:
        """Hears no more."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self.text += data
        del self.text[:-LONGEST]
        self._more.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._more.set()


def refused(said: str) -> str:
    """The line in which an ssh says that its user is not let in, among others' that came of it; empty where none does.

    A system that denies something says so too, without the ways to sign in that ssh has tried (``(publickey)``).
    """
    return next((line.strip() for line in said.splitlines() if any(words in line for words in _REFUSED)), "")


def stop(process: asyncio.subprocess.Process, number: int = signal.SIGKILL) -> None:
    """Signals a child; its own ``kill`` would take its exit code from under asyncio, which then complains of it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def with_us() -> list[str]:
    """What ends a child with this process, however that ends; where there is nothing for it, it ends with its connection."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []
