"""Streams through the stand-in relay: whole over every cut, ended with a reason where nothing else is left."""

from __future__ import annotations

import asyncio
import random
import socket
from pathlib import Path
from typing import Any

import pytest
import relay_bench
from aiohttp import web
from relay_bench import INSTANCE, PROJECT, ZONE, Far

from core.environment import Cloud
from core.errors import MlopsError
from core.gcp.errors import SignInEnded, Unavailable
from core.workstation.ssh import frames
from core.workstation.ssh.closing import RelayRefused, RelayUnreachable, SessionLost
from core.workstation.ssh.relay import SILENCE, Destination, Relay
from core.workstation.ssh.websocket import WebSocket
from tests.gcp.corporate_network import corporate_network

MEBI = 1 << 20


def noise(size: int) -> bytes:
    return random.Random(7).randbytes(size)


async def test_what_is_sent_comes_back_in_both_directions_at_once(tmp_path: Path) -> None:
    payload = noise(16 * MEBI)
    async with relay_bench.running(tmp_path) as bench:
        stream, far = await bench.opened()
        for at in range(0, len(payload), MEBI):
            await far.writable.wait()
            stream.write(payload[at : at + MEBI])

        assert await far.until(len(payload)) == payload
        assert far.paused, "the writer was never told to wait"
        stream.close()
        assert await far.until_lost() is None
        assert bench.states == ["connecting", "open", "closed"]


async def test_cuts_in_mid_stream_leave_the_stream_whole(tmp_path: Path) -> None:
    payload = noise(8 * MEBI)
    cut = {"call": "relay", "error": "reset", "after_bytes": MEBI, "times": 4}
    async with relay_bench.running(tmp_path, fault=[cut]) as bench:
        stream, far = await bench.opened()
        stream.write(payload)

        assert await far.until(len(payload)) == payload
        assert stream.resumed == 4
        assert bench.service.connections == 5
        assert "resuming" in bench.states
        assert bench.tokens.given == 5, "each WebSocket is opened with a token that is fresh then"


async def test_the_machine_behind_closes_and_everything_of_it_has_arrived(tmp_path: Path) -> None:
    async def machine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(noise(3 * MEBI))
        await writer.drain()
        writer.close()

    async with relay_bench.running(tmp_path, machine) as bench:
        _, far = await bench.opened()

        assert await far.until_lost() is None
        assert bytes(far.got) == noise(3 * MEBI)


async def test_a_session_that_the_relay_forgot_is_an_error_of_its_own(tmp_path: Path) -> None:
    async with relay_bench.running(tmp_path) as bench:
        _, far = await bench.opened()
        bench.service.forget()

        assert isinstance(await far.until_lost(), SessionLost)


@pytest.mark.parametrize(
    ("code", "resumes"), [(4001, False), (4033, False), (4000, True), (4004, True), (1011, True), (4002, True)]
)
async def test_the_close_code_decides_whether_the_stream_goes_on(tmp_path: Path, code: int, resumes: bool) -> None:
    refusal = {"call": "relay:reconnect", "status": code, "message": "said so"}
    async with relay_bench.running(tmp_path, fault=[refusal]) as bench:
        stream, far = await bench.opened()
        assert bench.service.cut() == 1
        stream.write(b"after the cut")

        if resumes:
            assert await far.until(13) == b"after the cut"
        else:
            error = await far.until_lost()
            assert isinstance(error, MlopsError)
            assert "said so" in error.cause
        assert bench.tokens.given == (3 if resumes else 2) + (code == 4004)


@pytest.mark.parametrize("code", [4000, 4004])
async def test_a_network_that_gives_no_token_either_is_waited_for(tmp_path: Path, code: int) -> None:
    refusal = {"call": "relay:reconnect", "status": code}
    async with relay_bench.running(tmp_path, fault=[refusal]) as bench:
        stream, far = await bench.opened()
        bench.tokens.errors = [Unavailable("No new access token could be fetched.", cause="no network") for _ in range(3)]
        bench.service.cut()
        stream.write(b"after the cut")

        assert await far.until(13) == b"after the cut"
        assert not bench.tokens.errors
        assert any(status.reason == "no network" for status in bench.seen)


async def test_a_sign_in_that_has_ended_ends_a_stream_that_was_cut(tmp_path: Path) -> None:
    async with relay_bench.running(tmp_path) as bench:
        _, far = await bench.opened()
        bench.tokens.errors = [SignInEnded("The sign-in has ended.")]
        bench.service.cut()

        assert isinstance(await far.until_lost(), SignInEnded)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 4033}, RelayRefused),
        ({"status": 403}, RelayRefused),
        ({"status": 503, "times": 3}, RelayUnreachable),
        ({"error": "reset", "times": 0}, RelayUnreachable),
        ({"status": 4003}, RelayUnreachable),
    ],
)
async def test_a_refusal_at_the_beginning_is_one_sentence(
    tmp_path: Path, fault: dict[str, object], error: type[MlopsError]
) -> None:
    async with relay_bench.running(tmp_path, fault=[{"call": "relay:connect", **fault}]) as bench:
        with pytest.raises(error) as caught:
            await bench.opened()
        assert INSTANCE in str(caught.value) or "can't be reached" in str(caught.value)


async def test_a_moment_of_trouble_at_the_beginning_is_nobodys_trouble(tmp_path: Path) -> None:
    async with relay_bench.running(tmp_path, fault=[{"call": "relay:connect", "status": 503, "times": 2}]) as bench:
        stream, far = await bench.opened()
        stream.write(b"hello")
        assert await far.until(5) == b"hello"


@pytest.mark.parametrize(
    ("to", "error"),
    [
        (Destination(PROJECT, ZONE, "no-such-vm"), RelayRefused),
        (Destination(PROJECT, ZONE, INSTANCE, 23), RelayUnreachable),
        (Destination("another-project", ZONE, INSTANCE), RelayRefused),
    ],
)
async def test_a_machine_that_is_not_there_is_told_from_one_that_does_not_answer(
    tmp_path: Path, to: Destination, error: type[MlopsError]
) -> None:
    async with relay_bench.running(tmp_path) as bench:
        relay = bench.to(to)
        with pytest.raises(error):
            await relay.create_connection(relay_bench.Far)
        await relay.close()


@pytest.mark.parametrize("call", ["connect", "reconnect"])
async def test_whoever_gives_up_before_the_relay_has_said_a_word_leaves_no_websocket_open(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with relay_bench.running(tmp_path) as bench:
        real, silent = getattr(bench.relay, call), asyncio.get_running_loop().create_future()

        async def opened(*arguments: Any) -> WebSocket:
            websocket: WebSocket = await real(*arguments)
            websocket.pause()
            silent.set_result(websocket)
            return websocket

        monkeypatch.setattr(bench.relay, call, opened)
        waiting = asyncio.create_task(bench.opened())
        if call == "reconnect":
            await waiting
            bench.service.cut()
        websocket = await silent
        waiting.cancel()
        await bench.relay.close()
        await asyncio.gather(waiting, return_exceptions=True)

        assert websocket.transport.is_closing()


async def google(request: web.Request) -> web.StreamResponse:
    """The relay on the internet, as far as one word of it."""
    answer = web.WebSocketResponse(protocols=[frames.SUBPROTOCOL])
    await answer.prepare(request)
    await answer.send_bytes(frames.sid(b"session"))
    await answer.send_bytes(frames.data(b"SSH-2.0"))
    async for _ in answer:
        pass
    return answer


@pytest.mark.parametrize("said_by", ["the usual variables", "gcloud's properties"])
async def test_a_companys_proxy_is_the_way_and_its_authority_is_trusted(
    said_by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with corporate_network(tmp_path, google) as corp, relay_bench.running(tmp_path / "r") as bench:
        address, _, port = corp.proxy.rpartition(":")
        variables = corp.variables if said_by == "the usual variables" else {
            "CLOUDSDK_PROXY_TYPE": "http", "CLOUDSDK_PROXY_ADDRESS": address.rpartition("/")[2], "CLOUDSDK_PROXY_PORT": port,
            "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": str(corp.authority),
        }  # fmt: skip
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        cloud = Cloud(relay="wss://relay.googleapis.com/v4")
        way = Relay(Destination(PROJECT, ZONE, INSTANCE), cloud=cloud, credentials=bench.tokens, redactor=bench.redactor)
        _, far = await way.create_connection(Far)
        assert await far.until(7) == b"SSH-2.0"
        await way.close()
    assert corp.connected == ["relay.googleapis.com:443"]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system's kernel is not told")
async def test_the_kernel_gives_up_a_connection_whose_bytes_nobody_acknowledges(tmp_path: Path) -> None:
    async with relay_bench.running(tmp_path) as bench:
        stream, far = await bench.opened()
        stream.write(b"x")
        await far.until(1)
        assert stream._websocket is not None
        opened = stream._websocket.transport.get_extra_info("socket")
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == SILENCE * 1000
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_neither_the_token_nor_the_session_is_ever_told(tmp_path: Path) -> None:
    async with relay_bench.running(tmp_path) as bench:
        await bench.opened()
        (sid,) = bench.service._sessions

        assert sid not in bench.redactor.text(f"reconnect?sid={sid}&ack=0")


async def test_a_reader_that_stands_still_does_not_freeze_the_other_direction(tmp_path: Path) -> None:
    payload = noise(24 * MEBI)
    async with relay_bench.running(tmp_path) as bench:
        stream, far = await bench.opened()
        stream.pause_reading()
        stream.write(payload)
        async with asyncio.timeout(60):
            while stream.get_write_buffer_size() > len(payload) - 8 * MEBI:
                await asyncio.sleep(0.01)
        assert not far.got
        stream.resume_reading()

        assert await far.until(len(payload)) == payload
        assert stream.resumed == 0
