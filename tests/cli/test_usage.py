"""Flags and exit codes are a promise; bad usage is one sentence, exit code 2, and nothing made."""

from __future__ import annotations

import argparse
import json
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from core import errors
from core.cli import main
from core.cli.parser import build
from core.environment import Environment, Home

COMMON = {"--output", "--yes"}
GIVEN = {"--config", "--set", "--rehearse", "--scenario"}
RUN = {"--detach", "--wait", "--sql-password-stdin"}
FLAGS = {
    "install": COMMON | GIVEN | RUN, "retry": COMMON | RUN | {"--skip"},
    "destroy": COMMON | {"--delete-data", "--detach", "--wait"},
    "check": COMMON | GIVEN, "plan": COMMON | GIVEN, "status": COMMON, "attach": COMMON, "cancel": COMMON, "verify": COMMON,
    "logs": COMMON | {"--follow"}, "list": COMMON, "schema": COMMON, "kubernetes-token": COMMON,
    "access": COMMON | {"--forward", "--detach", "--stop"}, "rehearsal env": COMMON, "rehearsal stop": COMMON,
    "tunnel up": COMMON | {"--project", "--zone", "--instance", "--forward", "--docker-context", "--sudo", "--detach"},
    "tunnel down": COMMON, "tunnel status": COMMON, "tunnel logs": COMMON | {"--follow"},
    "ssh add": COMMON | {"--project", "--zone", "--instance", "--set", "--dry-run"}, "ssh remove": COMMON | {"--dry-run"},
    "ssh show": COMMON, "ssh iap-proxy": COMMON | {"--project", "--zone", "--account"},
    "notebook start": COMMON, "notebook stop": COMMON, "image build": COMMON, "image list": COMMON,
    "devcontainer new": COMMON | {"--env", "--project", "--remote"}, "devcontainer list": COMMON,
    "vscode set": COMMON | {"--scope", "--wrapper"}, "vscode remove": COMMON | {"--scope"},
}  # fmt: skip


def commands(parser: argparse.ArgumentParser, prefix: str = "") -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                found |= commands(inner, f"{prefix}{name} ") or {f"{prefix}{name}": flags(inner)}
    return found


def flags(parser: argparse.ArgumentParser) -> set[str]:
    return {s for a in parser._actions for s in a.option_strings if s.startswith("--")} - {"--help"}


def test_commands_and_flags_are_pinned() -> None:
    assert commands(build()) == FLAGS


def test_exit_codes_are_pinned() -> None:
    codes = {
        cls.__name__: cls.exit_code for cls in vars(errors).values() if isinstance(cls, type) and hasattr(cls, "exit_code")
    }
    assert codes == {
        "MlopsError": 1, "UsageError": 2, "ParameterError": 2, "UnknownEnvironment": 2, "PrerequisiteError": 3,
        "CancelledByUser": 4, "VerificationError": 5, "BusyError": 6, "PersonNeeded": 7, "StepError": 1,
        "TemporaryError": 1, "PermanentError": 1,
    }  # fmt: skip


BAD = [
    (["install", "Demo", "--rehearse", "--yes"], "NAME", "2 to 16"),
    (["install", "demo", "--rehearse", "--yes", "--set", "colour=red"], "colour", ""),
    (["install", "demo", "--rehearse", "--yes", "--set", "profil=trial"], "profil", "profile"),
    (["install", "demo", "--rehearse", "--yes", "--set", "profile=huge"], "profile", "small"),
    (["install", "demo", "--rehearse", "--yes", "--set", "namespace=kube-system"], "namespace", "kube-*"),
    (["install", "demo", "--rehearse", "--yes", "--set", "region=Mars"], "region", "us-central1"),
    (["install", "demo", "--rehearse", "--yes", "--set", "zone=europe-west1-b"], "zone", "region"),
    (["install", "demo", "--rehearse", "--yes", "--set", "name_prefix=Goog"], "name_prefix", "16"),
    (["install", "demo", "--rehearse", "--yes", "--set", "pods_cidr=8.8.0.0/20"], "pods_cidr", "private"),
    (["install", "demo", "--rehearse", "--yes", "--set", "subnet_cidr=10.4.0.0/20"], "cidr", "overlap"),
    (["install", "demo", "--rehearse", "--yes", "--set", "sql_username=mysql.sys"], "sql_username", "mysql"),
    (["install", "demo", "--rehearse", "--yes", "--set", "kfp_version=1.0"], "kfp_version", "2.17.0"),
    (["install", "demo", "--rehearse", "--yes", "--set", "kfp_manifests=~nobody-here"], "kfp_manifests", "no such folder"),
    (["install", "demo", "--rehearse", "--yes", "--set", "node_min=9"], "node_min", "node_max"),
    (["install", "demo", "--rehearse", "--yes", "--set", "kms_key=k"], "kms_key", "not supported"),
    (["install", "demo", "--yes", "--set", "project_id=X"], "project_id", "6 to 30"),
    (["install", "demo", "--rehearse", "--yes", "--set", "profile"], "profile", "KEY=VALUE"),
    (["install", "demo", "--rehearse", "--yes", "--config", "/no/such/file"], "/no/such/file", ""),
    (["install", "demo", "--rehearse", "--yes", "--scenario", "/no/such/file"], "/no/such/file", ""),
    (["install", "demo", "--rehearse", "--yes", "--scenario", "/tmp"], "There is no scenario file /tmp", ""),
    (["install", "demo", "--yes", "--scenario", "/no/such/file"], "--scenario", "--rehearse"),
    (["install", "demo", "--rehearse"], "ask", "--yes"),
    (["status", "nosuch"], "nosuch", "mlops-env list"),
    (["retry", "nosuch", "--yes"], "nosuch", ""),
    (["destroy", "nosuch", "--yes"], "nosuch", ""),
]


@pytest.fixture
def nothing_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process loads ahead what a run would need, and none may be told to go."""
    monkeypatch.setattr("core.environment.processes.begin", lambda *_: ExitStack())
    monkeypatch.setattr("core.environment.processes.begin_both", lambda *_: (ExitStack(), ExitStack()))


@pytest.mark.usefixtures("nothing_loads")
@pytest.mark.parametrize(("argv", "names", "allowed"), BAD, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_bad_input_is_one_clear_sentence_and_nothing_is_made(
    argv: list[str], names: str, allowed: str, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    said = capsys.readouterr()
    assert said.out == ""
    error = said.err[said.err.index("Error:") :]
    assert names in error
    assert allowed in error
    assert "Traceback" not in said.err
    assert not list(home.root.rglob("*.toml"))


def test_a_program_gets_the_error_as_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "nosuch", "--output", "json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "unknown-environment"


@pytest.mark.parametrize("argv", [["instal"], ["rehearsal"], ["install"], ["logs", "x", "--bogus"]])
def test_bad_usage_exits_with_2_and_one_sentence(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("Error: ")


def test_a_wrong_scenario_leaves_nothing_behind(tmp_path: Path, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text("sped = 0\n")
    assert main(["install", "demo", "--rehearse", "--yes", "--scenario", str(file)]) == 2
    assert "speed" in capsys.readouterr().err
    assert not (home.environments / "demo").exists()
    assert not (home.rehearsals / "demo").exists()


@pytest.mark.parametrize(("written", "code", "said"), [("speed = 0\n", 0, ""), ("sped = 0\n", 2, "sped")])
@pytest.mark.parametrize("through", ["a pipe", "a descriptor"])
def test_a_scenario_that_only_this_process_has_open_is_read_all_the_same(
    through: str, written: str, code: int, said: str, tmp_path: Path, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a shell hands over ``--scenario <(…)``, and ``--scenario /dev/stdin`` with a file behind it."""
    if through == "a pipe":
        opened, end = os.pipe()
        os.write(end, written.encode())
        os.close(end)
    else:
        (tmp_path / "scenario.toml").write_text(written)
        opened = os.open(tmp_path / "scenario.toml", os.O_RDONLY)
    assert main(["check", "demo", "--rehearse", "--scenario", f"/dev/fd/{opened}"]) == code
    os.close(opened)
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("nothing_loads")
@pytest.mark.parametrize("ran", [True, False])
def test_a_scenario_that_is_refused_changes_nothing_of_an_environment_that_exists(
    ran: bool, tmp_path: Path, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    known = Environment.new(home, "demo", cloud="rehearsal", given={"profile": "trial"}).save()
    if ran:
        (known.runs / "r1").mkdir(parents=True)
        (known.runs / "r1" / "events.jsonl").touch()
    (home.ensure("rehearsals", "demo") / "scenario.json").write_text("{}")
    file = tmp_path / "scenario.toml"
    file.write_text("speed = 0\n")
    settings = ("--scenario", str(file), "--set", "profile=standard")
    assert main(["install", "demo", "--rehearse", "--yes", *settings]) == 2
    assert "keeps its scenario" in capsys.readouterr().err
    assert Environment.load(home, "demo") == known


@pytest.mark.usefixtures("nothing_loads")
def test_a_label_that_is_set_takes_none_of_the_others_away(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    meant: list[Environment] = []

    def note(environment: Environment, *_: object, **__: object) -> None:
        meant.append(environment)
        raise errors.CancelledByUser("That is all.")

    monkeypatch.setattr("core.cli.run._say_what", note)
    file = tmp_path / "answers.toml"
    file.write_text('[labels]\nteam = "ml"\nstage = "dev"\n')
    Environment.new(home, "old", cloud="rehearsal", given={"labels": {"team": "ml", "stage": "dev"}}).save()
    for arguments in (["new", "--config", str(file)], ["old"]):
        main(["install", *arguments, "--rehearse", "--yes", "--set", "labels.owner=me"])
    assert [e.values["labels"] for e in meant] == [{"team": "ml", "stage": "dev", "owner": "me"}] * 2


def test_an_empty_list_says_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "--rehearse" in said.err
    assert main(["list", "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_record_that_cant_be_read_hides_no_other(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("broken", "demo", "early"):
        Environment.new(home, name, cloud="google", given={}).save()
    (home.environments / "broken" / "environment.toml").write_text("[")
    assert main(["list"]) == 2
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()] == ["demo", "early"]
    assert "broken/environment.toml can't be read" in said.err
    assert main(["list", "--output", "json"]) == 2
    said = capsys.readouterr()
    assert [row["name"] for row in json.loads(said.out)] == ["demo", "early"]
    assert json.loads(said.err)["error"]["code"] == "environment-file"
