"""Providers that are forked from a process which has loaded everything: each is still one of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.rehearsal.provider import mirror
from core.rehearsal.provider.nursery import Nursery
from core.rehearsal.provider.server import COOKIE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Terraform starts the provider as it is")
SECONDS = 60


class Program:
    """The provider's program, started as Terraform starts it."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self.child = child
        self.socket = Path()

    async def serving(self) -> Program:
        """Waits for the handshake."""
        assert self.child.stdout is not None
        line = (await asyncio.wait_for(self.child.stdout.readline(), SECONDS)).decode()
        assert line.startswith("1|5|unix|")
        assert line.rstrip().endswith("|grpc|")
        self.socket = Path(line.split("|")[3])
        return self

    async def gone(self) -> None:
        """Waits until nothing of the provider is left."""
        await asyncio.wait_for(self.child.wait(), SECONDS)
        deadline = asyncio.get_running_loop().time() + SECONDS
        while self.socket.parent.exists():
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.01)


@pytest.fixture
def providers(tmp_path: Path) -> Path:
    return mirror.write(tmp_path / "providers", rate=0)


@asynccontextmanager
async def nursery(providers: Path) -> AsyncIterator[Nursery]:
    found = Nursery(providers / mirror.NURSERY_FILE)
    found.open()
    try:
        yield found
    finally:
        await found.close()


async def start(providers: Path, folder: Path, *, cookie: bool = True) -> Program:
    """Starts the program with a folder of its own for its socket, which it knows from its environment alone."""
    folder.mkdir(exist_ok=True)
    (program,) = providers.rglob("terraform-provider-*")
    variables = {**os.environ, "PLUGIN_UNIX_SOCKET_DIR": str(folder), **({COOKIE[0]: COOKIE[1]} if cookie else {})}
    pipe = asyncio.subprocess.PIPE
    return Program(await asyncio.create_subprocess_exec(program, env=variables, stdout=pipe, stderr=pipe, cwd=folder))


def relatives(of: int) -> list[int]:
    """The processes that a process started and that live."""
    listed = Path(f"/proc/{of}/task/{of}/children").read_text() if Path(f"/proc/{of}").exists() else ""
    return [int(pid) for pid in listed.split()]


async def test_each_provider_is_a_process_with_its_own_streams_and_environment(providers: Path, tmp_path: Path) -> None:
    async with nursery(providers) as found:
        one = await (await start(providers, tmp_path / "1")).serving()
        other = await (await start(providers, tmp_path / "2")).serving()
        assert (one.socket.parent.parent, other.socket.parent.parent) == (tmp_path / "1", tmp_path / "2")
        assert found.pid is not None
        assert len(relatives(found.pid)) == 2
        one.child.terminate()
        await one.gone()
        assert other.socket.exists()
        other.child.kill()
        await other.gone()


async def test_it_says_what_it_is_in_the_streams_that_it_was_given(providers: Path, tmp_path: Path) -> None:
    async with nursery(providers) as found:
        program = await start(providers, tmp_path / "1", cookie=False)
        _, said = await asyncio.wait_for(program.child.communicate(), SECONDS)
        assert b"Terraform starts by itself" in said
        assert program.child.returncode == 1
        assert found.pid is not None


async def test_nothing_is_loaded_before_somebody_comes(providers: Path) -> None:
    async with nursery(providers) as found:
        await asyncio.sleep(0)
        assert found.pid is None


async def test_a_provider_outlives_the_nursery_and_not_its_terraform(providers: Path, tmp_path: Path) -> None:
    async with nursery(providers) as found:
        program = await (await start(providers, tmp_path / "1")).serving()
        pid = found.pid
    assert pid is not None
    assert not Path(f"/proc/{pid}").exists()
    assert program.socket.exists()
    program.child.kill()
    await program.gone()


async def test_where_no_nursery_answers_the_program_is_a_provider_by_itself(providers: Path, tmp_path: Path) -> None:
    async with nursery(providers):
        pass
    for name in ("1", "2"):
        program = await (await start(providers, tmp_path / name)).serving()
        program.child.terminate()
        await asyncio.wait_for(program.child.wait(), SECONDS)
        (providers / mirror.NURSERY_FILE).unlink(missing_ok=True)
