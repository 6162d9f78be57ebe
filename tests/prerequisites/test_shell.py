"""Cloud Shell as a link opens it: without credentials, or with a home that does not stay."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.environment import Home
from core.errors import ParameterError, PrerequisiteError
from core.parameters.specification import resolve
from core.prerequisites import Check, Subject, demand, shell


async def looked(home: Home, kind: str = "google", **given: Any) -> dict[str, Check]:
    google: Any = SimpleNamespace(cloud=SimpleNamespace(kind=kind))
    checks = await shell.check(Subject(google, resolve(given, environment="demo"), home))
    return {check.id: check for check in checks}


@pytest.fixture(autouse=True)
def in_cloud_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_SHELL", "true")
    monkeypatch.setattr(shell, "_stays", lambda _home: True)


async def test_elsewhere_there_is_nothing_to_look_at(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUD_SHELL")
    assert await looked(home) == {}


@pytest.mark.parametrize(("value", "state"), [(None, "pass"), ("true", "pass"), ("false", "block"), ("", "block")])
async def test_one_without_credentials_is_one_sentence(
    home: Home, monkeypatch: pytest.MonkeyPatch, value: str | None, state: str
) -> None:
    monkeypatch.delenv("TRUSTED_ENVIRONMENT", raising=False)
    if value is not None:
        monkeypatch.setenv("TRUSTED_ENVIRONMENT", value)
    found = (await looked(home))["cloud-shell"]
    assert found.state == state
    if state == "block":
        with pytest.raises(PrerequisiteError, match="not trusted, and has no credentials") as caught:
            demand([found])
        assert caught.value.exit_code == 3


async def test_an_ephemeral_one_wants_the_state_in_a_bucket(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "_stays", lambda _home: False)
    assert (await looked(home))["cloud-shell-home"].state == "warn"
    with pytest.raises(ParameterError) as caught:
        demand(list((await looked(home, state="local")).values()))
    assert (caught.value.key, caught.value.exit_code) == ("state", 2)
    assert "ephemeral" in caught.value.message


async def test_a_rehearsal_needs_neither(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_ENVIRONMENT", "false")
    assert await looked(home, kind="rehearsal") == {}


def test_a_home_stays_where_it_is_on_a_disk_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert not shell._stays(Path("/"))
    assert shell._stays(Path("/proc"))
    assert not shell._stays(Path("/nowhere/at/all"))
