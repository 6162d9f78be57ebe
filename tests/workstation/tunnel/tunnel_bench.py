"""A tunnel in the test's own process, by either engine, to a real sshd."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from ssh_server import Server

from core.run.clock import Clock
from core.workstation.tunnel.definition import Forward, Tunnel
from core.workstation.tunnel.engine import Engine
from core.workstation.tunnel.running import Running
from core.workstation.tunnel.with_asyncssh import AsyncsshEngine
from core.workstation.tunnel.with_openssh import OpensshEngine

ENGINES = ("asyncssh", "openssh")
GENEROUS = 60.0
"""Real seconds that anything may take on a machine with much else to do."""


def engine(name: str, server: Server, *options: str) -> Engine:
    """An engine that leads to a server; ``options`` are ssh's own."""
    host = server.host(*options)
    if name == "asyncssh":
        return AsyncsshEngine(host, clock=Clock())
    return OpensshEngine(host, clock=Clock(), file=server.config, options=options)


class Up:
    """A tunnel that runs, and what it told."""

    def __init__(self, running: Running, task: asyncio.Task[None], told: list[str]) -> None:
        self.running, self.task, self.told = running, task, told

    @property
    def port(self) -> int:
        return self.running.listeners[0].local.port

    async def until(self, met: Callable[[], Any]) -> None:
        """Waits until something of the tunnel is so; whatever changes is told by an event."""
        async with asyncio.timeout(GENEROUS):
            while not met():
                self.running.changed.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await self.running.changed.wait()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def echoes(self, said: bytes = b"hello") -> bool:
        """Whether what is said comes back, over a new connection."""
        reader, writer = await self.connect()
        try:
            async with asyncio.timeout(GENEROUS):
                writer.write(b"E" + said)
                return await reader.readexactly(len(said) + 1) == b"E" + said
        finally:
            writer.close()

    async def ended(self) -> BaseException | None:
        """Waits for the tunnel's own end; what ended it."""
        async with asyncio.timeout(GENEROUS):
            await asyncio.wait([self.task])
        return self.task.exception()


@asynccontextmanager
async def up(made: Engine, *forwards: str, first: bool = True, sudo: bool = False, **options: Any) -> AsyncIterator[Up]:
    """A tunnel with these forwards, once its first connection is there."""
    told: list[str] = []
    tunnel = Tunnel("test", forwards=tuple(map(Forward.parse, forwards)), sudo=sudo)
    running = Running(tunnel, made, tell=told.append, **options)
    task = asyncio.create_task(running.run())
    try:
        if first:
            async with asyncio.timeout(GENEROUS):
                await running.first
        yield Up(running, task, told)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
