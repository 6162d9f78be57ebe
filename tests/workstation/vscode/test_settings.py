"""``mlops-env vscode set|remove`` on a user's files: where they are, what is kept, and what bad ones get."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core.cli import main
from core.cli import vscode as commands
from core.environment import Home
from core.workstation.tunnel import book
from core.workstation.tunnel.definition import Forward, Tunnel
from core.workstation.vscode.places import Machine, places

BEFORE = '{\r\n    // mine\r\n    "editor.fontSize": 13,\r\n    "containers.environment": {"A": "b"},\r\n}\r\n'

DOCKER = """\
#!/bin/sh
echo "$*" >> "$CALLS"
case "$1 $2" in
  "context inspect") [ -f "$CALLS.$3" ] && cat "$CALLS.$3" ;;
  "context create")
    for host; do :; done
    echo "[{\\"Endpoints\\": {\\"docker\\": {\\"Host\\": \\"${host#host=}\\"}}}]" > "$CALLS.$3" ;;
  "context show") echo default ;;
  "context rm") rm "$CALLS.$4" ;;
esac
"""


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home on Linux where VS Code was started, with a docker that notes what it is asked."""
    home = tmp_path / "user"
    (home / ".config" / "Code" / "User").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USER", "ann")
    for name in ("XDG_CONFIG_HOME", "WSL_DISTRO_NAME", "DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "code").mkdir()
    monkeypatch.chdir(tmp_path / "code")
    return home


def _settings(user: Path) -> Path:
    return user / ".config" / "Code" / "User" / "settings.json"


def test_set_and_removed_the_file_is_the_same_and_the_context_gone(user: Path, tmp_path: Path) -> None:
    _settings(user).write_bytes(BEFORE.encode())
    _settings(user).chmod(0o640)
    assert main(["vscode", "set", "demo"]) == 0
    set_to = _settings(user).read_bytes().decode()
    assert '"containers.environment": {"A": "b", "DOCKER_CONTEXT": "mlops-env-demo"}' in set_to
    assert (tmp_path / "calls.mlops-env-demo").exists()
    assert main(["vscode", "set", "demo"]) == 0
    assert _settings(user).read_bytes().decode() == set_to
    assert main(["vscode", "remove", "demo"]) == 0
    assert _settings(user).read_bytes() == BEFORE.encode()
    assert _settings(user).stat().st_mode & 0o777 == 0o640
    assert not (tmp_path / "calls.mlops-env-demo").exists()


def test_a_file_that_was_not_there_goes_again(user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vscode", "set", "demo", "--output", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["context"] == "mlops-env-demo"
    assert [f["state"] for f in told["files"]] == ["set"]
    assert json.loads(_settings(user).read_text()) == {"containers.environment": {"DOCKER_CONTEXT": "mlops-env-demo"}}
    assert main(["vscode", "remove", "demo"]) == 0
    assert not _settings(user).exists()


def test_a_context_of_the_users_makes_way_on_being_asked_and_comes_back(
    user: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = '{"containers.environment": {"DOCKER_CONTEXT": "mine"} /* here */}'
    _settings(user).write_text(before)
    assert main(["vscode", "set", "demo"]) == 2
    assert "mine" in capsys.readouterr().err
    assert _settings(user).read_text() == before
    assert main(["vscode", "set", "demo", "--yes"]) == 0
    assert main(["vscode", "set", "other", "--yes"]) == 0
    assert main(["vscode", "remove", "demo"]) == 0
    assert "other" in _settings(user).read_text()
    assert main(["vscode", "remove", "other"]) == 0
    assert _settings(user).read_text() == before


def test_what_an_editor_writes_while_the_question_stands_is_kept(
    user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = '{"containers.environment": {"DOCKER_CONTEXT": "mine"}, "editor.fontSize": 13}'
    _settings(user).write_text('{"containers.environment": {"DOCKER_CONTEXT": "mine"}}')

    def agree(question: str) -> bool:
        _settings(user).write_text(newer)
        return True

    monkeypatch.setattr(commands, "interactive", lambda: True)
    monkeypatch.setattr(commands, "confirm", agree)
    assert main(["vscode", "set", "demo"]) == 2
    assert "meanwhile" in capsys.readouterr().err
    assert _settings(user).read_text() == newer
    assert not (tmp_path / "calls.mlops-env-demo").exists(), "nothing else was made either"


@pytest.mark.parametrize("value", ['""', "null", '"a\\u0062c"'])
def test_whatever_made_way_comes_back_as_it_was_written(user: Path, value: str) -> None:
    before = f'{{"containers.environment": {{"DOCKER_CONTEXT": {value}}}}}'
    _settings(user).write_text(before)
    assert main(["vscode", "set", "demo"]) == 2
    assert main(["vscode", "set", "demo", "--yes"]) == 0
    assert main(["vscode", "remove", "demo"]) == 0
    assert _settings(user).read_text() == before


@pytest.mark.parametrize("by_hand", ['{"containers.environment": {"DOCKER_CONTEXT": "newer"}}', "{}"])
def test_what_comes_back_is_what_made_way_last(user: Path, by_hand: str) -> None:
    _settings(user).write_text('{"containers.environment": {"DOCKER_CONTEXT": "mine"}}')
    assert main(["vscode", "set", "demo", "--yes"]) == 0
    _settings(user).write_text(by_hand)
    assert main(["vscode", "set", "demo", "--yes"]) == 0
    assert main(["vscode", "remove", "demo"]) == 0
    assert _settings(user).read_text() == by_hand


def test_another_of_the_programs_own_makes_way_for_good(user: Path) -> None:
    _settings(user).write_text("{}")
    assert main(["vscode", "set", "demo"]) == 0
    assert main(["vscode", "set", "other", "--yes"]) == 0
    assert main(["vscode", "remove", "other"]) == 0
    assert _settings(user).read_text() == "{}"


def test_a_wrapper_stands_in_for_the_client_and_goes_with_its_setting(
    user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = '{\n    // mine\n    "dev.containers.dockerPath": "podman", // here\n    "a": 1\n}\n'
    _settings(user).write_text(before)
    assert main(["vscode", "set", "demo", "--wrapper"]) == 2
    assert "podman" in capsys.readouterr().err
    assert main(["vscode", "set", "demo", "--wrapper", "--yes"]) == 0
    told = capsys.readouterr()
    assert "Dev Containers alone" in told.err
    settings = _settings(user).read_text()
    wrapper = Path(next(line for line in settings.splitlines() if "dockerPath" in line).split('"')[3])
    assert settings == before.replace("podman", str(wrapper))
    assert not (tmp_path / "calls.mlops-env-demo").exists(), "it needs no context"

    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("DOCKER_CONTEXT", "another")
    program = tmp_path / "bin" / "docker"
    program.write_text('#!/bin/sh\necho "$DOCKER_HOST $DOCKER_CONTEXT|$*"\n')
    for before_it in ([], ["--context", "another"], ["--host=tcp://127.0.0.1:1"]):
        ran = subprocess.run([wrapper, *before_it, "run", "-c", "a b"], capture_output=True, text=True, check=True).stdout
        host, _, words = ran.partition(" |")
        assert host.startswith("unix:///")
        assert words == "run -c a b\n"

    assert main(["vscode", "remove", "demo"]) == 0
    assert _settings(user).read_text() == before
    assert not wrapper.exists()


def test_a_wrapper_that_nobody_would_run_is_refused(
    user: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["vscode", "set", "demo", "--wrapper", "--scope", "workspace"]) == 2
    assert "user's settings alone" in capsys.readouterr().err
    windows = user.parent / "Users"
    (windows / "ann" / "AppData" / "Roaming" / "Code" / "User").mkdir(parents=True)
    here = Machine(user, "Linux", windows=windows, user="ann")
    monkeypatch.setattr(Machine, "here", classmethod(lambda _: here))
    assert main(["vscode", "set", "demo", "--wrapper"]) == 2
    assert "Windows" in capsys.readouterr().err
    assert not list(windows.rglob("settings.json"))


def test_in_wsl_the_context_is_one_of_windows_own_docker_and_leads_to_a_port(
    user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    windows = tmp_path / "Users"
    settings = windows / "ann" / "AppData" / "Roaming" / "Code" / "User" / "settings.json"
    settings.parent.mkdir(parents=True)
    here = Machine(user, "Linux", windows=windows, user="ann")
    monkeypatch.setattr(Machine, "here", classmethod(lambda _: here))
    assert main(["vscode", "set", "demo"]) == 2
    assert "--forward 23750=/var/run/docker.sock" in capsys.readouterr().err
    assert not settings.exists()

    book.keep(Home.find(), Tunnel("demo", forwards=(Forward.parse("23750=/var/run/docker.sock"),)))
    (tmp_path / "bin" / "docker").rename(tmp_path / "bin" / "docker.exe")
    assert main(["vscode", "set", "demo"]) == 0
    assert json.loads(settings.read_text()) == {"containers.environment": {"DOCKER_CONTEXT": "mlops-env-demo"}}
    assert "tcp://127.0.0.1:23750" in (tmp_path / "calls.mlops-env-demo").read_text()
    assert main(["vscode", "remove", "demo"]) == 0
    assert not (tmp_path / "calls.mlops-env-demo").exists()
    assert not settings.exists()


def test_a_docker_host_that_would_win_over_the_context_is_told_with_the_way_out(
    user: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert main(["vscode", "set", "demo"]) == 0
    assert "mlops-env vscode set demo --wrapper" in capsys.readouterr().err


def test_removing_takes_the_copy_that_container_tools_made_too(user: Path) -> None:
    _settings(user).write_text(
        '{\n  "docker.environment": { "DOCKER_CONTEXT": "mlops-env-demo" },\n'
        '  "containers.environment": {"DOCKER_CONTEXT": "mlops-env-demo", "X": "y"}\n}\n'
    )
    assert main(["vscode", "remove", "demo"]) == 0
    assert json.loads(_settings(user).read_text()) == {"containers.environment": {"X": "y"}}


def test_a_link_into_dotfiles_stays_one(user: Path, tmp_path: Path) -> None:
    (tmp_path / "dotfiles.json").write_text("{}")
    _settings(user).symlink_to(tmp_path / "dotfiles.json")
    assert main(["vscode", "set", "demo"]) == 0
    assert _settings(user).is_symlink()
    assert "mlops-env-demo" in (tmp_path / "dotfiles.json").read_text()
    assert main(["vscode", "remove", "demo"]) == 0
    assert (tmp_path / "dotfiles.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{\n  "a": 1\n  "b": 2\n}', "line 3, column 3"),
        (b'{"a": "\xff"}', "not in UTF-8"),
        (b'{"containers.environment": []}', "containers.environment"),
    ],
)
def test_what_is_no_settings_file_stays_untouched(
    user: Path, content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _settings(user).write_bytes(content)
    assert main(["vscode", "set", "demo"]) == 2
    assert said in capsys.readouterr().err
    assert _settings(user).read_bytes() == content
    assert not (tmp_path / "calls.mlops-env-demo").exists(), "no context for a setting that was not made"


def test_what_can_not_be_written_is_one_sentence(user: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _settings(user).symlink_to("/proc/version")
    assert main(["vscode", "set", "demo"]) == 2
    assert "Error: " in capsys.readouterr().err


def test_what_may_not_be_written_is_told_before_anything_is_made(
    user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked of the system, since whoever runs the tests may be root, who may do everything."""
    insiders = user / ".config" / "Code - Insiders" / "User"
    insiders.mkdir(parents=True)
    (insiders / "settings.json").write_text("{}")
    forbidden = {insiders / "settings.json"}
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) not in forbidden and allowed(path, mode))
    assert main(["vscode", "set", "demo"]) == 2
    assert str(insiders / "settings.json") in capsys.readouterr().err
    assert not _settings(user).exists(), "not half of them"
    assert not (tmp_path / "calls.mlops-env-demo").exists(), "no context for a setting that was not made"


def test_a_file_in_the_place_of_a_folder_is_named(user: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (user / ".vscode-server").mkdir()
    (user / ".vscode-server" / "data").write_text("")
    assert main(["vscode", "set", "demo", "--scope", "remote"]) == 2
    assert "data" in capsys.readouterr().err
    assert not (tmp_path / "calls.mlops-env-demo").exists()


def test_what_is_left_to_do_is_said_and_what_it_reaches_only_where_it_was_set(
    user: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _settings(user).write_text('{"containers.environment": {"DOCKER_CONTEXT": "mine"}}')
    assert main(["vscode", "set", "demo", "--yes"]) == 0
    said = capsys.readouterr().err
    assert "mlops-env tunnel up demo" in said
    assert "windows of this machine" in said
    assert '"mine"}}\n+{"' in said, "a last line without an end is a line of the difference all the same"
    assert main(["vscode", "remove", "demo"]) == 0
    assert "windows of this machine" not in capsys.readouterr().err


def test_the_scopes_have_their_files(user: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vscode", "set", "demo", "--scope", "remote"]) == 2
    assert "No server of VS Code" in capsys.readouterr().err
    (user / ".vscode-server-insiders").mkdir()
    assert main(["vscode", "set", "demo", "--scope", "remote"]) == 0
    assert (user / ".vscode-server-insiders" / "data" / "Machine" / "settings.json").is_file()
    assert main(["vscode", "set", "demo", "--scope", "workspace"]) == 0
    assert (tmp_path / "code" / ".vscode" / "settings.json").is_file()
    assert "this folder alone" in capsys.readouterr().err
    assert not _settings(user).exists()


def _paths(machine: Machine, folder: Path = Path("/code")) -> list[Path]:
    return [place.path for place in places("user", machine, folder)]


def test_where_each_system_keeps_them(tmp_path: Path) -> None:
    mac = Machine(tmp_path / "mac", "Darwin")
    assert _paths(mac) == [tmp_path / "mac/Library/Application Support/Code/User/settings.json"]
    linux = Machine(tmp_path / "linux", "Linux")
    for name in ("Code - Insiders", "VSCodium"):
        (linux.home / ".config" / name / "User").mkdir(parents=True)
    assert _paths(linux) == [linux.home / f".config/{n}/User/settings.json" for n in ("Code - Insiders", "VSCodium")]
    assert _paths(Machine(linux.home, "Linux", config=str(tmp_path / "xdg"))) == [tmp_path / "xdg/Code/User/settings.json"]


def test_in_wsl_the_users_settings_are_windows(tmp_path: Path) -> None:
    from core.errors import UsageError

    windows = tmp_path / "Users"
    wsl = Machine(tmp_path / "home", "Linux", windows=windows, user="ann")
    with pytest.raises(UsageError):
        _paths(wsl)
    for name in ("Ann", "Bob", "Public"):
        (windows / name / "AppData" / "Roaming").mkdir(parents=True)
    (windows / "Bob" / "AppData" / "Roaming" / "Code" / "User").mkdir(parents=True)
    assert _paths(wsl) == [windows / "Bob/AppData/Roaming/Code/User/settings.json"]
    (windows / "Ann" / "AppData" / "Roaming" / "Code" / "User").mkdir(parents=True)
    assert _paths(wsl) == [windows / "Ann/AppData/Roaming/Code/User/settings.json"]


def test_a_user_of_windows_whose_folder_is_closed_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system is asked as it answers whoever may not look, since whoever runs the tests may be root."""
    windows, looked = tmp_path / "Users", os.stat
    for name in ("Ann", "Bob"):
        (windows / name / "AppData" / "Roaming" / "Code" / "User").mkdir(parents=True)

    closed = str(windows / "Bob" / "AppData")

    def stat(path: Any, *arguments: Any, **more: Any) -> os.stat_result:
        if str(path).startswith(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return looked(path, *arguments, **more)

    monkeypatch.setattr(os, "stat", stat)
    wsl = Machine(tmp_path / "home", "Linux", windows=windows, user="me")
    assert _paths(wsl) == [windows / "Ann/AppData/Roaming/Code/User/settings.json"]


def test_a_profile_has_a_file_of_its_own(tmp_path: Path) -> None:
    user = tmp_path / ".config" / "Code" / "User"
    (user / "globalStorage").mkdir(parents=True)
    stored: dict[str, Any] = {"userDataProfiles": [{"location": "-1a2b", "name": "Python"}]}
    (user / "globalStorage" / "storage.json").write_text(json.dumps(stored))
    machine = Machine(tmp_path, "Linux")
    (place,) = places("user", machine, tmp_path)
    assert place.path == user / "settings.json"
    assert "Python" in place.notes[0]
    stored["profileAssociations"] = {"workspaces": {tmp_path.as_uri(): "-1a2b"}}
    (user / "globalStorage" / "storage.json").write_text(json.dumps(stored))
    assert [p.path for p in places("user", machine, tmp_path)] == [user / "profiles" / "-1a2b" / "settings.json"]
    stored["userDataProfiles"][0]["useDefaultFlags"] = {"settings": True}
    (user / "globalStorage" / "storage.json").write_text(json.dumps(stored))
    assert [p.path for p in places("user", machine, tmp_path)] == [user / "settings.json"]


@pytest.mark.parametrize(
    "stored",
    [
        "{", "[]", '{"userDataProfiles": null, "profileAssociations": null}', '{"userDataProfiles": {"a": 1}}',
        '{"userDataProfiles": [1, {}, {"location": 5}, {"location": "../.."}], "profileAssociations": {"workspaces": [1]}}',
        '{"userDataProfiles": [{"location": "a", "useDefaultFlags": 1}], "profileAssociations": {"workspaces": {"x": 1}}}',
    ],
)  # fmt: skip
def test_what_vscode_keeps_for_itself_may_look_as_it_likes(tmp_path: Path, stored: str) -> None:
    user = tmp_path / ".config" / "Code" / "User"
    (user / "globalStorage").mkdir(parents=True)
    (user / "globalStorage" / "storage.json").write_text(stored)
    assert [p.path for p in places("user", Machine(tmp_path, "Linux"), tmp_path)] == [user / "settings.json"]


def test_the_old_docker_extension_reads_the_old_setting(tmp_path: Path) -> None:
    machine, extensions = Machine(tmp_path, "Linux"), tmp_path / ".vscode" / "extensions"
    (extensions / "ms-azuretools.vscode-docker-1.29.6").mkdir(parents=True)
    assert places("user", machine, tmp_path)[0].key == "docker.environment"
    (extensions / "ms-azuretools.vscode-containers-2.1.0").mkdir()
    assert places("user", machine, tmp_path)[0].key == "containers.environment"


def _context_of(settings: dict[str, Any], variables: dict[str, str], current: str) -> str:
    """A model of how Dev Containers comes to its context, before it ever looks at ``DOCKER_HOST``."""
    for found in (
        settings.get("containers.environment", {}).get("DOCKER_CONTEXT"),
        settings.get("docker.environment", {}).get("DOCKER_CONTEXT"),
        settings.get("docker.context"),
        variables.get("DOCKER_CONTEXT"),
    ):
        if found:
            return str(found)
    return current


@pytest.mark.parametrize(
    "before",
    [
        {},
        {"docker.context": "other"},
        {"docker.environment": {"DOCKER_CONTEXT": "other"}},
        {"docker.environment": {"A": "b"}},
    ],
)
@pytest.mark.parametrize("variables", [{}, {"DOCKER_CONTEXT": "other", "DOCKER_HOST": "tcp://127.0.0.1:1"}])
def test_dev_containers_comes_to_the_tunnel(user: Path, before: dict[str, Any], variables: dict[str, str]) -> None:
    _settings(user).write_text(json.dumps(before))
    assert _context_of(before, variables, "desktop-linux") != "mlops-env-demo"
    assert main(["vscode", "set", "demo", "--yes"]) == 0
    assert _context_of(json.loads(_settings(user).read_text()), variables, "desktop-linux") == "mlops-env-demo"
