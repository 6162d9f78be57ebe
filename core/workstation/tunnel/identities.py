"""The keys that a sign-in in this process can use: those of files, and those that an agent holds.

A key that needs a passphrase, stands on a security key, or can't be read is left to the agent, or to ssh itself. They are
tried in ssh's order, since a host takes no more than a few: what the configuration names first, the agent's others last.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from core.workstation.ssh.configuration import HostConfiguration


@dataclass(slots=True)
class Identities:
    """``keys`` as asyncssh takes them; ``locked`` are files whose keys need a passphrase that nobody gave."""

    keys: list[Any] = field(default_factory=list)
    certificates: list[Any] = field(default_factory=list)
    locked: list[Path] = field(default_factory=list)
    agent: asyncssh.SSHAgentClient | None = None

    def close(self) -> None:
        """Lets the agent go, once the sign-in is over."""
        if self.agent is not None:
            self.agent.close()


async def identities(host: HostConfiguration) -> Identities:
    """What a host's configuration names, as far as it is there and readable."""
    found = await asyncio.to_thread(_of_files, host)
    if not host.identity_agent:
        return found
    try:
        found.agent = await asyncssh.connect_agent(host.identity_agent)
        held = list(await found.agent.get_keys())
    except (OSError, ValueError, asyncssh.Error):
        return found
    named = {public for file in host.identity_files if (public := _public(file))}
    first = [pair for pair in held if _blob(pair) in named]
    rest = [] if host.on("identitiesonly") else [pair for pair in held if _blob(pair) not in named]
    found.keys = [*first, *found.keys, *rest]
    return found


def locked(host: HostConfiguration) -> list[Path]:
    """The named keys that are there and need a passphrase."""
    return _of_files(host).locked


def _of_files(host: HostConfiguration) -> Identities:
    found = Identities()
    for file in host.identity_files:
        if not file.is_file():
            continue
        try:
            found.keys.append(asyncssh.read_private_key(file))
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, OSError) as error:
            if "passphrase" in str(error).lower() or isinstance(error, asyncssh.KeyEncryptionError):
                found.locked.append(file)
    for file in (*host.certificate_files, *(Path(f"{key}-cert.pub") for key in host.identity_files)):
        if file.is_file():
            try:
                found.certificates.append(asyncssh.read_certificate(file))
            except (asyncssh.KeyImportError, OSError):
                continue
    return found


def _blob(pair: Any) -> bytes:
    return bytes(pair.public_data)


def _public(file: Path) -> bytes:
    for path in (Path(f"{file}.pub"), file):
        try:
            return asyncssh.read_public_key(path).public_data
        except (asyncssh.KeyImportError, OSError, UnicodeDecodeError):
            continue
    return b""
