"""A token by one request: from the two kinds of files that need no library, through a proxy too, and never anywhere else."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from core.environment import Cloud
from core.gcp import wire
from core.gcp.errors import SignInEnded
from core.gcp.quick_token import QuickTokens, quick_token, whose
from core.rehearsal import trust
from core.run.redact import Redactor

TOKEN = "ya29.a-token-of-the-test"


class Endpoint:
    """A token endpoint that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.url = ""
        self.status = 200
        self.query = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append({key: str(value) for key, value in (await request.post()).items()})
        self.query = request.query_string
        if self.status != 200:
            return web.json_response({"error": "invalid_grant"}, status=self.status)
        about = {"email": "you@example.com"} if "access_token" in self.asked[-1] else {}
        return web.json_response({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer", **about})


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    made = Endpoint()
    application = web.Application()
    application.add_routes([web.post("/token", made.answer)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
    yield made
    await runner.cleanup()


def user(folder: Path, url: str) -> Cloud:
    path = folder / "adc.json"
    path.write_text(
        json.dumps(
            {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r", "token_uri": url}
        )
    )
    return Cloud(credentials_file=path)


def account(folder: Path, url: str) -> tuple[Cloud, str]:
    private, public = trust.new_key()
    path = folder / "key.json"
    key = {"type": "service_account", "client_email": "a@b", "private_key": private, "private_key_id": "k", "token_uri": url}
    path.write_text(json.dumps(key))
    return Cloud(credentials_file=path), public


async def test_a_users_file_is_exchanged_by_its_refresh_token(endpoint: Endpoint, tmp_path: Path) -> None:
    redactor = Redactor()

    token, seconds = await quick_token(user(tmp_path, endpoint.url), redactor)
    assert (token, seconds) == (TOKEN, 3599)
    assert endpoint.asked == [{"grant_type": "refresh_token", "client_id": "i", "client_secret": "s", "refresh_token": "r"}]
    assert TOKEN not in redactor.text(f"Bearer {TOKEN}")


async def test_an_accounts_key_signs_for_itself(endpoint: Endpoint, tmp_path: Path) -> None:
    cloud, public = account(tmp_path, endpoint.url)

    assert (await quick_token(cloud, Redactor()))[0] == TOKEN
    head, claims, signature = endpoint.asked[0]["assertion"].split(".")
    assert trust.signed(public, f"{head}.{claims}".encode(), base64.urlsafe_b64decode(signature + "=="))
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["iss"] == "a@b"


@pytest.mark.parametrize(("status", "email"), [(200, "you@example.com"), (400, "")])
async def test_whose_a_users_sign_in_is_only_google_knows(
    endpoint: Endpoint, tmp_path: Path, status: int, email: str
) -> None:
    cloud, endpoint.status = user(tmp_path, endpoint.url), status
    assert cloud.credentials_file is not None
    written = json.loads(cloud.credentials_file.read_text())
    cloud.credentials_file.write_text(json.dumps({**written, "token_info_uri": endpoint.url}))
    assert await whose(cloud, TOKEN) == email
    assert endpoint.asked == [{"access_token": TOKEN}]
    assert endpoint.query == "", "an address ends up in logs on the way"


async def test_whose_an_accounts_sign_in_is_its_file_says(endpoint: Endpoint, tmp_path: Path) -> None:
    assert await whose(account(tmp_path, endpoint.url)[0], TOKEN) == "a@b"
    assert await whose(Cloud(credentials_file=tmp_path / "none.json"), TOKEN) == ""
    assert endpoint.asked == []


@pytest.mark.parametrize("text", ["", "[]", '{"type": "external_account"}', '{"type": "authorized_user"}', "no json"])
async def test_every_other_sign_in_is_left_to_the_library(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.json").write_text(text)

    assert await quick_token(Cloud(credentials_file=tmp_path / "other.json"), Redactor()) == ("", 0.0)


async def test_a_refusal_is_told_as_everywhere(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.status = 400
    cloud, _ = account(tmp_path, endpoint.url)

    with pytest.raises(SignInEnded):
        await QuickTokens(cloud, Redactor()).token()


async def test_one_token_serves_until_half_its_life_is_over_or_it_is_refused(endpoint: Endpoint, tmp_path: Path) -> None:
    tokens = QuickTokens(user(tmp_path, endpoint.url), Redactor())

    await tokens.token()
    await tokens.token()
    assert len(endpoint.asked) == 1
    tokens.reject(TOKEN)
    await tokens.token()
    await tokens.renew()
    assert len(endpoint.asked) == 3


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_proxy_is_asked_with_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: bool) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n" if allowed else b"HTTP/1.1 407 No\r\n\r\n")
            request = await reader.readuntil(b"\r\n\r\n")
            body = b"7\r\nsaid: " + request[:1] + b"\r\n0\r\n\r\n"
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://joe:p%40ss@127.0.0.1:{port}")

    async def through() -> bytes:
        opened = await wire.connect("http://token.example/x", _never, wire.Exchange)
        await opened.ask("GET", "http://token.example/x", {})
        return await opened.body()

    if allowed:
        assert (await through()).startswith(b"said: G")
    else:
        with pytest.raises(wire.RefusedByProxy, match="407"):
            await through()
    assert asked[0].startswith(b"CONNECT token.example:80 HTTP/1.1")
    assert base64.b64encode(b"joe:p@ss") in asked[0]
    server.close()


def _never() -> None:  # type: ignore[misc]
    raise AssertionError("nothing is encrypted here")


async def test_what_is_no_http_is_an_error_of_the_network(tmp_path: Path) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    server = await asyncio.start_server(other, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    opened = await wire.connect(url, _never, wire.Exchange)

    with pytest.raises(ConnectionResetError):
        await opened.ask("GET", url, {})
    server.close()
