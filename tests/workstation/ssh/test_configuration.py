"""What ssh makes of its configuration, asked of the ssh of this machine."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from ssh_client import needs_ssh

from core.errors import UsageError
from core.workstation.ssh import launcher
from core.workstation.ssh.configuration import RefusedConfiguration, parse, resolve, user_home
from core.workstation.ssh.relay import Destination

SHAPES = """\
Host gpu
  HostName %h.example.com  # a comment behind a value
  IdentityFile ~/.ssh/id_%h
  CertificateFile ~/.ssh/id-cert.pub
  ProxyCommand relay '%h' %p "a b" %%x
  UserKnownHostsFile ~/known_%h
  User "joe"
  ServerAliveInterval 1m
Host odd
  Port 2222
  HostKeyAlias other
  IdentityAgent none
  ProxyJump one,two
Host plain
  Port 2222
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(SHAPES)
    return path


@needs_ssh
def test_tokens_and_homes_are_expanded_once(file: Path) -> None:
    gpu = resolve("gpu", file=file)

    assert (gpu.hostname, gpu.user, gpu.port) == ("gpu.example.com", "joe", 22)
    assert gpu.identity_files == (user_home() / ".ssh/id_gpu.example.com",)
    assert gpu.certificate_files == (user_home() / ".ssh/id-cert.pub",)
    assert gpu.proxy_command == "relay 'gpu.example.com' 22 \"a b\" %x"
    assert gpu.known_hosts_files[0] == user_home() / "known_gpu.example.com"
    assert gpu.one("ServerAliveInterval") == "60"


@needs_ssh
def test_a_percent_sign_that_ssh_has_expanded_already_stays(file: Path) -> None:
    """``-G`` prints the tokens of keys as they are written; those of the user's known hosts and of the agent are gone by
    then, and the machine's files of known hosts have none."""
    known = "UserKnownHostsFile /k/a%%b /k/%%h-%h\n  GlobalKnownHostsFile /k/%h"
    file.write_text(f"Host a\n  HostName there\n  {known}\n  IdentityAgent /k/%%h\n  IdentityFile /k/%%h\n")
    found = resolve("a", file=file)

    assert found.known_hosts_files == (Path("/k/a%b"), Path("/k/%h-there"), Path("/k/%h"))
    assert found.identity_agent == "/k/%h"
    assert found.identity_files == (Path("/k/%h"),)


@needs_ssh
def test_the_command_to_a_vm_is_absolute_and_ssh_reads_it_as_it_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in launcher.CARRIED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/a folder/50%h")
    (tmp_path / "config").write_text(
        f"Host a\n  ProxyCommand {launcher.proxy_command(Destination('p', 'z', 'vm'), 'me@x.example')}\n"
    )
    env, variable, program, *rest = shlex.split(resolve("a", file=tmp_path / "config").proxy_command)
    assert (env, variable) == ("/usr/bin/env", "CLOUDSDK_CONFIG=/a folder/50%h")
    assert Path(program).is_absolute()
    assert rest[-9:] == ["iap-proxy", "vm", "22", "--project", "p", "--zone", "z", "--account", "me@x.example"]


@needs_ssh
def test_the_name_of_the_key_is_the_alias_else_the_host_and_a_port_of_its_own(file: Path) -> None:
    assert resolve("odd", file=file).known_as == "other"
    assert resolve("plain", file=file).known_as == "[plain]:2222"
    assert resolve("gpu", file=file).known_as == "gpu.example.com"


@needs_ssh
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"/a folder/known"', ["/a folder/known"]),
        ("\"/a folder/known\" /other '/two  blanks'", ["/a folder/known", "/other", "/two  blanks"]),
        (r"/a\ folder/known ~/other", ["/a folder/known", f"{user_home()}/other"]),
        (r'"/a\"quote" /other', ['/a"quote', "/other"]),
        ("known", ["known"]),
    ],
)
def test_files_of_known_hosts_are_those_that_ssh_reads(written: str, read: list[str], file: Path) -> None:
    """``ssh -G`` prints them in one line, without the quotes that told them apart."""
    file.write_text(f"Host a\n  UserKnownHostsFile {written}\n  GlobalKnownHostsFile none\n")

    assert resolve("a", file=file).known_hosts_files == tuple(map(Path, read))


@needs_ssh
def test_hops_and_agents_that_are_switched_off(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")

    assert resolve("odd", file=file).proxy_jump == ("one", "two")
    assert resolve("odd", file=file).identity_agent == ""
    assert resolve("plain", file=file).identity_agent == "/agent"


@needs_ssh
def test_what_ssh_refuses_is_told_in_its_own_line(file: Path) -> None:
    file.write_text("Host a\n  NoSuchKeyword yes\n")

    with pytest.raises(RefusedConfiguration) as caught:
        resolve("a", file=file)
    assert "line 2" in caught.value.cause
    assert "nosuchkeyword" in caught.value.cause.lower()


@pytest.mark.parametrize("host", ["", "-oProxyCommand=id", "a b"])
def test_a_name_that_could_be_an_option_never_reaches_ssh(host: str) -> None:
    with pytest.raises(UsageError):
        resolve(host)


def test_a_file_of_known_hosts_that_is_none_is_no_file() -> None:
    assert parse("a", "userknownhostsfile none\nglobalknownhostsfile /dev/null\n").known_hosts_files == ()
