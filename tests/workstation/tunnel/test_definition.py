"""How a person writes a tunnel, and what is told of what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UsageError
from core.workstation.tunnel.definition import End, Forward, check_name


@pytest.mark.parametrize(
    ("text", "local", "remote"),
    [
        ("8080=80", End(port=8080), End(host="localhost", port=80)),
        ("8080=db.internal:3306", End(port=8080), End(host="db.internal", port=3306)),
        ("127.0.0.1:0=[fd00::1]:80", End(host="127.0.0.1", port=0), End(host="fd00::1", port=80)),
        ("[::1]:9=9", End(host="::1", port=9), End(host="localhost", port=9)),
        ("localhost:9=9", End(port=9), End(host="localhost", port=9)),
        ("/tmp/a.sock=/var/run/docker.sock", End(path="/tmp/a.sock"), End(path="/var/run/docker.sock")),
        ("23750=/run/a=b.sock", End(port=23750), End(path="/run/a=b.sock")),
    ],
)
def test_a_forward_is_read_and_written(text: str, local: End, remote: End) -> None:
    forward = Forward.parse(text)
    assert (forward.local, forward.remote) == (local, remote)
    assert Forward.parse(str(forward)) == forward


def test_a_home_folder_is_the_users() -> None:
    assert Forward.parse("~/x/docker.sock=1").local.path == str(Path.home() / "x/docker.sock")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("8080", "no forward"),
        ("=80", "no end of a forward"),
        ("80:=80", "no end of a forward"),
        ("99999=80", "a port"),
        ("8080=0", "1 to 65535"),
        ("8080=host:http", "a port"),
        ("./a.sock=80", "begins with /"),
        ("::1:80=80", "in brackets"),
        ("0.0.0.0:8080=80", "for whoever reaches this machine"),
        ("192.168.1.7:8080=80", "for whoever reaches this machine"),
        (f"/tmp/{'x' * 100}.sock=80", "too long"),
        ("²=80", "a port"),
    ],
)
def test_what_is_no_forward_is_told_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        Forward.parse(text)
    assert said in refused.value.message


def test_a_name_is_one_of_a_file() -> None:
    assert check_name("me@gpu-1.example.com") == "me@gpu-1.example.com"
    for wrong in ("", "a/b", "-x", "..", "a" * 61, "a b"):
        with pytest.raises(UsageError):
            check_name(wrong)
