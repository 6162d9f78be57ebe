"""Building with kubectl: what it is run with, and what is said when it fails, hangs, or is stopped."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from kustomize_built import kubectl, names, release

from core import kustomize
from core.errors import PermanentError
from core.kustomize import Layout, Values
from core.kustomize.build import NOWHERE, parse
from core.run.clock import Clock

STAND_IN = release("stand-in")


class Impatient(Clock):
    """A clock whose deadlines pass at once."""

    def deadline(self, seconds: float) -> asyncio.Timeout:  # type: ignore[override]
        return asyncio.timeout(0.3)


def _program(folder: Path, text: str) -> list[str]:
    path = folder / "kubectl"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return [str(path)]


def _layout(folder: Path) -> Layout:
    return Layout(folder, folder, "")


async def test_kustomize_runs_without_git_and_without_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("KUBECONFIG", "/elsewhere")
    monkeypatch.setenv("no_proxy", "github.com")
    fake = _program(tmp_path, f'env > {tmp_path}/seen; echo "$@" >> {tmp_path}/arguments')
    await kustomize.render(_layout(tmp_path), STAND_IN, kubectl=fake)
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines() if "=" in line)
    assert {k: v for k, v in seen.items() if k.startswith("GIT_")} == {"GIT_ALLOW_PROTOCOL": "none"}
    assert seen["KUBECONFIG"] == os.devnull
    assert seen["HTTPS_PROXY"] == NOWHERE
    assert "no_proxy" not in seen
    assert (tmp_path / "arguments").read_text().splitlines() == [f"kustomize {tmp_path}"] * 2


async def test_a_reference_to_the_network_fails_at_once(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources:\n- https://github.com/nobody/nothing//here?ref=v1\n")
    with pytest.raises(PermanentError) as raised:
        await kustomize.render(_layout(tmp_path), STAND_IN, kubectl=kubectl())
    error = raised.value
    assert error.cause.startswith("accumulating resources")
    assert "nobody/nothing" in error.cause


async def test_a_failure_has_kustomizes_own_words(tmp_path: Path) -> None:
    fake = _program(tmp_path, 'echo "# Warning: something old" >&2; echo "error: no such resource" >&2; exit 1')
    with pytest.raises(PermanentError) as raised:
        await kustomize.render(_layout(tmp_path), STAND_IN, kubectl=fake)
    error = raised.value
    assert (error.code, error.cause) == ("kustomize", "no such resource")
    assert error.command == f"kubectl kustomize {tmp_path}"


async def test_a_build_that_hangs_is_ended(tmp_path: Path) -> None:
    fake = _program(tmp_path, f"echo $$ >> {tmp_path}/pids; exec sleep 600")
    with pytest.raises(PermanentError) as raised:
        await kustomize.render(_layout(tmp_path), STAND_IN, kubectl=fake, clock=Impatient())
    error = raised.value
    assert error.code == "kustomize-timeout"
    await _ended(tmp_path / "pids")


async def test_a_build_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    fake = _program(tmp_path, f"echo $$ >> {pids}; exec sleep 600")
    task = asyncio.create_task(kustomize.render(_layout(tmp_path), STAND_IN, kubectl=fake))
    async with asyncio.timeout(60):
        while not pids.exists() or len(pids.read_text().split()) < 2:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _ended(pids)


async def test_nothing_is_left_of_the_environment_before(tmp_path: Path) -> None:
    work = tmp_path / "work"
    first = await kustomize.build(STAND_IN, Values.of(names("one")), work, kubectl=kubectl())
    second = await kustomize.build(STAND_IN, Values.of(names("two")), work, kubectl=kubectl())
    assert first.namespace["metadata"]["name"] == "one"
    assert {o["metadata"].get("namespace") for o in second} == {None, "two"}
    again = await kustomize.build(STAND_IN, Values.of(names("two")), work, kubectl=kubectl())
    assert again.digest == second.digest != first.digest


def test_dates_and_words_stay_strings() -> None:
    (found,) = parse(b'a: 2026-11-24\nb: "on"\nc: 12\nd: null\n---\n')
    assert found == {"a": "2026-11-24", "b": "on", "c": 12, "d": None}


async def _ended(pids: Path) -> None:
    """Waits until the processes, which have been killed by now, are gone from the system's table too."""
    async with asyncio.timeout(60):
        while any(Path(f"/proc/{pid}").exists() for pid in pids.read_text().split()):
            await asyncio.sleep(0.01)
