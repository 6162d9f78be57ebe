"""Paths that begin with ``~``, wherever a person or an environment variable names one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.environment.paths import at_home
from core.errors import UsageError
from core.gcp import network
from core.workstation.ssh import launcher
from core.workstation.ssh.configuration import parse
from core.workstation.ssh.relay import Destination
from core.workstation.tunnel.definition import Forward

NOBODYS = "~nosuchuser/x.sock"


def test_a_home_is_the_users_own_or_anothers() -> None:
    assert at_home("~/x") == Path.home() / "x"
    assert at_home("~root") == Path("~root").expanduser()
    assert at_home("/x/~nosuchuser") == Path("/x/~nosuchuser")


@pytest.mark.parametrize(
    ("variable", "read"),
    [
        ("", lambda: Forward.parse(f"{NOBODYS}=80")),
        ("", lambda: Forward.parse(f"8080={NOBODYS}")),
        ("", lambda: parse("a", f"globalknownhostsfile {NOBODYS}\n").known_hosts_files),
        ("", lambda: parse("a", f"identityfile {NOBODYS}\n").identity_files),
        ("", lambda: parse("a", f"identityagent {NOBODYS}\n").identity_agent),
        ("CLOUDSDK_CONFIG", lambda: launcher.proxy_command(Destination("p", "z", "vm"))),
        ("REQUESTS_CA_BUNDLE", network.given_bundles),
        ("MLOPS_ENV_HOME", Home.find),
    ],
)
def test_the_home_of_nobody_is_told_in_a_sentence_with_the_path(
    monkeypatch: pytest.MonkeyPatch, variable: str, read: Callable[[], Any]
) -> None:
    if variable:
        monkeypatch.setenv(variable, NOBODYS)
    with pytest.raises(UsageError) as caught:
        read()
    assert caught.value.message == f"{NOBODYS} is in the home folder of a user whom this machine does not know."
    assert caught.value.hint
