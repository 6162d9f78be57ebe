"""What the real services do to a platform behind Terraform's back, or in its way: none of it may cost anything twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from platform_cloud import ZONE, PlatformCloud, platform_cloud

from core.environment import Home
from core.errors import PermanentError
from core.install.addresses import CLUSTER, NODE_POOL
from core.install.shown import of_plan
from core.install.terraform_preview import preview

POOLS = "container.projects.locations.clusters.nodePools"
BUSY = {"status": 400, "reason": "resourceInUseByAnotherResource"}


@pytest.fixture
async def cloud(tmp_path: Path, home: Home) -> AsyncIterator[PlatformCloud]:
    async with platform_cloud(tmp_path, home) as found:
        yield found


async def test_a_pool_and_a_disk_that_grew_by_themselves_are_no_change(cloud: PlatformCloud) -> None:
    await cloud.platform()
    names, facts = cloud.installation.names, cloud.told.facts
    pool, project = facts["node_pool"], names.project
    body: dict[str, Any] = {"nodeCount": 3}
    await cloud.operate("container", "v1", "projects.locations.clusters.nodePools.setSize", name=pool, body=body)
    body = {"settings": {"dataDiskSizeGb": "37"}}
    await cloud.operate("sqladmin", "v1", "instances.patch", project=project, instance=names.sql_instance, body=body)
    cloud.next_run()
    assert not await cloud.platform()


async def test_what_the_clusters_leftovers_hold_is_tried_again(tmp_path: Path, home: Home) -> None:
    fault = {"call": "compute.networks.delete", "times": 2, **BUSY}
    async with platform_cloud(tmp_path, home, {"fault": [fault]}) as cloud:
        await cloud.platform()
        await cloud.destroy()
        assert not cloud.made
        assert any("busy" in line for line in cloud.told.lines)


async def test_a_name_that_is_reserved_is_never_adopted(cloud: PlatformCloud) -> None:
    names = cloud.installation.names
    until = cloud.simulated.world.clock.now() + 86400
    cloud.simulated.world.store.put("sql.reserved", f"{names.project}/{names.sql_instance}", {"until": until})
    with pytest.raises(PermanentError) as caught:
        await cloud.platform()
    assert caught.value.code == "sql-name-used-up"
    assert names.sql_instance in caught.value.message
    assert cloud.installation.names.sql_instance == f"{names.sql_instance}-2"
    cloud.next_run()
    await cloud.platform()
    assert cloud.told.facts["sql_instance"].endswith(f"{names.sql_instance}-2")


async def test_something_that_is_just_being_deleted_is_waited_for(tmp_path: Path, home: Home) -> None:
    fault = {"call": "compute.networks.insert", "status": 409, "reason": "alreadyExists", "times": 2}
    async with platform_cloud(tmp_path, home, {"fault": [fault]}) as cloud:
        await cloud.platform()
        assert len(cloud.made["compute.networks"]) == 1
        assert any("is being deleted" in line for line in cloud.told.lines)


async def test_a_role_of_googles_own_account_that_is_late_is_waited_for(tmp_path: Path, home: Home) -> None:
    fault = {
        "call": "container.projects.locations.clusters.create",
        "status": 400,
        "reason": "failedPrecondition",
        "message": "Google Compute Engine: Required 'compute.networks.get' permission for 'projects/p'.",
        "times": 2,
    }
    async with platform_cloud(tmp_path, home, {"fault": [fault]}) as cloud:
        await cloud.platform()
        assert len(cloud.made["container.clusters"]) == 1


async def _stopped_while_it_makes(cloud: PlatformCloud, kind: str) -> None:
    """A run that is stopped while Google makes the cluster, or its pool."""

    def begun() -> bool:
        found = [c for _, c in cloud.simulated.world.store.items("container.clusters")]
        pools = [p for c in found for p in c["nodePools"] if p["name"] == cloud.installation.names.node_pool]
        return bool(found if kind == "cluster" else pools)

    run = asyncio.ensure_future(cloud.platform())
    while not begun():
        assert not run.done()
        await asyncio.sleep(0.01)
    run.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await run
    cloud.next_run()


@pytest.mark.parametrize("then", ["installed", "destroyed"])
@pytest.mark.parametrize("kind", ["cluster", "pool"])
async def test_what_fails_after_its_run_was_stopped_stands_in_nobodys_way(
    tmp_path: Path, home: Home, kind: str, then: str
) -> None:
    """Terraform keeps the operation and asks for its end at every look, and is told each time that it failed."""
    call = "container.projects.locations.clusters.create" if kind == "cluster" else f"{POOLS}.create"
    fault = {"call": call, "operation": "FAILED", "times": 1}
    slow = {"speed": 500, "delays": {"iam": 0, "services": 0}, "durations": {call: 900}, "fault": [fault]}
    async with platform_cloud(tmp_path, home, slow) as cloud:
        await _stopped_while_it_makes(cloud, kind)
        if then == "installed":
            await cloud.platform()
            pool = await cloud.call("container", "v1", f"{POOLS.partition('.')[2]}.get", name=cloud.told.facts["node_pool"])
            assert pool["status"] == "RUNNING"
            cloud.next_run()
            assert not await cloud.platform()
        else:
            await cloud.destroy()
            assert not cloud.made


@pytest.mark.parametrize("kind", ["cluster", "pool"])
async def test_what_failed_after_its_run_was_stopped_is_shown_as_made_anew(tmp_path: Path, home: Home, kind: str) -> None:
    call = "container.projects.locations.clusters.create" if kind == "cluster" else f"{POOLS}.create"
    fault = {"call": call, "operation": "FAILED", "times": 1}
    slow = {"speed": 500, "delays": {"iam": 0, "services": 0}, "durations": {call: 900}, "fault": [fault]}
    async with platform_cloud(tmp_path, home, slow) as cloud:
        await _stopped_while_it_makes(cloud, kind)
        environment = cloud.installation.environment
        state = environment.terraform_folder("platform") / "terraform.tfstate"
        before = state.read_bytes()
        found = await preview(cloud.installation, cloud.told, zone=ZONE)
        assert state.read_bytes() == before
        actions = {r["address"]: r["action"] for r in found["resources"] if r["step"] == "platform"}
        failed, pool = (CLUSTER, "create") if kind == "cluster" else (NODE_POOL, "replace")
        assert (actions[failed], actions[NODE_POOL]) == ("replace", pool)
        assert found["add"] == len(actions)
        document = {"terraform": found, "kubernetes": [], "services": []}
        cloud.installation.shown = of_plan(environment, document)
        await cloud.platform()


async def test_a_pool_that_failed_and_that_the_state_does_not_know_is_made_anew(cloud: PlatformCloud) -> None:
    await cloud.platform()
    ((name, cluster),) = cloud.simulated.world.store.items("container.clusters")
    broken = [{**pool, "status": "ERROR", "statusMessage": "GCE_STOCKOUT"} for pool in cluster["nodePools"]]
    cloud.simulated.world.store.put("container.clusters", name, {**cluster, "nodePools": broken})
    cloud.lose_state()
    cloud.next_run()
    await cloud.platform()
    ((_, cluster),) = cloud.simulated.world.store.items("container.clusters")
    assert [pool["status"] for pool in cluster["nodePools"]] == ["RUNNING"]


def _suspend(cloud: PlatformCloud) -> None:
    """What Cloud SQL does to an instance whose project pays no more, or whose key is gone."""
    ((name, instance),) = cloud.simulated.world.store.items("sql.instances")
    suspended = {**instance, "state": "SUSPENDED", "suspensionReason": ["BILLING_ISSUE"]}
    cloud.simulated.world.store.put("sql.instances", name, suspended)
    cloud.next_run()


async def test_a_database_that_google_suspended_is_told_and_neither_waited_for_nor_deleted(cloud: PlatformCloud) -> None:
    await cloud.platform()
    made = cloud.made["sql.instances"]
    cloud.lose_state()
    _suspend(cloud)
    with pytest.raises(PermanentError) as caught:
        await cloud.platform()
    assert caught.value.code == "sql-suspended"
    assert "BILLING_ISSUE" in caught.value.cause
    assert cloud.made["sql.instances"] == made


@pytest.mark.parametrize("known", [True, False])
async def test_a_database_that_google_suspended_can_be_destroyed(cloud: PlatformCloud, known: bool) -> None:
    await cloud.platform()
    await cloud.protect()
    if not known:
        cloud.lose_state()
    _suspend(cloud)
    await cloud.destroy()
    assert not cloud.made
