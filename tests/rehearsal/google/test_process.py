"""The rehearsal as a process: one line on standard output, fixed ports, a lock for life, a store that outlives SIGKILL."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.rehearsal.__main__ import _lock

PROJECT = "rehearsal-abcdef"


class Process:
    """A rehearsal named ``demo`` in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home, self.folder = home, home / "rehearsals" / "demo"
        self.child: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> Any:
        command = [sys.executable, "-P", "-m", "core.rehearsal", "demo", *options]
        root = str(Path(__file__).resolve().parents[3])
        environment = {**os.environ, "MLOPS_ENV_HOME": str(self.home), "PYTHONPATH": root}
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        assert self.child.stdout is not None
        with self.child.stdout:
            line = json.loads(self.child.stdout.readline())
            assert self.child.stdout.read() == b""
        return line

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.child is not None
        self.child.send_signal(number)
        code, self.child = self.child.wait(20), None
        return code

    @property
    def endpoints(self) -> Any:
        return json.loads((self.folder / "endpoints.json").read_text())

    def token(self) -> str:
        return Path(self.endpoints["token_file"]).read_text()

    def get(self, path: str, *, token: str | None = None, method: str = "GET", data: bytes | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token() if token is None else token}"}
        request = urllib.request.Request(f"{self.endpoints['google']}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"{}")


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path / "home")
    yield made
    if made.child is not None:
        made.stop(signal.SIGKILL)


def test_it_serves_holds_its_lock_and_ends_when_asked(process: Process) -> None:
    assert process.start("--project", PROJECT) == {"ready": True}
    endpoints = process.endpoints
    assert (endpoints["format"], endpoints["project"], endpoints["speed"]) == (1, PROJECT, 60)
    assert oct((process.folder / "endpoints.json").stat().st_mode)[-3:] == "600"
    assert oct(process.folder.stat().st_mode)[-3:] == "700"
    assert process.get(f"/cloudresourcemanager/v1/projects/{PROJECT}")["projectId"] == PROJECT
    first, process.child = process.child, None
    second = process.start("--project", PROJECT)
    assert second["error"]["code"] == "rehearsal-runs"
    assert process.child is not None
    assert process.child.wait(20) == 6
    process.child = first
    assert process.stop() == 0


def test_who_only_looks_whether_it_runs_keeps_it_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = os.open(tmp_path / "server.lock", os.O_RDONLY | os.O_CREAT)
    fcntl.flock(looks, fcntl.LOCK_SH)
    monkeypatch.setattr("core.rehearsal.__main__.time.sleep", lambda _: os.close(looks))  # has seen enough meanwhile
    handle = _lock(tmp_path)
    assert json.loads((tmp_path / "server.lock").read_text())["pid"] == os.getpid()
    os.close(handle)


def test_a_token_stands_in_no_variable(process: Process) -> None:
    process.start("--project", PROJECT)
    token = process.token()
    shell = process.endpoints["shell"]
    assert shell["CLOUDSDK_CORE_PROJECT"] == PROJECT
    assert shell["CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"] == process.endpoints["token_file"]
    assert token not in (process.folder / "endpoints.json").read_text()
    assert "ya29" not in str(shell)


def test_ports_sign_in_and_store_outlive_a_kill(process: Process) -> None:
    process.start("--project", PROJECT)
    before, token = process.endpoints, process.token()
    process.get(f"/storage/storage/v1/b?project={PROJECT}", method="POST", data=b'{"name": "box"}')
    assert process.stop(signal.SIGKILL) == -9
    assert process.start() == {"ready": True}
    after = process.endpoints
    for key in ("google", "kubernetes", "relay", "ca_file", "credentials_file", "project", "provider_mirror"):
        assert after[key] == before[key]
    assert process.get("/storage/storage/v1/b/box", token=token)["name"] == "box"


def test_googles_own_library_signs_in_with_the_credentials(process: Process) -> None:
    from google.auth.transport.requests import Request
    from google.oauth2 import service_account

    process.start("--project", PROJECT)
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    credentials = service_account.Credentials.from_service_account_file(process.endpoints["credentials_file"], scopes=scopes)
    credentials.refresh(Request())
    info = process.get(f"/tokeninfo?access_token={credentials.token}", token="none")
    assert info["email"] == "you@rehearsal.example"
    with pytest.raises(urllib.error.HTTPError) as refused:
        process.get("/tokeninfo?access_token=made-up", token="none")
    assert refused.value.code == 400


def test_a_sign_in_that_ended_refuses_tokens_until_the_next_start(process: Process, tmp_path: Path) -> None:
    from google.auth.exceptions import RefreshError
    from google.auth.transport.requests import Request
    from google.oauth2 import service_account

    scenario = tmp_path / "scenario.toml"
    scenario.write_text("speed = 100000\n[sign_in]\nends_after = 1\n")
    process.start("--project", PROJECT, "--scenario", str(scenario))
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    credentials = service_account.Credentials.from_service_account_file(process.endpoints["credentials_file"], scopes=scopes)
    with pytest.raises(RefreshError, match="invalid_rapt"):
        credentials.refresh(Request())


def test_the_cluster_stands_behind_the_rehearsals_own_authority(process: Process) -> None:
    process.start("--project", PROJECT)
    context = ssl.create_default_context(cafile=process.endpoints["ca_file"])
    with pytest.raises((urllib.error.HTTPError, ConnectionError, urllib.error.URLError)) as refused:
        urllib.request.urlopen(f"{process.endpoints['kubernetes']}/version", context=context, timeout=20)
    assert "CERTIFICATE" not in str(refused.value)
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{process.endpoints['kubernetes']}/version", timeout=20)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("spede = 1", "The scenario has no key spede."),
        (
            '[[fault]]\ncall = "sqladmin.users.insert"\nstatus = 403',
            "The scenario's fault.call names sqladmin.users.insert, and no call has that name.",
        ),
    ],
)
def test_a_wrong_scenario_is_one_sentence(process: Process, tmp_path: Path, text: str, message: str) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(text)
    answer = process.start("--project", PROJECT, "--scenario", str(scenario))
    assert answer["error"]["message"] == message
    assert process.child is not None
    assert process.child.wait(20) == 2
    process.child = None


def test_a_new_rehearsal_needs_a_project(process: Process) -> None:
    assert process.start()["error"]["code"] == "project"
    assert process.child is not None
    assert process.child.wait(20) == 2
    process.child = None


def test_a_reset_is_seen_as_one(process: Process, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text('[[fault]]\ncall = "cloudresourcemanager.projects.get"\nerror = "reset"\n')
    process.start("--project", PROJECT, "--scenario", str(scenario))
    with pytest.raises((ConnectionResetError, urllib.error.URLError)) as seen:
        process.get(f"/cloudresourcemanager/v1/projects/{PROJECT}")
    assert isinstance(getattr(seen.value, "reason", seen.value), ConnectionResetError)
    assert process.get(f"/cloudresourcemanager/v1/projects/{PROJECT}")["projectId"] == PROJECT
