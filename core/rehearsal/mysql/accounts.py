"""Users and databases of one Cloud SQL instance: the documents that the simulated Cloud SQL API keeps.

A password is kept as it was given, since this store plays the server; where a client gave only a hash
(``IDENTIFIED WITH mysql_native_password AS '*…'``), only that is kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from core.rehearsal.store import Document
from core.rehearsal.world import World

NATIVE, SHA2 = "mysql_native_password", "caching_sha2_password"
INSTANCES, USERS, DATABASES, TABLES = "sql.instances", "sql.users", "sql.databases", "mysql.tables"
SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")


class Refused(Exception):
    """Raised when a sign-in is refused, in MySQL's words."""


def native_hash(password: str) -> str:
    """What ``mysql_native_password`` keeps of a password; empty for an empty one."""
    if not password:
        return ""
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the server of one instance (``PROJECT/NAME``) knows."""

    world: World
    instance: str

    @property
    def document(self) -> Document | None:
        """The instance, where it runs."""
        found = self.world.store.get(INSTANCES, self.instance)
        return found if found is not None and found.get("state") in ("RUNNABLE", "MAINTENANCE") else None

    @property
    def version(self) -> str:
        """The server's version as it greets with."""
        kind = (self.document or {}).get("databaseVersion", "MYSQL_8_4")
        return "8.0.41-google" if str(kind).startswith("MYSQL_8_0") else "8.4.6-google"

    @property
    def default_plugin(self) -> str:
        """The plugin of a user for whom none is named, which is also the one it greets with."""
        return NATIVE if self.version.startswith("8.0") else SHA2

    def users(self) -> list[Document]:
        """Every user."""
        return [u for _, u in self.world.store.items(USERS, f"{self.instance}/")]

    def find(self, name: str, host: str = "%") -> Document | None:
        """A user."""
        return self.world.store.get(USERS, f"{self.instance}/{name}@{host}")

    def keep(self, name: str, host: str, **values: object) -> None:
        """Writes a user, with what is new about it."""
        old = self.find(name, host) or {"name": name, "host": host, "instance": self.instance, "password": None}
        kept = {k: v for k, v in {**old, **values}.items() if k != "native_hash" or v}
        self.world.store.put(USERS, f"{self.instance}/{name}@{host}", {"plugin": self.default_plugin, **kept})

    def drop(self, name: str, host: str) -> None:
        """Removes a user."""
        self.world.store.delete(USERS, f"{self.instance}/{name}@{host}")

    def hash_of(self, user: Document) -> str:
        """The native hash of a user's password; empty where there is no password."""
        return str(user.get("native_hash") or native_hash(user.get("password") or ""))

    def sign_in(self, name: str, password: str, *, native_only: bool = False) -> None:
        """Signs in as a program of the cluster does; ``native_only``: it knows no other plugin. Raises `Refused`."""
        user = self.find(name)
        if user is None or self.hash_of(user) != native_hash(password):
            using = "YES" if password else "NO"
            raise Refused(f"Access denied for user '{name}'@'cloudsqlproxy~10.4.0.9' (using password: {using})")
        if native_only and user["plugin"] != NATIVE:
            raise Refused(f"Authentication plugin '{user['plugin']}' cannot be loaded: no such plugin in this client (2059)")

    # -- databases

    def databases(self) -> list[str]:
        """The names of all databases."""
        own = [name.rpartition("/")[2] for name, _ in self.world.store.items(DATABASES, f"{self.instance}/")]
        return sorted({*SYSTEM, *own})

    def make_database(self, name: str, tables: tuple[str, ...] = ()) -> None:
        """Makes a database and tables in it, where they are not there yet."""
        key = f"{self.instance}/{name}"
        if self.world.store.get(DATABASES, key) is None:
            project, _, instance = self.instance.partition("/")
            base = {"kind": "sql#database", "name": name, "instance": instance, "project": project}
            self.world.store.put(DATABASES, key, {**base, "charset": "utf8mb4", "collation": "utf8mb4_0900_ai_ci"})
        known = self.tables(name)
        if set(tables) - set(known):
            self.world.store.put(TABLES, key, {"tables": sorted({*known, *tables})})

    def drop_database(self, name: str) -> None:
        """Removes a database with its tables."""
        for kind in (DATABASES, TABLES):
            self.world.store.delete(kind, f"{self.instance}/{name}")

    def tables(self, database: str) -> list[str]:
        """The tables of a database."""
        return list((self.world.store.get(TABLES, f"{self.instance}/{database}") or {}).get("tables") or [])
