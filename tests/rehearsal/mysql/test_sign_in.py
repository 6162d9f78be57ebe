"""Signing in: by the user's own plugin, whatever the client presents, and by no other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pymysql
import pytest
from mysql_client import Database

from core.rehearsal.mysql import Refused, protocol
from core.rehearsal.mysql.accounts import NATIVE, SHA2, native_hash

DENIED = 1045


async def test_the_first_sign_in_is_a_full_one_and_the_next_is_short(database: Database) -> None:
    protocol.SqlConnection.seen.clear()
    assert await database.ask("SELECT 1") == ((1,),)
    assert len(protocol.SqlConnection.seen) == 1
    assert await database.ask("SELECT 1") == ((1,),)


@pytest.mark.parametrize(("user", "password"), [("root", "wrong"), ("root", ""), ("nobody", "secret")])
async def test_a_wrong_sign_in_is_refused_in_mysqls_words(database: Database, user: str, password: str) -> None:
    with pytest.raises(pymysql.err.OperationalError) as caught:
        await database.ask("SELECT 1", user=user, password=password)
    assert caught.value.args[0] == DENIED
    using = "YES" if password else "NO"
    assert caught.value.args[1].startswith(f"Access denied for user '{user}'@")
    assert caught.value.args[1].endswith(f"(using password: {using})")


async def test_a_wrong_password_is_refused_after_a_right_one_too(database: Database) -> None:
    await database.ask("SELECT 1")
    with pytest.raises(pymysql.err.OperationalError):
        await database.ask("SELECT 1", password="wrong")


async def test_a_native_user_is_switched_to(database: Database) -> None:
    database.accounts.keep("root", "%", plugin=NATIVE)
    assert await database.ask("SELECT 1") == ((1,),)
    with pytest.raises(pymysql.err.OperationalError):
        await database.ask("SELECT 1", password="wrong")


async def test_a_user_without_a_password_gets_in_with_none(database: Database) -> None:
    for plugin in (NATIVE, SHA2):
        database.accounts.keep("open", "%", plugin=plugin, password=None)
        assert await database.ask("SELECT 1", user="open", password="") == ((1,),)
        with pytest.raises(pymysql.err.OperationalError):
            await database.ask("SELECT 1", user="open", password="x")


async def test_a_client_of_the_native_plugin_alone_is_kept_out_until_the_plugin_changes(database: Database) -> None:
    with pytest.raises(Refused, match=SHA2):
        database.accounts.sign_in("root", "secret", native_only=True)
    await database.ask(f"ALTER USER 'root'@'%' IDENTIFIED WITH {NATIVE} AS '{native_hash('secret')}'")
    database.accounts.sign_in("root", "secret", native_only=True)
    with pytest.raises(Refused, match="Access denied"):
        database.accounts.sign_in("root", "other", native_only=True)


async def test_the_versions_own_plugin_is_the_default(start: Callable[..., AbstractAsyncContextManager[Any]]) -> None:
    async with start("MYSQL_8_0") as old:
        old.accounts.keep("root", "%", password="secret")
        assert await old.ask("SELECT plugin FROM mysql.user") == ((NATIVE,),)
        assert (await old.ask("SELECT VERSION()"))[0][0].startswith("8.0")


def test_an_answer_fits_only_its_nonce_and_password() -> None:
    import hashlib

    nonce, stage1 = b"n" * 20, hashlib.sha1(b"secret").digest()
    stage2 = hashlib.sha1(stage1).digest()
    answer = bytes(a ^ b for a, b in zip(stage1, hashlib.sha1(nonce + stage2).digest(), strict=True))
    assert protocol.native_answer_fits(answer, stage2, nonce)
    assert not protocol.native_answer_fits(answer, stage2, b"m" * 20)
    assert not protocol.native_answer_fits(b"", stage2, nonce)
    assert protocol.sha2_answer(b"secret", nonce) != protocol.sha2_answer(b"secret", b"m" * 20)
