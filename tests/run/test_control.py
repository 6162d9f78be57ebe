"""Steering a run over its socket: every request, a peer of another user, a socket that was cleaned away."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from core import events
from core.errors import MlopsError, PermanentError, PersonNeeded, UsageError
from core.run import control
from core.run.clock import VirtualClock
from core.run.control import Control, ask
from core.run.engine import Engine
from core.run.journal import Journal
from core.run.redact import Redactor
from core.run.step import Context, Step


@pytest.fixture(autouse=True)
def sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "s"
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(control, "socket_folder", lambda: folder)
    return folder


def engine(folder: Path, *steps: Step, **options: Any) -> Engine:
    redactor = Redactor()
    log = Journal(folder, run="r1", redactor=redactor)
    return Engine(steps, journal=log, clock=VirtualClock(), redactor=redactor, logs=folder / "logs", **options)


async def say(**request: Any) -> dict[str, Any]:
    return await asyncio.to_thread(ask, "abcdef", request)


async def test_ping_cancel_and_nonsense(tmp_path: Path) -> None:
    async def long(_: Context) -> None:
        await asyncio.Event().wait()

    made = engine(tmp_path, Step("long", "Long", long))
    server = Control(control.socket_path("abcdef"), made, info={"run": "r1", "pid": 7})
    await server.start()
    run = asyncio.ensure_future(made.run())
    assert await say(do="ping") == {"ok": True, "run": "r1", "pid": 7}
    for nonsense in ({"do": "dance"}, {"do": 5}, {"x": 1}, {"do": "__init__"}):
        assert (await say(**nonsense))["ok"] is False
    assert (await say(do="retry", step="long"))["ok"] is False
    assert (await say(do="skip", step="long"))["ok"] is False
    assert (await say(do="cancel", reason="enough"))["ok"] is True
    last = await run
    assert isinstance(last, events.RunCancelled)
    assert last.reason == "enough"
    await server.close()
    assert not control.socket_path("abcdef").exists()


async def test_a_password_that_is_provided_reaches_the_step_that_waits(tmp_path: Path) -> None:
    got: dict[str, Any] = {}
    asked = asyncio.Event()

    async def needs(context: Context) -> None:
        if not got:
            asked.set()
            raise PersonNeeded("sql-password", "Which?")

    made = engine(tmp_path, Step("needs", "Needs", needs), on_provided=got.__setitem__)
    server = Control(control.socket_path("abcdef"), made, info={})
    await server.start()
    run = asyncio.ensure_future(made.run())
    await asked.wait()
    await say(do="provide", kind="sql-password", value="hunter22")
    assert isinstance(await run, events.RunFinished)
    assert got == {"sql-password": "hunter22"}
    await server.close()


async def test_a_failed_step_is_retried_over_the_socket(tmp_path: Path) -> None:
    tries: list[int] = []
    failed, hold = asyncio.Event(), asyncio.Event()

    async def once(_: Context) -> None:
        tries.append(1)
        if len(tries) == 1:
            failed.set()
            raise PermanentError("no")

    async def long(_: Context) -> None:
        await hold.wait()

    made = engine(tmp_path, Step("once", "Once", once), Step("long", "Long", long))
    server = Control(control.socket_path("abcdef"), made, info={})
    await server.start()
    run = asyncio.ensure_future(made.run())
    await failed.wait()
    while not (await say(do="retry", step="once"))["ok"]:
        await asyncio.sleep(0)
    hold.set()
    assert isinstance(await run, events.RunFinished)
    await server.close()


async def test_the_socket_is_the_users_alone_and_made_again_when_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "LOOKS", 0.001)
    server = Control(control.socket_path("abcdef"), engine(tmp_path), info={})
    await server.start()
    path = control.socket_path("abcdef")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()
    while not path.exists():
        await asyncio.sleep(0)
    assert (await say(do="ping"))["ok"] is True
    await server.close()


async def test_a_socket_whose_folder_was_cleaned_away_is_made_again(
    tmp_path: Path, sockets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made() -> Path:
        sockets.mkdir(mode=0o700, exist_ok=True)
        return sockets

    monkeypatch.setattr(control, "LOOKS", 0.001)
    monkeypatch.setattr(control, "socket_folder", made)
    server = Control(control.socket_path("abcdef"), engine(tmp_path), info={})
    await server.start()
    path = sockets / "abcdef.sock"
    path.unlink()
    sockets.rename(tmp_path / "gone")
    while not path.exists():
        await asyncio.sleep(0)
    assert (await say(do="ping"))["ok"] is True
    await server.close()


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), UsageError("It is not the user's alone.")])
async def test_a_socket_that_cannot_be_made_now_is_made_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    server = Control(control.socket_path("abcdef"), engine(tmp_path), info={})
    await server.start()
    problems, folder = [problem], control.socket_folder

    def broken_once() -> Path:
        if problems:
            raise problems.pop()
        return folder()

    monkeypatch.setattr(control, "LOOKS", 0.001)
    monkeypatch.setattr(control, "socket_folder", broken_once)
    path = tmp_path / "s" / "abcdef.sock"
    path.unlink()
    while not path.exists():
        await asyncio.sleep(0)
    assert problems == []
    assert (await say(do="ping"))["ok"] is True
    await server.close()


async def test_another_users_request_is_not_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Control(control.socket_path("abcdef"), engine(tmp_path), info={})
    await server.start()
    monkeypatch.setattr(control, "_peer", lambda _: os.getuid() + 1)
    with pytest.raises(MlopsError, match="does not answer"):
        await say(do="ping")
    await server.close()


def test_no_run_is_one_sentence() -> None:
    with pytest.raises(MlopsError, match="does not answer"):
        ask("nobody", {"do": "ping"})
