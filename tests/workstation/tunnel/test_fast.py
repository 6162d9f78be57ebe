"""The faster parts of asyncssh, and its own pace: the same bytes, whatever keys are exchanged meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import signal
import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from packaging.requirements import Requirement
from ssh_server import Echo, Server
from tunnel_bench import GENEROUS, engine, up

from core.workstation.tunnel import ciphers, fast, gate, with_asyncssh


@pytest.fixture(params=["fast", "its own pace"])
def pace(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param != "fast":
        monkeypatch.setattr(fast, "TRIED", ())
    fast.fits.cache_clear()
    yield request.param
    fast.fits.cache_clear()


async def test_what_is_echoed_is_what_was_said_over_many_keys(
    pace: str, sshd: Server, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(with_asyncssh, "REKEY", 1 << 20)
    said = os.urandom(6_000_011)

    async with up(engine("asyncssh", sshd, "Ciphers=aes256-gcm@openssh.com"), f"0={echo.port}") as tunnel:
        link = tunnel.running.gate.link
        assert link is not None
        assert link.about == ("aes256-gcm" if pace == "fast" else "aes256-gcm, asyncssh's own pace")

        async def one() -> str:
            reader, writer = await tunnel.connect()
            writer.write(b"E" + said)
            writer.write_eof()
            heard = await reader.read()
            writer.close()
            return hashlib.sha256(heard[1:]).hexdigest()

        async def read_slowly() -> int:
            reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port, limit=1 << 12)
            writer.write(b"D" + (5_000_000).to_bytes(8, "big"))
            total = 0
            while data := await reader.read(1 << 12):
                total += len(data)
            writer.close()
            return total

        async with asyncio.timeout(GENEROUS):
            *digests, slow = await asyncio.gather(one(), one(), one(), read_slowly())
    assert set(digests) == {hashlib.sha256(said).hexdigest()}
    assert slow == 5_000_000


async def test_packets_are_whole_wherever_the_network_cuts_them(sshd: Server, echo: Echo) -> None:
    draw = random.Random(11)

    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                at = 0
                while at < len(data):
                    end = at + draw.choice((1, 2, 3, 5, 19, 40, 900, 33_000))
                    writer.write(data[at:end])
                    await writer.drain()
                    await asyncio.sleep(0)
                    at = end
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", sshd.port)
        await asyncio.gather(dribble(reader, far_writer), dribble(far_reader, writer))

    between = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = between.sockets[0].getsockname()[1]
    known = f"HostKeyAlias=[127.0.0.1]:{sshd.port}"
    said = os.urandom(200_000)
    async with up(engine("asyncssh", sshd, f"Port={port}", known), f"0={echo.port}") as tunnel:
        assert all(await asyncio.gather(*(tunnel.echoes(said[: 50_000 * n + 1]) for n in range(4))))
        assert all(await asyncio.gather(*(tunnel.echoes(bytes([65 + n])) for n in range(20))))
    between.close()


async def test_a_host_whose_packets_wait_to_be_acknowledged_opens_streams_at_once(
    sshd: Server, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sshd has the system delay its small packets; an acknowledgement travels with data, or 40 ms late: here, never."""
    signed_in = asyncio.Event()
    monkeypatch.setattr(with_asyncssh._Client, "auth_completed", lambda _: signed_in.set())

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", sshd.port)
        acknowledged = asyncio.Event()

        async def there() -> None:
            while data := await reader.read(1 << 16):
                acknowledged.set()
                far_writer.write(data)

        async def back() -> None:
            while data := await far_reader.read(1 << 16):
                acknowledged.clear()
                writer.write(data)
                if signed_in.is_set():
                    await acknowledged.wait()

        ways = [asyncio.create_task(there()), asyncio.create_task(back())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        far_writer.close()
        writer.close()

    between = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = between.sockets[0].getsockname()[1]
    options = [f"Port={port}", f"HostKeyAlias=[127.0.0.1]:{sshd.port}", "ServerAliveInterval=60"]
    async with up(engine("asyncssh", sshd, *options), f"0={echo.port}") as tunnel, asyncio.timeout(GENEROUS):
        reader, writer = await tunnel.connect()
        writer.write(b"E")
        assert await reader.readexactly(1) == b"E"
        writer.close()
    between.close()


async def test_a_stream_that_opens_too_late_for_who_asked_is_closed_again(
    own_sshd: Server, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = ("ServerAliveInterval=60",)
    async with up(engine("asyncssh", own_sshd, *careless), f"0={echo.port}") as tunnel:
        link = tunnel.running.gate.link
        assert isinstance(link, with_asyncssh.AsyncsshLink)
        assert await tunnel.echoes()
        monkeypatch.setattr(gate, "OPENING", 0.2)
        own_sshd.kill_children(signal.SIGSTOP)
        async with asyncio.timeout(GENEROUS):
            reader, _ = await tunnel.connect()
            with pytest.raises(ConnectionError):
                await reader.read()
        listener = tunnel.running.listeners[0]
        assert listener.error == f"localhost:{echo.port} did not open within 0 s."
        own_sshd.kill_children(signal.SIGCONT)
        monkeypatch.setattr(gate, "OPENING", GENEROUS)
        assert await tunnel.echoes()
        assert listener.error == ""
        await tunnel.until(lambda: not link._connection._channels)
        assert tunnel.running.status().reconnects == 0


async def test_another_cipher_goes_its_own_pace(pace: str, sshd: Server, echo: Echo) -> None:
    async with up(engine("asyncssh", sshd, "Ciphers=chacha20-poly1305@openssh.com"), f"0={echo.port}") as tunnel:
        assert await tunnel.echoes(b"x" * 300_000)
        assert tunnel.running.gate.link is not None
        assert tunnel.running.gate.link.about == "chacha20-poly1305, asyncssh's own pace"


async def test_a_packet_that_was_changed_ends_the_connection(sshd: Server, echo: Echo) -> None:
    async with up(engine("asyncssh", sshd), f"0={echo.port}") as tunnel:
        link = tunnel.running.gate.link
        assert isinstance(link, with_asyncssh.AsyncsshLink)
        reader, writer = await tunnel.connect()
        writer.write(b"Ehello")
        async with asyncio.timeout(GENEROUS):
            await reader.readexactly(6)
            link._connection.data_received((40).to_bytes(4, "big") + os.urandom(56))
            with pytest.raises(ConnectionError):
                await reader.read()
        assert any("MAC verification failed" in words for words in tunnel.told)


def test_only_a_version_that_was_tried_is_hastened() -> None:
    fast.fits.cache_clear()
    assert fast.fits()
    project = tomllib.loads((Path(__file__).resolve().parents[3] / "pyproject.toml").read_text())["project"]
    wanted = next(each for each in map(Requirement, project["dependencies"]) if each.name == "asyncssh")
    assert asyncssh.__version__ in fast.TRIED
    assert all(wanted.specifier.contains(version) for version in fast.TRIED)


def test_gcm_comes_first_where_the_processor_computes_aes(sshd: Server) -> None:
    host = sshd.host("Ciphers=chacha20-poly1305@openssh.com,aes256-ctr,aes256-gcm@openssh.com")
    assert ciphers.gcm_first(host, aes=True) == [
        "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr",
    ]  # fmt: skip
    assert ciphers.gcm_first(host, aes=False)[0] == "chacha20-poly1305@openssh.com"
