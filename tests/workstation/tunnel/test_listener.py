"""What listens here: both addresses, its user alone, nobody else's port or socket."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from core.errors import PrerequisiteError, UsageError
from core.run.clock import Clock
from core.workstation.tunnel import listener as module
from core.workstation.tunnel.definition import Forward
from core.workstation.tunnel.gate import Gate
from core.workstation.tunnel.listener import Listener

Make = Callable[[str], "asyncio.Future[Listener]"]


@pytest.fixture
async def listen() -> AsyncIterator[Callable[[str], object]]:
    async with AsyncExitStack() as stack:

        async def make(forward: str) -> Listener:
            listener = Listener(Forward.parse(forward), Gate(Clock()))
            await listener.start()
            stack.push_async_callback(listener.close)
            return listener

        yield make


async def test_a_port_is_opened_on_both_addresses_and_no_other(listen: Make) -> None:
    listener = await listen("0=80")
    port = listener.local.port
    for address in ("127.0.0.1", "::1"):
        _, writer = await asyncio.open_connection(address, port)
        writer.close()
    assert sorted(s.getsockname()[0] for s in listener.sockets) == ["127.0.0.1", "::1"]


async def test_no_small_packet_to_a_program_here_waits_for_the_one_before(listen: Make) -> None:
    listener = await listen("0=80")
    _, writer = await asyncio.open_connection("127.0.0.1", listener.local.port)
    while not listener.gate.waiting:
        await asyncio.sleep(0)
    (near,) = listener._opening
    assert near.transport is not None
    assert near.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    writer.close()


async def test_a_socket_is_its_users_alone_and_goes_with_its_listener(listen: Make, tmp_path: Path) -> None:
    path = tmp_path / "made" / "a.sock"
    listener = await listen(f"{path}=80")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    await listener.close()
    assert not path.exists()


async def test_a_busy_port_is_named_with_who_holds_it(listen: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        with pytest.raises(PrerequisiteError) as refused:
            await listen(f"{port}=80")
    assert f"The port {port} is in use by process {os.getpid()}" in refused.value.message


async def test_a_port_that_is_busy_on_one_address_alone_is_busy(listen: Make) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as held:
        port = held.getsockname()[1]
        with pytest.raises(PrerequisiteError):
            await listen(f"{port}=80")
    again = await listen(f"{port}=80")
    assert again.local.port == port


async def test_a_live_socket_is_named_and_left(listen: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(path))
        held.listen()
        with pytest.raises(PrerequisiteError) as refused:
            await listen(f"{path}=80")
        assert f"in use by process {os.getpid()}" in refused.value.message
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


async def test_a_stale_socket_is_taken_over(listen: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    await listen(f"{path}=80")
    _, writer = await asyncio.open_unix_connection(path)
    writer.close()


async def test_a_file_that_is_no_socket_is_left(listen: Make, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(UsageError):
        await listen(f"{path}=80")
    assert path.read_text() == "mine"


async def test_what_took_its_place_is_not_removed_with_it(listen: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    listener = await listen(f"{path}=80")
    path.unlink()
    path.write_text("another's")
    await listener.close()
    assert path.read_text() == "another's"


async def test_a_place_where_no_socket_can_be_is_told_in_a_sentence(listen: Make, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(UsageError, match=f"The socket {tmp_path}/notes/made/a.sock can't be made: Not a directory"):
        await listen(f"{tmp_path}/notes/made/a.sock=80")


async def test_a_system_without_files_left_keeps_who_comes_waiting(listen: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)
    listener, real = await listen("0=80"), socket.socket.accept
    refused: list[OSError] = []

    def without_files(listening: socket.socket) -> object:
        if len(refused) < 2:
            refused.append(OSError(errno.EMFILE, "Too many open files"))
            raise refused[-1]
        return real(listening)

    monkeypatch.setattr(socket.socket, "accept", without_files)
    _, writer = await asyncio.open_connection("127.0.0.1", listener.local.port)
    async with asyncio.timeout(20):
        while not listener.traffic.connections:
            assert len(refused) < 2 or "Too many open files" in listener.error
            await asyncio.sleep(0.001)
    writer.close()
