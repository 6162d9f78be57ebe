"""Each concern by itself: what it says where nobody is signed in, and what depends on which parameters."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from inspect import iscoroutinefunction
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

from core import prerequisites
from core.environment import Home
from core.errors import TemporaryError
from core.gcp import Google
from core.gcp.errors import SignInEnded
from core.parameters import PARAMETERS
from core.parameters.specification import resolve
from core.prerequisites import Subject, access, examine, shell
from core.prerequisites.concerns import CONCERNS, look
from tests.gcp.simulated_google import client, simulation
from tests.prerequisites.blocking import BLOCKS


def subject(google: Google, home: Home, **given: Any) -> Subject:
    values = resolve({"project_id": google.project, **given}, environment="demo")
    return Subject(google, values, home)


async def test_one_by_one_they_say_what_all_together_say(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found, client(found) as google:
        looked_at = subject(google, home, zone="us-central1-a")
        alone = [check for concern in CONCERNS for check in await look(looked_at, concern)]
        together = await examine(looked_at)
    assert {(c.id, c.state) for c in alone} == {(c.id, c.state) for c in together}


async def test_without_a_sign_in_it_alone_blocks_and_the_rest_is_skipped(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ended(_: Subject) -> list[Any]:
        raise SignInEnded("Nobody is signed in.", hint="Sign in.", command="gcloud auth application-default login")

    monkeypatch.setattr(access, "sign_in", ended)
    async with simulation(tmp_path / "cloud") as found, client(found) as google:
        for concern in CONCERNS:
            if not concern.signed_in and concern.id != "sign-in":
                continue
            if concern.id == "sign-in":
                (check,) = await look(subject(google, home), concern)
                assert (check.state, check.command) == ("block", "gcloud auth application-default login")
                continue
            (check,) = await look(subject(google, home), concern)
            assert (check.state, check.why) == ("skip", "Nobody is signed in")
            assert "signed in" in check.hint


@pytest.mark.parametrize(
    ("trusted", "expected"),
    [("false", [("cloud-shell", "block"), ("cloud-shell-home", "pass")]),
     ("true", [("cloud-shell", "pass"), ("cloud-shell-home", "pass"), ("sign-in", "pass")])],
)  # fmt: skip
async def test_in_a_cloud_shell_its_own_troubles_come_before_the_sign_in(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch, trusted: str, expected: list[tuple[str, str]]
) -> None:
    monkeypatch.setenv("CLOUD_SHELL", "true")
    monkeypatch.setenv("TRUSTED_ENVIRONMENT", trusted)
    monkeypatch.setattr(shell, "_stays", lambda _home: True)
    async with simulation(tmp_path / "cloud") as found, client(found) as google:
        google.cloud = replace(google.cloud, kind="google")
        checks = await look(subject(google, home), next(c for c in CONCERNS if c.id == "sign-in"))
    assert [(check.id, check.state) for check in checks] == expected


async def test_what_can_not_be_asked_is_skipped_with_the_reason(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: Subject) -> list[Any]:
        raise TemporaryError("Google does not answer.", hint="Look again.")

    monkeypatch.setattr(access, "sign_in", away)
    async with simulation(tmp_path / "cloud") as found, client(found) as google:
        (check,) = await look(subject(google, home), next(c for c in CONCERNS if c.id == "project"))
    assert (check.state, check.why, check.hint) == ("skip", "Google does not answer", "Look again.")


def test_whatever_checks_is_a_concern() -> None:
    modules = [import_module(f"core.prerequisites.{each.name}") for each in iter_modules(prerequisites.__path__)]
    checking = {module.check for module in modules if iscoroutinefunction(getattr(module, "check", None))}
    assert checking - {concern.check for concern in CONCERNS} == {shell.check}, "which the sign-in looks at"


def test_of_every_concern_it_is_known_with_which_checks_it_may_block() -> None:
    assert set(BLOCKS) == {concern.id for concern in CONCERNS}


def test_every_concern_names_parameters_that_there_are_and_says_why_it_matters() -> None:
    keys = {p.key for p in PARAMETERS}
    assert len({concern.id for concern in CONCERNS}) == len(CONCERNS)
    for concern in CONCERNS:
        assert set(concern.keys) <= keys
        assert concern.matters.endswith(".")


async def test_git_is_looked_at_only_where_manifests_come_from_github(tmp_path: Path, home: Home) -> None:
    git = next(c for c in CONCERNS if c.id == "tool.git")
    async with simulation(tmp_path / "cloud") as found, client(found) as google:
        assert await look(subject(google, home), git)
        assert await look(subject(google, home, kfp_manifests=str(tmp_path)), git) == []
