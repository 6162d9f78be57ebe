"""The plan that is made before the turn of the step ``platform``: when it counts, and when it is made anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from platform_cloud import PlatformCloud, platform_cloud

from core.environment import Home
from core.errors import CancelledByUser, PermanentError
from core.install import platform
from core.install.ahead import Ahead
from core.terraform import Plan, Terraform


@pytest.fixture
async def cloud(tmp_path: Path, home: Home) -> AsyncIterator[PlatformCloud]:
    async with platform_cloud(tmp_path, home) as found:
        yield found


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Every plan that Terraform makes from now on."""
    made: list[Plan] = []

    async def plan(terraform: Terraform, *arguments: Any, **options: Any) -> Plan:
        made.append(await looked(terraform, *arguments, **options))
        return made[-1]

    looked = Terraform.plan
    monkeypatch.setattr(Terraform, "plan", plan)
    return made


async def both(cloud: PlatformCloud) -> None:
    """The step with what it does ahead, side by side as in a run."""
    step = platform.step(cloud.installation)
    assert step.ahead is not None
    await asyncio.gather(step.ahead(cloud.told), step.run(cloud.told))


async def test_what_was_planned_ahead_is_applied_and_then_nothing_is_to_be_done(
    cloud: PlatformCloud, planned: list[Plan]
) -> None:
    await both(cloud)
    assert set(platform.FACTS) <= set(cloud.told.facts)
    assert [bool(plan) for plan in planned] == [True]
    cloud.next_run()
    cloud.told.has_changed = False
    await both(cloud)
    assert [bool(plan) for plan in planned] == [True, False]
    assert not cloud.told.has_changed


async def test_another_zone_than_the_likely_one_is_planned_anew(cloud: PlatformCloud, planned: list[Plan]) -> None:
    run = cloud.installation
    run.environment = replace(run.environment, given={k: v for k, v in run.environment.given.items() if k != "zone"})
    cloud.told.facts["zone"] = "us-central1-f"
    early = Ahead(run)
    await early.make(cloud.told)
    await platform.bring_about(run, cloud.told, early)
    assert [bool(plan) for plan in planned] == [True, True]
    assert "/us-central1-f/" in cloud.told.facts["cluster"]


async def test_what_was_asked_for_since_is_planned_anew(cloud: PlatformCloud, planned: list[Plan]) -> None:
    await both(cloud)
    run = cloud.installation
    cloud.next_run()
    early = Ahead(run)
    await early.make(cloud.told)
    run.environment = replace(run.environment, given={**run.environment.given, "labels": {"team": "ml"}})
    await platform.bring_about(run, cloud.told, early)
    assert [bool(plan) for plan in planned] == [True, False, True]


async def test_without_a_plan_ahead_the_step_makes_its_own(
    cloud: PlatformCloud, planned: list[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def init(*_: Any) -> None:
        raise PermanentError("No such luck.")

    early = Ahead(cloud.installation)
    with monkeypatch.context() as patch:
        patch.setattr(Terraform, "init", init)
        with pytest.raises(PermanentError, match="No such luck"):
            await early.make(cloud.told)
    await platform.bring_about(cloud.installation, cloud.told, early)
    assert len(planned) == 1
    assert set(platform.FACTS) <= set(cloud.told.facts)


async def test_nothing_is_planned_where_there_will_be_no_bucket(cloud: PlatformCloud, planned: list[Plan]) -> None:
    async def never(_: str) -> Any:
        raise CancelledByUser("state failed, so state_bucket will not come.")

    cloud.told.wait_for = never  # type: ignore[method-assign]
    early = Ahead(cloud.installation)
    with pytest.raises(CancelledByUser):
        await early.make(cloud.told)
    assert not early.at_work
    assert not planned
    assert not cloud.made
