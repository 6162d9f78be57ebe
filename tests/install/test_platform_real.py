"""What the real services do to a platform behind Terraform's back, or in its way: none of it may cost anything twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from platform_cloud import PlatformCloud, platform_cloud

from core.environment import Home
from core.errors import PermanentError

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
