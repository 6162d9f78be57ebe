"""VS Code's Remote-SSH may read another file than ssh does: the entry is there as well, and goes from there too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ssh_client import needs_ssh

from core.environment import Home
from core.workstation.ssh import configuration, manage, remote_ssh
from core.workstation.ssh.entry import Entry
from core.workstation.ssh.files import SshFolder
from core.workstation.ssh.target import Target
from core.workstation.vscode.places import Machine

THEIRS = b"Host *\n  ServerAliveInterval 20\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine whose VS Code reads a file of its own."""
    user = tmp_path / "config" / "Code" / "User"
    user.mkdir(parents=True)
    (tmp_path / "vscode_config").write_bytes(THEIRS)
    text = f'{{\n  // for work\n  "remote.SSH.configFile": {json.dumps(str(tmp_path / "vscode_config"))},\n}}\n'
    (user / "settings.json").write_text(text)
    found = Machine(home=tmp_path, system="Linux", config=str(tmp_path / "config"))
    monkeypatch.setattr(Machine, "here", lambda: found)
    return found


@needs_ssh
def test_the_other_file_includes_the_entries_and_gets_its_bytes_back(machine: Machine, tmp_path: Path, home: Home) -> None:
    folder = SshFolder(tmp_path / "ssh", tmp_path / "ssh" / "config")
    entry = Entry("gpu", "gpu", (("User", "you"),))
    folder.apply([*folder.adding(entry), *remote_ssh.adding(folder)])

    other = tmp_path / "vscode_config"
    assert other.read_bytes() == folder.include + THEIRS
    assert not any(change.real for change in remote_ssh.adding(folder)), "once is enough"
    manage.remove("gpu", folder=folder, home=home)
    assert other.read_bytes() == THEIRS
    assert not (tmp_path / "ssh" / "mlops-env.config").exists()


@needs_ssh
def test_a_file_that_was_not_there_is_not_there_again(machine: Machine, tmp_path: Path, home: Home) -> None:
    folder = SshFolder(tmp_path / "ssh", tmp_path / "ssh" / "config")
    other = tmp_path / "vscode_config"
    for text in (None, b""):
        other.unlink() if text is None else other.write_bytes(text)
        for host in ("gpu", "box"):
            manage._host(Target(host, host), (("User", "you"),), folder).write(home)
        assert other.read_bytes() == folder.include
        for host in ("gpu", "box"):
            manage.remove(host, folder=folder, home=home)
        assert (other.read_bytes() if other.exists() else None) == text


@pytest.mark.parametrize("text", ["", "{}", "{ broken", '{"remote.SSH.configFile": ""}', '{"remote.SSH.configFile": 5}'])
def test_settings_that_name_none_change_nothing(machine: Machine, tmp_path: Path, text: str) -> None:
    (tmp_path / "config" / "Code" / "User" / "settings.json").write_text(text)
    assert remote_ssh.folders(SshFolder(tmp_path / "ssh", tmp_path / "ssh" / "config")) == []


def test_the_usual_file_under_another_name_is_the_usual_file(machine: Machine, tmp_path: Path) -> None:
    assert remote_ssh.folders(SshFolder(tmp_path / "ssh", tmp_path / "vscode_config")) == []


@needs_ssh
def test_another_ssh_of_vs_codes_is_named_and_the_usual_one_is_not(machine: Machine, tmp_path: Path) -> None:
    settings = tmp_path / "config" / "Code" / "User" / "settings.json"

    def said(path: Path | str) -> list[str]:
        settings.write_text(json.dumps({"remote.SSH.path": str(path)}))
        return remote_ssh.another_ssh()

    other = tmp_path / "ssh-10"
    other.write_text("#!/bin/sh\n")
    (missing,) = said(other)
    assert f"runs {other} (remote.SSH.path), which is no program" in missing
    other.chmod(0o755)
    (another,) = said(other)
    assert f"may read the entry otherwise than {configuration.program()}" in another
    (tmp_path / "usual").symlink_to(configuration.program())
    assert said(tmp_path / "usual") == said(configuration.program()) == said("") == []

    prepared = manage._host(Target("box", "box"), (("HostName", "10.0.0.7"),), SshFolder(tmp_path, tmp_path / "ssh_config"))
    assert prepared.notes == []
    said(other)
    prepared = manage._host(Target("box", "box"), (("HostName", "10.0.0.7"),), SshFolder(tmp_path, tmp_path / "ssh_config"))
    assert prepared.notes == [another]


@pytest.mark.parametrize(
    ("written", "offered"),
    [("{}", True), ('{"remote.SSH.connectTimeout": 15}', True), ('{"remote.SSH.connectTimeout": 60}', False),
     ('{"remote.SSH.connectTimeout": 120}', False), ('{"remote.SSH.connectTimeout": true}', True), ("{ broken", True)],
)  # fmt: skip
def test_the_time_that_a_vm_takes_is_offered_where_vs_code_gives_less(
    machine: Machine, tmp_path: Path, written: str, offered: bool
) -> None:
    """Remote-SSH gives ssh its own ConnectTimeout, which comes before the entry's."""
    settings = tmp_path / "config" / "Code" / "User" / "settings.json"
    settings.write_text(written)
    said = remote_ssh.impatience(60)
    assert bool(said) is offered
    assert all(f'"remote.SSH.connectTimeout": 60 in {settings}' in sentence for sentence in said)
