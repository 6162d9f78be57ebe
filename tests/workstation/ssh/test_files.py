"""The user's ssh files: nobody else's host changes, the bytes come back, and a crash leaves the old file or the new one."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ssh_client import needs_ssh

from core.cli import main
from core.environment import Home
from core.errors import UsageError
from core.workstation.ssh import entry as entries
from core.workstation.ssh.configuration import RefusedConfiguration, resolve
from core.workstation.ssh.entry import Entry
from core.workstation.ssh.files import BACKUP, Change, SshFolder

ENTRY = Entry(
    "demo", "mlops-env-demo", (("HostName", "demo-notebook"), ("Port", "22"), ("User", "you"), ("ProxyCommand", "relay %p"))
)
OTHERS = ("gpu", "web.example.com", "unheard-of", "mlops-env-demo2")

names = st.sampled_from(["gpu", "web", "*.example.com", "*", "!bastion", "mlops-env-*", "10.0.0.?", "a b", "demo"])
keywords = st.sampled_from(
    [
        "User joe", 'User "joe b"', "Port=2222", "Port = 2200", "\tHostName %h.internal", "ServerAliveInterval 1m",
        "IdentityFile ~/.ssh/id_%h", "IDENTITYFILE /k # not a comment before OpenSSH 8.5", "ForwardAgent yes",
        "ProxyJump bastion", "ProxyCommand nc '%h' %p", "StrictHostKeyChecking accept-new", "UserKnownHostsFile none",
        "SendEnv LANG LC_*", "LocalForward 8080 localhost:80", "CheckHostIP no", "IgnoreUnknown Foo,Bar", "Foo bar",
    ]
)  # fmt: skip
blocks = st.one_of(
    st.builds("Host {}".format, names),
    st.builds("Host={}".format, names),
    st.sampled_from(["Match all", "Match host gpu", 'Match exec "true"', "Match user nobody", "match final"]),
)
lines = st.one_of(
    keywords, blocks, st.sampled_from(["", "   ", "# a comment", "#Include ~/.ssh/mlops-env.config", "# caf\xe9", "\t# x"])
)
ends = st.sampled_from(["\n", "\r\n"])


@st.composite
def configurations(draw: st.DrawFn) -> bytes:
    end = draw(ends)
    text = end.join(["IgnoreUnknown Foo,Bar", *draw(st.lists(lines, max_size=14))])
    return (text + draw(st.sampled_from(["", end, end * 3]))).encode("latin-1")


def folder_with(place: Path, config: bytes | None) -> SshFolder:
    folder = SshFolder(place / ".ssh", place / ".ssh" / "config")
    if config is not None:
        folder.path.mkdir(mode=0o700, exist_ok=True)
        folder.config.write_bytes(config)
        folder.config.chmod(0o600)
    return folder


def seen(folder: SshFolder, host: str) -> bytes:
    done = subprocess.run(["ssh", "-G", "-F", folder.config, host], capture_output=True, check=False, timeout=30)
    return done.stdout + done.stderr


def add(folder: SshFolder, entry: Entry = ENTRY) -> None:
    folder.apply(folder.adding(entry))


def remove(folder: SshFolder, name: str = "demo") -> None:
    made = folder.entries().made
    folder.apply(folder.removing(name))
    folder.tidy(made)


@needs_ssh
@settings(max_examples=25, deadline=None)
@given(configurations())
def test_every_other_host_stays_as_it_was_and_the_bytes_come_back(config: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = folder_with(Path(place), config)
        before = {host: seen(folder, host) for host in OTHERS}
        if b"Bad configuration" in before["gpu"] or b"terminating" in before["gpu"]:
            with pytest.raises(RefusedConfiguration):
                folder.adding(ENTRY)
            assert folder.config.read_bytes() == config
            return

        add(folder)
        assert {host: seen(folder, host) for host in OTHERS} == before
        found = resolve("mlops-env-demo", file=folder.config)
        assert (found.hostname, found.one("user"), found.proxy_command) == ("demo-notebook", "you", "relay 22")
        add(folder, Entry("other", "other-host", (("Port", "7"),)))
        add(folder)
        remove(folder, "other")
        remove(folder)
        assert folder.config.read_bytes() == config
        assert (folder.path / BACKUP).read_bytes() == config
        assert not folder.own.exists()


@needs_ssh
def test_what_was_not_there_is_not_there_again(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, None)

    add(folder)
    assert folder.config.read_bytes() == folder.include
    assert {p.name: oct(p.stat().st_mode)[-3:] for p in folder.path.iterdir()} == {
        "config": "600", "mlops-env.config": "600",
    }  # fmt: skip
    remove(folder)
    assert not folder.path.exists()


@needs_ssh
def test_an_empty_file_of_the_users_stays(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, b"")

    add(folder)
    remove(folder)
    assert folder.config.read_bytes() == b""


@needs_ssh
def test_a_link_is_followed_and_stays_a_link_and_the_mode_stays(tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "ssh").write_text("Host gpu\n  User joe\n")
    (dotfiles / "ssh").chmod(0o640)
    folder = folder_with(tmp_path, None)
    folder.path.mkdir(mode=0o700)
    folder.config.symlink_to(dotfiles / "ssh")

    add(folder)
    assert folder.config.is_symlink()
    assert (dotfiles / "ssh").read_bytes().startswith(folder.include)
    assert oct((dotfiles / "ssh").stat().st_mode)[-3:] == "640"
    remove(folder)
    assert (dotfiles / "ssh").read_text() == "Host gpu\n  User joe\n"


@needs_ssh
@pytest.mark.parametrize("pattern", ["{own}", "{folder}/*.config", '"{own}"', "{folder}/other {own}", "{folder}/mlops-*"])
def test_an_include_of_the_users_own_that_comes_first_is_recognised(tmp_path: Path, pattern: str) -> None:
    folder = folder_with(tmp_path, b"")
    text = f"# mine\ninclude {pattern.format(own=folder.own, folder=folder.path)}\nHost *\n  User joe\n"
    folder.config.write_text(text)

    add(folder)
    assert folder.config.read_text() == text
    assert resolve("mlops-env-demo", file=folder.config).user == "you"
    remove(folder)
    assert folder.config.read_text() == text


@needs_ssh
@pytest.mark.parametrize("before", ["Host *\n  User joe\n", "User joe\n", "Match all\n"])
def test_an_include_that_comes_too_late_is_not_relied_on(tmp_path: Path, before: str) -> None:
    folder = folder_with(tmp_path, b"")
    folder.config.write_text(f"{before}Include {folder.own}\n")

    add(folder)
    assert resolve("mlops-env-demo", file=folder.config).user == "you"
    remove(folder)
    assert folder.config.read_text() == f"{before}Include {folder.own}\n"


@needs_ssh
def test_what_ssh_refuses_is_refused_in_its_own_words_and_stays_untouched(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, b"Host gpu\n  NoSuchThing yes\n")

    with pytest.raises(RefusedConfiguration) as caught:
        add(folder)
    assert f"{folder.config}: line 2" in caught.value.cause
    with pytest.raises(RefusedConfiguration) as caught:
        add(folder_with(tmp_path / "other", None), Entry("demo", "demo", (("Nonsense", "1"),)))
    assert "mlops-env.config" in caught.value.cause
    assert sorted(p.name for p in tmp_path.rglob("*")) == [".ssh", "config"]


@needs_ssh
def test_a_file_that_another_program_changed_meanwhile_is_left(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, b"Host gpu\n")
    changes = folder.adding(ENTRY)
    folder.config.write_bytes(b"Host gpu\nHost more\n")

    with pytest.raises(UsageError, match="changed by another program"):
        folder.apply(changes)
    assert folder.config.read_bytes() == b"Host gpu\nHost more\n"


@needs_ssh
def test_a_line_that_was_moved_by_hand_is_still_taken_back(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, b"Host gpu\n  User joe\n")
    add(folder)
    folder.config.write_bytes(b"# mine\r\n" + folder.include.replace(b"\n", b"\r\n") + b"Host gpu\r\n")

    remove(folder)
    assert folder.config.read_bytes() == b"# mine\r\nHost gpu\r\n"


@needs_ssh
def test_what_a_person_wrote_into_a_block_stays_until_it_is_added_anew(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, None)
    add(folder)
    folder.own.write_text(folder.own.read_text() + "    Compression yes\n")

    add(folder, Entry("other", "other", (("Port", "7"),)))
    assert resolve("mlops-env-demo", file=folder.config).on("compression")
    add(folder)
    assert not resolve("mlops-env-demo", file=folder.config).on("compression")


@pytest.mark.parametrize(
    "text",
    [
        "HostName", "=x", "Host=other", "match=all", "Include=~/x", "User=a\nHost *", "StrictHostKeyChecking=no",
        "stricthostkeychecking=off", "UserKnownHostsFile=/dev/null", "UserKnownHostsFile=none", "User=",
        "StrictHostKeyChecking=false", "StrictHostKeyChecking==no", "StrictHostKeyChecking=no # for now",
        "StrictHostKeyChecking='no'", 'UserKnownHostsFile="/dev/null" /dev/null', "VerifyHostKeyDNS=true",
    ],
)  # fmt: skip
def test_settings_that_are_none_or_would_switch_checking_off_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        entries.settings([text])


def test_what_is_given_takes_the_place_of_what_is_worked_out() -> None:
    own = (("User", "you"), ("Port", "22"))

    assert entries.merged(own, (("user", "joe"),)) == (("user", "joe"), ("Port", "22"))


@needs_ssh
def test_a_removal_of_what_is_not_there_says_what_is(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, None)
    add(folder)

    with pytest.raises(UsageError) as caught:
        folder.removing("dmo")
    assert "demo" in caught.value.hint


def test_a_change_of_nothing_is_none() -> None:
    assert not Change(Path("x"), b"", b"").real


@needs_ssh
@pytest.mark.parametrize("name", ["a b", "[x]", "star*", "~tilde"])
def test_a_folder_with_an_odd_name_is_included_all_the_same(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.mkdir()
    folder = folder_with(place, b"Host gpu\n")

    add(folder)
    assert resolve("mlops-env-demo", file=folder.config).user == "you"
    remove(folder)
    assert folder.config.read_bytes() == b"Host gpu\n"


@pytest.mark.parametrize("host", ["*", "gpu*", "a?", "!gpu", "gpu,box", "x#y", '"x"', "", " ", "-o", "a\nHost *"])
def test_a_name_that_means_other_hosts_too_is_refused(
    tmp_path: Path, home: Home, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    assert main(["ssh", "add", "--set", "HostName=elsewhere", "--dry-run", "--", host]) == 2
    assert "no name of a host" in capsys.readouterr().err


def test_a_project_that_can_not_be_one_is_told_what_one_is(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ssh", "add", "demo", "--project", "No Project"]) == 2
    said = capsys.readouterr().err
    assert "gcloud projects list" in said
    assert "Name its VM outright" not in said
