"""The stand-in relay in the test's own event loop, with an echo or a collecting machine behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from core.environment import Cloud
from core.errors import MlopsError
from core.gcp.credentials import Token
from core.rehearsal import trust
from core.rehearsal.google.seed import plant
from core.rehearsal.identity import USER
from core.rehearsal.relay import NoBackend, RelayService, UnknownMachine
from core.rehearsal.scenario import parse
from core.rehearsal.world import World
from core.run.redact import Redactor
from core.workstation.ssh.relay import Destination, Relay
from core.workstation.ssh.stream import Status, Stream

PROJECT, ZONE, INSTANCE = "rehearsal-relay", "us-central1-a", "demo-notebook"
TO = Destination(PROJECT, ZONE, INSTANCE)


class Tokens:
    """Tokens of the simulated user; ``given`` counts them, ``errors`` are what is met first in place of the next ones."""

    def __init__(self, world: World) -> None:
        self.world, self.given, self.rejected = world, 0, 0
        self.errors: list[MlopsError] = []

    async def token(self) -> Token:
        if self.errors:
            raise self.errors.pop()
        self.given += 1
        value, seconds = self.world.identity.mint(USER)
        return Token(value, 0, seconds)

    async def renew(self) -> Token:
        return await self.token()

    def reject(self, value: str) -> None:
        self.rejected += 1


class Far(asyncio.Protocol):
    def __init__(self) -> None:
        self.got = bytearray()
        self.changed = asyncio.Event()
        self.lost: list[Exception | None] = []
        self.paused = 0
        self.writable = asyncio.Event()
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        self.got += data
        self.changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)
        self.changed.set()

    def pause_writing(self) -> None:
        self.paused += 1
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    async def until(self, size: int) -> bytes:
        """What has arrived, once it is as much."""
        async with asyncio.timeout(60):
            while len(self.got) < size:
                self.changed.clear()
                await self.changed.wait()
        return bytes(self.got)

    async def until_lost(self) -> Exception | None:
        """What the stream ended with."""
        async with asyncio.timeout(60):
            while not self.lost:
                self.changed.clear()
                await self.changed.wait()
        return self.lost[0]


class Bench:
    """A relay that serves, and a client for it."""

    def __init__(self, world: World, service: RelayService, url: str, ca_file: Path) -> None:
        self.world, self.service, self.tokens = world, service, Tokens(world)
        self.redactor = Redactor()
        self.seen: list[Status] = []
        self.cloud = Cloud(kind="rehearsal", relay=url, ca_file=ca_file)
        self.relay = self.to(TO)

    def to(self, destination: Destination) -> Relay:
        """A client for another destination."""
        return Relay(destination, cloud=self.cloud, credentials=self.tokens, redactor=self.redactor, watch=self.seen.append)

    def through(self, url: str) -> Relay:
        """A client that reaches the relay by another way."""
        self.cloud = replace(self.cloud, relay=url)
        return self.to(TO)

    async def opened(self) -> tuple[Stream, Far]:
        """A stream to the machine behind."""
        return await self.relay.create_connection(Far)

    @property
    def states(self) -> list[str]:
        return [status.state for status in self.seen]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends back what comes, until it ends."""
    with contextlib.suppress(OSError, asyncio.CancelledError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def running(folder: Path, behind=echo, **scenario) -> AsyncIterator[Bench]:  # type: ignore[no-untyped-def]
    """A relay with one machine behind it, which is served by ``behind``; ``scenario`` is a scenario file's contents."""
    folder.mkdir(parents=True, exist_ok=True)
    world = World.open(folder, project=PROJECT, scenario=parse({"speed": 0, **scenario}))
    plant(world)
    machine = await asyncio.start_server(behind, "127.0.0.1", 0)
    address = machine.sockets[0].getsockname()

    async def backend(project: str, zone: str, instance: str, port: int):  # type: ignore[no-untyped-def]
        if (zone, instance) != (ZONE, INSTANCE):
            raise UnknownMachine
        if port != 22:
            raise NoBackend
        return await asyncio.open_connection(*address)

    service = RelayService(world, backend)
    ca_file, context = trust.authority(folder)
    runner = web.AppRunner(service.application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    bench = Bench(world, service, f"wss://127.0.0.1:{port}/v4", ca_file)
    try:
        yield bench
    finally:
        await bench.relay.close()
        await runner.cleanup()
        machine.close()
        world.store.close()
