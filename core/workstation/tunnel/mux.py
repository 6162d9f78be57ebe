"""A line to a ControlMaster that stays open, to ask whether it lives: its answer comes in less than a millisecond.

OpenSSH's own multiplexing protocol (PROTOCOL.mux, version 4), of which only the greeting and the question are spoken.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from pathlib import Path

_HELLO, _ALIVE_CHECK, _ALIVE = 0x00000001, 0x10000004, 0x80000005
_VERSION = 4
_LENGTH, _WORD = struct.Struct(">I"), struct.Struct(">I")
_LONGEST = 1 << 16


class Mux:
    """One connection to the control socket of a ControlMaster."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._questions = 0
        self._waiting: dict[int, asyncio.Future[bool]] = {}
        self._over = False
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    @classmethod
    async def open(cls, path: Path) -> Mux:
        """Connects and greets; raises `OSError` where nobody listens."""
        mux = cls(*await asyncio.open_unix_connection(path))
        mux._send(_HELLO, _VERSION)
        return mux

    async def alive(self) -> bool:
        """Whether the master answers; false as soon as its end is known."""
        if self._over:
            return False
        self._questions += 1
        answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[self._questions] = answered
        self._send(_ALIVE_CHECK, self._questions)
        return await answered

    def close(self) -> None:
        """Lets the line go."""
        self._listening.cancel()
        self._ended()
        self._writer.close()

    def _send(self, *words: int) -> None:
        body = b"".join(map(_WORD.pack, words))
        with contextlib.suppress(OSError):
            self._writer.write(_LENGTH.pack(len(body)) + body)

    async def _listen(self) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, struct.error):
            while True:
                (length,) = _LENGTH.unpack(await self._reader.readexactly(4))
                if length > _LONGEST:
                    break
                body = await self._reader.readexactly(length)
                if _WORD.unpack_from(body)[0] == _ALIVE:
                    self._answer(_WORD.unpack_from(body, 4)[0])
        self._ended()

    def _answer(self, question: int) -> None:
        waiting = self._waiting.pop(question, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(True)

    def _ended(self) -> None:
        self._over = True
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(False)
        self._waiting.clear()
