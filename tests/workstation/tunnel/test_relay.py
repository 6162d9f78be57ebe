"""A tunnel through IAP's relay, in this process: a cut network ends no stream; a lost session is a new connection."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest
from relayed_tunnel import relayed
from ssh_server import Echo, Server
from tunnel_bench import GENEROUS, Up

from core.rehearsal.scenario import Fault
from core.workstation.ssh.closing import RelayRefused
from core.workstation.ssh.relay import Destination
from core.workstation.tunnel.commanded import command_of
from core.workstation.tunnel.preparing import account_of, relay_of
from core.workstation.tunnel.running import REFUSALS

PIECE = hashlib.sha256(b"piece").digest() * 2048


async def fetch(tunnel: Up, size: int) -> tuple[int, bytes]:
    """What a server gives, as it came: how much, and its digest."""
    reader, writer = await tunnel.connect()
    writer.write(b"D" + size.to_bytes(8, "big"))
    digest, total = hashlib.sha256(), 0
    async with asyncio.timeout(GENEROUS * 2):
        while data := await reader.read(1 << 18):
            digest.update(data)
            total += len(data)
    writer.close()
    return total, digest.digest()


async def test_a_download_is_whole_over_every_cut(tmp_path: Path, sshd: Server, echo: Echo) -> None:
    size = 48_000_000
    cut = {"call": "relay", "error": "reset", "after_bytes": 8 << 20, "times": 4}
    async with relayed(tmp_path, sshd, f"0={echo.port}", fault=[cut]) as (tunnel, bench):
        total, digest = await fetch(tunnel, size)
        assert total == size
        assert digest == hashlib.sha256(b"x" * size).digest()
        assert bench.service.connections == 5, "the network was cut four times"
        status = tunnel.running.status()
        assert (status.state, status.reconnects) == ("up", 0), "ssh has seen none of it"


async def test_a_network_that_is_away_for_a_while_ends_no_stream(tmp_path: Path, sshd: Server, echo: Echo) -> None:
    async with relayed(tmp_path, sshd, f"0={echo.port}") as (tunnel, bench):
        reader, writer = await tunnel.connect()
        writer.write(b"Ebefore")
        assert await reader.readexactly(7) == b"Ebefore"
        assert bench.service.cut(seconds=2.0) == 1
        writer.write(b" and after")
        async with asyncio.timeout(GENEROUS):
            assert await reader.readexactly(10) == b" and after"
        assert tunnel.running.status().reconnects == 0
        writer.close()


async def test_a_session_that_the_relay_forgot_is_a_new_connection(tmp_path: Path, sshd: Server, echo: Echo) -> None:
    async with relayed(tmp_path, sshd, f"0={echo.port}") as (tunnel, bench):
        reader, writer = await tunnel.connect()
        writer.write(b"Ebefore")
        assert await reader.readexactly(7) == b"Ebefore"
        bench.service.forget()
        bench.service.cut()
        async with asyncio.timeout(GENEROUS):
            with pytest.raises(ConnectionError):
                await reader.readexactly(1)
        assert await tunnel.echoes()
        assert tunnel.running.status().reconnects == 1


@pytest.mark.parametrize(("code", "times"), [(4033, REFUSALS - 1), (4047, REFUSALS + 1)])
async def test_a_relay_that_refuses_for_a_while_ends_no_tunnel(
    code: int, times: int, tmp_path: Path, sshd: Server, echo: Echo
) -> None:
    """As where a grant is still on its way, and where the VM starts again."""
    async with relayed(tmp_path, sshd, f"0={echo.port}") as (tunnel, bench):
        refuses_from_now_on(bench, code, times)
        assert await tunnel.echoes()
        assert tunnel.running.status().reconnects == 1


async def test_a_relay_that_goes_on_refusing_ends_a_tunnel_with_the_reason(tmp_path: Path, sshd: Server, echo: Echo) -> None:
    async with relayed(tmp_path, sshd, f"0={echo.port}") as (tunnel, bench):
        refuses_from_now_on(bench, 4033, 0)
        assert isinstance(await tunnel.ended(), RelayRefused)
        assert tunnel.running.status().state == "stopped"


def refuses_from_now_on(bench: Any, code: int, times: int) -> None:
    """Ends the connection there is, and has the relay refuse new ones so often (0: always)."""
    bench.world.faults._faults = [Fault(call="relay:connect", status=code, times=times)]
    bench.service.forget()
    bench.service.cut()


def test_a_proxy_command_of_ours_is_the_relay_and_anothers_is_run(sshd: Server) -> None:
    ours = sshd.host("ProxyCommand=/x/mlops-env ssh iap-proxy vm %p --project p --zone us-central1-a --account me@x.example")
    assert account_of(ours) == "me@x.example"
    assert relay_of(ours) == Destination("p", "us-central1-a", "vm", sshd.port)
    others = sshd.host("ProxyCommand=gcloud compute start-iap-tunnel vm %p --listen-on-stdin --project=p --zone=z")
    assert relay_of(others) is None
    assert command_of(others) == f"gcloud compute start-iap-tunnel vm {sshd.port} --listen-on-stdin --project=p --zone=z"
