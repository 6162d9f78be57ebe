"""The first engine: SSH in this process, by asyncssh, with what makes it faster than a child that runs ``ssh -NL``.

AES-GCM comes first where the processor has it, windows are large enough for a long way, and nothing is read from a
configuration but what ssh itself resolved. asyncssh's own reading of it is never used (``config=None``), and neither is
its habit of checking no host keys where it is told of no file: what is known of the host is always given, even if it is
nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import warnings
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Protocol

import asyncssh
from asyncssh.packet import String, UInt32

from core.errors import MlopsError
from core.run.clock import Clock
from core.workstation.ssh.configuration import HostConfiguration
from core.workstation.tunnel import algorithms, asking, fast
from core.workstation.tunnel.children import TOO_MANY, refused
from core.workstation.tunnel.ciphers import gcm_first
from core.workstation.tunnel.commanded import Commanded, command_of
from core.workstation.tunnel.definition import End
from core.workstation.tunnel.engine import NotForwarded, SignInRefused, Told, Unreachable
from core.workstation.tunnel.hostkeys import KnownKeys, host_key_refused, keys_of
from core.workstation.tunnel.identities import Identities, identities
from core.workstation.tunnel.sessions import Sessions
from core.workstation.tunnel.streams import Far
from core.workstation.tunnel.transport import SocketTransport

if TYPE_CHECKING:
    from asyncssh.connection import SSHClientConnection

    from core.workstation.tunnel.sessions import Connected

WINDOW, LEAST_WINDOW, ALL_WINDOWS = 16 << 20, 2 << 20, 64 << 20
"""Bytes that may be on their way to a stream; fewer where many streams are open, so that slow readers cost no memory."""
RELAYED_WINDOW = 4 << 20
"""The same over a relay, which is slower than what gives the data: sshd keeps a window's worth, and moves it slowly."""
KEEPALIVE, KEEPALIVES = 3.0, 3
"""Seconds of silence before the host is asked whether it is there, and unanswered questions that end a connection."""
PROOF, PROOFS = 1.0, 3
"""The same, right after the machine woke up."""
REACHING, GREETING, COMMANDED, ASKED = 5.0, 20.0, 60.0, 600.0
"""Seconds for a connection to the host's port, and for the whole of the sign-in: usually, by way of a command, which may be
another sign-in, and where that may ask a person."""
REKEY = 16 << 30
"""Bytes under one key: AES-GCM counts its packets in 64 bits, and each new key costs a pause."""
REKEY_AFTER = 3600.0
"""Seconds under one key."""
_UNKNOWN = "Host key verification failed"
"""What an ssh says of a host on the way there that it does not know, or knows otherwise."""
warnings.filterwarnings("ignore", module=r"asyncssh\.")  # what a library thinks of algorithms that a user wants


class Way(Protocol):
    """What carries a connection in place of a socket, such as a relay."""

    async def create_connection(self, factory: Callable[[], Any], host: str = "", port: int = 0) -> tuple[Any, Any]:
        """Opens it for a protocol, as an event loop does."""


class AsyncsshEngine:
    """Connects to one host by asyncssh; a relay (``way``) carries its connections, else its ProxyCommand, else a socket.

    ``ask`` and ``desk`` are for an ssh that its ProxyCommand runs: whether it may ask on the terminal, and where else.
    """

    name = "asyncssh"
    why = ""

    def __init__(
        self,
        host: HostConfiguration,
        *,
        clock: Clock,
        way: Way | None = None,
        ask: bool = False,
        desk: asking.At | None = None,
        aes: bool | None = None,
    ) -> None:
        self._host, self._clock, self._ask, self._desk, self._aes = host, clock, ask, desk, aes
        self._relayed, command = way is not None, command_of(host)
        self._commanded = Commanded(command, clock=clock, variables=self._variables) if command and way is None else None
        self._way = way or self._commanded

    async def connect(self) -> AsyncsshLink:
        """A new connection, signed in."""
        connection, ended = await self._connected()
        return AsyncsshLink(connection, ended, self._clock, self._connected, self._commanded, relayed=self._relayed)

    async def _connected(self) -> Connected:
        known = await asyncio.to_thread(keys_of, self._host)
        mine = await identities(self._host)
        ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        try:
            if not mine.keys:
                raise self._no_key(mine)
            carrier: dict[str, Any] = {"tunnel": self._way or _Reached(await self._reach())}
            connection = await asyncssh.connect(
                self._host.hostname,
                self._host.port,
                config=None,
                options=self._options(known, mine, lambda: _Client(ended)),
                **carrier,
            )
        except (asyncssh.Error, OSError, TimeoutError, ValueError) as error:
            found = self._meaning(error, known)
            if isinstance(found, Unreachable) and self._commanded is not None:
                found = self._on_the_way(found, error, await self._commanded.said())
            raise found from error
        finally:
            mine.close()
        return connection, ended

    @property
    def _asks(self) -> bool:
        """Whether the way there may ask somebody."""
        return self._commanded is not None and (self._ask or (self._desk is not None and self._desk.open))

    def _variables(self) -> Mapping[str, str] | None:
        return self._desk.variables() if self._desk is not None and self._desk.open else None

    def _options(
        self, known: KnownKeys, mine: Identities, client: Callable[[], asyncssh.SSHClient]
    ) -> asyncssh.SSHClientConnectionOptions:
        host, imported = self._host, _known(known)
        interval, count = _keepalive(host, relayed=self._relayed)
        limit, seconds = _rekeying(host)
        greeting = ASKED if self._asks else COMMANDED if self._commanded is not None else GREETING
        return asyncssh.SSHClientConnectionOptions(
            config=None,
            client_factory=client,
            username=host.user,
            host_key_alias=host.alias or None,  # a certificate has to be for it, as for ssh
            known_hosts=lambda *_: imported,
            client_keys=mine.keys,
            client_certs=mine.certificates,
            agent_path=None,
            encryption_algs=_ciphers(host, self._aes),
            **algorithms.options(host, imported[0], certified=bool(imported[1])),
            compression_algs=["zlib@openssh.com", "none"] if host.on("compression") else ["none"],
            preferred_auth="publickey",
            password_auth=False,
            kbdint_auth=False,
            gss_host=None,
            rekey_bytes=limit,
            rekey_seconds=seconds,
            keepalive_interval=interval,
            keepalive_count_max=count,
            connect_timeout=max(greeting, _seconds(host.one("connecttimeout"))),
            login_timeout=greeting * 2,
        )

    async def _reach(self) -> socket.socket:
        """A socket to the host's port: the addresses in turn, each given little time, since the next try comes soon."""
        host, loop = self._host, asyncio.get_running_loop()
        family = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}.get(host.one("addressfamily"), socket.AF_UNSPEC)
        last: OSError = OSError("the name has no address")
        try:
            found = await loop.getaddrinfo(host.hostname, host.port, family=family, type=socket.SOCK_STREAM)
        except OSError as error:
            raise self._unreachable(error) from error
        for kind, _, _, _, address in found:
            connection = socket.socket(kind, socket.SOCK_STREAM)
            connection.setblocking(False)
            try:
                if host.one("bindaddress"):
                    connection.bind((host.one("bindaddress"), 0))
                async with self._clock.deadline(REACHING):
                    await loop.sock_connect(connection, address)
                return connection
            except (OSError, TimeoutError) as error:
                connection.close()
                last = error if str(error) else OSError("nothing answers")
            except BaseException:
                connection.close()
                raise
        raise self._unreachable(last) from last

    def _no_key(self, mine: Identities) -> SignInRefused:
        tried = ", ".join(str(file) for file in mine.locked or self._host.identity_files)
        return SignInRefused(
            f"There is no key to sign in to {self._host.hostname} with.",
            code="no-key",
            cause=(f"A passphrase protects {tried}." if mine.locked else f"None of these can be read: {tried}."),
            hint="Add the key to your agent with ssh-add." if mine.locked else f"Try: ssh {self._host.host}",
        )

    def _meaning(self, error: Exception, known: KnownKeys) -> Exception:
        host = self._host
        too_many = isinstance(error, asyncssh.DisconnectError) and TOO_MANY in error.reason
        if isinstance(error, asyncssh.PermissionDenied) or too_many:
            return SignInRefused(
                f"{host.hostname} does not accept {host.user}.",
                code="sign-in-refused",
                cause=f"No key was accepted: {getattr(error, 'reason', error)}",
                hint=f"Try: ssh {host.host}",
            )
        if isinstance(error, asyncssh.HostKeyNotVerifiable):
            return host_key_refused(host, changed=bool(known) and not known.of_any_port)
        if isinstance(error, asyncssh.KeyExchangeFailed | asyncssh.ProtocolNotSupported):
            return Unreachable(f"{host.hostname} and this program agree on no cipher.", code="no-cipher", cause=str(error))
        return self._unreachable(error)

    def _on_the_way(self, found: Unreachable, error: Exception, said: str) -> Exception:
        """The error with a command's own words; an ssh that was refused on the way there would be the next time as well."""
        host = self._host
        if refused(said) or _UNKNOWN in said:
            return SignInRefused(
                f"The way to {host.hostname} is not open to you.",
                code="sign-in-refused",
                cause=said,
                hint=f"Try: ssh {host.host}",
            )
        silent = "The command that leads there ended without a word." if isinstance(error, asyncssh.ConnectionLost) else ""
        found.cause, found.hint = said or silent or found.cause, f"Try: ssh {host.host}"
        return found

    def _unreachable(self, error: Exception) -> Unreachable:
        host = self._host
        cause = str(error) or ("it did not answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
        return Unreachable(f"{host.hostname} (port {host.port}) can't be reached.", code="unreachable", cause=cause)


class _Reached:
    """A socket that is connected already, as a way."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    async def create_connection(self, factory: Callable[[], Any], host: str = "", port: int = 0) -> tuple[Any, Any]:
        """Has a new protocol speak on it."""
        protocol = factory()
        transport = SocketTransport(self._connection, protocol)
        transport.begin()
        transport.resume_reading()
        return transport, protocol


class _Client(asyncssh.SSHClient):
    """Tells when and why a connection ended, and puts the faster parts in place as it begins."""

    def __init__(self, ended: asyncio.Future[Exception | None]) -> None:
        self._ended = ended

    def connection_made(self, conn: SSHClientConnection) -> None:
        fast.hasten(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_result(exc)


class AsyncsshLink:
    """One connection by asyncssh."""

    def __init__(
        self,
        connection: SSHClientConnection,
        ended: asyncio.Future[Exception | None],
        clock: Clock,
        another: Callable[[], Awaitable[Connected]],
        way: Commanded | None = None,
        *,
        relayed: bool,
    ) -> None:
        self._connection, self._ended, self._clock, self._relayed = connection, ended, clock, relayed
        self._open, self._way = 0, way
        self._commands = Sessions(connection, another)
        self._usual = (connection._keepalive_interval, connection._keepalive_count_max)

    @property
    def about(self) -> str:
        """The cipher, and whether the faster parts are in place."""
        cipher = str(self._connection.get_extra_info("send_cipher", "")).partition("@")[0]
        return cipher if fast.hastened(self._connection) else f"{cipher}, asyncssh's own pace"

    def begin(self, end: End, far: Far, told: Told) -> Callable[[], None] | None:
        """Begins to open a stream, where the faster parts are in place; the more there are, the smaller its window."""
        connection: Any = self._connection
        if not isinstance(connection, fast.FastConnection):
            return None

        def answered(error: Exception | None) -> None:
            told(None if error is None else self._not_opened(end, far, error))

        kind, where = _address(end)
        try:
            return connection.open_stream(kind, where, far, answered, self._counted(far)).give_up
        except asyncssh.ChannelOpenError:
            far.over()
            return None

    def _counted(self, far: Far) -> int:
        """The window of a stream that is one more."""
        most = RELAYED_WINDOW if self._relayed else WINDOW
        window = max(LEAST_WINDOW, min(most, ALL_WINDOWS // (self._open + 1)))
        self._open += 1
        far.when_over = self._over
        return window

    async def open(self, end: End, far: Far) -> None:
        """Opens a stream."""
        window = self._counted(far)
        session: Any = partial(_itself, far)
        try:
            if end.path:
                await self._connection.create_unix_connection(session, end.path, window=window)
            else:
                await self._connection.create_connection(session, end.host, end.port, window=window)
        except (asyncssh.Error, OSError) as error:
            raise self._not_opened(end, far, error) from error
        except BaseException:
            far.over()
            raise

    def _not_opened(self, end: End, far: Far, error: Exception) -> NotForwarded:
        far.over()
        refused = isinstance(error, asyncssh.ChannelOpenError) and error.reason != fast.CLOSED
        lost = self._ended.done() or not refused
        if lost:
            self._connection.abort()
        reason = error.reason if isinstance(error, asyncssh.ChannelOpenError) else str(error)
        return NotForwarded(f"The host did not open {end}.", code="not-forwarded", cause=reason, lost=lost)

    async def open_command(self, command: str, far: Far) -> None:
        """Opens a stream to a command; beyond what a connection takes of them, on another connection."""
        try:
            await self._commands.open(command, far)
        except (asyncssh.Error, OSError, MlopsError) as error:
            far.over()
            lost = self._ended.done()
            raise NotForwarded(
                "The host ran no command for it.", code="not-forwarded", cause=str(error), lost=lost
            ) from error
        except BaseException:
            far.over()
            raise

    def _over(self) -> None:
        self._open -= 1

    def not_opened(self, end: End) -> str:
        """Nothing: `open` says it."""
        return ""

    async def lost(self) -> str:
        """Waits for the end of the connection."""
        error = await asyncio.shield(self._ended)
        closed = error is None or isinstance(error, asyncssh.ConnectionLost)
        if closed and self._way is not None and (said := await self._way.said()):
            return said
        return "it was closed" if error is None else str(error) or type(error).__name__

    async def prove(self) -> None:
        """Asks the host to answer within seconds; over a relay, that one watches its own way."""
        if self._relayed:
            return
        self._connection.set_keepalive(PROOF, PROOFS)
        await self._clock.sleep(PROOF * (PROOFS + 4))
        if not self._ended.done():
            self._connection.set_keepalive(*self._usual)

    async def run(self, command: str) -> tuple[int, str]:
        """Runs a command on the host."""
        try:
            done = await self._connection.run(command, stdin=asyncssh.DEVNULL, check=False)
        except (asyncssh.Error, OSError) as error:
            raise NotForwarded("The host runs no commands.", cause=str(error), lost=self._ended.done()) from error
        return done.exit_status if done.exit_status is not None else 255, str(done.stdout)

    async def close(self) -> None:
        """Ends the connection at once: what is in flight is lost to the other side as well."""
        self._commands.close()
        self._connection.abort()
        with contextlib.suppress(asyncssh.Error, OSError):
            await self._connection.wait_closed()
        if self._way is not None:
            await self._way.ended()


def _known(keys: KnownKeys) -> tuple[Any, ...]:
    """The keys as asyncssh takes them; a type that it does not know is left out."""
    return tuple(_imported(texts) for texts in (keys.trusted, keys.authorities, keys.revoked))


def _imported(texts: tuple[str, ...]) -> list[asyncssh.SSHKey]:
    found = []
    for text in texts:
        with contextlib.suppress(asyncssh.KeyImportError, ValueError):
            found.append(asyncssh.import_public_key(text))
    return found


def _ciphers(host: HostConfiguration, aes: bool | None) -> list[str]:
    """The host's ciphers, as far as asyncssh knows them."""
    known = algorithms.of_asyncssh()["ciphers"]
    return [name for name in gcm_first(host, aes=aes) if name in known]


def _keepalive(host: HostConfiguration, *, relayed: bool) -> tuple[float, int]:
    """As the user has it, else often; a relay watches its own way and outlives a network, so there it is rare."""
    if relayed:
        return 60.0, 10
    given = _seconds(host.one("serveraliveinterval"))
    return (given, int(_seconds(host.one("serveralivecountmax")) or KEEPALIVES)) if given else (KEEPALIVE, KEEPALIVES)


def _rekeying(host: HostConfiguration) -> tuple[int, float]:
    """Bytes and seconds under one key, as the user has them."""
    size, _, seconds = host.one("rekeylimit").partition(" ")
    return int(_seconds(size)) or REKEY, _seconds(seconds) or REKEY_AFTER


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0


@cache
def _address(end: End) -> tuple[bytes, bytes]:
    """How a forward is asked for: the kind of channel, and what it leads to, from nowhere in particular."""
    if end.path:
        return b"direct-streamlocal@openssh.com", String(end.path) + String("") + UInt32(0)
    return b"direct-tcpip", String(end.host) + UInt32(end.port) + String("") + UInt32(0)


def _itself(far: Far) -> Far:
    return far
