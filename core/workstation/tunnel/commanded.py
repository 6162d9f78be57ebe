"""A ProxyCommand as a way to a host: SSH in this process, over the standard streams of the command that ssh would run.

ssh's own forward through one has the same parts, and another process with the ControlMaster in between would be one more
for each byte. It is run as ssh runs it: by the user's shell, over two pipes, its standard error heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shlex
import signal
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from core.run.clock import Clock
from core.workstation.ssh.configuration import HostConfiguration, hop, program
from core.workstation.tunnel.children import ENDING, Heard, stop, with_us
from core.workstation.tunnel.transport import SocketTransport

CAPACITY = 1 << 20
"""Bytes that a pipe is asked to hold, where the system lets it."""

_KILLED = "Killed by signal"
"""What an ssh says that is told to end, which was not the reason."""

Variables = Callable[[], Mapping[str, str] | None]
"""The environment of a command that is run now; None: this process's own."""


def command_of(host: HostConfiguration) -> str:
    """What leads to a host in place of a socket, as ssh_config(5) says: its ProxyCommand, or ssh over its ProxyJump."""
    if host.proxy_command or not host.proxy_jump:
        return host.proxy_command
    *before, last = host.proxy_jump
    user, name, port = hop(last)
    given = {"-J": ",".join(before), "-W": f"[{host.hostname}]:{host.port}", "-l": user, "-p": port}
    return shlex.join([program(), *(word for pair in given.items() if pair[1] for word in pair), "--", name])


class Commanded:
    """Runs the command for each connection, and ends it with that."""

    def __init__(self, command: str, *, clock: Clock, variables: Variables = lambda: None) -> None:
        self._command, self._clock, self._variables = command, clock, variables
        self._errors: Heard | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def create_connection(self, factory: Callable[[], Any], host: str = "", port: int = 0) -> tuple[Any, Any]:
        """Starts the command, and has a new protocol speak through it."""
        with ExitStack() as theirs, ExitStack() as ours:
            given, here = _pipe(theirs, ours)
            taken, there = _pipe(theirs, ours, turned=True)
            process, self._errors = await self._started(given, taken)
            ours.pop_all()
        protocol = factory()
        transport = _Transport(_Pipes(there, here), protocol, partial(self._over, process, self._errors))
        transport.begin()
        transport.resume_reading()
        return transport, protocol

    async def _started(self, given: int, taken: int) -> tuple[asyncio.subprocess.Process, Heard]:
        shell = os.environ.get("SHELL") or "/bin/sh"
        async with Heard() as errors:
            process = await asyncio.create_subprocess_exec(
                *with_us(), shell, "-c", f"exec {self._command}",
                stdin=given, stdout=taken, stderr=errors.end, env=self._variables(),
            )  # fmt: skip
            return process, errors

    def _over(self, process: asyncio.subprocess.Process, errors: Heard) -> None:
        ending = asyncio.get_running_loop().create_task(self._end(process, errors))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _end(self, process: asyncio.subprocess.Process, errors: Heard) -> None:
        """Has the command end, as ssh does, and kills it where it does not."""
        stop(process, signal.SIGHUP)
        try:
            async with self._clock.deadline(ENDING):
                await process.wait()
        except TimeoutError:
            stop(process)
            await process.wait()
        finally:
            errors.close()

    async def ended(self) -> None:
        """Waits until the commands of the connections that are over have ended too."""
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def said(self) -> str:
        """The last line that the last command wrote to its standard error, once it has ended; not that of a signal."""
        said = "" if self._errors is None else await self._errors.said(self._clock)
        lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith(_KILLED)]
        return lines[-1] if lines else ""


def _pipe(theirs: ExitStack, ours: ExitStack, *, turned: bool = False) -> tuple[int, int]:
    """A command's end of a new pipe, which it reads (``turned``: writes), and ours; each is closed with its stack."""
    read, written = os.pipe()
    command, own = (written, read) if turned else (read, written)
    theirs.callback(os.close, command)
    ours.callback(os.close, own)
    return command, own


class _Pipes:
    """Two pipes with as much of a socket's shape as a transport has a use for."""

    def __init__(self, there: int, here: int) -> None:
        self._there, self._here = there, here
        for number in (there, here):
            os.set_blocking(number, False)
            with contextlib.suppress(OSError, AttributeError):
                fcntl.fcntl(number, fcntl.F_SETPIPE_SZ, CAPACITY)

    def fileno(self) -> int:
        """Where it is read."""
        return self._there

    def out(self) -> int:
        """Where it is written."""
        return self._here

    def recv(self, size: int) -> bytes:
        return os.read(self._there, size)

    def send(self, data: Any) -> int:
        return os.write(self._here, data)

    def sendmsg(self, pieces: Iterable[Any]) -> int:
        return os.writev(self._here, list(pieces))

    def shutdown(self, how: int) -> None:
        """Nothing: no SSH connection is closed one way."""

    def close(self) -> None:
        os.close(self._here)
        os.close(self._there)


class _Transport(SocketTransport):
    """A transport over pipes, which are no socket; ``over`` is called with its end."""

    def __init__(self, pipes: _Pipes, protocol: asyncio.Protocol, over: Callable[[], None]) -> None:
        super().__init__(pipes, protocol)
        self._out, self._when_over = pipes.out(), over

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Nothing: a pipe has no address."""
        return default

    def _fail(self, error: Exception | None) -> None:
        """Ends it; a pipe that nobody reads is a command that has ended, as is one that nobody writes."""
        super()._fail(None if isinstance(error, BrokenPipeError) else error)

    def _lost(self, error: Exception | None) -> None:
        try:
            super()._lost(error)
        finally:
            self._when_over()
