"""The APIs that looking needs: told where they are off, and switched on where somebody wants that."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.environment import Home
from core.errors import StepError
from core.prerequisites import apis, quotas, sizes
from tests.prerequisites.checked import ALL, cloud, looked, subject

OFF = {
    "project": {
        "policies": {"constraints/gcp.restrictServiceUsage": {"values": {"deniedValues": ["secretmanager.googleapis.com"]}}}
    }
}


async def test_in_a_fresh_project_they_are_off_and_nothing_blocks(tmp_path: Path, home: Home) -> None:
    check = (await looked(tmp_path, home, apis.check, on=()))["apis"]
    assert (check.state, check.looked_at.split(", ")[0]) == ("warn", "cloudresourcemanager")
    assert check.command.startswith("gcloud services enable cloudresourcemanager.googleapis.com ")


async def test_where_they_are_on_it_passes_and_what_stands_is_not_asked(tmp_path: Path, home: Home) -> None:
    on = (*ALL, "cloudbilling", "orgpolicy")
    assert (await looked(tmp_path, home, apis.check, on=on))["apis"].state == "pass"
    assert await looked(tmp_path / "standing", home, apis.check, made={}) == {}


async def test_who_may_not_list_services_is_stopped_by_nothing(tmp_path: Path, home: Home) -> None:
    hidden = {"project": {"missing_permissions": ["serviceusage.services.list"]}}
    assert (await looked(tmp_path, home, apis.check, hidden, on=()))["apis"].state == "skip"


async def test_once_they_are_switched_on_what_was_open_is_known(tmp_path: Path, home: Home) -> None:
    async with cloud(tmp_path, {"delays": {"services": 0}}, on=()) as (_, google):
        looked_at = subject(google, home, zone="us-central1-a")
        assert {c.state for c in await sizes.check(looked_at)} == {"skip"}
        await apis.switch_on(looked_at)
        assert [c.state for c in await apis.check(looked_at)] == ["pass"]
        assert {c.state for c in [*await sizes.check(looked_at), *await quotas.check(looked_at)]} == {"pass"}


async def test_one_that_is_refused_is_told_and_the_others_are_on(tmp_path: Path, home: Home) -> None:
    async with cloud(tmp_path, OFF, on=()) as (_, google):
        looked_at = subject(google, home, zone="us-central1-a")
        with pytest.raises(StepError) as refused:
            await apis.switch_on(looked_at)
        assert "restrictServiceUsage" in f"{refused.value.message} {refused.value.cause}"
        (check,) = await apis.check(looked_at)
        assert check.looked_at == "secretmanager"
