"""A rehearsal on its ports: Google's APIs on one, Kubernetes over TLS on another, both on loopback and the same for good.

Where they are stands in ``endpoints.json``, which outlives the process: whoever starts the rehearsal again finds it on the
ports that kubeconfigs and credentials remember, as long as nobody else took them.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from core.rehearsal import shell, sign_in, trust
from core.rehearsal.folder import write_private
from core.rehearsal.google import app as google_app
from core.rehearsal.provider.mirror import NURSERY_FILE
from core.rehearsal.provider.nursery import Nursery
from core.rehearsal.relay import RelayService
from core.rehearsal.relay.service import Connection
from core.rehearsal.world import World

if TYPE_CHECKING:
    from core.rehearsal.ssh import Machines

FORMAT = 1
HOST = "127.0.0.1"
PROVIDERS = "providers"
BACKLOG = 1024
FIRST_RUSH = 1.5
"""Seconds in which an installation loads, and asks for what it begins with."""


class Server:
    """One rehearsal's process; `start` opens the ports, `serve` goes on until it is asked to end.

    Google's APIs answer after `start`. What nobody asks for before there is a cluster or a VM is loaded by `serve`: whoever
    connects there sooner waits that long.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._runners: list[web.AppRunner] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: Callable[[], Awaitable[None]] | None = None
        self._machines: Machines | None = None
        self._relay = RelayService(world, self._machine)
        self._nursery = Nursery(world.folder / PROVIDERS / NURSERY_FILE)

    async def start(self) -> dict[str, Any]:
        """Opens the ports and writes ``endpoints.json``; returns what is in it."""
        world = self.world
        kept = _read(world.folder / "endpoints.json")
        sockets = [_listen(_port(kept.get(name))) for name in ("google", "kubernetes", "relay")]
        google, kubernetes, relay = (f"{HOST}:{s.getsockname()[1]}" for s in sockets)
        ca_file, context = trust.authority(world.folder)
        world.store.put(
            "world", "endpoints", {"google": f"http://{google}", "kubernetes": kubernetes, "ca_file": str(ca_file)}
        )
        sign_in.signed_in(world)
        endpoints = _endpoints(world, f"http://{google}", f"https://{kubernetes}", ca_file)
        endpoints["relay"] = f"wss://{relay}/v4"
        self._nursery.open()
        self._tasks.append(asyncio.create_task(sign_in.keep_token(world)))
        await self._serve(google_application(world), sockets[0])
        for listening in sockets[1:]:
            listening.listen(BACKLOG)
        self._waiting = lambda: self._serve_others(sockets[1], sockets[2], context)
        write_private(world.folder / "endpoints.json", json.dumps(endpoints, indent=1).encode())
        return endpoints

    async def serve(self) -> None:
        """Goes on until SIGTERM or SIGINT, then closes in order."""
        end = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end.set)
        if self._waiting is not None:
            await self._waiting()
            self._tasks.append(asyncio.create_task(_load_ahead()))
        await end.wait()
        await self.stop()

    async def _serve_others(self, kubernetes: socket.socket, relay: socket.socket, context: ssl.SSLContext) -> None:
        await self._serve(_kubernetes(self.world), kubernetes, context)
        await self._serve(self._relay.application(), relay, context)

    async def stop(self) -> None:
        """Closes the ports and the store."""
        if self._machines is not None:
            await self._machines.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._nursery.close()
        for runner in reversed(self._runners):
            await runner.cleanup()
        self.world.store.close()

    async def _machine(self, project: str, zone: str, name: str, port: int) -> Connection:
        """A connection to a VM; what they run on is loaded when the first one is asked for."""
        if self._machines is None:
            from core.rehearsal.ssh import Machines

            self._machines = Machines(self.world)
        return await self._machines.connect(project, zone, name, port)

    async def _serve(
        self, application: web.Application, listening: socket.socket, context: ssl.SSLContext | None = None
    ) -> None:
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        self._runners.append(runner)
        await web.SockSite(runner, listening, ssl_context=context, backlog=BACKLOG).start()


def google_application(world: World) -> web.Application:
    """Google's APIs with the endpoint that gives tokens for them."""
    return google_app(
        world,
        web.post("/token", sign_in.token),
        web.get("/tokeninfo", sign_in.token_info),
        web.post("/tokeninfo", sign_in.token_info),
    )


def _endpoints(world: World, google: str, kubernetes: str, ca_file: Path) -> dict[str, Any]:
    credentials, token = sign_in.credentials_file(world, google), sign_in.token_file(world)
    return {
        "format": FORMAT,
        "pid": os.getpid(),
        "google": google,
        "kubernetes": kubernetes,
        "ca_file": str(ca_file),
        "credentials_file": str(credentials),
        "token_file": str(token),
        "speed": world.clock.speed,
        "project": world.project,
        "number": world.number,
        "provider_mirror": _mirror(world),
        "shell": shell.variables(world, google, credentials, token),
    }


async def _load_ahead() -> None:
    """Loads what an installation will ask for, once what it begins with is over."""
    await asyncio.sleep(FIRST_RUSH)
    from core.rehearsal import ahead

    await asyncio.to_thread(ahead.load)


def _kubernetes(world: World) -> web.Application:
    from core.rehearsal.kubernetes import app

    return app(world)


def _mirror(world: World) -> str:
    """Where the stand-in provider lies; empty where the scenario wants the real one, which Terraform finds by itself."""
    from core.rehearsal.provider import mirror

    written = mirror.write(world.folder / PROVIDERS, rate=world.clock.speed)
    return str(written) if world.scenario.terraform.provider == "stand-in" else ""


def _listen(port: int) -> socket.socket:
    """A socket on loopback, on the port that was used before if there is one and it is free."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((HOST, port))
    except OSError:
        opened.bind((HOST, 0))
    return opened


def _port(url: Any) -> int:
    return int(str(url).rpartition(":")[2].partition("/")[0]) if url else 0


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
