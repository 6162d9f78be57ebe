"""A command that only looks at a rehearsal and is killed: what it began is swept away by the next one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.cli import main
from core.environment import Environment, Home
from core.environment import rehearsal as rehearsals

ROOT = Path(__file__).resolve().parents[2]
SLOW = "speed = 1\nlatency_ms = 600000\n"
"""Answers that never come: the command is killed while it waits for one."""
QUICK = "speed = 0\n"


@pytest.fixture(autouse=True)
def _no_cloud_stays(home: Home) -> Iterator[None]:
    yield
    for name in ("demo", "other"):
        rehearsals.forget(home, name)


def _looking(home: Home, command: str, scenario: Path) -> subprocess.Popen[bytes]:
    """The command, once its simulated cloud runs."""
    given = [command, "demo", "--rehearse", "--yes", "--scenario", str(scenario)]
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "core.cli", *given], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 60
    while not (rehearsals.folder(home, "demo") / "endpoints.json").exists():
        assert child.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    return child


@pytest.mark.parametrize("command", ["check", "plan"])
def test_the_next_command_ends_the_cloud_that_a_killed_one_left(
    home: Home, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    slow, quick = tmp_path / "slow.toml", tmp_path / "quick.toml"
    slow.write_text(SLOW)
    quick.write_text(QUICK)
    child = _looking(home, command, slow)
    assert main(["check", "demo", "--rehearse", "--scenario", str(quick)]) == 2
    assert "being prepared in another window" in capsys.readouterr().err
    assert rehearsals.running(home, "demo") is not None, "what another command looks at is left alone"
    child.kill()
    child.wait()
    assert rehearsals.running(home, "demo") is not None
    assert main(["check", "other", "--rehearse", "--scenario", str(quick)]) == 0
    assert rehearsals.running(home, "demo") is None
    assert not rehearsals.folder(home, "demo").exists()
    assert not (home.environments / "demo").exists()
    assert Environment.all(home) == []


def test_an_installation_begins_on_a_cloud_of_its_own(home: Home, tmp_path: Path) -> None:
    """The scenario of a plan that was killed is not the installation's."""
    slow, wrong = tmp_path / "slow.toml", tmp_path / "wrong.toml"
    slow.write_text(SLOW)
    wrong.write_text("speed = 'fast'\n")
    child = _looking(home, "plan", slow)
    child.kill()
    child.wait()
    assert main(["install", "demo", "--rehearse", "--yes", "--scenario", str(wrong)]) == 2
    assert rehearsals.running(home, "demo") is None
    assert not rehearsals.folder(home, "demo").exists()
