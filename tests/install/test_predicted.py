"""What the checks block fails on the simulated cloud, too: an installation that goes on without them shows it.

Here is what stops the platform; ``test_predicted_*`` hold the steps before, beside and after it.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from core.environment import Home
from core.install.prerequisites import subject_of
from core.prerequisites import shell
from core.rehearsal.google import strangers
from tests.gcp.simulated_google import Told, installation
from tests.install.platform_cloud import GIVEN, ZONE
from tests.install.predicted import Bench, bench, blocking, failed, predicted, said

pytestmark = pytest.mark.asyncio(loop_scope="module")
REGION = "us-central1"
REGIONAL = frozenset({"compute.subnetworks", "compute.routers"})
PUBLIC, DENY = {"private_nodes": False}, {"denyAll": True}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand_in(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with bench(tmp_path_factory.mktemp("providers")) as found:
        yield found


LACKS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("permissions", {"missing_permissions": ["compute.networks.create"]}, {}, "compute.networks.create"),
    *(
        (f"quota.{metric}", {"quotas": {metric: {"limit": limit}}}, given, metric)
        for metric, limit, given in (
            ("CPUS", 2, {}), ("CPUS_ALL_REGIONS", 2, {}), ("SSD_TOTAL_GB", 99, {}), ("DISKS_TOTAL_GB", 29, {}),
            ("NETWORKS", 0, {}), ("ROUTERS", 0, {}), ("IN_USE_ADDRESSES", 0, PUBLIC),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("id", "project", "given", "named"), LACKS)
async def test_what_the_account_or_the_project_lacks(
    tmp_path: Path, home: Home, stand_in: Bench, id: str, project: dict[str, Any], given: dict[str, Any], named: str
) -> None:
    async with stand_in.platform(tmp_path, home, {"project": project}, **given) as cloud:
        assert named in await predicted(cloud, id)
        error = await failed(cloud.platform)
    assert named in said(error)
    assert error.code == ("terraform-denied" if id == "permissions" else "terraform-quota")


NO_ACCOUNTS = "Service account creation is not allowed on this project"
POLICIES: list[tuple[str, str, Any, dict[str, Any], str]] = [
    ("iam.disableServiceAccountCreation", "", True, {}, NO_ACCOUNTS),
    ("iam.disableServiceAccountCreation", "iam.managed.disableServiceAccountCreation", True, {}, NO_ACCOUNTS),
    ("compute.vmExternalIpAccess", "", DENY, PUBLIC, ""),
    ("compute.vmExternalIpAccess", "", ["projects/p/zones/z/instances/i"], PUBLIC, ""),
    ("compute.vmExternalIpAccess", "compute.managed.vmExternalIpAccess", True, PUBLIC, ""),
    ("compute.restrictVpcPeering", "", DENY, {}, ""),
    ("compute.restrictCloudNATUsage", "", DENY, {}, ""),
    ("compute.requireVpcFlowLogs", "", ["LIGHT"], {}, ""),
    ("gcp.resourceLocations", "", ["in:europe-locations"], {}, ""),
    ("gcp.restrictNonCmekServices", "", {"values": {"deniedValues": ["storage.googleapis.com"]}}, {}, ""),
    ("gcp.restrictNonCmekServices", "", {"values": {"deniedValues": ["container.googleapis.com"]}}, {}, ""),
    ("storage.softDeletePolicySeconds", "", ["604800"], {}, ""),
    ("storage.retentionPolicySeconds", "", ["86400"], {}, ""),
    ("container.managed.enablePrivateNodes", "", True, PUBLIC, ""),
    ("container.managed.enableBinaryAuthorization", "", True, {}, ""),
    ("container.managed.enableSecretsEncryption", "", True, {}, ""),
    ("container.managed.enableGoogleGroupsRBAC", "", True, {}, ""),
    ("container.managed.enableSecurityBulletinNotifications", "", True, {}, ""),
    ("container.managed.disableRBACSystemBindings", "", True, {}, ""),
]
"""The constraint, its managed twin where that one is in force, what it says, the parameters, and the refusal's words."""


@pytest.mark.parametrize(("id", "twin", "value", "given", "refused"), POLICIES)
async def test_what_a_policy_forbids(
    tmp_path: Path, home: Home, stand_in: Bench, id: str, twin: str, value: Any, given: dict[str, Any], refused: str
) -> None:
    constraint = f"constraints/{twin or id}"
    async with stand_in.platform(tmp_path, home, {"project": {"policies": {constraint: value}}}, **given) as cloud:
        assert constraint in await predicted(cloud, f"policy.{id}")
        assert (refused or constraint) in said(await failed(cloud.platform))


PLACES: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    ("node_machine_type", {ZONE: ["e2-standard-4"]}, {}, "us-central1-b",
     'Machine type with name "e2-standard-4" does not exist'),
    ("gke", {ZONE: ["REGULAR"]}, {}, "regular channel", "Release channel REGULAR is not supported"),
    ("zone", {ZONE: ["zone"]}, {}, "the zone is DOWN", f"Zone {ZONE} is currently unavailable"),
    ("zone", {}, {"zone": "us-central1-e"}, "no such zone", "us-central1-e"),
    ("region", {}, {"region": "us-central9", "zone": "us-central9-a"}, "no such region", "us-central9"),
    ("sql_tier", {REGION: ["db-g1-small"]}, {"profile": "trial"}, "db-g1-small", "Tier (db-g1-small) is not available"),
]  # fmt: skip


@pytest.mark.parametrize(("id", "lacks", "given", "named", "refused"), PLACES)
async def test_what_the_place_does_not_offer(
    tmp_path: Path, home: Home, stand_in: Bench, id: str, lacks: dict[str, Any], given: dict[str, Any], named: str,
    refused: str,
) -> None:  # fmt: skip
    async with stand_in.platform(tmp_path, home, {"lacks": lacks}, **given) as cloud:
        assert named.lower() in (await predicted(cloud, id)).lower()
        assert refused in said(await failed(cloud.platform))


NAMES = [
    ("name.bucket", "storage.buckets", "demo-artifacts-{id}"),
    ("name.service-account", "iam.serviceAccounts", "demo-kfp-{id}"),
    ("name.network", "compute.networks", "demo-network"),
    ("name.subnetwork", "compute.subnetworks", "demo-subnet"),
    ("name.router", "compute.routers", "demo-router"),
    ("name.firewall-rule", "compute.firewalls", "demo-allow-iap-ssh"),
    ("name.address-range", "compute.globalAddresses", "demo-sql-range"),
    ("name.cluster", "container.clusters", "demo-cluster"),
    ("name.cloud-sql-instance", "sql.instances", "demo-sql-{id}"),
    ("name.repository", "artifactregistry.repositories", "demo-images"),
]


@pytest.mark.parametrize(("id", "kind", "name"), NAMES)
async def test_a_name_that_is_taken(tmp_path: Path, home: Home, stand_in: Bench, id: str, kind: str, name: str) -> None:
    async with stand_in.platform(tmp_path, home) as cloud:
        taken = name.format(id=cloud.installation.environment.id)
        scope = {"scope": f"regions/{REGION}"} if kind in REGIONAL else {}
        strangers.plant(cloud.simulated.world, {"type": kind, "name": taken, **scope}, 1)
        assert taken in await predicted(cloud, id)
        error = await failed(cloud.platform)
    assert error.code == "name-taken"
    assert taken in error.message


RANGES = [
    ("subnet_cidr", "10.0.8.0/24", "10.0.0.0/20"),
    ("pods_cidr", "10.5.0.0/16", "10.4.0.0/14"),
    ("services_cidr", "10.8.4.0/24", "10.8.0.0/20"),
    ("sql_cidr", "10.9.8.0/24", "10.9.0.0/20"),
]


@pytest.mark.parametrize(("id", "theirs", "ours"), RANGES)
async def test_a_range_that_is_taken(tmp_path: Path, home: Home, stand_in: Bench, id: str, theirs: str, ours: str) -> None:
    async with stand_in.platform(tmp_path, home) as cloud:
        world, names = cloud.simulated.world, cloud.installation.names
        own = {"type": "compute.networks", "name": names.network, "description": names.mark}
        made_before = {"autoCreateSubnetworks": False, "routingConfig": {"routingMode": "REGIONAL"}, "mtu": 1460}
        strangers.plant(world, {**own, **made_before, "peerings": []}, 1)
        link = f"https://www.googleapis.com/compute/v1/projects/{world.project}/global/networks/{names.network}"
        subnetwork = {"type": "compute.subnetworks", "name": "theirs", "scope": "regions/us-east1", "network": link}
        strangers.plant(world, {**subnetwork, "ipCidrRange": theirs}, 2)
        assert ours in await predicted(cloud, id)
        assert f"{ours} conflicts with existing subnetwork 'theirs'" in said(await failed(cloud.platform))


HOME = "cloud-shell-home"


async def test_a_state_that_goes_with_its_home(
    tmp_path: Path, home: Home, stand_in: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUD_SHELL", "true")
    monkeypatch.setattr(shell, "_stays", lambda _home: False)
    async with stand_in.platform(tmp_path, home) as cloud:
        subject = subject_of(cloud.installation)
        elsewhere: Any = SimpleNamespace(cloud=SimpleNamespace(kind="google"))
        assert "the state would be lost" in blocking(await shell.check(replace(subject, google=elsewhere)), HOME)
        await cloud.platform()
        shutil.rmtree(home.root)
        again = installation(cloud.simulated, home, zone=ZONE, state="local")
        facts = {name: cloud.told.facts[name] for name in GIVEN}
        error = await failed(replace(cloud, installation=again, told=Told(again.clock, facts=facts), early=None).platform)
        await again.close()
    assert error.code == "name-taken"
    assert "demo-network" in error.message, "what was made is nobody's any more"


PROVES = {
    HOME,
    *(id for id, *_ in (*LACKS, *PLACES, *NAMES, *RANGES)),
    *(f"policy.{id}" for id, *_ in POLICIES),
}
"""The checks of which it is seen here that what they block fails."""
