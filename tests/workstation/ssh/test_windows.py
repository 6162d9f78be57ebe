"""WSL's other side: what Windows' ssh reads, held to ssh's own reading of it on a stand-in for Windows' drive."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ssh_client import needs_ssh

from core.cli import main
from core.environment import Home
from core.workstation.ssh import manage, windows
from core.workstation.ssh.configuration import resolve
from core.workstation.ssh.entry import Entry
from core.workstation.ssh.files import Change, SshFolder
from core.workstation.ssh.target import Target
from core.workstation.ssh.windows import Windows
from core.workstation.tunnel import docker
from core.workstation.tunnel.status import ForwardStatus

THEIRS = "Host *\r\n  ServerAliveInterval 20\r\n"
ENTRY = Entry(
    "gpu",
    "gpu",
    (
        ("HostName", "gpu"),
        ("User", "you"),
        ("IdentityFile", "/home/you/.ssh/mlops-env"),
        ("ProxyCommand", "/usr/bin/env 'MLOPS_ENV_HOME=/home/you/a b' /home/you/.local/bin/mlops-env ssh iap-proxy gpu %p "
         "--project p --zone z"),
        ("ProxyUseFdpass", "no"),
        ("HostKeyAlias", "mlops-env.7"),
        ("UserKnownHostsFile", "/home/you/.ssh/mlops-env.known_hosts"),
        ("StrictHostKeyChecking", "yes"),
    ),
)  # fmt: skip


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Windows' first drive, with one user."""
    users = tmp_path / "c" / "Users"
    for name in ("Joe Smith", "Public", "Default"):
        (users / name).mkdir(parents=True)
    (users / "desktop.ini").touch()
    monkeypatch.setattr(windows, "DRIVE", tmp_path / "c")
    monkeypatch.setenv("WSL_DISTRO_NAME", "Ubuntu-22.04")
    monkeypatch.setenv("USER", "you")
    return tmp_path / "c"


def added(key: Path) -> tuple[Windows, list[Change]]:
    key.write_text("PRIVATE")
    key.with_name(f"{key.name}.pub").write_text("ssh-ed25519 AAAA")
    other = Windows.here()
    assert other is not None
    return other, other.changes(ENTRY, key, b"mlops-env.7 ssh-ed25519 AAAA\n")


@needs_ssh
def test_an_entry_leads_through_wsl_and_names_files_as_windows_does(drive: Path, tmp_path: Path) -> None:
    theirs = drive / "Users" / "Joe Smith" / ".ssh"
    theirs.mkdir()
    (theirs / "config").write_bytes(THEIRS.encode())
    other, changes = added(tmp_path / "key")
    other.folder.apply(changes)

    first, _, rest = (theirs / "config").read_bytes().partition(b"\n")
    assert first == b'Include "C:/Users/Joe Smith/.ssh/mlops-env.config"'
    assert rest == THEIRS.encode(), "their lines keep their ends"
    found = resolve("gpu", file=theirs / "mlops-env.config")
    assert found.one("identityfile") == "C:/Users/Joe Smith/.ssh/mlops-env"
    assert found.one("userknownhostsfile") == "C:/Users/Joe Smith/.ssh/mlops-env.known_hosts"
    assert found.one("stricthostkeychecking") == "true"
    assert found.one("proxycommand") == (
        r'C:\Windows\System32\wsl.exe -d Ubuntu-22.04 --exec /usr/bin/env "MLOPS_ENV_HOME=/home/you/a b" '
        "/home/you/.local/bin/mlops-env ssh iap-proxy gpu %p --project p --zone z"
    )
    assert (theirs / "mlops-env").read_text() == "PRIVATE"
    assert other.folder.adding(other.translated(ENTRY))[1].real is False, "once is enough"


@needs_ssh
@pytest.mark.parametrize("own", ['Include "~/.ssh/mlops-env.config"', "Include mlops-env.config",
                                 r'Include "C:\Users\joe smith\.ssh\mlops-env.config"'])  # fmt: skip
def test_an_include_of_their_own_is_recognised(drive: Path, tmp_path: Path, own: str) -> None:
    other, _ = added(tmp_path / "key")
    assert other.folder.includes(f"{own}\r\nHost *\r\n".encode())


@needs_ssh
def test_it_is_taken_back_with_the_entry_of_this_side_and_their_bytes_come_back(
    drive: Path, tmp_path: Path, home: Home
) -> None:
    theirs = drive / "Users" / "Joe Smith" / ".ssh"
    theirs.mkdir()
    (theirs / "config").write_bytes(THEIRS.encode())
    other, changes = added(tmp_path / "key")
    other.folder.apply(changes)
    here = SshFolder(tmp_path / "here", tmp_path / "here" / "config")
    here.apply(here.adding(ENTRY))

    removed = manage.remove("gpu", folder=here, home=home)
    assert "PRIVATE" not in manage.diff(removed)
    assert {path.name for path in theirs.iterdir()} == {"config", "config.before-mlops-env"}
    assert (theirs / "config").read_bytes() == THEIRS.encode()


@needs_ssh
def test_any_other_host_is_there_as_well_but_for_files_of_this_side(drive: Path, tmp_path: Path, home: Home) -> None:
    here = SshFolder(tmp_path / "here", tmp_path / "here" / "config")
    given = (("HostName", "10.0.0.7"), ("IdentityFile", "~/.ssh/mine"), ("ProxyCommand", "nc -X 5 %h %p"))
    prepared = manage._host(Target("box", "box"), given, here)
    prepared.write(home)

    theirs = drive / "Users" / "Joe Smith" / ".ssh"
    assert (theirs / "config").read_bytes() == b'Include "C:/Users/Joe Smith/.ssh/mlops-env.config"\n'
    found = resolve("box", file=theirs / "mlops-env.config")
    assert found.hostname == "10.0.0.7"
    assert found.one("proxycommand") == r"C:\Windows\System32\wsl.exe -d Ubuntu-22.04 --exec nc -X 5 %h %p"
    assert "~/.ssh/mine" not in found.many("identityfile")
    assert any("IdentityFile" in note for note in prepared.notes), "what is left out there is told"
    assert sorted(path.name for path in theirs.iterdir()) == ["config", "mlops-env.config"]
    assert str(theirs / "mlops-env.config") in prepared.diff()
    manage.remove("box", folder=here, home=home)
    assert not (theirs / "mlops-env.config").exists()


def test_whose_side_it_is_can_be_told_or_is_nobodys(drive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (drive / "Users" / "You").mkdir()
    found = Windows.here()
    assert found is not None
    assert found.user == "You", "Windows does not tell small letters from capitals"
    monkeypatch.setenv("USER", "another")
    assert Windows.here() is None
    monkeypatch.delenv("WSL_DISTRO_NAME")
    assert Windows.here() is None


def test_a_socket_is_beyond_windows_programs(drive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket, port = (ForwardStatus(local, "/var/run/docker.sock") for local in ("/tmp/d.sock", "23750"))
    assert docker.beyond_reach([socket])
    assert not docker.beyond_reach([socket, port])
    monkeypatch.delenv("WSL_DISTRO_NAME")
    assert not docker.beyond_reach([socket])


def test_windows_itself_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert main(["list"]) == 3
    assert "install it in WSL" in capsys.readouterr().err
