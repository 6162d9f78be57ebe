"""The step ``build-access``: a grant to an account of others, recorded, and taken back by the record alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.gcp import iam, services
from core.install import build_access, state
from core.install.installation import Installation
from tests.gcp.simulated_google import Simulation, Told, installation, simulation

NEEDED = [f"{n}.googleapis.com" for n in ("storage", "secretmanager", "cloudresourcemanager", "cloudbuild", "compute")]


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Simulation]:
    async with simulation(tmp_path / "cloud") as found:
        yield found


async def ready(found: Simulation, home: Home, **given: Any) -> Installation:
    run = installation(found, home, **given)
    await services.enable(run.google, NEEDED)
    await state.step(run).run(Told(facts={"services": []}))
    return run


async def run_step(run: Installation) -> Told:
    told = Told()
    await build_access.step(run).run(told)
    return told


async def granted(run: Installation) -> bool:
    account = await build_access.default_account(run.google, "us-central1")
    return iam.has(await iam.project_policy(run.google), build_access.ROLE, iam.member_of(account))


@pytest.mark.parametrize("where", ["gcs", "local"])
async def test_granted_only_when_asked_for_once_and_taken_back(cloud: Simulation, home: Home, where: str) -> None:
    run = await ready(cloud, home, default_build_account=True, state=where)
    told = await run_step(run)
    assert told.facts["build_access"] == f"{cloud.world.number}-compute@developer.gserviceaccount.com"
    assert told.has_changed
    assert await granted(run)
    assert not (await run_step(run)).has_changed
    await build_access.destroy_build_access(run, Told())
    assert not await granted(run)
    again = Told()
    await build_access.destroy_build_access(run, again)
    assert not again.has_changed
    await run.close()


async def test_not_asked_for_not_granted(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home)
    told = await run_step(run)
    assert told.facts["build_access"] == ""
    assert not told.has_changed
    assert not await granted(run)
    await run.close()


async def test_not_asked_for_any_more_it_is_taken_back(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home, default_build_account=True)
    await run_step(run)
    run.environment = type(run.environment)(**{**{f: getattr(run.environment, f) for f in run.environment.__slots__},
                                               "given": {"project_id": cloud.world.project}})  # fmt: skip
    assert (await run_step(run)).has_changed
    assert not await granted(run)
    await run.close()


async def test_a_grant_that_somebody_else_made_stays(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home, default_build_account=True)
    account = await build_access.default_account(run.google, "us-central1")
    await iam.grant_on_project(run.google, build_access.ROLE, iam.member_of(account))
    await run_step(run)
    await build_access.destroy_build_access(run, Told())
    assert await granted(run)
    await run.close()


@pytest.mark.parametrize("where", ["gcs", "local"])
async def test_a_grant_that_another_environment_has_recorded_stays(cloud: Simulation, home: Home, where: str) -> None:
    first = await ready(cloud, home, default_build_account=True, state=where)
    second = await ready(cloud, home, name="other", default_build_account=True, state=where)
    await run_step(first)
    await run_step(second)
    await build_access.destroy_build_access(first, Told())
    assert await granted(second)
    await first.close()
    await second.close()


@pytest.mark.parametrize("where", ["gcs", "local"])
async def test_the_last_environment_takes_back_what_the_first_granted(cloud: Simulation, home: Home, where: str) -> None:
    first = await ready(cloud, home, default_build_account=True, state=where)
    second = await ready(cloud, home, name="other", default_build_account=True, state=where)
    await run_step(first)
    await run_step(second)
    await build_access.destroy_build_access(first, Told())
    await build_access.destroy_build_access(second, Told())
    assert not await granted(second)
    await first.close()
    await second.close()


async def test_all_other_members_and_bindings_stay(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home, default_build_account=True)
    await iam.grant_on_project(run.google, build_access.ROLE, "user:colleague@example.com")
    before = sorted(str(b) for b in (await iam.project_policy(run.google))["bindings"])
    await run_step(run)
    await build_access.destroy_build_access(run, Told())
    assert sorted(str(b) for b in (await iam.project_policy(run.google))["bindings"]) == before
    await run.close()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("trouble", [{"status": 503}, {"status": 409, "reason": "aborted"}, {"error": "reset"}])
async def test_a_policy_that_is_changed_under_it_is_read_again(
    tmp_path: Path, home: Home, when: str, trouble: dict[str, Any]
) -> None:
    fault = {"call": "cloudresourcemanager.projects.setIamPolicy", "when": when, "times": 2, **trouble}
    async with simulation(tmp_path / "cloud", {"fault": [fault]}) as found:
        run = await ready(found, home, default_build_account=True)
        await run_step(run)
        assert await granted(run)
        await run.close()
