"""What is predicted before anything is made: permissions and quotas, each way in which one stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.gcp import Google, services
from core.parameters.specification import resolve
from core.prerequisites import Check, Subject, permissions, policies, quotas
from core.prerequisites.check import Checker
from tests.gcp.simulated_google import client, simulation

ON = ("cloudresourcemanager", "compute", "orgpolicy")


def subject(google: Google, home: Home, *, made: bool = False, **given: Any) -> Subject:
    values = resolve({"project_id": google.project, **given}, environment="demo")
    return Subject(google, values, home, made=values if made else {})


async def looked(
    root: Path, home: Home, check: Checker, project: dict[str, Any], *, on: tuple[str, ...] = ON, **given: Any
) -> list[Check]:
    async with simulation(root / "cloud", {"project": project}) as found, client(found) as google:
        if on:
            await services.enable(google, [f"{name}.googleapis.com" for name in on])
        return await check(subject(google, home, **given))


# -- permissions


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ({"image": "none"}, set()),
        ({"image": "kfp-dev"}, {f"cloudbuild.builds.{verb}" for verb in ("create", "get", "list", "update")}),
        ({"image": "none", "user_gcp_sa": True}, {"iam.serviceAccountKeys.create"}),
    ],
)
def test_only_what_the_parameters_need_is_asked_for(given: dict[str, Any], more: set[str]) -> None:
    least = set(permissions.needed(resolve({"image": "none"}, environment="demo")))
    assert set(permissions.needed(resolve(given, environment="demo"))) - least == more


def test_what_terraforms_provider_looks_at_by_itself_is_asked_for_too() -> None:
    looks = {"compute.instanceGroupManagers.list", "compute.projects.get", "compute.globalAddresses.setLabels"}
    assert looks <= set(permissions.needed(resolve({}, environment="demo")))


INSTALLER = """
secretmanager.secrets: create get update delete
secretmanager.versions: add access
compute.networks: create get use delete updatePolicy removePeering
compute.subnetworks: create use delete
compute.firewalls: create delete
compute.routers: create update delete
compute.globalAddresses: createInternal use deleteInternal
container.clusters: create get update delete connect
container.roles: create bind escalate
container.clusterRoles: create bind escalate
cloudsql.users: create list update delete
cloudsql.instances: create get update delete
serviceusage.services: enable list use
resourcemanager.projects: get getIamPolicy setIamPolicy
iam.serviceAccounts: create get actAs getIamPolicy setIamPolicy
servicenetworking.services: addPeering
storage.buckets: create
artifactregistry.repositories: create get getIamPolicy setIamPolicy
cloudbuild.builds: create get
notebooks.instances: create get
iam.serviceAccountKeys: create
"""
"""What the real services ask of whoever makes all this, by kind."""
NEVER = {"cloudsql.instances.executeSql", "cloudsql.instances.login", "cloudsql.databases.create", "storage.buckets.get",
         "storage.buckets.setIamPolicy", "storage.objects.create", "storage.objects.get"}  # fmt: skip
"""What is not needed, or what an owner has on each bucket of his own and not on the project."""


def test_what_the_real_services_ask_of_an_installer_is_asked_for_and_no_more() -> None:
    lines = [line.partition(": ") for line in INSTALLER.strip().splitlines()]
    asked = set(permissions.needed(resolve({"image": "kfp-dev", "notebook": "vm", "user_gcp_sa": True}, environment="demo")))
    assert {f"{kind}.{verb}" for kind, _, verbs in lines for verb in verbs.split()} - asked == set()
    assert not asked & NEVER


async def test_an_owner_lacks_nothing(tmp_path: Path, home: Home) -> None:
    (found,) = await looked(tmp_path, home, permissions.check, {}, notebook="vm", user_gcp_sa=True)
    assert found.state == "pass"


async def test_each_missing_permission_is_named_and_one_role_is_offered_with_all(tmp_path: Path, home: Home) -> None:
    missing = ["compute.networks.create", "resourcemanager.projects.setIamPolicy"]
    (found,) = await looked(tmp_path, home, permissions.check, {"missing_permissions": missing})
    assert found.state == "block"
    assert all(name in found.why for name in missing)
    assert "you@rehearsal.example" in found.why
    listed = ",".join(sorted(missing, reverse=True))
    assert f"roles create mlops_env_installer --project=rehearsal-abcdef --permissions={listed} ||" in found.command
    assert f"roles update mlops_env_installer --project=rehearsal-abcdef --add-permissions={listed};" in found.command
    assert "--member=user:you@rehearsal.example" in found.command


async def test_who_may_make_a_notebook_vm_and_not_sign_in_on_it_is_told(tmp_path: Path, home: Home) -> None:
    lacking = {"missing_permissions": ["iap.tunnelInstances.accessViaIAP"]}
    first, ssh = await looked(tmp_path / "vm", home, permissions.check, lacking, notebook="vm")
    assert (first.state, ssh.id, ssh.state) == ("pass", "permissions.ssh", "warn")
    assert "iap.tunnelInstances.accessViaIAP" in ssh.why
    assert "--permissions=iap.tunnelInstances.accessViaIAP ||" in ssh.command
    (alone,) = await looked(tmp_path / "none", home, permissions.check, lacking, notebook="container")
    assert alone.state == "pass"


async def test_it_can_be_looked_at_before_any_api_is_on(tmp_path: Path, home: Home) -> None:
    missing = ["container.clusters.create"]
    (found,) = await looked(tmp_path, home, permissions.check, {"missing_permissions": missing}, on=ON[:1])
    assert (found.state, missing[0] in found.why) == ("block", True)


async def test_a_name_that_google_does_not_know_spoils_nothing(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = permissions.needed(resolve({}, environment="demo"))
    monkeypatch.setattr(permissions, "needed", lambda _: (*known[:20], "was.renamed", *known[20:]))
    (found,) = await looked(tmp_path, home, permissions.check, {})
    assert (found.state, "was.renamed" in found.why) == ("warn", True)


# -- quotas


@pytest.mark.parametrize(
    ("limits", "given", "expected"),
    [
        ({}, {"profile": "standard"}, {"quotas": "pass"}),
        # one node of 4 and GKE's first pool of 2; 3 nodes, one more for an upgrade, and the first pool's 2
        ({"CPUS": {"limit": 5}}, {"profile": "small"}, {"quota.CPUS": "block"}),
        ({"CPUS": {"limit": 6}}, {"profile": "small"}, {"quota.CPUS": "warn"}),
        ({"CPUS": {"limit": 18}}, {"profile": "small"}, {"quotas": "pass"}),
        ({"CPUS": {"limit": 18, "usage": 13}}, {"profile": "small"}, {"quota.CPUS": "block"}),
        ({"CPUS_ALL_REGIONS": {"limit": 12}}, {"profile": "small"}, {"quota.CPUS_ALL_REGIONS": "warn"}),
        # a trial with a notebook, as a new project's quotas hold it
        ({"CPUS_ALL_REGIONS": {"limit": 8}, "SSD_TOTAL_GB": {"limit": 250}}, {"profile": "trial", "notebook": "vm"},
         {"quotas": "pass"}),
        ({"CPUS_ALL_REGIONS": {"limit": 7}}, {"profile": "trial", "notebook": "vm"}, {"quota.CPUS_ALL_REGIONS": "block"}),
        # the quota of a family of machines: a notebook's 8; two nodes' 32, then six nodes' and an upgrade's 112
        ({"N2_CPUS": {"limit": 7}}, {"profile": "standard", "notebook": "vm"}, {"quota.N2_CPUS": "block"}),
        ({"N2_CPUS": {"limit": 8}}, {"profile": "standard", "notebook": "vm"}, {"quotas": "pass"}),
        ({"N2D_CPUS": {"limit": 32}}, {"profile": "standard", "node_machine_type": "n2d-standard-16"},
         {"quota.N2D_CPUS": "warn"}),
        # 100 GB of a node and 20 of Kubeflow's volume; 250 of a notebook
        ({"SSD_TOTAL_GB": {"limit": 119}}, {"profile": "small"}, {"quota.SSD_TOTAL_GB": "block"}),
        ({"SSD_TOTAL_GB": {"limit": 369}}, {"profile": "small", "notebook": "vm"}, {"quota.SSD_TOTAL_GB": "block"}),
        ({"NETWORKS": {"limit": 1, "usage": 1}}, {}, {"quota.NETWORKS": "block"}),
        ({"ROUTERS": {"limit": 0}}, {"private_nodes": False}, {"quotas": "pass"}),
    ],
)  # fmt: skip
async def test_a_quota(
    tmp_path: Path, home: Home, limits: dict[str, Any], given: dict[str, Any], expected: dict[str, str]
) -> None:
    found = await looked(tmp_path, home, quotas.check, {"quotas": limits}, **given)
    assert {check.id: check.state for check in found} == expected
    for check in found:
        if check.state == "block":
            assert "quotas?project=" in check.url
            assert ("profile trial" in check.hint) is (given.get("profile") != "trial")
            assert "a free trial must be upgraded first" in check.hint


@pytest.mark.parametrize(
    ("kind", "vcpus"),
    [("e2-standard-4", 4), ("n2d-highmem-16", 16), ("e2-custom-6-8192", 6), ("a2-highgpu-1g", 1), ("e2-medium", 2)],
)
def test_the_size_that_a_machine_types_name_tells(kind: str, vcpus: float) -> None:
    assert quotas.by_name(kind) == vcpus


@pytest.mark.parametrize("check", [quotas.check, policies.check])
async def test_what_stands_has_passed_them(tmp_path: Path, home: Home, check: Checker) -> None:
    project = {"quotas": {"CPUS": {"limit": 1}}, "policies": {"constraints/iam.disableServiceAccountCreation": True}}
    assert await looked(tmp_path, home, check, project, made=True) == []


@pytest.mark.parametrize("check", [quotas.check])
async def test_while_compute_is_off_it_is_an_open_question(tmp_path: Path, home: Home, check: Checker) -> None:
    (found,) = await looked(tmp_path, home, check, {"quotas": {"CPUS": {"limit": 1}}}, on=())
    assert (found.state, "compute.googleapis.com is off" in found.why) == ("skip", True)
