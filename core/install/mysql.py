"""Signing in to MySQL as ML Metadata does, and looking at what the server knows of a user.

ML Metadata's client knows ``mysql_native_password`` alone. A server of 8.4 greets every client with
``caching_sha2_password`` and sends a switch to the user's own plugin; so a sign-in proves something only if it presents
the native plugin and takes no other, which `native=True` does. PyMySQL blocks, so each call runs in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

NATIVE, SHA2 = "mysql_native_password", "caching_sha2_password"
ACCESS_DENIED = 1045
NOT_SHOWN = (1142, 1143, 1044, 1146)
"""Errors by which a server says that it shows a table to nobody of this kind."""
LOST = (0, 2006, 2013)
"""Errors by which the client says that the server went away."""
SECONDS = 30
"""Real seconds that one answer of the server's may take."""

_PLUGIN = "SELECT plugin FROM mysql.user WHERE user = %s AND host = '%%'"
T = TypeVar("T")


class SignInRefused(Exception):
    """Raised when the server knows no such user with this password, or wants another plugin than the native one."""


class NoAnswer(Exception):
    """Raised when there was no server at the other end, or it went away."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who signs in, and where."""

    port: int
    user: str
    password: str = field(repr=False)

    async def prove(self, *, native: bool = False) -> None:
        """Signs in and out; raises `SignInRefused` or `NoAnswer`."""
        await self._session(lambda _: None, native=native)

    async def plugin(self) -> str:
        """The password plugin that the server holds for the user; empty where it does not say."""
        import pymysql

        try:
            rows = await self.rows(_PLUGIN, self.user)
        except pymysql.err.Error as error:
            if error.args and error.args[0] in NOT_SHOWN:
                return ""
            raise
        return str(rows[0][0]) if rows else ""

    async def tables(self, *databases: str) -> dict[str, int]:
        """How many tables each database has; 0 where there is no such database."""

        def count(connection: Any) -> dict[str, int]:
            there = {str(row[0]) for row in _rows(connection, "SHOW DATABASES")}
            return {d: len(_rows(connection, f"SHOW TABLES FROM `{_plain(d)}`")) if d in there else 0 for d in databases}

        return await self._session(count)

    async def rows(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        """What a query answers."""
        return await self._session(lambda connection: _rows(connection, statement, *values))

    async def use_native_plugin(self) -> None:
        """Gives the user the native plugin with the same password, of which only the hash is sent."""

        def alter(connection: Any) -> None:
            with connection.cursor() as cursor:
                user = connection.escape(self.user)
                cursor.execute(f"ALTER USER {user}@'%' IDENTIFIED WITH {NATIVE} AS '{native_hash(self.password)}'")

        await self._session(alter)

    async def _session(self, work: Callable[[Any], T], *, native: bool = False) -> T:
        return await asyncio.to_thread(self._blocking, work, native)

    def _blocking(self, work: Callable[[Any], T], native: bool) -> T:
        import pymysql

        try:
            connection = (_native_connection() if native else _connection_class())(
                host="127.0.0.1",
                port=self.port,
                user=self.user,
                password=self.password,
                connect_timeout=SECONDS,
                read_timeout=SECONDS,
                write_timeout=SECONDS,
                charset="utf8mb4",
            )
        except pymysql.err.OperationalError as error:
            raise (SignInRefused if _refused(error) else NoAnswer)(_text(error)) from error
        except (OSError, pymysql.err.Error) as error:
            raise NoAnswer(_text(error)) from error
        try:
            return work(connection)
        except (pymysql.err.OperationalError, pymysql.err.InterfaceError, OSError) as error:
            if isinstance(error, pymysql.err.OperationalError) and error.args[0] not in LOST:
                raise
            raise NoAnswer(_text(error)) from error
        finally:
            with contextlib.suppress(pymysql.err.Error):
                connection.close()


def _rows(connection: Any, statement: str, *values: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall())


def _plain(name: str) -> str:
    return name.replace("`", "")


def native_hash(password: str) -> str:
    """What ``mysql_native_password`` keeps of a password."""
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()


def _refused(error: Exception) -> bool:
    return bool(error.args) and error.args[0] in (ACCESS_DENIED, 1251, 1524, 1862, 2059)


def _text(error: BaseException) -> str:
    return str(error.args[-1]) if error.args else type(error).__name__


@cache
def _connection_class() -> Any:
    """A connection that takes TLS where the server has it, and whom it trusts by no authority: it ends on loopback, at the
    proxy. The library would read every authority of the machine for each connection all the same."""
    import pymysql

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    class Connection(pymysql.Connection):  # type: ignore[misc]
        def _create_ssl_ctx(self, _: Any) -> ssl.SSLContext:
            return context

    return Connection


@cache
def _native_connection() -> Any:
    import pymysql
    from pymysql.constants import CR

    class NoOtherPlugin:
        """Stands in for the plugin that ML Metadata's client does not have."""

        def __init__(self, connection: Any) -> None:
            pass

        def authenticate(self, packet: Any) -> Any:
            raise pymysql.err.OperationalError(
                CR.CR_AUTH_PLUGIN_CANNOT_LOAD, f"the server wants {SHA2}, which ML Metadata's client does not know"
            )

    class NativeConnection(_connection_class()):  # type: ignore[misc]
        """A client that presents the native plugin, whatever the server greets with."""

        def _get_server_information(self) -> None:
            super()._get_server_information()
            self._auth_plugin_name = NATIVE

    return lambda **options: NativeConnection(auth_plugin_map={SHA2: NoOtherPlugin}, **options)
