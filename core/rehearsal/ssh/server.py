"""The SSH server of one simulated VM: public keys of OS Login's users, Docker's socket, a few commands, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import asyncssh

from core.rehearsal.google import oslogin
from core.rehearsal.ssh import commands
from core.rehearsal.world import World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

DOCKER = ("/var/run/docker.sock", "/run/docker.sock")
LOGIN = "compute.instances.osLogin"
GREETING = "This is a rehearsal: nothing runs on this VM but its SSH server and a stand-in for Docker.\r\n"


class Server(asyncssh.SSHServer):
    """One connection to a VM; ``docker`` is the real path of the socket that stands for the VM's."""

    def __init__(self, world: World, name: str, docker: str) -> None:
        self._world, self._name, self._docker = world, name, docker

    def begin_auth(self, username: str) -> bool:
        """Everybody must sign in."""
        return True

    def public_key_auth_supported(self) -> bool:
        """By a key alone."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether OS Login has the key for that user, and the account may sign in on VMs."""
        email = oslogin.account_of(self._world, username)
        if not email or not self._world.identity.allowed(email, LOGIN, f"projects/{self._world.project}"):
            return False
        return " ".join(key.export_public_key().decode().split()[:2]) in oslogin.keys_of(self._world, username)

    def unix_connection_requested(self, dest_path: str) -> Any:
        """Docker's socket is forwarded; there is no other."""
        if dest_path not in DOCKER:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "open failed")
        return self._forwarded

    async def _forwarded(self, reader: asyncssh.SSHReader[bytes], writer: asyncssh.SSHWriter[bytes]) -> None:
        await carry(reader, writer, self._docker)
        writer.write_eof()
        writer.close()


def process(name: str, docker: str) -> Callable[[asyncssh.SSHServerProcess[bytes]], Awaitable[None]]:
    """What a session on a VM runs."""

    async def serve(session: asyncssh.SSHServerProcess[bytes]) -> None:
        user = str(session.get_extra_info("username"))

        async def dial() -> int:
            await carry(session.stdin, session.stdout, docker)
            return 0

        if session.command is None:
            session.stdout.write(GREETING.encode())
            with contextlib.suppress(asyncssh.Error):
                while await session.stdin.read(4096):
                    pass
            session.exit(0)
            return
        ran = await commands.run(session.command, commands.Machine(name, user, frozenset(DOCKER), dial))
        for stream, text in ((session.stdout, ran.output), (session.stderr, ran.errors)):
            if text:
                stream.write(text.encode())
        session.exit(ran.code)

    return serve


async def carry(reader: asyncssh.SSHReader[bytes], writer: asyncssh.SSHWriter[bytes], path: str) -> None:
    """Carries both directions between a channel and a local socket, until the socket's side ends.

    It is not told that the client has no more to say: the stand-in behind would take that for a client that went.
    """
    try:
        near, far = await asyncio.open_unix_connection(path)
    except OSError:
        return

    async def up() -> None:
        while data := await reader.read(1 << 16):
            far.write(data)
            await far.drain()

    async def down() -> None:
        while data := await near.read(1 << 16):
            writer.write(data)
            await writer.drain()

    upward = asyncio.create_task(up())
    with contextlib.suppress(asyncssh.Error, OSError):
        await down()
    upward.cancel()
    await asyncio.gather(upward, return_exceptions=True)
    far.close()
