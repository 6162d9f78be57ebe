"""Statements on users and databases, which really do what they say."""

from __future__ import annotations

import pymysql
import pytest
from mysql_client import Database

from core.rehearsal.mysql.accounts import NATIVE, SHA2, native_hash


async def _plugin(database: Database, user: str = "root") -> str:
    rows = await database.ask(f"SELECT plugin FROM mysql.user WHERE user = '{user}' AND host = '%'")
    return str(rows[0][0]) if rows else ""


async def test_a_plugin_changes_by_alter_user_alone(database: Database) -> None:
    assert await _plugin(database) == SHA2
    await database.ask(f"ALTER USER 'root'@'%' IDENTIFIED WITH {NATIVE} BY 'secret'")
    assert await _plugin(database) == NATIVE
    await database.ask("ALTER USER `root` IDENTIFIED WITH 'caching_sha2_password' BY 'secret'")
    assert await _plugin(database) == SHA2


async def test_a_hash_keeps_the_password_that_it_is_of(database: Database) -> None:
    await database.ask(f"ALTER USER 'root'@'%' IDENTIFIED WITH {NATIVE} AS '{native_hash('secret')}'")
    assert await database.ask("SELECT 1") == ((1,),)
    await database.ask(f"ALTER USER 'root'@'%' IDENTIFIED WITH {NATIVE} AS '{native_hash('next')}'")
    assert await database.ask("SELECT 1", password="next") == ((1,),)
    with pytest.raises(pymysql.err.OperationalError):
        await database.ask("SELECT 1", password="secret")


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (f"ALTER USER 'root'@'%' IDENTIFIED WITH {NATIVE} AS 'no hash'", 1827),
        ("ALTER USER 'root'@'%' IDENTIFIED WITH sha256_password BY 'x'", 1524),
        ("ALTER USER 'nobody'@'%' IDENTIFIED BY 'x'", 1396),
        ("CREATE USER 'root'@'%' IDENTIFIED BY 'x'", 1396),
        ("DROP USER 'nobody'", 1396),
        ("CREATE DATABASE mysql", 1007),
        ("DROP DATABASE none", 1008),
        ("USE none", 1049),
        ("SHOW TABLES FROM none", 1049),
        ("SELECT * FROM metadb.Artifact", 1146),
    ],
)
async def test_what_can_not_be_done_is_refused_by_its_number(database: Database, statement: str, code: int) -> None:
    with pytest.raises(pymysql.err.MySQLError) as caught:
        await database.ask(statement)
    assert caught.value.args[0] == code


async def test_users_are_made_and_dropped(database: Database) -> None:
    await database.ask("CREATE USER IF NOT EXISTS 'it''s'@'%' IDENTIFIED BY 'p\\'w'")
    assert await database.ask("SELECT 1", user="it's", password="p'w") == ((1,),)
    await database.ask("CREATE USER IF NOT EXISTS 'it''s'@'%' IDENTIFIED BY 'other'")
    assert await database.ask("SELECT 1", user="it's", password="p'w") == ((1,),)
    await database.ask("DROP USER 'it''s'@'%'")
    assert await _plugin(database, "it''s") == ""


async def test_databases_and_tables_are_shown(database: Database) -> None:
    await database.ask("CREATE DATABASE IF NOT EXISTS `metadb`")
    database.accounts.make_database("metadb", ("Artifact", "Type"))
    names = [row[0] for row in await database.ask("SHOW DATABASES")]
    assert names == ["information_schema", "metadb", "mysql", "performance_schema", "sys"]
    assert await database.ask("SHOW TABLES FROM `metadb`") == (("Artifact",), ("Type",))
    assert await database.ask("SHOW TABLES", database="metadb") == (("Artifact",), ("Type",))
    assert await database.ask("SHOW DATABASES LIKE 'meta%'") == (("metadb",),)
    assert await database.ask("SELECT * FROM metadb.Artifact") == ()
    assert await database.ask("SELECT COUNT(*) FROM metadb.Artifact") == ((0,),)
    await database.ask("DROP DATABASE metadb")
    assert "metadb" not in database.accounts.databases()


async def test_what_clients_ask_first_is_answered(database: Database) -> None:
    assert await database.ask("SET NAMES utf8mb4", "SELECT 2") == ((2,),)
    assert await database.ask("SELECT USER()")
    assert ("version", "8.4.6-google") in await database.ask("SHOW VARIABLES LIKE 'version'")
