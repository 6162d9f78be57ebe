"""A stream through the relay on standard input and output: what ssh runs as its ProxyCommand.

Each direction waits for its own receiver and for nothing else, so a download never stands still because an upload does. What
ends it is said on standard error, where ssh and the programs that start ssh show it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import cast

from core.workstation.ssh.relay import Relay


class _Near(asyncio.Protocol):
    """Standard input: what comes goes into the stream, as fast as the stream takes it."""

    def __init__(self, far: _Far) -> None:
        self._far = far

    def data_received(self, data: bytes) -> None:
        self._far.stream.write(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._far.stream.close()


class _Output(asyncio.BaseProtocol):
    """Standard output: while it is full, the stream is asked for no more."""

    def __init__(self, far: _Far) -> None:
        self._far = far

    def pause_writing(self) -> None:
        self._far.stream.pause_reading()

    def resume_writing(self) -> None:
        self._far.stream.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._far.stream.abort()
        self._far.flushed.set()


class _Far(asyncio.Protocol):
    """The stream's end here."""

    def __init__(self) -> None:
        self.input: asyncio.ReadTransport | None = None
        self.output: asyncio.WriteTransport | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.flushed = asyncio.Event()
        self._early = bytearray()
        self._later: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.stream = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.output is None:
            self._early += data
            return
        if not self._later:
            asyncio.get_running_loop().call_soon(self._flush)
        self._later.append(data)

    def _flush(self) -> None:
        """Writes what has come in this turn of the loop at once: a pipe takes more than one message."""
        data, self._later = b"".join(self._later), []
        if self.output is None or self.output.is_closing():  # nobody reads any more
            self.stream.abort()
        elif data:
            self.output.write(data)

    def pause_writing(self) -> None:
        if self.input is not None:
            self.input.pause_reading()

    def resume_writing(self) -> None:
        if self.input is not None:
            self.input.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.output is not None:
            self._flush()
        if self.ended.done():
            return
        if exc is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(exc)

    def begin(self, output: asyncio.WriteTransport) -> None:
        """What has come before there was an output goes out first."""
        self.output = output
        if self._early:
            output.write(bytes(self._early))
            self._early.clear()


def _hasten() -> None:
    """Once everything is under way, and ssh waits for the VM."""
    from core.workstation.heap import keep_buffers

    keep_buffers()


async def carry(relay: Relay, *, source: int, sink: int, begun: Callable[[], None] = lambda: None) -> None:
    """Carries a stream between two descriptors until either side ends it; raises what ended it otherwise.

    ``begun`` is called once the stream is there.
    """
    loop = asyncio.get_running_loop()
    stream, far = await relay.create_connection(_Far)
    output, _ = await loop.connect_write_pipe(lambda: _Output(far), os.fdopen(sink, "wb", 0))
    far.begin(output)
    loop.call_soon(_hasten)
    loop.call_soon(begun)
    far.input, _ = await loop.connect_read_pipe(lambda: _Near(far), os.fdopen(source, "rb", 0))
    try:
        await far.ended
    finally:
        far.input.close()
        output.close()
        async with asyncio.timeout(None if stream.is_closing() else 1):
            await far.flushed.wait()
