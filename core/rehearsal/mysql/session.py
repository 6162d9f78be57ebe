"""What the server answers to statements: users and databases for real, tables by name, everything else by mysql-mimic."""

from __future__ import annotations

import re
from typing import Any

from mysql_mimic import Session
from mysql_mimic.errors import ErrorCode, MysqlError
from mysql_mimic.variables import SYSTEM_VARIABLES, GlobalVariables, SessionVariables
from sqlglot import expressions as exp
from sqlglot.executor import execute

from core.rehearsal.mysql.accounts import NATIVE, SHA2, Accounts, native_hash

_QUOTED = r"(?:'((?:[^'\\]|''|\\.)*)'|`([^`]*)`|\"([^\"]*)\"|([\w$.-]+))"
_USER = re.compile(rf"{_QUOTED}\s*(?:@\s*{_QUOTED})?", re.IGNORECASE)
_STATEMENT = re.compile(
    r"\s*(ALTER|CREATE|DROP)\s+USER\s+(IF\s+(?:NOT\s+)?EXISTS\s+)?(.*?);?\s*$", re.IGNORECASE | re.DOTALL
)
_IDENTIFIED = re.compile(rf"IDENTIFIED\s+(?:WITH\s+{_QUOTED}\s*)?(?:(BY|AS)\s+{_QUOTED})?", re.IGNORECASE)
_DATABASE = re.compile(
    rf"\s*(CREATE|DROP)\s+(?:DATABASE|SCHEMA)\s+(IF\s+(?:NOT\s+)?EXISTS\s+)?{_QUOTED}.*", re.IGNORECASE | re.DOTALL
)
_SHOW = re.compile(
    rf"\s*SHOW\s+(DATABASES|SCHEMAS|TABLES)(?:\s+(?:FROM|IN)\s+{_QUOTED})?(?:\s+LIKE\s+{_QUOTED})?\s*;?\s*", re.IGNORECASE
)
_QUIET = re.compile(r"\s*(GRANT|REVOKE|FLUSH)\b", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(.)|''")

USER_COLUMNS = ("user", "host", "plugin", "authentication_string", "account_locked", "password_expired")


def _text(groups: tuple[str | None, ...]) -> str:
    quoted, *others = groups
    if quoted is not None:
        return _ESCAPE.sub(lambda m: m[1] or "'", quoted)
    return next((g for g in others if g is not None), "")


def _failure(code: int, words: str) -> MysqlError:
    error = MysqlError(words)
    error.code = code  # mysql-mimic's own list knows few of them
    return error


def load() -> None:
    """Answers a question about nobody: the first one loads what knows every dialect."""
    execute("SELECT user FROM user WHERE user = 'nobody'", tables={"user": [dict.fromkeys(USER_COLUMNS, "")]})


class Statements(Session):  # type: ignore[misc]
    """One client's session."""

    def __init__(self, accounts: Accounts) -> None:
        known = {
            **SYSTEM_VARIABLES,
            "version": (str, accounts.version, False),
            "version_comment": (str, "(Google)", False),
            "default_authentication_plugin": (str, accounts.default_plugin, False),
            "authentication_policy": (str, f"{accounts.default_plugin},,", False),
            "default_storage_engine": (str, "InnoDB", True),
        }
        super().__init__(SessionVariables(GlobalVariables(known)))
        self._accounts = accounts
        self.middlewares.insert(0, self._of_users)

    async def _of_users(self, query: Any) -> Any:
        """Answers what is asked of ``mysql.user``, which mysql-mimic takes for a part of the information schema."""
        tables = list(query.expression.find_all(exp.Table)) if isinstance(query.expression, exp.Query) else []
        if any((table.db or self.database or "").lower() == "mysql" for table in tables):
            return await self.query(query.expression, query.sql, query.attrs)
        return await query.next()

    async def handle_query(self, sql: str, attrs: dict[str, str]) -> Any:
        """Answers a statement."""
        if m := _STATEMENT.fullmatch(sql):
            return self._user_statement(m[1].upper(), bool(m[2]), m[3])
        if m := _DATABASE.fullmatch(sql):
            return self._database_statement(m[1].upper(), bool(m[2]), _text(m.groups()[2:6]))
        if _QUIET.match(sql):
            return [], []
        if m := _SHOW.fullmatch(sql):
            return self._show_names(m[1].upper(), _text(m.groups()[1:5]) or self.database or "", _text(m.groups()[5:9]))
        return await super().handle_query(sql, attrs)

    async def use(self, database: str) -> None:
        """Takes a database as the one meant; raises where there is none."""
        if database and database not in self._accounts.databases():
            raise _failure(1049, f"Unknown database '{database}'")
        await super().use(database)

    async def schema(self) -> dict[str, Any]:
        """Databases and tables, for SHOW and information_schema."""
        columns = {"id": "BIGINT"}
        found = {d: dict.fromkeys(self._accounts.tables(d), columns) for d in self._accounts.databases()}
        return {**found, "mysql": {"user": dict.fromkeys(USER_COLUMNS, "VARCHAR")}}

    async def query(self, expression: exp.Expression, sql: str, attrs: dict[str, str]) -> Any:
        """Runs a SELECT over ``mysql.user`` and over tables, which are empty; writes are taken and forgotten."""
        if not isinstance(expression, exp.Query):
            return [], []
        tables = list(expression.find_all(exp.Table))
        for table in tables:
            database = (table.db or self.database or "").lower()
            if (database, table.name.lower()) != ("mysql", "user") and table.name not in self._accounts.tables(database):
                raise _failure(1146, f"Table '{database}.{table.name}' doesn't exist")
            table.set("db", None)
        if {t.name.lower() for t in tables} != {"user"}:
            names = (
                [e.alias_or_name or e.sql() for e in expression.selects] if isinstance(expression, exp.Select) else ["id"]
            )
            return ([(0,)] if expression.find(exp.Count) else []), names
        for column in expression.find_all(exp.Column):
            column.set("db", None)
        result = execute(expression, tables={"user": [self._user_row(user) for user in self._accounts.users()]})
        return result.rows, result.columns

    def _user_row(self, user: dict[str, Any]) -> dict[str, Any]:
        native = user["plugin"] == NATIVE
        secret = self._accounts.hash_of(user) if native else "$A$005$" if user.get("password") else ""
        values = (user["name"], user["host"], user["plugin"], secret, "N", "N")
        return dict(zip(USER_COLUMNS, values, strict=True))

    def _show_names(self, what: str, database: str, like: str) -> Any:
        if what != "TABLES":
            names, title = self._accounts.databases(), "Database"
        elif database not in self._accounts.databases():
            raise _failure(1049, f"Unknown database '{database}'") if database else _failure(1046, "No database selected")
        else:
            names, title = self._accounts.tables(database), f"Tables_in_{database}"
        pattern = re.compile(re.escape(like).replace("%", ".*").replace("_", ".")) if like else None
        return [(n,) for n in names if pattern is None or pattern.fullmatch(n)], [title]

    # -- users and databases

    def _user_statement(self, verb: str, conditional: bool, rest: str) -> Any:
        m = _USER.match(rest)
        if m is None:
            raise MysqlError("You have an error in your SQL syntax", code=ErrorCode.PARSE_ERROR)
        name, host = _text(m.groups()[:4]), _text(m.groups()[4:]) or "%"
        there = self._accounts.find(name, host) is not None
        if there == (verb == "CREATE"):
            if conditional:
                return [], []
            raise _failure(1396, f"Operation {verb} USER failed for '{name}'@'{host}'")
        if verb == "DROP":
            self._accounts.drop(name, host)
        else:
            self._identify(name, host, rest[m.end() :])
        return [], []

    def _identify(self, name: str, host: str, clause: str) -> None:
        m = _IDENTIFIED.search(clause)
        if m is None:
            self._accounts.keep(name, host)
            return
        groups = m.groups()
        plugin = _text(groups[:4]) or self._accounts.default_plugin
        if plugin not in (NATIVE, SHA2):
            raise _failure(1524, f"Plugin '{plugin}' is not loaded")
        given = _text(groups[5:9])
        if (groups[4] or "").upper() != "AS":
            self._accounts.keep(name, host, plugin=plugin, password=given or None, native_hash=None)
            return
        if plugin != NATIVE or not re.fullmatch(r"\*[0-9A-Fa-f]{40}|", given):
            raise _failure(1827, "The password hash doesn't have the expected format.")
        user = self._accounts.find(name, host) or {}
        known = user.get("password") if native_hash(user.get("password") or "") == given.upper() else None
        self._accounts.keep(name, host, plugin=plugin, password=known, native_hash=None if known else given.upper())

    def _database_statement(self, verb: str, conditional: bool, name: str) -> Any:
        there = name in self._accounts.databases()
        if there == (verb == "CREATE"):
            if conditional:
                return [], []
            code, words = (1007, "database exists") if verb == "CREATE" else (1008, "database doesn't exist")
            raise _failure(code, f"Can't {verb.lower()} database '{name}'; {words}")
        if verb == "CREATE":
            self._accounts.make_database(name)
        else:
            self._accounts.drop_database(name)
        return [], []
