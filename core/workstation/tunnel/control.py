"""The control socket of a running tunnel: it tells its status, a line of JSON each time that it changes.

Who connects hears how things stand, then every change, and the traffic once a second for as long as they listen. It takes
no orders: a tunnel is ended by a signal, as every process is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from core.environment import sockets
from core.run.clock import Clock
from core.workstation.tunnel.status import Status

LOOKS = 5.0
"""Seconds between two looks at whether the socket's file is still there."""
PULSE = 1.0
"""Seconds between two lines while nothing but the traffic changes."""


class Telling:
    """Serves the control socket."""

    def __init__(self, path: Path, status: Callable[[], Status], clock: Clock) -> None:
        self._path, self._status, self._clock = path, status, clock
        self._server: asyncio.Server | None = None
        self._news: set[asyncio.Event] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._ended = False
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listens, and keeps listening where the file goes away."""
        await self._listen()
        self._keeper = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            await self._clock.sleep(LOOKS)
            if not self._path.exists():
                await self._listen()

    async def _listen(self) -> None:
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)
        with sockets.for_their_user():
            self._server = await asyncio.start_unix_server(self._accept, path=self._path)

    def changed(self) -> None:
        """Everyone who listens hears the status anew."""
        for event in self._news:
            event.set()

    async def close(self) -> None:
        """Stops; whoever listens hears the end of the line."""
        self._ended = True
        if self._keeper is not None:
            self._keeper.cancel()
        self.changed()
        if self._server is not None:
            self._server.close()
        await asyncio.gather(*self._serving, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        news = asyncio.Event()
        self._news.add(news)
        gone = asyncio.create_task(reader.read())
        try:
            with contextlib.suppress(ConnectionError):
                while not (gone.done() or self._ended):
                    writer.write(json.dumps(self._status().to_dict()).encode() + b"\n")
                    await writer.drain()
                    news.clear()
                    waiting = asyncio.create_task(news.wait())
                    pulse = asyncio.create_task(self._clock.sleep(PULSE))
                    await asyncio.wait((waiting, pulse, gone), return_when=asyncio.FIRST_COMPLETED)
                    waiting.cancel()
                    pulse.cancel()
        finally:
            self._news.discard(news)
            gone.cancel()
            writer.close()


def listen(path: Path, *, seconds: float | None = 5.0) -> Iterator[Status]:
    """What a running tunnel tells, until it ends or ``seconds`` pass without a word; nothing where none answers."""
    with contextlib.suppress(OSError, ValueError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        connection.connect(str(path))
        for line in connection.makefile("rb"):
            yield Status.from_dict(json.loads(line))
