"""The step ``prerequisites``: what it publishes, what it raises, and that it makes nothing."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.environment import Environment, Home
from core.errors import ParameterError, PrerequisiteError
from core.gcp import services
from core.gcp.errors import SignInEnded
from core.install import made, prerequisites
from core.rehearsal.identity import USER
from tests.gcp.simulated_google import Told, installation, simulation


async def test_it_publishes_the_account_and_changes_nothing(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        run = installation(found, home)
        before = {kind: found.world.store.items(kind) for kind in found.world.store.kinds() if kind != "tokens"}
        told = Told()
        await prerequisites.step(run).run(told)
        await run.close()
        assert {kind: found.world.store.items(kind) for kind in found.world.store.kinds() if kind != "tokens"} == before
    assert told.facts == {"account": USER, "prerequisites": True}
    assert not told.has_changed
    assert any(line.startswith("pass ") and "terraform" in line for line in told.lines)


async def test_apis_that_are_off_are_listed_once_and_not_asked(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        run = installation(found, home)
        on = await services.enabled(run.google)
        asked: list[str] = []
        send = run.google._send

        async def listening(request: Any, method: str, headers: Any) -> Any:
            asked.append(method)
            return await send(request, method, headers)

        run.google._send = listening  # type: ignore[method-assign]
        told = Told()
        await prerequisites.step(run).run(told)
        await run.close()
    assert "cloudresourcemanager.projects.testIamPermissions" in asked
    assert not [m for m in asked if m.startswith(("compute.", "container.", "sqladmin.", "orgpolicy.", "iam."))]
    assert any("compute.googleapis.com is off" in line for line in told.lines)
    assert run.services_on == on, "the next step need not ask for it again"


@pytest.mark.parametrize(
    ("changed", "lacking", "doubted"),
    [({}, [], False), ({"labels": {"team": "ml"}}, [], True), ({"labels": {"team": "ml"}}, ["compute.networks.get"], False)],
)
async def test_what_stands_is_doubted_once_something_else_is_about_to_be_made_and_not_where_it_is_refused(
    tmp_path: Path, home: Home, changed: dict[str, Any], lacking: list[str], doubted: bool
) -> None:
    async with simulation(tmp_path / "cloud", {"project": {"missing_permissions": lacking}}) as found:
        run = installation(found, home, image="none")
        made.keep(run.environment, {})
        before = run.environment.values
        run.environment = replace(run.environment, given={**run.environment.given, **changed})
        with pytest.raises(PrerequisiteError) if lacking else nullcontext():
            await prerequisites.step(run).run(Told())
        await run.close()
    assert made.of(run.environment) == (before, doubted)


async def test_an_ended_sign_in_is_for_a_person(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        found.signed_in = False
        run = installation(found, home)
        with pytest.raises(SignInEnded):
            await prerequisites.step(run).run(Told())
        await run.close()


@pytest.mark.parametrize("given", [{"region": "us-central9"}, {"zone": "us-central1-e"}])
async def test_a_place_on_no_list_is_looked_up_and_told_before_anything_is_made(
    tmp_path: Path, home: Home, given: dict[str, str]
) -> None:
    async with simulation(tmp_path / "cloud") as found:
        run = installation(found, home, **given)
        told = Told()
        with pytest.raises(ParameterError):
            await prerequisites.step(run).run(told)
        await run.close()
    assert told.begun == ["services.enable:compute.googleapis.com"]


async def test_a_typed_password_is_noted_and_stands_nowhere(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        run = installation(found, home)
        run.secrets["sql_password"] = "correct-horse"
        await prerequisites.step(run).run(Told())
        await run.close()
    assert Environment.load(home, "demo").sql_password_given
    assert not any(b"correct-horse" in p.read_bytes() for p in home.environments.rglob("*") if p.is_file())
