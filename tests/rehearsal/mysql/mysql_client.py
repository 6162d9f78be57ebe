"""PyMySQL in a thread, as tests use it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pymysql

from core.rehearsal.mysql import Accounts


@dataclass
class Database:
    """A server, and what a client gets from it."""

    accounts: Accounts
    port: int

    async def ask(self, *statements: str, user: str = "root", password: str = "secret", database: str | None = None) -> Any:
        """The rows of the last statement."""
        return await asyncio.to_thread(self._ask, statements, user, password, database)

    def _ask(self, statements: tuple[str, ...], user: str, password: str, database: str | None) -> Any:
        connection = pymysql.connect(host="127.0.0.1", port=self.port, user=user, password=password, database=database)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall()
        finally:
            connection.close()
