"""From a tunnel's definition to what it runs on: the host, its configuration as ssh resolves it, the way, the engine."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core.environment import Cloud, Environment, Home
from core.environment import rehearsal as rehearsals
from core.environment.home import socket_folder
from core.errors import UsageError
from core.run.clock import Clock
from core.workstation.ssh import access, configuration, known_hosts, target
from core.workstation.ssh.configuration import HostConfiguration
from core.workstation.ssh.files import SshFolder
from core.workstation.ssh.relay import Destination
from core.workstation.ssh.renewing import renewed
from core.workstation.tunnel import asking, choice
from core.workstation.tunnel.choice import Choice
from core.workstation.tunnel.definition import DOCKER_SOCKET, End, Forward, Tunnel
from core.workstation.tunnel.engine import Engine, HostKeyRefused, Link, SignInRefused, Unreachable

if TYPE_CHECKING:
    from core.workstation.ssh.relay import Relay

GCLOUDS = "start-iap-tunnel"
"""What gcloud's own client is called in a ProxyCommand."""
OS_LOGIN_PATIENCE = 180.0
"""Seconds for which a sign-in may be refused where OS Login decides: a key or a role that was just given takes minutes."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A tunnel with its engine; ``close`` lets go what the way there holds."""

    tunnel: Tunnel
    engine: Engine
    patience: float
    close: Callable[[], Awaitable[None]]
    environment: Environment | None
    relayed: bool = False
    """Whether Identity-Aware Proxy stands in between."""
    another: Callable[[], Awaitable[str]] | None = None
    """Says, over a relay, that the sign-in is another's than the key and the user are."""


class Either:
    """The first engine, or the second for good where the first is refused and the second is not.

    A host may ask for more than a key (two factors, a password), which shows only once it is asked.
    """

    def __init__(self, first: Engine, second: Engine) -> None:
        self._now, self._second = first, second
        self.why = first.why

    @property
    def name(self) -> str:
        """The name of the one that is in use."""
        return self._now.name

    async def connect(self) -> Link:
        """A new connection."""
        if self._now is self._second:
            return await self._now.connect()
        try:
            return await self._now.connect()
        except SignInRefused as refused:
            try:
                link = await self._second.connect()
            except Unreachable:  # a host may shut its door for a while after a refusal, which is what there is to tell
                raise refused from None
            self._now, self.why = self._second, f"it signs in where {refused.cause or 'asyncssh'} was not enough"
            return link


class Renewing:
    """An engine to a VM that publishes its host keys: on another key than the known one, they are read again, once."""

    def __init__(self, engine: Engine, renew: Callable[[], Awaitable[bool]]) -> None:
        self._engine, self._renew = engine, renew

    @property
    def name(self) -> str:
        """The engine's name."""
        return self._engine.name

    @property
    def why(self) -> str:
        """Why it is that one."""
        return self._engine.why

    async def connect(self) -> Link:
        """A new connection."""
        try:
            return await self._engine.connect()
        except HostKeyRefused:
            if not await self._renew():
                raise
            return await self._engine.connect()


def docker_socket(name: str) -> Path:
    """The local socket of a tunnel to Docker, in a folder that only its user can enter."""
    return socket_folder() / f"docker-{name}.sock"


def complete(home: Home, tunnel: Tunnel) -> Tunnel:
    """The tunnel with what its definition leaves out: Docker's socket, behind one of the user's own.

    It is named by the environment's id, where it leads to one of this machine: another home may hold the same name.
    """
    if tunnel.forwards:
        return tunnel
    environment = target.known(home, tunnel.leads_to)
    local = End(path=str(docker_socket(tunnel.name if environment is None else environment.id)))
    return replace(tunnel, forwards=(Forward(local, End(path=DOCKER_SOCKET)),))


async def prepare(home: Home, tunnel: Tunnel, *, clock: Clock, ask: bool = False, desk: asking.At | None = None) -> Prepared:
    """What the tunnel runs on; raises what is wrong with its host or its configuration."""
    found = await target.find(home, tunnel.leads_to, project=tunnel.project, zone=tunnel.zone, instance=tunnel.instance)
    host = await configuration.resolved(found.host, options=tunnel.options)
    if found.destination is not None and not host.proxy_command:
        raise _not_added(tunnel)
    if found.environment is not None and found.destination is None and not host.proxy_command:
        raise target.no_notebook(found)
    ours = relay_of(host)  # else it is another's command that leads there, as gcloud's does: that is run, as ssh would
    to = ours or found.destination
    account = account_of(host)
    access.hold_to(account)
    cloud = found.cloud if found.destination is not None or to is None else rehearsals.cloud_of(home, to.project)
    chosen = choice.choose(host, wanted=tunnel.engine, ask=ask or desk is not None)
    async with AsyncExitStack() as stack:
        way = _relay(stack, ours, cloud) if ours is not None and chosen.engine == choice.ASYNCSSH else None
        engine = _engine(chosen, way, host, tunnel, clock, ask=ask, desk=desk)
        if to is not None and host.known_as.startswith(known_hosts.OWN):
            renew = partial(renewed, to, host.known_as, cloud=cloud, home=home, folder=SshFolder.of_user())
            engine = Renewing(engine, renew)
        patience = OS_LOGIN_PATIENCE if to is not None else 0.0
        another = partial(access.compared, account, cloud) if to is not None and account else None
        relayed = to is not None or GCLOUDS in host.proxy_command
        close = stack.pop_all().aclose
        return Prepared(complete(home, tunnel), engine, patience, close, found.environment, relayed, another)


def relay_of(host: HostConfiguration) -> Destination | None:
    """Where a ProxyCommand of ours leads: its connections then go through the relay in this process, without a child."""
    try:
        words = shlex.split(host.proxy_command)
        at, named = words.index("iap-proxy"), _named(words)
        if at < 2 or words[at - 1] != "ssh" or not {"--project", "--zone"} <= set(named):
            return None
        return Destination(named["--project"], named["--zone"], words[at + 1], int(words[at + 2]))
    except (ValueError, IndexError):
        return None


def account_of(host: HostConfiguration) -> str:
    """Whose key and user an entry of ours has; empty where it does not say."""
    try:
        return _named(shlex.split(host.proxy_command)).get("--account", "")
    except ValueError:
        return ""


def _named(words: list[str]) -> dict[str, str]:
    """The flags of an ``iap-proxy`` among the words of a command."""
    at = words.index("iap-proxy")
    return dict(zip(words[at + 3 :: 2], words[at + 4 :: 2], strict=False))


def _not_added(tunnel: Tunnel) -> UsageError:
    given = {"--project": tunnel.project, "--zone": tunnel.zone, "--instance": tunnel.instance}
    flags = "".join(f" {flag} {value}" for flag, value in given.items() if value)
    return UsageError(
        f"ssh does not know {tunnel.leads_to} yet: who signs in there, with which key, and which key it shows.",
        code="not-added",
        hint="Add it once, then open the tunnel again.",
        command=f"mlops-env ssh add {tunnel.leads_to}{flags}",
    )


def _engine(
    chosen: Choice,
    way: Relay | None,
    host: HostConfiguration,
    tunnel: Tunnel,
    clock: Clock,
    *,
    ask: bool,
    desk: asking.At | None,
) -> Engine:
    from core.workstation.tunnel.with_openssh import OpensshEngine

    openssh = OpensshEngine(host, clock=clock, options=tunnel.options, ask=ask, desk=desk, why=chosen.why)
    if chosen.engine == choice.OPENSSH:
        return openssh
    from core.workstation.tunnel.with_asyncssh import AsyncsshEngine

    asyncssh = AsyncsshEngine(host, clock=clock, way=way, ask=ask, desk=desk)
    return asyncssh if tunnel.engine else Either(asyncssh, openssh)


def _relay(stack: AsyncExitStack, to: Destination, cloud: Cloud) -> Relay:
    from core.gcp.credentials import Credentials
    from core.run.redact import Redactor
    from core.workstation.ssh.relay import Relay

    redactor = Redactor()
    relay = Relay(to, cloud=cloud, credentials=Credentials(cloud, clock=Clock(), redactor=redactor), redactor=redactor)
    stack.push_async_callback(relay.close)
    return relay
