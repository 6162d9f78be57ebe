"""What the checks block fails on the simulated cloud, too: an installation that goes on without them shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.errors import MlopsError, ParameterError, PrerequisiteError
from core.gcp import Google
from core.gcp.errors import ApiError, Conflict
from core.install import services, state
from core.install.prerequisites import subject_of
from core.prerequisites import demand, examine_access
from core.rehearsal.google import strangers
from tests.gcp.simulated_google import Told, client, installation, simulation
from tests.install.platform_cloud import ZONE, PlatformCloud, platform_cloud

ON = ("orgpolicy", "cloudbilling", "cloudbuild", "secretmanager", "notebooks")
REGIONAL = frozenset({"compute.subnetworks", "compute.routers"})
PUBLIC, DENY = {"private_nodes": False}, {"denyAll": True}


async def predicted(cloud: PlatformCloud) -> str:
    """What the checks say; the cloud's APIs are on."""
    google = cloud.installation.google
    body = {"serviceIds": [f"{name}.googleapis.com" for name in ON]}
    parent = f"projects/{google.project}"
    await cloud.operate("serviceusage", "v1", "services.batchEnable", parent=parent, body=body, quota_project=False)
    with pytest.raises((PrerequisiteError, ParameterError)) as caught:
        demand(await examine_access(subject_of(cloud.installation)))
    assert caught.value.exit_code == (2 if isinstance(caught.value, ParameterError) else 3)
    return f"{caught.value.message} {caught.value.hint}"


async def failed(cloud: PlatformCloud) -> MlopsError:
    """How the installation of the platform ends that goes on all the same; never so that trying again would help."""
    with pytest.raises(MlopsError) as caught:
        await cloud.platform()
    assert not caught.value.temporary, said(caught.value)
    return caught.value


def said(error: MlopsError) -> str:
    return f"{error.message} {error.cause}"


@pytest.mark.parametrize(
    ("project", "named", "code"),
    [
        ({"missing_permissions": ["compute.networks.create"]}, "compute.networks.create", "terraform-denied"),
        ({"quotas": {"CPUS_ALL_REGIONS": {"limit": 2}}}, "CPUS_ALL_REGIONS", "terraform-quota"),
    ],
    ids=["permission", "quota"],
)
async def test_what_the_account_or_the_project_lacks(
    tmp_path: Path, home: Home, project: dict[str, Any], named: str, code: str
) -> None:
    async with platform_cloud(tmp_path, home, {"project": project}) as cloud:
        assert named in await predicted(cloud)
        error = await failed(cloud)
    assert named in said(error)
    assert code in error.code


@pytest.mark.parametrize(
    ("constraint", "value", "given", "refused"),
    [
        ("iam.disableServiceAccountCreation", True, {}, "Service account creation is not allowed on this project"),
        ("iam.managed.disableServiceAccountCreation", True, {}, "Service account creation is not allowed on this project"),
        ("compute.vmExternalIpAccess", DENY, PUBLIC, ""),
        ("compute.vmExternalIpAccess", ["projects/p/zones/z/instances/i"], PUBLIC, ""),
        ("compute.managed.vmExternalIpAccess", True, PUBLIC, ""),
        ("compute.restrictVpcPeering", DENY, {}, ""),
        ("compute.restrictCloudNATUsage", DENY, {}, ""),
        ("compute.requireVpcFlowLogs", ["LIGHT"], {}, ""),
        ("gcp.resourceLocations", ["in:europe-locations"], {}, ""),
        ("gcp.restrictNonCmekServices", {"values": {"deniedValues": ["storage.googleapis.com"]}}, {}, ""),
        ("gcp.restrictNonCmekServices", {"values": {"deniedValues": ["container.googleapis.com"]}}, {}, ""),
        ("storage.softDeletePolicySeconds", ["604800"], {}, ""),
        ("storage.retentionPolicySeconds", ["86400"], {}, ""),
        ("container.managed.enablePrivateNodes", True, PUBLIC, ""),
        ("container.managed.enableBinaryAuthorization", True, {}, ""),
        ("container.managed.enableSecretsEncryption", True, {}, ""),
        ("container.managed.enableGoogleGroupsRBAC", True, {}, ""),
        ("container.managed.enableSecurityBulletinNotifications", True, {}, ""),
        ("container.managed.disableRBACSystemBindings", True, {}, ""),
    ],
)
async def test_what_a_policy_forbids(
    tmp_path: Path, home: Home, constraint: str, value: Any, given: dict[str, Any], refused: str
) -> None:
    project = {"policies": {f"constraints/{constraint}": value}}
    async with platform_cloud(tmp_path, home, {"project": project}, **given) as cloud:
        assert f"constraints/{constraint}" in await predicted(cloud)
        assert (refused or f"constraints/{constraint}") in said(await failed(cloud))


@pytest.mark.parametrize(
    ("lacks", "given", "named", "refused"),
    [
        ({ZONE: ["e2-standard-4"]}, {}, "us-central1-b", 'Machine type with name "e2-standard-4" does not exist'),
        ({ZONE: ["REGULAR"]}, {}, "regular channel", "Release channel REGULAR is not supported"),
        ({ZONE: ["zone"]}, {}, "the zone is DOWN", f"Zone {ZONE} is currently unavailable"),
        ({"us-central1": ["db-g1-small"]}, {"profile": "trial"}, "db-g1-small", "Tier (db-g1-small) is not available"),
    ],
    ids=["machine", "channel", "zone", "tier"],
)
async def test_what_the_place_does_not_offer(
    tmp_path: Path, home: Home, lacks: dict[str, Any], given: dict[str, Any], named: str, refused: str
) -> None:
    async with platform_cloud(tmp_path, home, {"lacks": lacks}, **given) as cloud:
        assert named.lower() in (await predicted(cloud)).lower()
        assert refused in said(await failed(cloud))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("storage.buckets", "demo-artifacts-{id}"),
        ("iam.serviceAccounts", "demo-kfp-{id}"),
        ("compute.networks", "demo-network"),
        ("compute.subnetworks", "demo-subnet"),
        ("compute.routers", "demo-router"),
        ("compute.firewalls", "demo-allow-iap-ssh"),
        ("compute.globalAddresses", "demo-sql-range"),
        ("container.clusters", "demo-cluster"),
        ("sql.instances", "demo-sql-{id}"),
        ("artifactregistry.repositories", "demo-images"),
    ],
)
async def test_a_name_that_is_taken(tmp_path: Path, home: Home, kind: str, name: str) -> None:
    async with platform_cloud(tmp_path, home) as cloud:
        taken = name.format(id=cloud.installation.environment.id)
        scope = {"scope": "regions/us-central1"} if kind in REGIONAL else {}
        strangers.plant(cloud.simulated.world, {"type": kind, "name": taken, **scope}, 1)
        assert taken in await predicted(cloud)
        error = await failed(cloud)
    assert error.code == "name-taken"
    assert taken in error.message


@pytest.mark.parametrize(
    ("kind", "name"),
    [("storage.buckets", "demo-state-{id}"), ("secretmanager.secrets", "demo-sql-password-{id}")],
    ids=["bucket", "secret"],
)
async def test_a_name_that_is_taken_of_what_no_plan_makes(tmp_path: Path, home: Home, kind: str, name: str) -> None:
    async with platform_cloud(tmp_path, home, state="gcs") as cloud:
        taken = name.format(id=cloud.installation.environment.id)
        strangers.plant(cloud.simulated.world, {"type": kind, "name": taken}, 1)
        assert taken in await predicted(cloud)
        cloud.told.facts["services"] = []
        with pytest.raises(MlopsError, match=taken) as caught:
            await state.step(cloud.installation).run(cloud.told)
    assert not caught.value.temporary


async def test_a_range_that_is_taken(tmp_path: Path, home: Home) -> None:
    async with platform_cloud(tmp_path, home) as cloud:
        world, names = cloud.simulated.world, cloud.installation.names
        ours = {"type": "compute.networks", "name": names.network, "description": names.mark}
        made_before = {"autoCreateSubnetworks": False, "routingConfig": {"routingMode": "REGIONAL"}, "mtu": 1460}
        strangers.plant(world, {**ours, **made_before, "peerings": []}, 1)
        link = f"https://www.googleapis.com/compute/v1/projects/{world.project}/global/networks/{names.network}"
        theirs = {"type": "compute.subnetworks", "name": "theirs", "scope": "regions/us-east1", "network": link}
        strangers.plant(world, {**theirs, "ipCidrRange": "10.5.0.0/16"}, 2)
        assert "pods_cidr = " in await predicted(cloud)
        assert "10.4.0.0/14 conflicts with existing subnetwork 'theirs'" in said(await failed(cloud))


@pytest.mark.parametrize(
    ("project", "named"),
    [
        ({"policies": {"constraints/gcp.restrictServiceUsage": {"values": {"deniedValues": ["container.googleapis.com"]}}}},
         "container.googleapis.com"),
        ({"billing_enabled": False}, "billing"),
    ],
    ids=["services", "billing"],
)  # fmt: skip
async def test_what_keeps_services_from_being_switched_on(
    tmp_path: Path, home: Home, project: dict[str, Any], named: str
) -> None:
    async with simulation(tmp_path / "cloud", {"project": project}) as found:
        run = installation(found, home, state="local")
        looks = ["cloudresourcemanager.googleapis.com", "cloudbilling.googleapis.com", "orgpolicy.googleapis.com"]
        await run.google.wait("serviceusage", "v1", await run.google.call(
            "serviceusage", "v1", "services.batchEnable", parent=f"projects/{run.google.project}",
            body={"serviceIds": looks}, quota_project=False))  # fmt: skip
        with pytest.raises(PrerequisiteError) as seen:
            demand(await examine_access(subject_of(run)))
        assert named in seen.value.message.lower()
        with pytest.raises(PrerequisiteError) as caught:
            await services.switch_on(run, Told(clock=run.clock))
        await run.close()
    assert named in said(caught.value).lower()


async def test_a_key_that_may_not_be_made_is_not_made(tmp_path: Path, home: Home) -> None:
    policies = {"constraints/iam.disableServiceAccountKeyCreation": True}
    async with simulation(tmp_path / "cloud", {"project": {"policies": policies}}) as found, client(found) as google:
        await switched_on(google, "iam")
        account = await google.call(
            "iam", "v1", "projects.serviceAccounts.create", name=f"projects/{google.project}",
            body={"accountId": "pipelines"})  # fmt: skip
        with pytest.raises(ApiError) as caught:
            await google.call("iam", "v1", "projects.serviceAccounts.keys.create", name=account["name"], body={})
    assert "Key creation is not allowed" in caught.value.cause


async def switched_on(google: Google, *names: str) -> None:
    on = [f"{name}.googleapis.com" for name in names]
    await google.wait("serviceusage", "v1", await google.call(
        "serviceusage", "v1", "services.batchEnable", parent=f"projects/{google.project}", body={"serviceIds": on},
        quota_project=False))  # fmt: skip
    google.enabled |= set(on)


# -- the notebook, as its Terraform module asks for it

OWN = "projects/rehearsal-abcdef"
WORKBENCH = {
    "gceSetup": {
        "machineType": "e2-standard-4",
        "disablePublicIp": True,
        "metadata": {"enable-oslogin": "TRUE"},
        "networkInterfaces": [{"network": f"{OWN}/global/networks/demo-network"}],
        "shieldedInstanceConfig": {"enableSecureBoot": True, "enableVtpm": True, "enableIntegrityMonitoring": True},
        "vmImage": {"project": "cloud-notebooks-managed", "family": "workbench-instances-2603"},
    }
}


async def made(google: Google) -> None:
    parent = f"{OWN}/locations/{ZONE}"
    await google.call("notebooks", "v2", "projects.locations.instances.create", parent=parent,
                      instanceId="demo-notebook", body=WORKBENCH)  # fmt: skip


@pytest.mark.parametrize(
    ("scenario", "refused"),
    [
        ({"constraints/compute.trustedImageProjects": ["projects/other"]}, "compute.trustedImageProjects"),
        ({"constraints/ainotebooks.restrictVpcNetworks": [f"{OWN}/global/networks/o"]}, "ainotebooks.restrictVpcNetworks"),
        ({"constraints/ainotebooks.disableRootAccess": True}, "ainotebooks.disableRootAccess"),
        ({"constraints/ainotebooks.accessMode": ["single-user"]}, "ainotebooks.accessMode"),
        ({"constraints/ainotebooks.environmentOptions": DENY}, "ainotebooks.environmentOptions"),
        ({}, "Machine type e2-standard-4 does not exist"),
    ],
)
async def test_a_notebook_that_is_refused(tmp_path: Path, home: Home, scenario: dict[str, Any], refused: str) -> None:
    lacks = {} if scenario else {ZONE: ["e2-standard-4"]}
    project = {"policies": scenario, "resources": [{"type": "compute.networks", "name": "demo-network"}]}
    async with simulation(tmp_path / "cloud", {"project": project, "lacks": lacks}) as found, client(found) as google:
        await switched_on(google, "notebooks", "compute")
        with pytest.raises(ApiError) as caught:
            await made(google)
    assert refused in said(caught.value)


async def test_a_notebook_that_a_stranger_has(tmp_path: Path, home: Home) -> None:
    project = {"resources": [{"type": "compute.networks", "name": "demo-network"}]}
    async with simulation(tmp_path / "cloud", {"project": project}) as found, client(found) as google:
        await switched_on(google, "notebooks", "compute")
        await made(google)
        with pytest.raises(Conflict):
            await made(google)
