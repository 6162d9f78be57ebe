"""What a tunnel is: a host, and the forwards on its one connection; how a person writes them, read and checked.

A forward is ``LOCAL=REMOTE``, each end the path of a socket, ``PORT`` or ``HOST:PORT``. A local port is opened on this
machine's own addresses alone: what listens for others would give them whatever stands behind it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from os.path import normpath

from core.environment.paths import at_home
from core.errors import UsageError

DOCKER_SOCKET = "/var/run/docker.sock"
LOOPBACK = ("127.0.0.1", "::1")
"""Where a local port is opened where no address is given: programs ask for ``localhost`` and mean either."""
ENGINES = ("asyncssh", "openssh")
LONGEST_PATH = 103
"""Bytes of a socket's path that every system takes."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,59}")


@dataclass(frozen=True, slots=True)
class End:
    """One end of a forward: the ``path`` of a socket, or a ``port`` and perhaps a ``host``."""

    path: str = ""
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> End:
        """An end as it is written; raises `UsageError` for what is none."""
        if "/" in text:
            path = str(at_home(text)) if text.startswith("~") else text
            if not path.startswith("/") or "\0" in path:
                raise _wrong(text, "a path begins with / or ~")
            return cls(path=path)
        host, colon, port = text.rpartition(":")
        if not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise _wrong(text, "it is a path, a port, or HOST:PORT")
        if (colon and not host) or (":" in host and not (host.startswith("[") and host.endswith("]"))):
            raise _wrong(text, "an IPv6 address stands in brackets, as [::1]:8080")
        return cls(host=host.strip("[]"), port=int(port))

    @property
    def docker(self) -> bool:
        """Whether Docker's API answers there, by its name."""
        return self.path.endswith("docker.sock")

    def __str__(self) -> str:
        if self.path:
            return self.path
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if host else str(self.port)


@dataclass(frozen=True, slots=True)
class Forward:
    """``local`` is listened on here; what connects there meets ``remote``."""

    local: End
    remote: End

    @classmethod
    def parse(cls, text: str) -> Forward:
        """A forward as it is written; raises `UsageError` for what is none."""
        local, equals, remote = text.partition("=")
        if not equals:
            raise UsageError(
                f"{text or 'Nothing'} is no forward.", code="forward", hint="Write LOCAL=REMOTE, as 8080=localhost:80."
            )
        return cls(_local(End.parse(local.strip()), text), _remote(End.parse(remote.strip()), text))

    def __str__(self) -> str:
        return f"{self.local}={self.remote}"


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A tunnel as it is defined; what is left out is decided by the host it leads to."""

    name: str
    host: str = ""
    project: str = ""
    zone: str = ""
    instance: str = ""
    forwards: tuple[Forward, ...] = field(default=())
    docker_context: bool = False
    sudo: bool = False
    """Whether a Docker socket that is shut to the user on the host may be opened by ``sudo`` there."""
    engine: str = ""
    options: tuple[str, ...] = ()
    """ssh's own, as ``Keyword=value``; they come before what its configuration says."""

    @property
    def leads_to(self) -> str:
        """The environment or ssh host at the other end."""
        return self.host or self.name


def check_name(name: str) -> str:
    """The name, where a tunnel can have it; raises `UsageError` otherwise."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name or 'nothing'} can't be a tunnel's name.",
            code="tunnel-name",
            hint="Letters, digits and . _ @ -, at most 60, a letter or digit first.",
        )
    return name


def check_forwards(forwards: Sequence[Forward]) -> tuple[Forward, ...]:
    """The forwards, where each listens somewhere else; raises `UsageError` otherwise."""
    taken: set[tuple[str, object]] = set()
    for each in forwards:
        local = each.local
        hosts = (local.host,) if local.host else LOOPBACK
        places = (
            {(host, local.port) for host in hosts} if local.port else {("", normpath(local.path))} if local.path else set()
        )
        if taken & places:
            raise UsageError(f"Two forwards listen on {local}.", code="forward", hint="Each needs a place of its own.")
        taken |= places
    return tuple(forwards)


def _local(end: End, text: str) -> End:
    if end.path and len(end.path.encode()) > LONGEST_PATH:
        raise UsageError(
            f"The path of {end.path} is too long for a socket.", code="forward", hint=f"At most {LONGEST_PATH} bytes."
        )
    if end.host not in ("", "localhost", *LOOPBACK):
        raise UsageError(
            f"{text} would listen on {end.host}, for whoever reaches this machine.",
            code="forward",
            hint="A local port is opened on 127.0.0.1, ::1 or localhost only.",
        )
    return End(port=end.port) if end.host == "localhost" else end


def _remote(end: End, text: str) -> End:
    if not end.path and not end.port:
        raise _wrong(text, "a remote port is 1 to 65535")
    return end if end.path or end.host else End(host="localhost", port=end.port)


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(f"{text or 'Nothing'} is no end of a forward: {why}.", code="forward")
