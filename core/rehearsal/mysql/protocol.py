"""MySQL's sign-in as a server of 8.4 does it: greet with one plugin, switch to the user's own, and let nobody else past.

mysql-mimic speaks the packets; what it lacks is here. `caching_sha2_password` has two ways: a short one for a password that
was seen since the server started, and a full one in which the client sends the password under the server's RSA key, since
the line behind the Auth Proxy is no TLS.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Sequence
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from mysql_mimic import IdentityProvider
from mysql_mimic.auth import AuthInfo, AuthPlugin, AuthState, Forbidden
from mysql_mimic.connection import Connection
from mysql_mimic.control import LocalControl
from mysql_mimic.errors import ErrorCode
from mysql_mimic.packets import make_auth_more_data, make_auth_switch_request
from mysql_mimic.stream import ConnectionClosed, MysqlStream

from core.rehearsal.mysql.accounts import NATIVE, SHA2, Accounts
from core.rehearsal.mysql.session import Statements
from core.rehearsal.store import Document

logging.getLogger("mysql_mimic").setLevel(logging.CRITICAL)

_FAST, _FULL, _WANT_KEY = b"\x03", b"\x04", b"\x02"
_NONCE = bytes(b for b in range(0x21, 0x7F) if b not in b"'\"\\`")


class SignInFailed(Exception):
    """Raised when a client was refused, to end its connection."""


def _nonce() -> bytes:
    return bytes(secrets.choice(_NONCE) for _ in range(20))


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ right[n % len(right)] for n, a in enumerate(left))


def native_answer_fits(answer: bytes, stage2: bytes, nonce: bytes) -> bool:
    """Whether the answer to a nonce shows that the client knows the password whose double hash is ``stage2``."""
    if len(answer) != 20 or len(stage2) != 20:
        return not answer and not stage2
    stage1 = _xor(answer, hashlib.sha1(nonce + stage2).digest())
    return hashlib.sha1(stage1).digest() == stage2


def sha2_answer(password: bytes, nonce: bytes) -> bytes:
    """The answer to a nonce that `caching_sha2_password` wants from who knows the password."""
    once = hashlib.sha256(password).digest()
    return _xor(once, hashlib.sha256(hashlib.sha256(once).digest() + nonce).digest())


@cache
def server_key() -> rsa.RSAPrivateKey:
    """The key by which a client hides its password on its way."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class _Greeting(AuthPlugin):  # type: ignore[misc]
    """What the server greets with; the sign-in itself is `SqlConnection`'s."""

    client_plugin_name = None

    def __init__(self, name: str) -> None:
        self.name = name

    async def auth(self, auth_info: AuthInfo | None = None) -> AuthState:
        yield _nonce() + b"\x00"
        yield Forbidden()


class _Greeter(IdentityProvider):  # type: ignore[misc]
    def __init__(self, plugin: str) -> None:
        self._plugin = _Greeting(plugin)

    def get_plugins(self) -> Sequence[AuthPlugin]:
        return [self._plugin]


class SqlConnection(Connection):  # type: ignore[misc]
    """One client of an instance."""

    seen: set[tuple[str, str, str]] = set()  # noqa: RUF012 - the server's cache, for all its connections
    accounts: Accounts

    async def authenticate(
        self, username: str, auth_response: bytes, client_plugin_name: str | None, connect_attrs: dict[str, str], **_: Any
    ) -> None:
        """Signs the client in by its user's plugin, or ends the connection."""
        user = self.accounts.find(username)
        if user is None or not await self._proves(user, auth_response, client_plugin_name or ""):
            using = "YES" if auth_response else "NO"
            words = f"Access denied for user '{username}'@'cloudsqlproxy~10.4.0.9' (using password: {using})"
            await self.stream.write(self.error(msg=words, code=ErrorCode.ACCESS_DENIED_ERROR))
            self.stream.writer.close()
            raise SignInFailed
        self.session.username = username
        await self.stream.write(self.ok())

    def error(self, **values: Any) -> bytes:
        """An error packet; mysql-mimic's own takes only the codes that it has a name for."""
        code = int(values.get("code", ErrorCode.UNKNOWN_ERROR))
        state = b"28000" if code == ErrorCode.ACCESS_DENIED_ERROR else b"HY000"
        return b"\xff" + code.to_bytes(2, "little") + b"#" + state + str(values.get("msg", "")).encode()

    async def _proves(self, user: Document, answer: bytes, client_plugin: str) -> bool:
        plugin, nonce = user["plugin"], (self.handshake_auth_data or b"").rstrip(b"\x00")
        if client_plugin != plugin:
            nonce = _nonce()
            switch = make_auth_switch_request(
                server_charset=self.server_charset, plugin_name=plugin, plugin_provided_data=nonce + b"\x00"
            )
            await self.stream.write(switch)
            answer = await self.stream.read()
        if plugin == NATIVE:
            stage2 = bytes.fromhex(self.accounts.hash_of(user).removeprefix("*"))
            return native_answer_fits(answer, stage2, nonce)
        return plugin == SHA2 and await self._proves_sha2(
            user, answer.rstrip(b"\x00") if len(answer) == 1 else answer, nonce
        )

    async def _proves_sha2(self, user: Document, answer: bytes, nonce: bytes) -> bool:
        password = str(user.get("password") or "").encode()
        if not password:
            return not answer
        mark = (self.accounts.instance, user["name"], hashlib.sha256(password).hexdigest())
        if mark in self.seen:
            if answer != sha2_answer(password, nonce):
                return False
            await self.stream.write(make_auth_more_data(_FAST))
            return True
        await self.stream.write(make_auth_more_data(_FULL))
        given = await self.stream.read()
        if given == _WANT_KEY:
            form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            await self.stream.write(make_auth_more_data(server_key().public_key().public_bytes(*form)))
            given = await self.stream.read()
        way = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303 - MySQL's own
        try:
            told = _xor(server_key().decrypt(given, way), nonce).rstrip(b"\x00")
        except ValueError:
            return False
        if not secrets.compare_digest(told, password):
            return False
        self.seen.add(mark)
        return True


async def serve(accounts: Accounts, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serves one connection to its end."""
    control = LocalControl()
    session = Statements(accounts)
    connection = SqlConnection(
        stream=MysqlStream(reader, writer),
        session=session,
        control=control,
        identity_provider=_Greeter(accounts.default_plugin),
    )
    connection.accounts = accounts
    connection.connection_id = await control.add(connection)
    try:
        await connection.start()
    except (SignInFailed, ConnectionClosed, ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()
