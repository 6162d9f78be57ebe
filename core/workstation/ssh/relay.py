"""Identity-Aware Proxy's relay: streams to machines that have no address of their own.

A `Relay` opens them; each is a `core.workstation.ssh.stream.Stream`, an asyncio transport like any other. So asyncssh takes
a `Relay` as its ``tunnel``, and ``mlops-env ssh iap-proxy`` copies one to its standard streams. Here stands what a WebSocket
to the relay takes: its URL, a fresh token for each, a company's proxy and authorities, and what a refused handshake means.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from core.environment import Cloud
from core.gcp import network
from core.gcp.credentials import Token
from core.run.clock import Clock
from core.run.redact import Redactor
from core.workstation.ssh import websocket
from core.workstation.ssh.closing import RelayRefused, RelayUnreachable
from core.workstation.ssh.frames import ORIGIN, SUBPROTOCOL
from core.workstation.ssh.websocket import WebSocket

if TYPE_CHECKING:
    from core.workstation.ssh.stream import Stream, Watch

GOOGLES = "wss://tunnel.cloudproxy.app/v4"
HANDSHAKE = 30.0
"""Seconds that a WebSocket's handshake may take."""
SILENCE = 20.0
"""Seconds after which the kernel gives a connection up whose bytes nobody acknowledges."""

P = TypeVar("P", bound=asyncio.BaseProtocol)


@dataclass(frozen=True, slots=True)
class Destination:
    """A port of a VM."""

    project: str
    zone: str
    instance: str
    port: int = 22
    interface: str = "nic0"

    def __str__(self) -> str:
        return f"{self.instance} (port {self.port}, zone {self.zone}, project {self.project})"


class Tokens(Protocol):
    """What a relay needs of `core.gcp.credentials.Credentials`."""

    async def token(self) -> Token: ...
    def reject(self, value: str) -> None: ...
    async def renew(self) -> Token: ...


class Relay:
    """Opens streams to one destination; `close` ends those that are still open.

    ``clock`` is real time unless a test says otherwise: a network's silence is never simulated. ``watch`` is told each
    `core.workstation.ssh.stream.Status` of each stream.
    """

    def __init__(
        self,
        destination: Destination,
        *,
        cloud: Cloud,
        credentials: Tokens,
        redactor: Redactor,
        clock: Clock | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.destination, self.redactor, self.clock = destination, redactor, clock or Clock()
        self._cloud, self._credentials, self._watch = cloud, credentials, watch
        self._streams: set[Stream] = set()
        self._trust: ssl.SSLContext | None = None

    async def create_connection(self, factory: Callable[[], P], host: str = "", port: int = 0) -> tuple[Stream, P]:
        """Opens a stream for a protocol, as an event loop's own method does; ``host`` and ``port`` are the destination's.

        Raises `RelayRefused`, `RelayUnreachable` or `core.gcp.errors.SignInEnded`.
        """
        from core.workstation.ssh.stream import Stream

        protocol = factory()
        stream = Stream(self, protocol, watch=self._watch)
        await stream.open()
        self._streams.add(stream)
        stream.when_ended(lambda: self._streams.discard(stream))
        return stream, protocol

    async def close(self) -> None:
        """Ends every stream that is still open."""
        while self._streams:
            await self._streams.pop().ended()

    @property
    def cloud(self) -> Cloud:
        """The cloud that the destination is in."""
        return self._cloud

    async def token(self) -> Token:
        """The token that WebSockets are opened with now."""
        return await self._credentials.token()

    async def connect(self) -> WebSocket:
        """A WebSocket for a new session."""
        to = self.destination
        return await self._websocket(
            "connect",
            {"project": to.project, "port": str(to.port), "newWebsocket": "True", "zone": to.zone,
             "instance": to.instance, "interface": to.interface},
        )  # fmt: skip

    async def reconnect(self, session: str, received: int) -> WebSocket:
        """A WebSocket that goes on with a session, from the byte after those that were received."""
        return await self._websocket(
            "reconnect", {"sid": session, "ack": str(received), "newWebsocket": "True", "zone": self.destination.zone}
        )

    async def new_token(self) -> None:
        """The next WebSocket is opened with a token that no relay has seen."""
        await self._credentials.renew()

    async def _websocket(self, endpoint: str, query: dict[str, str]) -> WebSocket:
        url = f"{self._cloud.relay or GOOGLES}/{endpoint}?{urllib.parse.urlencode(query)}"
        for last in (False, True):
            token = (await self._credentials.token()).value
            try:
                return await self._handshake(url, token)
            except websocket.NotAccepted as error:
                if error.status != 401 or last:
                    raise self._not_accepted(error.status) from error
                self._credentials.reject(token)
            except (OSError, TimeoutError) as error:
                raise self._not_reached(error) from error
        raise AssertionError("unreachable")

    async def _handshake(self, url: str, token: str) -> WebSocket:
        async with asyncio.timeout(HANDSHAKE):
            opened = await websocket.connect(
                url,
                {"Authorization": f"Bearer {token}", "User-Agent": "mlops-env"},
                subprotocol=SUBPROTOCOL,
                origin=ORIGIN,
                trust=self._trusted,
            )
        _impatient(opened.transport.get_extra_info("socket"))
        return opened

    def _trusted(self) -> ssl.SSLContext:
        if self._trust is None:
            self._trust = network.ssl_context(self._cloud)
        return self._trust

    def _not_accepted(self, status: int) -> RelayRefused | RelayUnreachable:
        if status in (401, 403):
            return RelayRefused(
                f"Identity-Aware Proxy does not let you through to {self.destination}.",
                code="relay-refused",
                cause=f"The relay answered {status}.",
                hint="Your account needs the role IAP-secured Tunnel User (roles/iap.tunnelResourceAccessor), and the API "
                "iap.googleapis.com must be enabled in the project.",
            )
        return RelayUnreachable(
            f"The relay did not take the connection to {self.destination}.",
            code="relay-unreachable",
            cause=f"It answered {status}.",
            delay=1,
        )

    def _not_reached(self, error: BaseException) -> RelayUnreachable:
        return RelayUnreachable(
            "Identity-Aware Proxy's relay can't be reached.",
            code="relay-unreachable",
            cause=self.redactor.text(f"{type(error).__name__}: {error}".rstrip(": "))[:300],
            hint="Check this machine's network, and its proxy if there is one.",
            delay=1,
        )


def _impatient(opened: Any) -> None:
    """Lets the kernel notice a network that is gone, where it can; small packets never wait for large ones."""
    if opened is None:
        return
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE * 1000))
