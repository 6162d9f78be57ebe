"""A simulated MySQL server of one instance, on a port of the test's own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from mysql_client import Database

from core.rehearsal import scenario
from core.rehearsal.mysql import Accounts
from core.rehearsal.world import World

Start = Callable[..., AbstractAsyncContextManager[Database]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a server of a version."""

    @asynccontextmanager
    async def starting(version: str = "MYSQL_8_4") -> AsyncIterator[Database]:
        from core.rehearsal.mysql import protocol

        world = World.open(tmp_path, project="p", scenario=scenario.parse({"speed": 0}))
        world.store.put("sql.instances", "p/i", {"name": "i", "state": "RUNNABLE", "databaseVersion": version})
        accounts = Accounts(world, "p/i")
        server = await asyncio.start_server(lambda r, w: protocol.serve(accounts, r, w), "127.0.0.1", 0)
        yield Database(accounts, server.sockets[0].getsockname()[1])
        server.close()

    return starting


@pytest.fixture
async def database(start: Start) -> AsyncIterator[Database]:
    """A server of MySQL 8.4 with one user, whose plugin is the version's own."""
    async with start() as it:
        it.accounts.keep("root", "%", password="secret")
        yield it
