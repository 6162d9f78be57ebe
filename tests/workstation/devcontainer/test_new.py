"""``mlops-env devcontainer new``: what is written, what is kept, and what bad input gets."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from core.workstation.devcontainer import templates

NAMES = [t.name for t in templates()]


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's repository, and a home without credentials."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    folder = tmp_path / "fraud model"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def _document(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / ".devcontainer" / "devcontainer.json").read_text())
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_without_an_environment_it_stands_on_the_recipe_of_the_image(code: Path, name: str) -> None:
    assert main(["devcontainer", "new", name, str(code)]) == 0
    made = _document(code)
    assert made["build"]["dockerfile"] == "Dockerfile"
    assert made["name"] == "fraud-model"
    assert {"ms-python.python", "ms-toolsai.jupyter"} <= set(made["customizations"]["vscode"]["extensions"])
    recipe = (code / ".devcontainer" / "Dockerfile").read_text()
    assert "us-docker.pkg.dev/workbench-images/" in recipe
    for line in recipe.splitlines():
        if line.startswith("COPY "):
            assert (code / ".devcontainer" / line.split()[1]).is_file()


def test_credentials_are_mounted_alone_read_only_and_only_where_they_are(code: Path, tmp_path: Path) -> None:
    main(["devcontainer", "new", "kfp-dev", str(code)])
    assert "mounts" not in _document(code)
    folder = tmp_path / "user" / ".config" / "gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text("{}")
    main(["devcontainer", "new", "kfp-dev", str(code), "--yes"])
    (mount,) = _document(code)["mounts"]
    assert "source=${localEnv:HOME}/.config/gcloud/application_default_credentials.json," in mount
    assert mount.endswith(",type=bind,readonly")
    assert _document(code)["containerEnv"]["GOOGLE_APPLICATION_CREDENTIALS"] in mount


def test_remote_brings_the_code_and_mounts_nothing_of_this_machine(
    code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("USER", "ann")
    (tmp_path / "user" / ".config" / "gcloud").mkdir(parents=True)
    (tmp_path / "user" / ".config" / "gcloud" / "application_default_credentials.json").write_text("{}")
    _git(code, "remote", "add", "origin", "https://ann:s3cr3t@example.com/ann/fraud.git")
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--remote"]) == 0
    made = _document(code)
    assert "mounts" not in made
    assert made["updateRemoteUserUID"] is False
    assert made["workspaceMount"] == ""
    assert f"--volume=/home/jupyter/workspaces/ann-fraud-model:{made['workspaceFolder']}" in made["runArgs"]
    assert "git clone -- https://example.com/ann/fraud.git ." in made["onCreateCommand"][-1]
    said = capsys.readouterr()
    assert "s3cr3t" not in json.dumps(made) + said.out + said.err
    assert "was not pushed" in said.err


@pytest.mark.parametrize(
    ("origin", "kept"),
    [
        ("https://token@example.com/a/b.git", "https://example.com/a/b.git"),
        ("ssh://git:s3cr3t@example.com/a/b.git", "ssh://git@example.com/a/b.git"),
        ("git@example.com:a/b.git", "git@example.com:a/b.git"),
        ("ssh://[broken/b.git", "ssh://[broken/b.git"),
        ("../up/b.git", "../up/b.git"),
    ],
)
def test_no_secret_of_an_origin_is_written(code: Path, origin: str, kept: str) -> None:
    _git(code, "remote", "add", "origin", origin)
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--remote"]) == 0
    command = _document(code)["onCreateCommand"][-1]
    assert f"git clone -- {shlex.quote(kept)} ." in command
    assert "s3cr3t" not in command
    assert "token" not in command


def test_an_origin_is_a_word_to_the_shell_and_nothing_else(code: Path, tmp_path: Path) -> None:
    evil = "--upload-pack=touch\\ ran;$(touch ran)`touch ran`\"';touch ran;'"
    _git(code, "config", "remote.origin.url", evil)
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--remote"]) == 0
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text('#!/bin/sh\nprintf "%s\\n" "$@" > ../asked\nexit 1\n')
    (tmp_path / "bin" / "git").chmod(0o755)
    (tmp_path / "empty").mkdir()
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    command = _document(code)["onCreateCommand"]
    said = subprocess.run(command, cwd=tmp_path / "empty", env=env, capture_output=True, text=True, check=True).stdout
    assert said == f"The code could not be cloned: run git clone {evil} . here.\n"
    assert (tmp_path / "asked").read_text() == f"clone\n--\n{evil}\n.\n"
    assert not list(tmp_path.rglob("ran"))


def test_remote_without_an_origin_says_that_it_begins_empty(code: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--remote"]) == 0
    (command,) = _document(code)["onCreateCommand"][2:]
    assert "clone" not in command
    assert "chown" in command, "the folder that Docker made is root's all the same"
    assert "begins empty" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_on_another_processor_it_is_emulated_and_said_where_that_is_no_good(
    code: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*there[:4], "arm64")))
    assert main(["devcontainer", "new", name, str(code)]) == 0
    made = _document(code)
    assert made["build"]["options"] == made["runArgs"][:1] == ["--platform=linux/amd64"]
    assert ("--remote is the better way" in capsys.readouterr().err) is (name != "kfp-dev")


def test_what_is_there_is_shown_and_kept_and_never_replaced_unasked(code: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = code / ".devcontainer" / "Dockerfile"
    own.parent.mkdir()
    own.write_bytes(b"FROM mine\n\xff\n")
    assert main(["devcontainer", "new", "kfp-dev", str(code)]) == 2
    said = capsys.readouterr()
    assert "-FROM mine" in said.err
    assert "+FROM us-docker" in said.err
    assert "--yes" in said.err
    assert own.read_bytes() == b"FROM mine\n\xff\n"
    assert not (own.parent / "devcontainer.json").exists()

    assert main(["devcontainer", "new", "kfp-dev", str(code), "--yes", "--output", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (own.parent / "Dockerfile.old").read_bytes() == b"FROM mine\n\xff\n"
    assert told["kept"] == [str(own.parent / "Dockerfile.old")]
    assert {Path(f["path"]).name: f["state"] for f in told["files"]} == {
        "devcontainer.json": "new",
        "requirements.txt": "new",
        "Dockerfile": "changed",
    }

    own.write_text("FROM another\n")
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--yes"]) == 0
    assert (own.parent / "Dockerfile.old-2").read_text() == "FROM another\n"
    assert (own.parent / "Dockerfile.old").read_bytes() == b"FROM mine\n\xff\n"


def test_doing_it_again_changes_nothing_and_asks_nothing(code: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["devcontainer", "new", "tfx-kfp-dev", str(code)])
    before = {path.name: path.stat().st_mtime_ns for path in (code / ".devcontainer").iterdir()}
    assert main(["devcontainer", "new", "tfx-kfp-dev", str(code)]) == 0
    assert {path.name: path.stat().st_mtime_ns for path in (code / ".devcontainer").iterdir()} == before


def test_a_link_stays_a_link_and_what_it_names_is_written(code: Path, tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "dotfiles" / "Dockerfile").write_text("FROM mine\n")
    (code / ".devcontainer").symlink_to(tmp_path / "dotfiles")
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--yes"]) == 0
    assert (code / ".devcontainer").is_symlink()
    assert (tmp_path / "dotfiles" / "Dockerfile.old").read_text() == "FROM mine\n"
    assert (tmp_path / "dotfiles" / "devcontainer.json").is_file()


def test_a_folder_that_is_no_repository_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plain").mkdir()
    assert main(["devcontainer", "new", "kfp-dev", str(tmp_path / "plain")]) == 0
    assert "no git repository" in capsys.readouterr().err


def _file(code: Path) -> None:
    (code / ".devcontainer").write_text("")


def _link_to_nothing(code: Path) -> None:
    (code / ".devcontainer").symlink_to(code / "nowhere")


def _folder_in_the_way(code: Path) -> None:
    (code / ".devcontainer" / "Dockerfile").mkdir(parents=True)


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [(_file, "has to be a folder"), (_link_to_nothing, "link to nothing"), (_folder_in_the_way, "is no file")],
)
def test_what_stands_in_the_way_is_named_and_stays(
    code: Path, prepare: Any, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(code)
    before = sorted(path for path in code.rglob("*") if ".git/" not in str(path))
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--yes"]) == 2
    assert sentence in capsys.readouterr().err
    assert sorted(path for path in code.rglob("*") if ".git/" not in str(path)) == before


def test_an_unknown_template_or_folder_or_environment_is_one_sentence(
    code: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["devcontainer", "new", "kfp-dve", str(code)]) == 2
    assert "Did you mean kfp-dev?" in capsys.readouterr().err
    assert main(["devcontainer", "new", "kfp-dev", str(code / "nowhere")]) == 2
    assert "no folder" in capsys.readouterr().err
    assert main(["devcontainer", "new", "kfp-dev", str(code), "--env", "nosuch"]) == 2
    assert "nosuch" in capsys.readouterr().err
    assert main(["devcontainer", "new", "kfp-dev", "/proc/self"]) == 2
    assert "can't be written" in capsys.readouterr().err
    assert not (code / ".devcontainer").exists()


def test_the_list_tells_what_each_template_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devcontainer", "list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(NAMES)
    assert main(["devcontainer", "list", "--output", "json"]) == 0
    assert [t["template"] for t in json.loads(capsys.readouterr().out)] == NAMES
