"""What stands behind a pod's port: a server of this process, reached through a pair of connected sockets, never a listener.

So nothing but a port-forward gets there, as in a cluster.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from core.rehearsal.kubernetes.programs import of_image
from core.rehearsal.kubernetes.programs.process import Process
from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.kubernetes.validation import at

Server = Callable[[socket.socket], Awaitable[None]]
"""Serves one connection to its end."""

Find = Callable[[Obj, Obj], Process | None]
"""The process of a pod's container, where it runs."""

Serve = Callable[[Process, int], Server | None]
"""The server behind a port of a process; None where nothing that is simulated listens."""


class Refused(Exception):
    """Raised when nothing answers at a pod's port, in the kubelet's words."""


class Ports:
    """The ports of a cluster's pods."""

    def __init__(self, find: Find, serve: Serve) -> None:
        self._find, self._serve = find, serve
        self._busy: set[asyncio.Task[None]] = set()

    async def connect(self, pod: Obj, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to a pod's port; raises `Refused`."""
        server = self._server(pod, port)
        near, far = socket.socketpair()
        for end in (near, far):
            end.setblocking(False)

        async def run() -> None:
            await server(far)

        task = asyncio.create_task(run())
        self._busy.add(task)
        task.add_done_callback(self._done)
        return await asyncio.open_connection(sock=near)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        if not task.cancelled():
            task.exception()

    def _server(self, pod: Obj, port: int) -> Server:
        name = f"{pod['metadata']['name']}_{pod['metadata']['namespace']}"
        if at(pod, "status.phase") != "Running":
            raise Refused(f"unable to forward port because pod is not running. Current status={at(pod, 'status.phase')}")
        for container in pod["spec"]["containers"]:
            process = self._find(pod, container)
            if process is None or port not in of_image(container["image"]).open_ports(process):
                continue
            server = self._serve(process, port)
            if server is not None:
                return server
        words = f"failed to connect to localhost:{port} inside namespace of pod {name}: connect: connection refused"
        raise Refused(f"error forwarding port {port} to pod {pod['metadata']['uid']}: {words}")
