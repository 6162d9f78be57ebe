"""The checks on the simulated cloud: each way in which one stands, and what follows for the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.errors import ParameterError, PrerequisiteError
from core.gcp import Google
from core.names import Names
from core.parameters.specification import resolve
from core.prerequisites import Check, Subject, demand, examine, examine_access
from core.prerequisites.places import KNOWN
from core.toolchain import MissingTool
from tests.gcp.simulated_google import Simulation, client, simulation

ALL_ON = (
    "cloudresourcemanager", "cloudbilling", "compute", "orgpolicy", "container", "sqladmin", "iam", "artifactregistry",
    "secretmanager", "cloudbuild",
)  # fmt: skip


async def switch_on(google: Google) -> None:
    from core.gcp import services

    await services.enable(google, [f"{name}.googleapis.com" for name in ALL_ON])


def subject(google: Google, home: Home, **given: Any) -> Subject:
    values = resolve({"project_id": google.project, **given}, environment="demo")
    return Subject(google, values, home, names=Names.of(values, environment="demo", id="abcdef"))


def by_id(checks: list[Check]) -> dict[str, Check]:
    return {check.id: check for check in checks}


async def looked(found: Simulation, home: Home, *, on: bool = True, **given: Any) -> dict[str, Check]:
    async with client(found) as google:
        if on:
            await switch_on(google)
        return by_id(await examine(subject(google, home, **given)))


async def test_a_good_day(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        checks = await looked(found, home, zone="us-central1-a")
    assert {c.state for c in checks.values()} == {"pass"}
    assert set(checks) == {
        "tool.terraform", "tool.kubectl", "tool.git", "disk", "sign-in", "apis", "clock", "project", "billing", "region",
        "zone", "node_machine_type", "gke", "sql_tier", "permissions", "policies", "quotas", "names", "ranges",
        "build-region",
    }  # fmt: skip
    assert "terraform 1." in checks["tool.terraform"].looked_at
    assert "you@rehearsal.example" in checks["sign-in"].looked_at
    demand(list(checks.values()))


async def test_in_a_fresh_project_what_is_off_is_skipped_never_passed(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        checks = await looked(found, home, on=False)
    assert "cloudbilling.googleapis.com is off" in checks["billing"].why
    assert "own list" in checks["region"].looked_at
    by_google = {id: c.state for id, c in checks.items() if id != "disk" and not id.startswith("tool.")}
    assert by_google == {
        "sign-in": "pass", "clock": "pass", "project": "pass", "permissions": "pass", "build-region": "pass",
        "region": "pass", "apis": "warn", "billing": "skip", "node_machine_type": "skip", "gke": "skip", "sql_tier": "skip",
        "policies": "skip", "quotas": "skip", "names": "skip", "ranges": "skip",
    }  # fmt: skip
    demand(list(checks.values()))


async def test_nobody_signed_in_blocks_and_the_tools_are_looked_at_all_the_same(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        found.signed_in = False
        checks = await looked(found, home, on=False)
    assert checks["sign-in"].state == "block"
    assert "tool.terraform" in checks
    with pytest.raises(PrerequisiteError) as caught:
        demand(list(checks.values()))
    assert caught.value.exit_code == 3


async def test_billing_that_is_off_blocks(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        async with client(found) as google:
            await switch_on(google)
        async with simulation(tmp_path / "broke", {"project": {"billing_enabled": False}}) as broke:
            for kind in ("services",):
                for name, document in found.world.store.items(kind):
                    broke.world.store.put(kind, name, document)
            async with client(broke) as google:
                checks = by_id(await examine_access(subject(google, home)))
    assert checks["billing"].state == "block"
    with pytest.raises(PrerequisiteError, match="Billing is not enabled") as caught:
        demand(list(checks.values()))
    assert "gcloud billing projects link" in caught.value.command


async def test_a_project_that_is_not_there_blocks(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        async with client(found) as google:
            await switch_on(google)
            google.project = "someone-elses-thing"
            checks = by_id(await examine_access(subject(google, home)))
    assert checks["project"].state == "block"
    assert "someone-elses-thing" in checks["project"].why


async def test_no_project_at_all_blocks(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        async with client(found) as google:
            google.project = ""
            checks = by_id(await examine_access(subject(google, home, project_id=None)))
    assert checks["project"].state == "block"
    assert "project_id" in checks["project"].hint


@pytest.mark.parametrize(
    ("given", "key", "allowed"),
    [
        ({"region": "us-central9"}, "region", "us-central1"),
        ({"region": "us-central1", "zone": "us-central1-e"}, "zone", "us-central1-a"),
    ],
)
async def test_a_place_that_the_clouds_lists_do_not_know_is_bad_usage(
    tmp_path: Path, home: Home, given: dict[str, Any], key: str, allowed: str
) -> None:
    async with simulation(tmp_path / "cloud") as found:
        checks = await looked(found, home, **given)
    with pytest.raises(ParameterError) as caught:
        demand(list(checks.values()))
    assert caught.value.key == key
    assert caught.value.exit_code == 2
    assert allowed in caught.value.message


async def test_a_zone_that_is_down_blocks_and_those_that_are_up_are_named(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud", {"lacks": {"us-central1-a": ["zone"]}}) as found:
        check = (await looked(found, home, zone="us-central1-a"))["zone"]
    assert (check.state, check.why) == ("block", "the zone is DOWN")
    assert "us-central1-b" in check.hint
    assert "us-central1-a" not in check.hint


@pytest.mark.parametrize(("given", "key"), [({"region": "us-central9"}, "region"), ({"zone": "us-central1-e"}, "zone")])
async def test_while_the_lists_are_off_an_unknown_place_is_an_open_question(
    tmp_path: Path, home: Home, given: dict[str, Any], key: str
) -> None:
    async with simulation(tmp_path / "cloud") as found:
        checks = await looked(found, home, on=False, **given)
    assert checks[key].state == "skip"
    assert checks[key].key == key


async def test_a_tool_that_lacks_blocks_with_its_name(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str, _home: Home) -> None:
        raise MissingTool(name)

    monkeypatch.setattr("core.prerequisites.tools.find", nowhere)
    async with simulation(tmp_path / "cloud") as found:
        checks = await looked(found, home)
    assert [c.id for c in checks.values() if c.state == "block"] == ["tool.terraform", "tool.kubectl", "tool.git"]
    with pytest.raises(PrerequisiteError, match="3 things are missing") as caught:
        demand(list(checks.values()))
    assert all(name in caught.value.message for name in ("terraform", "kubectl", "git"))


async def test_git_is_not_asked_for_where_the_manifests_are_a_folder(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        assert "tool.git" not in await looked(found, home, kfp_manifests=str(tmp_path))


def test_the_own_list_holds_the_default_region() -> None:
    assert resolve({}, environment="demo")["region"] in KNOWN
