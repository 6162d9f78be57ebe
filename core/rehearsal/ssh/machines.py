"""The machines behind the relay: a connection to a VM's port is served in this process, and no port is opened for it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
from pathlib import Path

import asyncssh
from aiohttp import web

from core.rehearsal.google import compute_instances
from core.rehearsal.relay import NoBackend, UnknownMachine
from core.rehearsal.ssh import docker, host_keys
from core.rehearsal.ssh.server import Server, process
from core.rehearsal.world import World

SSH_PORT = 22
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Machines:
    """The VMs of one simulated cloud, each started at the first connection; ``docker_socket`` stands for all of theirs."""

    def __init__(self, world: World, *, docker_socket: Path | None = None) -> None:
        self._world, self._given = world, docker_socket
        self._folder: Path | None = None
        self._sockets: dict[str, Path] = {}
        self._runners: list[web.AppRunner] = []
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()

    async def connect(self, project: str, zone: str, name: str, port: int) -> Connection:
        """A connection to a port of a VM; raises `UnknownMachine` and `NoBackend`."""
        vm = compute_instances.find(self._world, zone, name)
        if vm is None:
            raise UnknownMachine
        if vm["status"] != compute_instances.RUNNING or port != SSH_PORT:
            raise NoBackend
        near, far = socket.socketpair()
        for end in (near, far):
            end.setblocking(False)
        task = asyncio.create_task(self._serve(name, far))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.open_connection(sock=near)

    async def close(self) -> None:
        """Ends every connection, and what listens behind."""
        for connection in list(self._connections):
            connection.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for runner in self._runners:
            await runner.cleanup()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _serve(self, name: str, end: socket.socket) -> None:
        path = str(await self._docker(name))
        try:
            connection = await asyncssh.run_server(
                end,
                server_factory=lambda: Server(self._world, name, path),
                server_host_keys=host_keys.keys(self._world, name),
                process_factory=process(name, path),
                encoding=None,
                allow_scp=False,
                keepalive_interval=0,
                config=None,
            )
        except (asyncssh.Error, OSError):
            end.close()
            return
        self._connections.add(connection)
        try:
            await connection.wait_closed()
        finally:
            self._connections.discard(connection)

    async def _docker(self, name: str) -> Path:
        """The socket that stands for a VM's; its path is short wherever the rehearsal lies."""
        if self._given is not None:
            return self._given
        async with self._starting:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="mlops-env-vm-"))
            if name not in self._sockets:
                path = self._folder / f"{len(self._sockets)}.sock"
                runner = web.AppRunner(docker.application(name), access_log=None, shutdown_timeout=0.2, keepalive_timeout=5)
                await runner.setup()
                self._runners.append(runner)
                await web.UnixSite(runner, str(path)).start()
                self._sockets[name] = path
            return self._sockets[name]
