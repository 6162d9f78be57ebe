"""A port-forward as a library: a TCP listener on loopback, and one WebSocket for each connection to it.

A connection of its own for each means that none waits for another, and that a pod which goes away takes only what ran
through it: the next connection finds the pod anew, behind the Service. The protocol (``v4.channel.k8s.io``) has two
channels a port, data and errors, each opened by the server with the port's number.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import MlopsError, PermanentError, TemporaryError
from core.kubernetes.client import Cluster
from core.kubernetes.errors import ApiError, unreachable
from core.kubernetes.resources import Object, Resource
from core.run.step import Reporter

if TYPE_CHECKING:
    import aiohttp

PROTOCOL = "v4.channel.k8s.io"
CHUNK = 64 * 1024
FINDS = 10
_POD = Resource("v1", "Pod", "pods", True)


@dataclass(frozen=True, slots=True)
class Target:
    """A port of a Service, which is forwarded to a ready pod behind it."""

    namespace: str
    service: str
    port: int


def _ignore(_: str) -> None:
    """Takes what nobody wants to know."""


async def find_pod(cluster: Cluster, target: Target) -> tuple[str, int]:
    """The name of a ready pod behind the Service, and the container's port; raises where there is none."""
    service = await cluster.get("v1", "Service", target.service, target.namespace)
    port = next((p for p in service["spec"].get("ports") or [] if p["port"] == target.port), None)
    if port is None:
        raise PermanentError(f"Service {target.namespace}/{target.service} has no port {target.port}.", code="no-port")
    selector = ",".join(f"{k}={v}" for k, v in sorted((service["spec"].get("selector") or {}).items()))
    pods = [p for p in await cluster.all("v1", "Pod", target.namespace, labels=selector) if ready(p)]
    if not pods:
        raise TemporaryError(
            f"No pod behind Service {target.namespace}/{target.service} is ready.",
            code="no-ready-pod",
            cause="It was just started, restarted or moved to another node.",
            command=f"kubectl get pods -n {target.namespace} -l {selector}",
        )
    newest = max(pods, key=lambda p: (p["metadata"].get("creationTimestamp", ""), p["metadata"]["name"]))
    return newest["metadata"]["name"], _container_port(newest, port.get("targetPort", target.port))


def ready(pod: Object) -> bool:
    """Whether a pod takes connections."""
    conditions = pod.get("status", {}).get("conditions") or []
    is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return is_ready and not pod["metadata"].get("deletionTimestamp")


@asynccontextmanager
async def forward(cluster: Cluster, target: Target, reporter: Reporter | None = None) -> AsyncIterator[int]:
    """Forwards a free local port as long as it is inside; gives the port's number.

    Whoever connects only sees a connection end; why it did is a line in ``reporter``'s log.
    """
    forwarder = Forwarder(cluster, target, log=reporter.log if reporter else _ignore)
    async with forwarder.listening(0, most=0) as port:
        yield port


async def serve(
    cluster: Cluster, target: Target, *, local_port: int, most: int = 100, on_ready: Callable[[int], None] = lambda _: None
) -> None:
    """Forwards until it is cancelled, on ``local_port`` or the next free one (at most ``most`` higher).

    ``on_ready`` is told the port once it listens. A connection whose pod went away ends; the next one finds a pod anew.
    """
    forwarder = Forwarder(cluster, target)
    async with forwarder.listening(local_port, most=most) as port:
        on_ready(port)
        await asyncio.get_running_loop().create_future()


class Forwarder:
    """Forwards every connection to a listener to a pod behind one Service."""

    def __init__(self, cluster: Cluster, target: Target, *, log: Callable[[str], None] = _ignore) -> None:
        self._cluster, self._target, self._log = cluster, target, log
        self._found: tuple[str, int] | None = None
        self._busy: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self, port: int, *, most: int) -> AsyncIterator[int]:
        """Listens on 127.0.0.1 (and ::1 where there is one) as long as it is inside."""
        sockets = listen(port, most=most)
        servers = [await asyncio.start_server(self._accept, sock=s) for s in sockets]
        try:
            yield int(sockets[0].getsockname()[1])
        finally:
            for server in servers:
                server.close()
            for task in list(self._busy):
                task.cancel()
            await asyncio.gather(*self._busy, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._busy.add(task)
        try:
            async with await self._open() as websocket:
                await _pump(websocket, reader, writer)
        except MlopsError as error:
            self._log(f"The port-forward to {self._target.service} failed: {error.message} {error.cause}".strip())
        except (OSError, asyncio.CancelledError):
            pass  # whoever connected sees the connection end, and connects again
        finally:
            self._busy.discard(task)
            writer.close()

    async def _open(self) -> aiohttp.ClientWebSocketResponse:
        """A WebSocket to the pod that served before, or to another one where that is gone."""
        for attempt in range(FINDS):
            try:
                found = self._found or await find_pod(self._cluster, self._target)
                websocket = await open_websocket(self._cluster, self._target.namespace, *found)
            except (ApiError, TemporaryError):
                self._found = None
                if attempt == FINDS - 1:
                    raise
                await self._cluster.clock.sleep(min(5.0, 0.25 * 2**attempt))
            else:
                self._found = found
                return websocket
        raise AssertionError("unreachable")


async def open_websocket(cluster: Cluster, namespace: str, pod: str, port: int) -> aiohttp.ClientWebSocketResponse:
    """A WebSocket that carries one connection to a pod's port."""
    import aiohttp

    what = f"forward port {port} of pod {namespace}/{pod}"
    headers = await cluster.headers()
    try:
        return await cluster.session.ws_connect(
            f"{cluster.endpoint}{_POD.path(pod, namespace, 'portforward')}?ports={port}",
            protocols=(PROTOCOL,),
            headers=headers,
            heartbeat=30,
            max_msg_size=0,
            proxy=cluster.proxy,
        )
    except aiohttp.WSServerHandshakeError as error:
        if error.status == 401:
            cluster.refused(headers)
        raise ApiError.of(what, error.status, error.message) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise unreachable(what, error) from error


def listen(port: int, *, most: int) -> list[socket.socket]:
    """Listening sockets on loopback, both addresses with the same port: this one, or the next that is free on both."""
    for candidate in range(port, port + most + 1):
        try:
            first = _bind(socket.AF_INET, "127.0.0.1", candidate)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        try:
            return [first, _bind(socket.AF_INET6, "::1", first.getsockname()[1])]
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return [first]
            first.close()
            if port == 0:
                return listen(0, most=0)
    raise PermanentError(
        f"No port from {port} to {port + most} is free on this machine.",
        code="no-free-port",
        hint="Give another one: mlops-env access NAME --forward PORT",
    )


def _bind(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(128)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


async def _pump(
    websocket: aiohttp.ClientWebSocketResponse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Carries bytes both ways until either side ends."""
    ways = {asyncio.create_task(_to_pod(websocket, reader)), asyncio.create_task(_from_pod(websocket, writer))}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        with contextlib.suppress(OSError):
            await websocket.close()


async def _to_pod(websocket: aiohttp.ClientWebSocketResponse, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(CHUNK):
        await websocket.send_bytes(b"\0" + data)


async def _from_pod(websocket: aiohttp.ClientWebSocketResponse, writer: asyncio.StreamWriter) -> None:
    opened: set[int] = set()
    async for message in websocket:
        raw: bytes = message.data if isinstance(message.data, bytes) else str(message.data).encode()
        if not raw:
            continue
        channel, data = raw[0], raw[1:]
        if channel not in opened:
            opened.add(channel)
            data = data[2:]  # the port's number
        if not data:
            continue
        if channel != 0:
            return  # the error channel: the pod's port refused, or the pod is gone
        writer.write(data)
        await writer.drain()


def _container_port(pod: Object, wanted: int | str) -> int:
    if isinstance(wanted, int):
        return wanted
    named = [p for c in pod["spec"]["containers"] for p in c.get("ports") or [] if p.get("name") == wanted]
    return int(named[0]["containerPort"])
