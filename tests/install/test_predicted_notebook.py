"""What the checks block of a notebook fails on the simulated cloud, too: the step that makes it, without them, shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.environment import Home
from core.errors import MlopsError
from core.install import notebook
from core.rehearsal.google import strangers
from core.rehearsal.identity import USER
from tests.install.platform_cloud import ZONE, PlatformCloud
from tests.install.predicted import Bench, bench, failed, predicted, said, switch_on

pytestmark = pytest.mark.asyncio(loop_scope="module")
PLACE = f"projects/rehearsal-abcdef/locations/{ZONE}/instances"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand_in(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with bench(tmp_path_factory.mktemp("providers")) as found:
        yield found


@asynccontextmanager
async def beside_a_platform(
    stand_in: Bench, root: Path, home: Home, scenario: dict[str, Any], **given: Any
) -> AsyncIterator[PlatformCloud]:
    """An environment whose platform is there, as far as a notebook needs it, and whose image is built."""
    async with stand_in.cloud(root, home, scenario, **given) as cloud:
        world, names = cloud.simulated.world, cloud.installation.names
        mark, labels = {"description": names.mark}, {"labels": names.labels}
        network = f"https://www.googleapis.com/compute/v1/projects/{world.project}/global/networks/{names.network}"
        for resource in (
            {"type": "compute.networks", "name": names.network, "peerings": [], **mark},
            {"type": "compute.subnetworks", "name": names.subnetwork, "scope": f"regions/{names.region}", **mark,
             "network": network, "ipCidrRange": cloud.installation.values["subnet_cidr"]},
            {"type": "artifactregistry.repositories", "name": names.registry, **labels},
            {"type": "storage.buckets", "name": names.artifact_bucket, "project": world.project, **labels},
            {"type": "storage.buckets", "name": names.build_bucket, "project": world.project, **labels},
        ):  # fmt: skip
            strangers.plant(world, resource, 1)
        image = {"reference": f"{names.registry_path}/kfp-dev@sha256:{'0' * 64}", "tag": "built"}
        cloud.told.facts |= {"image": image, "account": USER}
        yield cloud


async def refused(cloud: PlatformCloud) -> MlopsError:
    """How the step ends."""
    return await failed(lambda: cloud.tried(lambda: notebook.bring_about(cloud.installation, cloud.told)))


POLICIES: list[tuple[str, Any, str]] = [
    ("compute.trustedImageProjects", ["projects/other"], "vm"),
    ("ainotebooks.restrictVpcNetworks", ["projects/rehearsal-abcdef/global/networks/other"], "vm"),
    ("ainotebooks.disableRootAccess", True, "container"),
    ("ainotebooks.accessMode", ["single-user"], "vm"),
    ("ainotebooks.environmentOptions", {"denyAll": True}, "container"),
    ("gcp.restrictNonCmekServices", {"values": {"deniedValues": ["notebooks.googleapis.com"]}}, "vm"),
]


@pytest.mark.parametrize(("constraint", "value", "kind"), POLICIES)
async def test_what_a_policy_forbids(
    tmp_path: Path, home: Home, stand_in: Bench, constraint: str, value: Any, kind: str
) -> None:
    project = {"policies": {f"constraints/{constraint}": value}}
    async with beside_a_platform(stand_in, tmp_path, home, {"project": project}, notebook=kind) as cloud:
        assert f"constraints/{constraint}" in await predicted(cloud, f"policy.{constraint}")
        error = await refused(cloud)
    assert f"constraints/{constraint}" in said(error)
    assert error.code == "terraform-org-policy"


MACHINE = "notebook_machine_type"


async def test_a_machine_that_the_zone_lacks(tmp_path: Path, home: Home, stand_in: Bench) -> None:
    given = {"notebook": "vm", MACHINE: "n2-standard-8"}
    async with beside_a_platform(stand_in, tmp_path, home, {"lacks": {ZONE: ["n2-standard-8"]}}, **given) as cloud:
        assert "us-central1-b" in await predicted(cloud, MACHINE)
        assert "Machine type n2-standard-8 does not exist" in said(await refused(cloud))


QUOTAS = [("SSD_TOTAL_GB", 200, {}), ("DISKS_TOTAL_GB", 249, {"profile": "trial"}), ("CPUS_ALL_REGIONS", 3, {}),
          ("N2_CPUS", 7, {"profile": "standard"})]  # fmt: skip


@pytest.mark.parametrize(("metric", "limit", "given"), QUOTAS)
async def test_a_quota_that_is_short(
    tmp_path: Path, home: Home, stand_in: Bench, metric: str, limit: int, given: dict[str, Any]
) -> None:
    scenario = {"project": {"quotas": {metric: {"limit": limit}}}}
    async with beside_a_platform(stand_in, tmp_path, home, scenario, notebook="vm", **given) as cloud:
        assert metric in await predicted(cloud, f"quota.{metric}")
        error = await refused(cloud)
    assert f"Quota '{metric}' exceeded" in said(error)
    assert error.code == "terraform-quota"


async def test_a_larger_machine_that_a_quota_does_not_hold(
    tmp_path: Path, home: Home, stand_in: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def there_is_no_cluster(*_: Any) -> None: ...

    monkeypatch.setattr(notebook, "_let_into_the_cluster", there_is_no_cluster)
    scenario = {"project": {"quotas": {"CPUS": {"limit": 7}}}}
    async with beside_a_platform(stand_in, tmp_path, home, scenario, notebook="vm") as cloud:
        await switch_on(cloud)
        await cloud.tried(lambda: notebook.bring_about(cloud.installation, cloud.told))
        given = {**cloud.installation.environment.given, MACHINE: "e2-standard-8"}
        cloud.installation.environment = replace(cloud.installation.environment, given=given)
        assert "10 are needed" in await predicted(cloud, "quota.CPUS"), "4 more, and the cluster's 6, which is not there"
        assert "Quota 'CPUS' exceeded" in said(await refused(cloud))


NAMES: list[tuple[str, dict[str, Any], str]] = [
    ("name.notebook", {"type": "notebooks.instances", "name": f"{PLACE}/demo-notebook", "state": "ACTIVE"}, "demo-notebook"),
    ("name.notebook", {"type": "notebooks.instances", "name": f"{PLACE}/demo-notebook", "state": "ACTIVE",
                       "gceSetup": {"containerImage": {"repository": "theirs"}}}, "demo-notebook"),
    ("name.service-account", {"type": "iam.serviceAccounts", "name": "demo-nb-abcdef"}, "demo-nb-abcdef"),
]  # fmt: skip


@pytest.mark.parametrize(("id", "resource", "name"), NAMES)
async def test_a_name_that_is_taken(
    tmp_path: Path, home: Home, stand_in: Bench, id: str, resource: dict[str, Any], name: str
) -> None:
    async with beside_a_platform(stand_in, tmp_path, home, {}, notebook="vm") as cloud:
        strangers.plant(cloud.simulated.world, resource, 1)
        assert name in await predicted(cloud, id)
        error = await refused(cloud)
    assert error.code == "name-taken"
    assert name in error.message
    assert not any("is stopped" in line for line in cloud.told.lines), "what is someone else's is left alone"


PROVES = {
    MACHINE,
    *(f"policy.{constraint}" for constraint, *_ in POLICIES),
    *(f"quota.{metric}" for metric, *_ in QUOTAS),
    *(id for id, *_ in NAMES),
}
"""The checks of which it is seen here that what they block fails."""
