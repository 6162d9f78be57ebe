"""A process that has loaded the provider, and becomes one by a fork for each time that Terraform starts one.

Loading takes longer than most of what a provider is asked, and Terraform starts it three times for a plan. So the
simulated cloud listens on a socket, starts this process when somebody first connects there, and leaves the socket to it.
Each provider is still a process of its own with its own streams, folder and environment, which `connector` hands over, and
ends when that does. Where there is no fork that can be trusted, Terraform starts the provider as it is.
"""

from __future__ import annotations

import asyncio
import gc
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from core.rehearsal.provider.connector import LENGTH, TAKEN

STREAMS = 2
MOST_WAITING = 64


class Nursery:
    """The socket of one, in the simulated cloud's process; ``address_file`` tells connectors where it is."""

    def __init__(self, address_file: Path) -> None:
        self._file = address_file
        self._folder: Path | None = None
        self._socket: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._beginning: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process; None before somebody connected."""
        return self._process.pid if self._process is not None else None

    def open(self) -> None:
        """Listens; nothing is loaded before somebody connects."""
        if sys.platform != "linux":
            return
        self._folder = Path(tempfile.mkdtemp(prefix="tfn"))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(self._folder / "s"))
        self._socket.listen(MOST_WAITING)
        self._file.write_text(f"{self._folder / 's'}\n")
        asyncio.get_running_loop().add_reader(self._socket, self._wanted)

    async def close(self) -> None:
        """Ends the process; providers that Terraform has yet to end live on."""
        self._stop_listening()
        if self._beginning is not None:
            await self._beginning
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _wanted(self) -> None:
        assert self._socket is not None
        asyncio.get_running_loop().remove_reader(self._socket)
        self._beginning = asyncio.create_task(self._begin(self._socket))

    async def _begin(self, listening: socket.socket) -> None:
        handle = listening.fileno()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-c", _PROGRAM, str(handle), pass_fds=(handle,), stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        finally:
            self._stop_listening()  # whoever waits is the process's, or becomes a provider by itself

    def _stop_listening(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None


_PROGRAM = "import sys; from core.rehearsal.provider.nursery import main; main(int(sys.argv[1]))"


def main(handle: int) -> None:
    """In the process: forks a provider for whoever connects, until its owner, at the other end of stdin, has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here asks how a provider ended
    os.setsid()
    listening = socket.socket(fileno=handle)
    _load()
    while True:
        if 0 in select.select([listening.fileno(), 0], [], [])[0]:
            os._exit(0)
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            os._exit(_become(connection))
        connection.close()


def _load() -> None:
    """Loads everything that a provider needs, and does once what is slow the first time; starts no thread."""
    from core.rehearsal.provider import certificate, resources, service

    for name in ("server", "session", "credentials"):
        import_module(f"core.rehearsal.provider.{name}")
    service.whole_schema()
    for name in resources.CLASSES:
        resources.resource(name)
    certificate.throwaway()
    gc.freeze()


def _become(connection: socket.socket) -> int:
    """In the fork: takes what the connector hands over, and is the provider until either of them ends."""
    from core.rehearsal.provider.server import serve

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, streams = _received(connection)
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream, number)
        os.close(stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    folder, *variables = request.split(b"\0")
    os.environb.clear()
    for variable in variables:
        name, _, value = variable.partition(b"=")
        os.environb[name] = value
    os.chdir(folder)
    tempfile.tempdir = None
    connection.sendall(TAKEN)
    code = serve(lambda: connection.recv(1))
    connection.sendall(bytes([code]))
    return code


def _received(connection: socket.socket) -> tuple[bytes, list[int]]:
    head, streams, _, _ = socket.recv_fds(connection, LENGTH, STREAMS)
    left, parts = int.from_bytes(head, "big"), []
    while left and (part := connection.recv(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts), list(streams)
