"""What the checks block fails on the simulated cloud, too: an installation that goes on without them shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.errors import MlopsError, PrerequisiteError
from core.gcp.errors import ApiError
from core.install.prerequisites import subject_of
from core.prerequisites import demand, examine_access
from tests.gcp.simulated_google import client, simulation
from tests.install.platform_cloud import PlatformCloud, platform_cloud


async def predicted(cloud: PlatformCloud) -> str:
    """What the checks say; the cloud's APIs are on."""
    google = cloud.installation.google
    body = {"serviceIds": ["orgpolicy.googleapis.com", "cloudbilling.googleapis.com"]}
    parent = f"projects/{google.project}"
    await cloud.operate("serviceusage", "v1", "services.batchEnable", parent=parent, body=body, quota_project=False)
    with pytest.raises(PrerequisiteError) as caught:
        demand(await examine_access(subject_of(cloud.installation)))
    assert caught.value.exit_code == 3
    return caught.value.message


@pytest.mark.parametrize(
    ("project", "given", "named", "refused", "code"),
    [
        ({"missing_permissions": ["compute.networks.create"]}, {}, "compute.networks.create", "compute.networks.create",
         "terraform-denied"),
        ({"quotas": {"CPUS_ALL_REGIONS": {"limit": 2}}}, {}, "CPUS_ALL_REGIONS", "CPUS_ALL_REGIONS", "terraform-quota"),
        ({"policies": {"constraints/iam.disableServiceAccountCreation": True}}, {}, "iam.disableServiceAccountCreation",
         "Service account creation is not allowed on this project", ""),
        ({"policies": {"constraints/compute.vmExternalIpAccess": {"denyAll": True}}}, {"private_nodes": False},
         "compute.vmExternalIpAccess", "compute.vmExternalIpAccess", ""),
        ({"policies": {"constraints/gcp.resourceLocations": ["in:europe-locations"]}}, {}, "gcp.resourceLocations",
         "gcp.resourceLocations", ""),
    ],
    ids=["permission", "quota", "accounts", "addresses", "locations"],
)  # fmt: skip
async def test_what_is_predicted_would_have_failed(
    tmp_path: Path, home: Home, project: dict[str, Any], given: dict[str, Any], named: str, refused: str, code: str
) -> None:
    async with platform_cloud(tmp_path, home, {"project": project}, **given) as cloud:
        assert named in await predicted(cloud)
        with pytest.raises(MlopsError) as caught:
            await cloud.platform()
    failed = caught.value
    assert refused in f"{failed.message} {failed.cause}", failed
    assert not failed.temporary
    assert code in failed.code


async def test_a_key_that_may_not_be_made_is_not_made(tmp_path: Path, home: Home) -> None:
    policies = {"constraints/iam.disableServiceAccountKeyCreation": True}
    async with simulation(tmp_path / "cloud", {"project": {"policies": policies}}) as found, client(found) as google:
        await google.wait("serviceusage", "v1", await google.call(
            "serviceusage", "v1", "services.batchEnable", parent=f"projects/{google.project}",
            body={"serviceIds": ["iam.googleapis.com"]}, quota_project=False))  # fmt: skip
        google.enabled |= {"iam.googleapis.com"}
        account = await google.call(
            "iam", "v1", "projects.serviceAccounts.create", name=f"projects/{google.project}",
            body={"accountId": "pipelines"})  # fmt: skip
        with pytest.raises(ApiError) as caught:
            await google.call("iam", "v1", "projects.serviceAccounts.keys.create", name=account["name"], body={})
    assert "Key creation is not allowed" in caught.value.cause
