"""The step ``database-user``: made or mended through Cloud SQL's API and MySQL itself, and always proven."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from step_bench import StepBench

from core.environment import Home
from core.errors import PermanentError, TemporaryError
from core.gcp.errors import Conflict, NotFound, StillWorking
from core.install import database_user as module
from core.install.database_user import step
from core.install.mysql import NATIVE, SHA2, Account, NoAnswer, SignInRefused, native_hash

WHERE = {"project": "project-1", "instance": "demo-sql-x"}


@dataclass
class Server:
    """A MySQL server's users: name → (password, plugin), and what it refuses."""

    users: dict[str, list[str]] = field(default_factory=dict)
    default: str = SHA2
    alter_refused: bool = False
    away: int = 0
    altered: list[str] = field(default_factory=list)


class FakeAccount:
    """`Account` on a `Server`."""

    server: ClassVar[Server]

    def __init__(self, port: int, user: str, password: str) -> None:
        self.user, self.password = user, password

    async def prove(self, *, native: bool = False) -> None:
        if self.server.away:
            self.server.away -= 1
            raise NoAnswer("connection reset")
        known = self.server.users.get(self.user)
        if known is None or known[0] != self.password or (native and known[1] != NATIVE):
            raise SignInRefused("Access denied")

    async def plugin(self) -> str:
        await self.prove()
        return self.server.users[self.user][1]

    async def use_native_plugin(self) -> None:
        import pymysql

        if self.server.alter_refused:
            raise pymysql.err.OperationalError(1524, "Plugin 'mysql_native_password' is not loaded")
        self.server.altered.append(self.user)
        self.server.users[self.user][1] = NATIVE


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    FakeAccount.server = Server()
    monkeypatch.setattr(module, "Account", FakeAccount)

    @asynccontextmanager
    async def forward(*_: Any) -> AsyncIterator[int]:
        yield 3306

    async def password(*_: Any) -> str:
        return "canary-password"

    monkeypatch.setattr(module, "forward", forward)
    monkeypatch.setattr(module, "sql_password", password)
    return FakeAccount.server


def prepared(bench: StepBench, server: Server) -> StepBench:
    google = bench.google
    bench.facts |= {"sql_proxy": True, "sql_instance": "project-1:us-central1:demo-sql-x", "sql_password_version": "v"}

    def insert(body: dict[str, str], **_: Any) -> dict[str, Any]:
        server.users[body["name"]] = [body["password"], server.default]
        return {"name": "op", "status": "DONE"}

    def delete(name: str, **_: Any) -> dict[str, Any]:
        del server.users[name]
        return {"name": "op", "status": "DONE"}

    google.answers |= {
        "sqladmin.users.list": lambda **_: {"items": [{"name": n, "host": "%"} for n in server.users]},
        "sqladmin.operations.list": {"items": []},
        "sqladmin.users.insert": insert,
        "sqladmin.users.update": insert,
        "sqladmin.users.delete": delete,
    }
    return bench


async def test_a_user_is_made_mended_and_proven_once(bench: StepBench, server: Server) -> None:
    prepared(bench, server)
    outcome, context = await bench.run(step)
    assert (outcome, context.published) == ("done", {"database_user": "root"})
    assert server.users == {"root": ["canary-password", NATIVE]}
    assert bench.google.asked("sqladmin.users.insert")[0] | WHERE == bench.google.asked("sqladmin.users.insert")[0]
    outcome, _ = await bench.run(step)
    assert outcome == "unchanged"
    assert server.altered == ["root"]


async def test_the_root_that_cloud_sql_makes_gets_the_password(bench: StepBench, server: Server) -> None:
    prepared(bench, server)
    server.users["root"] = ["", SHA2]
    await bench.run(step)
    assert server.users == {"root": ["canary-password", NATIVE]}
    assert bench.google.asked("sqladmin.users.update")[0]["host"] == "%"
    assert not bench.google.asked("sqladmin.users.insert")


async def test_an_open_root_is_removed_where_the_user_is_another(bench: StepBench, server: Server, home: Home) -> None:
    other = prepared(StepBench(bench.fake, home, sql_username="kfp"), server)
    server.users["root"] = ["", SHA2]
    await other.run(step)
    assert set(server.users) == {"kfp"}


async def test_a_root_with_a_password_is_somebodys(bench: StepBench, server: Server, home: Home) -> None:
    other = prepared(StepBench(bench.fake, home, sql_username="kfp"), server)
    server.users["root"] = ["theirs", SHA2]
    await other.run(step)
    assert server.users["root"] == ["theirs", SHA2]


async def test_a_plugin_that_came_back_is_mended_again(bench: StepBench, server: Server) -> None:
    prepared(bench, server)
    await bench.run(step)
    server.users["root"][1] = SHA2
    outcome, context = await bench.run(step)
    assert outcome == "done"
    assert ("mysql.user", "root@%", "update") in context.resources


async def test_mysql_8_0_needs_no_mending(bench: StepBench, server: Server) -> None:
    prepared(bench, server)
    server.default = NATIVE
    await bench.run(step)
    assert server.altered == []


async def test_a_server_without_the_plugin_is_a_dead_end_with_a_way_out(bench: StepBench, server: Server) -> None:
    prepared(bench, server)
    server.alter_refused = True
    with pytest.raises(PermanentError, match="could not sign in as root") as caught:
        await bench.run(step)
    assert "not loaded" in caught.value.cause
    assert "MYSQL_8_0" in caught.value.hint


async def test_a_proxy_that_does_not_answer_is_temporary(bench: StepBench, server: Server) -> None:
    prepared(bench, server)
    server.away = 1
    with pytest.raises(TemporaryError, match="Auth Proxy"):
        await bench.run(step)


async def test_a_backup_that_runs_is_waited_for(bench: StepBench, server: Server) -> None:
    prepared(bench, server)
    running = {"items": [{"status": "RUNNING", "operationType": "BACKUP_VOLUME"}]}
    bench.google.answers["sqladmin.operations.list"] = [running, running, {"items": []}]
    insert = bench.google.answers["sqladmin.users.insert"]
    busy = StillWorking("busy", status=409, reason="operationInProgress")
    other = Conflict("busy", status=409, reason="operationInProgress")
    answers = iter([busy, other])

    def sometimes(**params: Any) -> Any:
        error = next(answers, None)
        if error is not None:
            raise error
        return insert(**params)

    bench.google.answers["sqladmin.users.insert"] = sometimes
    _, context = await bench.run(step)
    assert server.users["root"][0] == "canary-password"
    assert any("BACKUP_VOLUME" in message for message in context.messages)


async def test_an_insert_whose_answer_was_lost_is_taken_as_done(bench: StepBench, server: Server) -> None:
    prepared(bench, server)
    insert = bench.google.answers["sqladmin.users.insert"]

    def lost(**params: Any) -> Any:
        insert(**params)
        raise Conflict("The user root@% already exists.", status=409, reason="invalid")

    bench.google.answers["sqladmin.users.insert"] = lost
    await bench.run(step)
    assert server.users == {"root": ["canary-password", NATIVE]}


async def test_a_deletion_whose_answer_was_lost_is_taken_as_done(bench: StepBench, server: Server, home: Home) -> None:
    other = prepared(StepBench(bench.fake, home, sql_username="kfp"), server)
    server.users["root"] = ["", SHA2]

    def lost(name: str, **_: Any) -> Any:
        del server.users[name]
        raise NotFound("The user does not exist.", status=404)

    other.google.answers["sqladmin.users.delete"] = lost
    await other.run(step)
    assert set(server.users) == {"kfp"}


async def test_another_conflict_is_no_reason_to_wait(bench: StepBench, server: Server) -> None:
    prepared(bench, server)
    bench.google.answers["sqladmin.users.insert"] = Conflict("no", status=409, reason="instanceStopped")
    with pytest.raises(Conflict):
        await bench.run(step)


async def test_the_password_is_in_no_text(bench: StepBench, server: Server) -> None:
    prepared(bench, server)
    _, context = await bench.run(step)
    told = repr([context.lines, context.messages, context.resources])
    assert "canary-password" not in told
    assert native_hash("canary-password") not in told


def test_the_hash_is_mysqls() -> None:
    assert native_hash("password") == "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
    assert "canary" not in repr(Account(1, "root", "canary"))


async def test_the_user_is_made_before_the_proxy_is_there(bench: StepBench, server: Server) -> None:
    prepared(bench, server)
    del bench.facts["sql_proxy"]
    with pytest.raises(KeyError, match="sql_proxy"):
        await bench.run(step)
    assert server.users == {"root": ["canary-password", SHA2]}
