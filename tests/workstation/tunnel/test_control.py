"""What a running tunnel tells: how it stands at once, every change, and the end of the line at its end."""

from __future__ import annotations

import asyncio
import queue
from pathlib import Path

import pytest

from core.run.clock import Clock
from core.workstation.tunnel import control
from core.workstation.tunnel.control import Telling, listen
from core.workstation.tunnel.status import ForwardStatus, Status


async def test_who_listens_hears_each_change_and_the_end(tmp_path: Path) -> None:
    status = Status("box", "connecting", forwards=[ForwardStatus("1", "localhost:2")])
    telling = Telling(tmp_path / "c.sock", lambda: status, Clock())
    await telling.start()
    heard: queue.Queue[Status] = queue.Queue()

    def hear() -> None:
        for each in listen(tmp_path / "c.sock", seconds=60):
            heard.put(each)

    listening = asyncio.create_task(asyncio.to_thread(hear))
    assert await asyncio.to_thread(heard.get) == status
    status = Status("box", "up", pid=7)
    telling.changed()
    while await asyncio.to_thread(heard.get) != status:
        pass
    assert (tmp_path / "c.sock").stat().st_mode & 0o777 == 0o600
    await telling.close()
    await listening
    assert list(listen(tmp_path / "c.sock")) == []


async def test_a_control_socket_that_was_cleaned_away_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "LOOKS", 0.01)
    telling = Telling(tmp_path / "c.sock", lambda: Status("box"), Clock())
    await telling.start()
    (tmp_path / "c.sock").unlink()
    async with asyncio.timeout(60):
        while not (tmp_path / "c.sock").exists():
            await asyncio.sleep(0.01)
    assert (await asyncio.to_thread(next, listen(tmp_path / "c.sock"))).tunnel == "box"
    await telling.close()


def test_a_status_survives_json_and_another_versions_keys() -> None:
    status = Status("box", "up", pid=7, forwards=[ForwardStatus("1", "localhost:2", health="ok")])
    told = status.to_dict()
    told["later"] = 1
    told["forwards"][0]["later"] = 2
    assert Status.from_dict(told) == status
