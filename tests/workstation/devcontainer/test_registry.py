"""Whether Docker here can pull the environment's image, and the sign-in that it is offered: looked at, then one line."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from core.environment import Environment, Home
from core.install import image
from core.workstation.devcontainer import draft, template

HOST = "us-central1-docker.pkg.dev"
IMAGE = f"{HOST}/p/r/kfp-dev@sha256:0"


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's repository; a home whose Docker knows no registry, and an environment with an image."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'user' / '.local' / 'bin'}:{tmp_path / 'bin'}:{os.environ['PATH']}")
    for name in ("CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "bin").mkdir()
    subprocess.run(["git", "init", "-q", str(tmp_path / "code")], check=True)
    Environment.new(Home.find(), "demo", cloud="google", given={"project_id": "my-project"}).save()

    async def of(environment: Environment, _: str, **__: Any) -> dict[str, str]:
        return {"reference": IMAGE, "project": "my-project", "cloud": environment.cloud}

    monkeypatch.setattr(image, "of", of)
    return tmp_path / "code"


def _configuration(code: Path) -> Path:
    return code.parent / "docker" / "config.json"


def _helper(code: Path, name: str) -> None:
    (code.parent / "bin" / f"docker-credential-{name}").touch(mode=0o755)


def _notes(code: Path, **wishes: Any) -> str:
    return " ".join(draft(template("kfp-dev"), code, image=IMAGE, **wishes).notes)


def test_what_docker_lacks_is_said_and_nothing_written_unasked(code: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--env", "demo"]) == 0
    assert f"no sign-in to {HOST}" in capsys.readouterr().err
    assert not _configuration(code).exists()
    assert not (code.parent / "user").exists()


def test_with_yes_one_line_names_this_program_and_every_other_byte_stays(
    code: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _configuration(code).parent.mkdir()
    before = '{\n\t"auths": {"x.example": {"auth": "a2V5"}},\n\t"credHelpers": {"gcr.io": "gcloud"}\n}'
    _configuration(code).write_text(before)
    _configuration(code).chmod(0o600)
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--env", "demo", "--yes", "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["docker_configuration"] == str(_configuration(code))
    after = _configuration(code).read_text()
    assert after == before.replace('"gcloud"', f'"gcloud", "{HOST}": "mlops-env"')
    assert stat.S_IMODE(_configuration(code).stat().st_mode) == 0o600
    launcher = code.parent / "user" / ".local" / "bin" / "docker-credential-mlops-env"
    asked = subprocess.run(
        [launcher, "get"], input="https://index.docker.io/v1/", capture_output=True, text=True, check=False
    )
    assert (asked.returncode, asked.stdout.strip()) == (1, "credentials not found in native keychain")
    assert "sign-in" not in _notes(code)
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--env", "demo", "--yes"]) == 0
    assert _configuration(code).read_text() == after


def test_a_configuration_that_was_not_there_is_for_its_owner_alone(code: Path) -> None:
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--env", "demo", "--yes"]) == 0
    assert json.loads(_configuration(code).read_text()) == {"credHelpers": {HOST: "mlops-env"}}
    assert stat.S_IMODE(_configuration(code).stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["{]", '{"credHelpers": []}'])
def test_a_configuration_that_is_none_is_left_alone(code: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    _configuration(code).parent.mkdir()
    _configuration(code).write_text(content)
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--env", "demo", "--yes"]) == 2
    assert str(_configuration(code)) in capsys.readouterr().err
    assert _configuration(code).read_text() == content
    assert not (code / ".devcontainer").exists(), "nothing is half done"


def test_a_configuration_that_is_none_keeps_nobody_from_the_files_who_asks_for_no_sign_in(code: Path) -> None:
    _configuration(code).parent.mkdir()
    _configuration(code).write_text("{]")
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--env", "demo"]) == 0
    assert (code / ".devcontainer").is_dir()
    assert _configuration(code).read_text() == "{]"


def test_where_no_launcher_can_be_written_gcloud_is_named_and_the_files_are_made(
    code: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (code.parent / "user").mkdir()
    (code.parent / "user" / ".local").write_text("a file in its place")
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--env", "demo", "--yes"]) == 0
    assert f"gcloud auth configure-docker {HOST}" in capsys.readouterr().err
    assert (code / ".devcontainer").is_dir()
    assert not _configuration(code).exists()


def test_a_helper_of_the_users_stays_theirs(code: Path) -> None:
    _configuration(code).parent.mkdir()
    _configuration(code).write_text(json.dumps({"credHelpers": {HOST: "theirs"}}))
    assert "docker-credential-theirs, which is not on PATH" in _notes(code)
    assert draft(template("kfp-dev"), code, image=IMAGE).pull.launcher is None
    _helper(code, "theirs")
    assert HOST not in _notes(code)


def test_where_no_program_of_ones_own_would_be_found_gcloud_is_named(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    assert f"gcloud auth configure-docker {HOST}" in _notes(code)


def test_it_is_nobodys_business_where_another_machine_pulls_or_none_could(code: Path) -> None:
    assert "sign-in to" not in _notes(code, remote=True)
    assert "pulls its own" in _notes(code, remote=True)
    assert "which no Docker can pull" in _notes(code, rehearsed=True)
    assert "sign-in" not in " ".join(draft(template("kfp-dev"), code).notes)
