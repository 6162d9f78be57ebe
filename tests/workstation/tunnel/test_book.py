"""The file of tunnels: a person's bytes stay, and what is wrong in it is named."""

from __future__ import annotations

import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from core.environment import Home
from core.errors import UsageError
from core.workstation.tunnel import book
from core.workstation.tunnel.definition import Forward, Tunnel

WRITTEN = """\
# my tunnels
format = 1

[tunnels.work]   # the big one
host = "gpu-vm"
forward = ["8888=localhost:8888",
           "/tmp/d.sock=/var/run/docker.sock"]
options = ["ServerAliveInterval=20"]

[tunnels."me@home"]
engine = "openssh"
"""


def written(home: Home, text: str) -> None:
    home.ensure()
    book.path(home).write_text(text)


def test_what_a_person_wrote_is_read(home: Home) -> None:
    written(home, WRITTEN)
    found = book.load(home)
    assert found["work"] == Tunnel(
        "work",
        host="gpu-vm",
        forwards=(Forward.parse("8888=8888"), Forward.parse("/tmp/d.sock=/var/run/docker.sock")),
        options=("ServerAliveInterval=20",),
    )
    assert found["me@home"] == Tunnel("me@home", engine="openssh")
    assert found["me@home"].leads_to == "me@home"


def test_what_is_kept_changes_no_other_byte(home: Home) -> None:
    written(home, WRITTEN)
    book.keep(home, Tunnel("new", forwards=(Forward.parse("1=2"),), docker_context=True, sudo=True))
    text = book.path(home).read_text()
    assert text.startswith(WRITTEN)
    assert book.load(home)["new"] == Tunnel("new", forwards=(Forward.parse("1=2"),), docker_context=True, sudo=True)
    book.keep(home, replace(book.load(home)["work"], host="other"))
    assert book.path(home).read_text() == text.replace('"gpu-vm"', '"other"')
    assert book.forget(home, "new")
    assert not book.forget(home, "new")
    assert set(book.load(home)) == {"work", "me@home"}
    assert book.path(home).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    [
        '# mine\r\n[tunnels.work]\r\nhost = "gpu"\r\n',
        'tunnels.work.host = "gpu"\n',
        '[tunnels]\nwork = { host = "gpu" }\n',
    ],
)
def test_however_a_person_wrote_it_their_bytes_stay_and_it_can_be_read_again(home: Home, text: str) -> None:
    home.ensure()
    book.path(home).write_bytes(text.encode())
    book.keep(home, Tunnel("new", host="box"))
    assert book.path(home).read_bytes().startswith(text.encode())
    assert book.load(home) == {"work": Tunnel("work", host="gpu"), "new": Tunnel("new", host="box")}


def test_a_form_that_takes_no_more_tunnels_is_told_and_left(home: Home) -> None:
    text = 'tunnels = { work = { host = "gpu" } }\n'
    written(home, text)
    with pytest.raises(UsageError) as refused:
        book.keep(home, Tunnel("new", host="box"))
    assert "[tunnels.new]" in refused.value.cause
    assert book.path(home).read_text() == text


def test_a_link_to_the_file_stays_one(home: Home, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text(WRITTEN)
    home.ensure()
    book.path(home).symlink_to(real)
    book.keep(home, Tunnel("new"))
    assert book.path(home).is_symlink()
    assert tomllib.loads(real.read_text())["tunnels"].keys() == {"work", "me@home", "new"}


def test_tunnels_that_are_opened_side_by_side_are_all_kept(home: Home) -> None:
    names = [f"t{number}" for number in range(20)]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: book.keep(home, Tunnel(name, host="box")), names))
    assert sorted(book.load(home)) == sorted(names)


def test_without_a_file_one_is_made(home: Home) -> None:
    assert book.load(home) == {}
    book.keep(home, Tunnel("a", host="b"))
    assert book.load(home) == {"a": Tunnel("a", host="b")}


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("format = 2\n", "its format is 2"),
        ("tunnels = 3\n", "tunnels is no table"),
        ("[tunnels]\na = 1\n", "a is no table"),
        ("[tunnels.a]\nhots = 'b'\n", "hots"),
        ("[tunnels.a]\nhost = 1\n", "host is no text"),
        ("[tunnels.a]\nforward = '1=2'\n", "forward is no list"),
        ("[tunnels.a]\nengine = 'plink'\n", "engine is neither asyncssh nor openssh"),
        ("[tunnels.a]\ndocker_context = 1\n", "docker_context"),
        ("[tunnels.a]\nsudo = 'yes'\n", "sudo is neither true nor false"),
        ("[tunnels.a\n", "line 1"),
        ("a = '\xff'\n", "decode"),
    ],
)
def test_what_is_wrong_is_named(home: Home, text: str, cause: str) -> None:
    home.ensure()
    book.path(home).write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError) as refused:
        book.load(home)
    assert cause in refused.value.cause
    assert str(book.path(home)) in refused.value.hint
    assert book.path(home).read_bytes() == text.encode("latin-1")
