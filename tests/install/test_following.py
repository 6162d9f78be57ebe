"""What follows by itself from a policy or a quota, and what is only offered, since a person set it otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.cli.look import offered
from core.environment import Environment, Home
from core.errors import PrerequisiteError
from core.gcp import services
from core.install import following, preview, shown
from core.install.following import Following
from core.install.installation import Installation
from core.install.prerequisites import followed, subject_of
from core.prerequisites import Answer, Check, demand, examine_access
from tests.gcp.simulated_google import installation, simulation

ON = ("cloudresourcemanager", "compute", "orgpolicy", "container", "sqladmin", "iam", "cloudbilling", "cloudbuild")
EIGHT = {"quotas": {"CPUS_ALL_REGIONS": {"limit": 8}}}
FOUR = {"quotas": {"CPUS_ALL_REGIONS": {"limit": 4}}}
NO_KEYS = {"policies": {"constraints/iam.disableServiceAccountKeyCreation": True}}
NO_ADDRESSES = {"policies": {"constraints/compute.vmExternalIpAccess": {"denyAll": True}}}


@asynccontextmanager
async def environment(root: Path, home: Home, project: dict[str, Any], **given: Any) -> AsyncIterator[Installation]:
    """One on a project whose APIs are on."""
    async with simulation(root / "cloud", {"project": project}) as found:
        made = installation(found, home, **given)
        await services.enable(made.google, [f"{name}.googleapis.com" for name in ON])
        try:
            yield made
        finally:
            await made.close()


async def test_a_size_that_nobody_chose_follows_from_the_quota_and_stays(tmp_path: Path, home: Home) -> None:
    async with environment(tmp_path, home, EIGHT, notebook="vm") as made:
        checks = await followed(made, await examine_access(subject_of(made)))
        demand(checks)
        assert made.values["profile"] == "trial"
        assert made.values["node_machine_type"] == "e2-standard-2"
        told = next(c for c in checks if c.id == "follows.profile")
        assert (told.state, told.looked_at) == ("warn", "profile = trial")
        assert told.why == "follows from quota CPUS_ALL_REGIONS: it fits a new project's quotas"
        kept = Environment.load(home, "demo")
        assert (kept.given.get("profile"), kept.values["profile"]) == (None, "trial")


async def test_a_size_that_a_person_chose_blocks_and_another_is_offered(tmp_path: Path, home: Home) -> None:
    async with environment(tmp_path, home, EIGHT, notebook="vm", profile="small") as made:
        checks = await followed(made, await examine_access(subject_of(made)))
        with pytest.raises(PrerequisiteError, match="CPUS_ALL_REGIONS") as caught:
            demand(checks)
        assert caught.value.exit_code == 3
        assert made.values["profile"] == "small"
        assert offered(checks, made.environment) == ["Instead: --set profile=trial (it fits a new project's quotas)"]


async def test_nothing_follows_that_does_not_help(tmp_path: Path, home: Home) -> None:
    async with environment(tmp_path, home, FOUR) as made:
        before = await examine_access(subject_of(made))
        assert await followed(made, before) == before
        assert made.values["profile"] == "small"


@pytest.mark.parametrize(
    ("project", "key", "wrong", "right", "named"),
    [
        (NO_KEYS, "user_gcp_sa", True, False, "constraints/iam.disableServiceAccountKeyCreation"),
        (NO_ADDRESSES, "private_nodes", False, True, "constraints/compute.vmExternalIpAccess"),
    ],
)
async def test_a_policy_blocks_what_a_person_set_and_decides_what_nobody_did(
    tmp_path: Path, home: Home, project: dict[str, Any], key: str, wrong: bool, right: bool, named: str
) -> None:
    async with environment(tmp_path, home, project, **{key: wrong}) as made:
        checks = await followed(made, await examine_access(subject_of(made)))
        with pytest.raises(PrerequisiteError, match=named):
            demand(checks)
        assert made.values[key] is wrong
        (offer,) = following.offers(checks, made.environment)
        assert (offer.setting, offer.source) == (f"{key}={str(right).lower()}", named)
        given = {k: v for k, v in made.environment.given.items() if k != key}
        made.environment = replace(made.environment, given=given, resolved={key: wrong})  # found out, when it was allowed
        checks = await followed(made, await examine_access(subject_of(made)))
        demand(checks)
        assert made.values[key] is right
        assert f"follows from {named}" in next(c.why for c in checks if c.id == f"follows.{key}")


async def test_a_plan_shows_what_follows_and_its_run_takes_it_as_it_was_shown(tmp_path: Path, home: Home) -> None:
    async with environment(tmp_path, home, EIGHT, notebook="vm") as made:
        before = made.environment
        found = await preview._follow(made)
        assert [each.setting for each in found] == ["profile=trial"]
        assert made.values["profile"] == "trial"
        assert Environment.load(home, "demo").values["profile"] == "small", "a plan changes nothing"
        document = {
            "terraform": {"resources": []},
            "services": [],
            "kubernetes": [],
            "follows": [each.to_dict() for each in found],
        }
        seen = shown.of_plan(before, document)
        assert seen.holds_for(before)
        assert not seen.holds_for(replace(before, given={**before.given, "profile": "small"}))


async def test_after_a_plan_was_shown_nothing_else_follows_in_the_run(tmp_path: Path, home: Home) -> None:
    async with environment(tmp_path, home, EIGHT, notebook="vm") as made:
        made.shown = shown.of_plan(made.environment, {"terraform": {"resources": []}, "services": [], "kubernetes": []})
        checks = await followed(made, await examine_access(subject_of(made)))
        with pytest.raises(PrerequisiteError, match="CPUS_ALL_REGIONS"):
            demand(checks)
        assert made.values["profile"] == "small"


def test_only_what_says_how_and_how_large_follows(home: Home) -> None:
    made = Environment.new(home, "demo", cloud="google", given={"notebook": "vm"})
    answers = (Answer("image", "none", "no image is built"),)
    block = Check("policy.x", "t", "block", "constraints/x", "refused", answers=answers)
    assert following.follows([block], made) == []
    assert following.offers([block], made) == [Following("image", "none", "constraints/x", "no image is built")]
    assert following.offers([replace(block, state="warn")], made) == []
