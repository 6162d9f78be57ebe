"""What this machine must have: a clock that goes right, room, the way to GitHub and the registries, and some programs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from core.environment import Cloud, Home
from core.parameters.specification import resolve
from core.prerequisites import Check, Subject, clock, disk, reach, tools
from core.run.clock import Clock
from core.terraform import mirror
from tests.prerequisites.checked import cloud, subject

MB = 2**20


def here(home: Home, *, kind: str = "google", ahead: float | None = None, **given: Any) -> Subject:
    google: Any = SimpleNamespace(cloud=Cloud(kind), clock=Clock(0), ahead=ahead)
    return Subject(google, resolve(given, environment="demo"), home)


def by_id(checks: list[Check]) -> dict[str, str]:
    return {check.id: check.state for check in checks}


# -- the clock


@pytest.mark.parametrize(
    ("ahead", "state", "said"),
    [
        (None, "skip", "not told"),
        (0.4, "pass", "within a minute"),
        (-59, "pass", "within a minute"),
        (90, "warn", "2 minutes behind Google's: from five minutes on"),
        (-7200, "warn", "2 hours ahead of Google's: signatures and certificates are refused"),
        (400000, "warn", "5 days behind"),
    ],
)
async def test_a_clock(home: Home, ahead: float | None, state: str, said: str) -> None:
    (check,) = await clock.check(here(home, ahead=ahead))
    assert check.state == state
    assert said in f"{check.looked_at} {check.why}"


async def test_google_tells_its_time_with_each_answer(tmp_path: Path, home: Home) -> None:
    async with cloud(tmp_path, on=()) as (_, google):
        assert google.ahead is None
        await google.account()
        assert google.ahead is not None
        assert abs(google.ahead) < 30
        assert by_id(await clock.check(subject(google, home))) == {"clock": "pass"}


# -- the disk


@contextmanager
def room(monkeypatch: pytest.MonkeyPatch, megabytes: int) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=megabytes * MB))
        yield


@pytest.mark.parametrize(
    ("kind", "fetched", "megabytes", "state"),
    [
        ("google", False, 5000, "pass"),
        ("google", False, 700, "warn"),
        ("google", False, 400, "block"),
        ("google", True, 400, "pass"),
        ("google", True, 30, "warn"),
        ("rehearsal", False, 400, "pass"),
        ("rehearsal", False, 60, "warn"),
        ("rehearsal", False, 20, "block"),
    ],
)
async def test_room(
    home: Home, monkeypatch: pytest.MonkeyPatch, kind: str, fetched: bool, megabytes: int, state: str
) -> None:
    if fetched:
        (home.ensure("cache", "providers") / mirror.COMPLETE).write_text("")
    with room(monkeypatch, megabytes):
        (check,) = await disk.check(here(home, kind=kind))
    assert check.state == state, check
    assert f"{megabytes} MB" in check.looked_at
    assert (state == "pass") or "MLOPS_ENV_HOME" in check.hint


async def test_a_disk_that_can_not_be_looked_at_is_an_open_question(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", broken)
    (check,) = await disk.check(here(home))
    assert (check.state, check.why) == ("skip", "it can't be looked at: Input/output error")


async def test_looking_makes_no_folder(tmp_path: Path) -> None:
    (check,) = await disk.check(here(Home(tmp_path / "nowhere" / "yet"), kind="rehearsal"))
    assert check.state in ("pass", "warn")
    assert not (tmp_path / "nowhere").exists()


# -- the network


async def test_of_a_rehearsal_nothing_is_looked_at(home: Home) -> None:
    assert await reach.check(here(home, kind="rehearsal")) == []


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No registry is asked."""

    async def answer(_: Cloud, urls: list[str]) -> list[str]:
        return ["" for _ in urls]

    monkeypatch.setattr(reach, "answers", answer)


@pytest.mark.usefixtures("nobody")
async def test_github_is_asked_for_as_the_step_that_fetches_asks(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def instead_of_github(url: str) -> None:
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{url}.insteadOf")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
        monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file:http")

    there = tmp_path / "kubeflow" / "pipelines.git"
    subprocess.run(["git", "init", "--quiet", there], check=True)
    somebody = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
    subprocess.run(["git", "-C", there, *somebody, "commit", "--quiet", "--allow-empty", "--message=one"], check=True)
    instead_of_github(f"file://{tmp_path}/")
    assert by_id(await reach.check(here(home))) == {"github": "pass", "registries": "pass"}
    instead_of_github(f"file://{tmp_path}/nothing/")
    checks = await reach.check(here(home))
    assert by_id(checks) == {"github": "block", "registries": "pass"}
    assert "kfp_manifests" in checks[0].hint
    assert by_id(await reach.check(here(home, kfp_manifests=str(tmp_path)))) == {"registries": "pass"}
    home.ensure("cache", "manifests", "kubeflow", "pipelines", "2.17.0")
    assert by_id(await reach.check(here(home))) == {"github": "pass", "registries": "pass"}


async def test_registries_that_do_not_answer_are_only_told(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(_: Cloud, urls: list[str]) -> list[str]:
        return ["quay.io can't be reached from here: no answer in time" if "quay.io" in u else "" for u in urls]

    monkeypatch.setattr(reach, "answers", answer)
    (check,) = await reach.check(here(home, kfp_manifests=str(tmp_path), image="none"))
    assert (check.id, check.state) == ("registries", "warn")
    assert "quay.io can't be reached" in check.why
    assert "us-docker.pkg.dev" not in check.looked_at


async def test_why_a_host_can_not_be_reached() -> None:
    async def answered(request: web.Request) -> web.Response:
        return web.Response(status=503 if request.path == "/down/" else 401)

    application = web.Application()
    application.router.add_get("/{path:.*}", answered)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        root = f"http://127.0.0.1:{runner.addresses[0][1]}"
        up, down, gone = await reach.answers(Cloud(), [f"{root}/v2/", f"{root}/down/", "http://127.0.0.1:1/v2/"])
    finally:
        await runner.cleanup()
    assert up == ""
    assert "answers 503" in down
    assert "127.0.0.1:1 can't be reached from here" in gone


# -- programs


@pytest.mark.parametrize("name", ["ssh", "docker"])
@pytest.mark.parametrize(
    ("notebook", "there", "state"), [("none", False, None), ("vm", True, "pass"), ("vm", False, "warn")]
)
async def test_what_a_notebook_vm_is_used_with(
    home: Home, monkeypatch: pytest.MonkeyPatch, name: str, notebook: str, there: bool, state: str | None
) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}" if there else None)
    found = by_id(await tools.one(here(home, notebook=notebook), name=name))
    assert found == ({f"tool.{name}": state} if state else {})
