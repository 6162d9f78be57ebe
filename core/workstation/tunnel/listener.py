"""What listens here for a forward: it is there before the first connection to the host, and outlives every one of them.

A socket's file is made readable for its owner alone, and taken over where nobody listens behind it any more. A port is
opened on 127.0.0.1 and ::1 both, since ``localhost`` may mean either.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import stat
from functools import partial
from pathlib import Path

from core.environment import sockets
from core.errors import MlopsError, PrerequisiteError, UsageError
from core.workstation.tunnel import holders
from core.workstation.tunnel.definition import LOOPBACK, End, Forward
from core.workstation.tunnel.engine import NotForwarded
from core.workstation.tunnel.gate import Gate
from core.workstation.tunnel.streams import Near, Traffic
from core.workstation.tunnel.transport import SocketTransport

BACKLOG = 4096
"""Connections that may ask at once: with asyncio's own 100, a thousand take seconds."""
AT_A_TIME = 128
"""Connections that are taken in one turn."""
PAUSE = 1.0
"""Seconds until connections are taken again, after the system had no file for one."""
_TRIES = 20


class Listener:
    """Listens for one forward, and joins what connects with the host."""

    def __init__(self, forward: Forward, gate: Gate) -> None:
        self.forward, self.traffic = forward, Traffic()
        self.error = ""
        self.gate = gate
        self.sockets: list[socket.socket] = []
        """What it listens on."""
        self._opening: dict[Near, asyncio.Task[None] | None] = {}
        self._file: tuple[int, int] | None = None
        self.local = forward.local

    async def start(self) -> None:
        """Listens; raises `PrerequisiteError` that names who holds the port or the socket."""
        if self.forward.local.path:
            bound = [self._bind_socket(Path(self.forward.local.path))]
        else:
            bound, port = bind_ports(self.forward.local)
            self.local = End(host=self.forward.local.host, port=port)
        for each in bound:
            each.listen(BACKLOG)
            self.sockets.append(each)
            self._listen(each)

    async def stand(self) -> bool:
        """Listens anew where the socket's file was cleaned away, as ``/tmp`` is; says whether that was so."""
        path = Path(self.forward.local.path)
        if self._file is None or path.exists():
            return False
        self._close_sockets()
        await self.start()
        return True

    async def close(self) -> None:
        """Stops listening, and ends every stream."""
        self._close_sockets()
        for near, task in list(self._opening.items()):
            if task is not None:
                task.cancel()
            near.break_off()
        if self._file is not None:
            path = Path(self.forward.local.path)
            with contextlib.suppress(OSError):
                if _identity(path) == self._file:
                    path.unlink()

    def _close_sockets(self) -> None:
        loop = asyncio.get_running_loop()
        for each in self.sockets:
            loop.remove_reader(each)
            each.close()
        self.sockets = []

    def _listen(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:
            tcp = listening.family != socket.AF_UNIX
            if tcp:  # what is accepted has it from here
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asyncio.get_running_loop().add_reader(listening, self._accept, listening, tcp)

    def _accept(self, listening: socket.socket, tcp: bool) -> None:
        """Takes what has connected: some of it at a time, so that the streams there are go on meanwhile."""
        for _ in range(AT_A_TIME):
            try:
                connection, _address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no more files, most likely; those that wait are kept waiting
                loop = asyncio.get_running_loop()
                self.error = f"No more connections can be taken: {error.strerror or error}."
                loop.remove_reader(listening)
                loop.call_later(PAUSE, self._listen, listening)
                return
            connection.setblocking(False)
            SocketTransport(connection, Near(self._accepted, self.traffic), tcp=tcp).begin()

    def _accepted(self, near: Near) -> None:
        self._opening[near] = None
        if self.gate.begin(near, self.forward.remote, partial(self._answered, near)):
            return
        self._wait(near)

    def _wait(self, near: Near) -> None:
        """Joins it in a task, since there is something to wait for; it is listened to meanwhile, should it go."""
        near.listen()
        task = asyncio.get_running_loop().create_task(self._join(near))
        self._opening[near] = task
        task.add_done_callback(lambda _: self._opening.pop(near, None))

    def _answered(self, near: Near, error: NotForwarded | None) -> None:
        if error is not None and error.lost and not near.gone:
            self._wait(near)
            return
        self._opening.pop(near, None)
        if error is None:
            self.error = ""
        else:
            self._not_joined(near, error)

    async def _join(self, near: Near) -> None:
        try:
            await self.gate.join(near, self.forward.remote)
            self.error = ""
        except NotForwarded as error:
            self._not_joined(near, error)

    def _not_joined(self, near: Near, error: NotForwarded) -> None:
        self.error = f"{error.message} {error.cause}".strip()
        near.break_off()

    def _bind_socket(self, path: Path) -> socket.socket:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_way(path)
            with sockets.for_their_user():
                listening.bind(str(path))
        except OSError as error:
            listening.close()
            raise UsageError(
                f"The socket {path} can't be made: {error.strerror or error}.", code="socket-not-writable"
            ) from error
        except MlopsError:
            listening.close()
            raise
        self._file = _identity(path)
        listening.setblocking(False)
        return listening


def bind_ports(local: End) -> tuple[list[socket.socket], int]:
    """Sockets bound to a port of this machine, on each of its own addresses that there is; 0 is any free port."""
    hosts = (local.host,) if local.host else LOOPBACK
    for left in reversed(range(_TRIES)):
        bound: list[socket.socket] = []
        port = local.port
        try:
            for host in hosts:
                one = _bind(host, port, needed=not bound)
                if one is not None:
                    bound.append(one)
                    port = one.getsockname()[1]
        except OSError as error:
            for one in bound:
                one.close()
            if local.port == 0 and error.errno == errno.EADDRINUSE and left:
                continue
            raise _busy(port, error) from error
        return bound, port
    raise AssertionError


def _bind(host: str, port: int, *, needed: bool) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        one = socket.socket(family, socket.SOCK_STREAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.setblocking(False)
    except OSError:
        if needed:
            raise
        return None
    try:
        one.bind((host, port))
    except OSError as error:
        one.close()
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) and not needed:
            return None  # a machine without IPv6
        raise
    return one


def _make_way(path: Path) -> None:
    """Removes a socket's file behind which nobody listens; raises where somebody does, or where it is no socket."""
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(seen.st_mode):
        raise UsageError(f"{path} is there, and is no socket.", code="not-a-socket", hint="Take another path.")
    holder = holders.of_socket(path)
    if holder is not None:
        raise PrerequisiteError(
            f"The socket {path} is in use" + (f" by {holder}." if holder else "."),
            code="socket-busy",
            hint="End that, or take another path with --forward.",
        )
    path.unlink(missing_ok=True)


def _busy(port: int, error: OSError) -> PrerequisiteError | UsageError:
    if error.errno == errno.EADDRINUSE:
        holder = holders.of_port(port)
        return PrerequisiteError(
            f"The port {port} is in use" + (f" by {holder}." if holder else "."),
            code="port-busy",
            hint="End that, or take another port with --forward.",
        )
    return UsageError(f"The port {port} can't be opened: {error.strerror or error}.", code="port")


def _identity(path: Path) -> tuple[int, int]:
    seen = path.stat()
    return seen.st_dev, seen.st_ino
