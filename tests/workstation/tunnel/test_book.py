"""The file of tunnels: a person's bytes stay, and what is wrong in it is named."""

from __future__ import annotations

from dataclasses import replace

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
