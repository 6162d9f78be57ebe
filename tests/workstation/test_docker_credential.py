"""Docker's own client signs in to Artifact Registry by this program, and no secret comes to lie anywhere."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from core.workstation import docker_credential
from core.workstation.devcontainer.registry import prepare, pull, sign_in

HOST = "europe-west1-docker.pkg.dev"
TOKEN = "ya29.a-token-that-lies-nowhere"


@pytest.mark.parametrize(
    ("registry", "is_ours"),
    [
        (HOST, True), (f"https://{HOST}", True), ("docker.pkg.dev", True), ("eu.gcr.io", True), ("gcr.io", True),
        ("evil-gcr.io.example", False), ("https://index.docker.io/v1/", False), ("notgcr.io", False), ("", False),
    ],
)  # fmt: skip
def test_nobody_but_googles_registries_is_given_a_token(registry: str, is_ours: bool) -> None:
    assert docker_credential.ours(registry) is is_ours


def _asked(verb: str, registry: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(registry))
    code = docker_credential.main([verb])
    return code, capsys.readouterr().out.strip()


def test_what_it_is_not_for_is_answered_as_the_client_expects(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _asked("get", "quay.io", monkeypatch, capsys) == (1, "credentials not found in native keychain")
    assert _asked("list", "", monkeypatch, capsys) == (0, "{}")
    assert _asked("erase", HOST, monkeypatch, capsys) == (0, "")
    code, said = _asked("store", '{"ServerURL": "x", "Secret": "y"}', monkeypatch, capsys)
    assert code == 1
    assert "keeps no passwords" in said


def test_without_a_sign_in_one_sentence_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    code, said = _asked("get", HOST, monkeypatch, capsys)
    assert code == 1
    assert "gcloud auth application-default login" in said
    assert len(said.splitlines()) == 1


async def _serve(application: web.Application, socket: Path | None = None) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    if socket is not None:
        await web.UnixSite(runner, str(socket)).start()
        return runner, f"unix://{socket}"
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


def _engine(seen: list[dict[str, Any]]) -> web.Application:
    """As much of an engine as a pull needs: it remembers with what it was to sign in."""

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST" and request.path.endswith("/images/create"):
            sent = request.headers["X-Registry-Auth"]
            seen.append(json.loads(base64.urlsafe_b64decode(sent + "==")))
            return web.json_response({"status": "Pulled"})
        if request.path.endswith("/info"):
            return web.json_response({"OSType": "linux", "Architecture": "x86_64"})
        return web.Response(text="OK", headers={"Api-Version": "1.41", "Ostype": "linux"})

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    return application


async def test_dockers_own_client_asks_it_and_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("docker") is None:
        pytest.skip("make system-deps brings docker")

    async def token(_: web.Request) -> web.Response:
        return web.json_response({"access_token": TOKEN, "expires_in": 3600})

    tokens = web.Application()
    tokens.router.add_post("/token", token)
    seen: list[dict[str, Any]] = []
    issuer, address = await _serve(tokens)
    engine, host = await _serve(_engine(seen), tmp_path / "s")
    home = tmp_path / "user"
    home.mkdir()
    sign_in_file = {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r"}
    (home / "adc.json").write_text(json.dumps({**sign_in_file, "token_uri": f"{address}/token"}))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("DOCKER_CONFIG", str(home / ".docker"))
    monkeypatch.setenv("PATH", f"{home / '.local' / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(home / "adc.json"))
    from core.environment import Home

    found = pull(f"{HOST}/p/r/i@sha256:0")
    sign_in(found, prepare(found.host), Home.find())
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")  # a client that was started elsewhere has it not
    try:
        done = await asyncio.to_thread(
            subprocess.run, ["docker", "--host", host, "pull", f"{HOST}/p/r/i:1"], capture_output=True, text=True, timeout=60
        )
    finally:
        await issuer.cleanup()
        await engine.cleanup()
    assert done.returncode == 0, done.stderr
    assert [(auth["username"], auth["password"]) for auth in seen] == [("oauth2accesstoken", TOKEN)]
    written = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert TOKEN.encode() not in written
