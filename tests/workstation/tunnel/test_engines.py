"""What every engine carries, by a real sshd: streams both ways, half-closed ones, many at once, to ports and sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from ssh_server import Echo, Server, free_port
from tunnel_bench import ENGINES, GENEROUS, engine, up

pytestmark = pytest.mark.parametrize("name", ENGINES)


async def test_streams_both_ways_whole_and_half_closed(name: str, sshd: Server, echo: Echo) -> None:
    size = 20_000_003
    async with up(engine(name, sshd), f"0={echo.port}") as tunnel, asyncio.timeout(GENEROUS):
        assert await tunnel.echoes()
        reader, writer = await tunnel.connect()
        writer.write(b"S" + b"u" * size)
        writer.write_eof()
        assert int.from_bytes(await reader.readexactly(8), "big") == size
        assert await reader.read() == b""
        reader, writer = await tunnel.connect()
        writer.write(b"D" + size.to_bytes(8, "big"))
        assert len(await reader.readexactly(size)) == size
        assert await reader.read() == b""
        writer.close()
        status = tunnel.running.status()
        assert status.state == "up"
        assert status.forwards[0].up_bytes > size
        assert status.forwards[0].down_bytes > size
        await tunnel.until(lambda: tunnel.running.status().forwards[0].open == 0)


async def test_hundreds_at_once_are_all_answered(name: str, sshd: Server, echo: Echo) -> None:
    async with up(engine(name, sshd), f"0={echo.port}") as tunnel:
        assert all(await asyncio.gather(*(tunnel.echoes(bytes([65 + n % 26]) * 100) for n in range(300))))
    assert echo.served >= 300


async def test_several_forwards_and_sockets_on_one_connection(name: str, sshd: Server, echo: Echo, tmp_path: Path) -> None:
    there, here = tmp_path / "there: a\\b.sock", tmp_path / "here.sock"
    behind = Echo()
    await behind.start(str(there))
    async with up(engine(name, sshd), f"0={echo.port}", f"{here}={there}") as tunnel:
        assert await tunnel.echoes()
        reader, writer = await asyncio.open_unix_connection(here)
        writer.write(b"Eover a socket")
        async with asyncio.timeout(GENEROUS):
            assert await reader.readexactly(14) == b"Eover a socket"
        assert len(sshd.children()) <= 2 * 1 + 1
        writer.close()
    await behind.close()


async def test_a_stream_that_the_host_does_not_open_ends_and_is_told(name: str, sshd: Server, tmp_path: Path) -> None:
    async with up(engine(name, sshd), f"0={tmp_path}/none.sock") as tunnel, asyncio.timeout(GENEROUS):
        for words in (b"E", b"", b"x" * 100_000):
            reader, writer = await tunnel.connect()
            writer.write(words)
            with pytest.raises(ConnectionError):
                await reader.read()
        tunnel.running.look()
        await tunnel.until(lambda: tunnel.running.status().forwards[0].health == "failing")
        assert "The host did not open" in tunnel.running.status().forwards[0].detail
        assert tunnel.running.status().state == "up"


async def test_an_end_that_is_opened_again_is_well_again(name: str, sshd: Server, tmp_path: Path) -> None:
    there, behind = tmp_path / "there.sock", Echo()
    async with up(engine(name, sshd), f"0={there}") as tunnel, asyncio.timeout(GENEROUS):
        reader, _ = await tunnel.connect()
        with pytest.raises(ConnectionError):
            await reader.read()
        await behind.start(str(there))
        assert await tunnel.echoes()
        tunnel.running.look()
        await tunnel.until(lambda: tunnel.running.status().forwards[0].health == "ok")
    await behind.close()


async def test_a_server_that_says_nothing_is_none_that_was_not_opened(name: str, sshd: Server, tmp_path: Path) -> None:
    there, served = tmp_path / "there.sock", list[bytes]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(await reader.read())
        writer.close()

    server = await asyncio.start_unix_server(serve, there)
    async with up(engine(name, sshd), f"0={there}") as tunnel, asyncio.timeout(GENEROUS):
        reader, writer = await tunnel.connect()
        writer.write(b"heard")
        writer.write_eof()
        assert await reader.read() == b""
        assert served == [b"heard"]
        tunnel.running.look()
        await tunnel.until(lambda: tunnel.running.status().forwards[0].health == "ok")
    server.close()


async def test_what_a_configuration_adds_to_a_login_stays_out_of_a_tunnel(
    name: str, own_sshd: Server, echo: Echo, tmp_path: Path
) -> None:
    ports = [free_port() for _ in range(3)]
    leaks = {
        "LocalForward": f"{ports[0]} localhost:22", "RemoteForward": f"{ports[1]} localhost:22",
        "DynamicForward": str(ports[2]),
        "PermitLocalCommand": "yes", "LocalCommand": f"touch {tmp_path}/local", "RemoteCommand": f"touch {tmp_path}/remote",
        "ForwardAgent": "yes", "ForwardX11": "yes", "RequestTTY": "force", "ControlMaster": "auto",
        "ControlPath": f"{tmp_path}/control", "ControlPersist": "yes", "ExitOnForwardFailure": "yes", "Tunnel": "no",
        "EscapeChar": "none", "SendEnv": "LC_*",
    }  # fmt: skip
    text = "\nHost *\n" + "".join(f"  {key} {value}\n" for key, value in leaks.items())
    own_sshd.config.write_text(own_sshd.config.read_text() + text)
    async with up(engine(name, own_sshd), f"0={echo.port}") as tunnel:
        assert await tunnel.echoes()
        link = tunnel.running.gate.link
        assert link is not None
        assert await link.run("echo $SSH_AUTH_SOCK$DISPLAY") == (0, "\n")
        for port in ports:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
    assert list(tmp_path.iterdir()) == []
