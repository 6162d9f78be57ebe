"""The step ``platform``: what it makes, what it finds, and what it does about what broke off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from platform_cloud import MADE, ZONE, PlatformCloud, platform_cloud

from core.environment import Home
from core.errors import MlopsError, PermanentError
from core.install.addresses import CLUSTER, SQL
from core.install.platform import FACTS, step
from core.install.platform_facts import WORKLOADS
from core.install.terraform_preview import preview
from core.resources import folder
from core.terraform import Diagnostic, Plan, Terraform, error_of


@pytest.fixture
async def cloud(tmp_path: Path, home: Home) -> AsyncIterator[PlatformCloud]:
    async with platform_cloud(tmp_path, home) as found:
        yield found


async def test_it_makes_everything_and_says_so(cloud: PlatformCloud) -> None:
    assert await cloud.platform()
    names, facts = cloud.installation.names, cloud.told.facts
    assert set(FACTS) <= set(facts)
    assert facts["cluster"] == f"projects/{names.project}/locations/{ZONE}/clusters/{names.cluster}"
    assert facts["sql_instance"] == names.sql_connection_name
    assert facts["registry"] == f"us-central1-docker.pkg.dev/{names.project}/{names.registry}"
    assert facts["pipelines_account"] == names.account_email(names.pipelines_account_id)
    assert set(cloud.made) == set(MADE)
    cluster = await cloud.call("container", "v1", "projects.locations.clusters.get", name=facts["cluster"])
    assert [p["name"] for p in cluster["nodePools"]] == [names.node_pool]


async def test_a_fact_is_told_when_its_resource_is_there_and_not_at_the_end(tmp_path: Path, home: Home) -> None:
    slow = {"speed": 2000, "delays": {"iam": 0, "services": 0}, "durations": {"sql.instances.insert": 4000}}
    async with platform_cloud(tmp_path, home, slow) as cloud:
        await cloud.platform()
        order = list(cloud.told.facts)
        assert order.index("artifact_bucket") < order.index("cluster") < order.index("sql_instance")
        assert order.index("node_pool") < order.index("sql_instance")
        assert order[-1] == "platform"


async def test_a_second_time_there_is_nothing_to_do(cloud: PlatformCloud) -> None:
    await cloud.platform()
    made, operations = cloud.made, len(cloud.simulated.world.store.items("operations"))
    cloud.next_run()
    assert not await cloud.platform()
    assert set(FACTS) <= set(cloud.told.facts)
    assert cloud.made == made
    assert len(cloud.simulated.world.store.items("operations")) == operations


def before_terraform(cloud: PlatformCloud, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The facts that are known when Terraform begins to look, in the runs from now on."""
    known: dict[str, Any] = {}

    async def plan(terraform: Terraform, *arguments: Any, **options: Any) -> Plan:
        for _ in range(200):
            await asyncio.sleep(0.01)
        known.update(cloud.told.facts)
        return await looked(terraform, *arguments, **options)

    looked = Terraform.plan
    monkeypatch.setattr(Terraform, "plan", plan)
    return known


async def test_what_stands_is_told_before_terraform_has_looked(
    cloud: PlatformCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cloud.platform()
    cloud.next_run()
    known = before_terraform(cloud, monkeypatch)
    assert not await cloud.platform()
    assert set(FACTS) - set(known) == {"platform", "build_roles"}


async def test_what_is_not_as_it_should_be_is_told_by_terraform_alone(
    cloud: PlatformCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cloud.platform()
    names = cloud.installation.names
    pool = f"{cloud.told.facts['cluster']}/nodePools/{names.node_pool}"
    await cloud.operate("container", "v1", "projects.locations.clusters.nodePools.delete", name=pool)
    account = f"projects/{names.project}/serviceAccounts/{names.account_email(names.pipelines_account_id)}"
    await cloud.call("iam", "v1", "projects.serviceAccounts.setIamPolicy", resource=account, body={"policy": {}})
    cloud.next_run()
    known = before_terraform(cloud, monkeypatch)
    assert await cloud.platform()
    assert "cluster" in known
    assert not {"node_pool", "workload_identity"} & set(known)
    assert set(FACTS) <= set(cloud.told.facts)


def test_the_workloads_are_those_that_the_module_binds() -> None:
    module = (folder("terraform") / "modules" / "workload_identity" / "main.tf").read_text()
    listed = module.partition("kubernetes_accounts = [")[2].partition("]")[0]
    assert tuple(json.loads(f"[{listed.strip().rstrip(',')}]")) == WORKLOADS


async def test_the_work_directory_is_one_for_a_person_too(cloud: PlatformCloud) -> None:
    await cloud.platform()
    folder = cloud.installation.environment.terraform_folder("platform")
    variables = json.loads((folder / "terraform.tfvars.json").read_text())
    assert variables["environment_id"] == cloud.installation.environment.id
    assert (folder / "main.tf").is_file()
    assert not (folder / "imports.tf.json").exists()
    assert not list(folder.glob("*.tfplan"))


# -- what is there already


async def test_everything_that_the_state_lost_is_taken_up_again(cloud: PlatformCloud) -> None:
    await cloud.platform()
    made = cloud.made
    cloud.lose_state()
    cloud.next_run()
    await cloud.platform()
    assert cloud.made == made
    assert not await cloud.platform()


CALLS = (
    "compute.networks.insert", "compute.subnetworks.insert", "compute.routers.insert", "compute.routers.patch",
    "compute.firewalls.insert", "compute.globalAddresses.insert", "compute.globalAddresses.setLabels",
    "compute.globalOperations.get", "servicenetworking.services.connections.create", "servicenetworking.operations.get",
    "container.projects.locations.clusters.create", "container.projects.locations.clusters.get",
    "container.projects.locations.operations.get", "container.projects.locations.clusters.nodePools.create",
    "container.projects.locations.clusters.nodePools.delete", "sql.instances.insert", "sql.instances.get",
    "sql.operations.get", "sql.users.delete", "iam.projects.serviceAccounts.create",
    "iam.projects.serviceAccounts.setIamPolicy", "cloudresourcemanager.projects.setIamPolicy", "storage.buckets.insert",
    "storage.buckets.setIamPolicy", "artifactregistry.projects.locations.repositories.create",
    "artifactregistry.projects.locations.repositories.setIamPolicy", "artifactregistry.projects.locations.operations.get",
)  # fmt: skip
FAULTS = {"too often": {"status": 429, "reason": "rateLimitExceeded"}, "reset": {"error": "reset"}}


async def test_every_call_fails_and_everything_is_made_once(tmp_path: Path, home: Home) -> None:
    """Each call twice: before its effect, and once more after it. Whole installations meet the other pairs."""
    struck = (("too often", "before"), ("reset", "after"))
    faults = [{"call": call, "when": when, **FAULTS[fault]} for call in CALLS for fault, when in struck]
    async with platform_cloud(tmp_path, home, {"fault": faults}) as cloud:
        await cloud.platform()
        assert {kind: len(found) for kind, found in cloud.made.items()} == {
            **dict.fromkeys(MADE, 1),
            "compute.firewalls": 2,
            "iam.serviceAccounts": 3,
            "storage.buckets": 2,
        }
        cloud.next_run()
        assert not await cloud.platform()


@pytest.mark.parametrize(("lagging", "code"), [([], "terraform-service-agent"), (["x.googleapis.com"], "service-agent")])
async def test_an_agents_role_is_waited_for_before_the_next_try(
    cloud: PlatformCloud, monkeypatch: pytest.MonkeyPatch, lagging: list[str], code: str
) -> None:
    async def apply(*_: Any, **__: Any) -> None:
        raise error_of([Diagnostic("error", "Error code 7, message: Required 'compute.globalAddresses.list' permission")])

    cloud.told.facts["service_agents"] = lagging
    monkeypatch.setattr(Terraform, "apply", apply)
    with pytest.raises(MlopsError) as caught:
        await step(cloud.installation).run(cloud.told)
    assert (caught.value.code, caught.value.temporary) == (code, not lagging)


async def test_a_strangers_is_named_and_left_alone(tmp_path: Path, home: Home) -> None:
    async with platform_cloud(tmp_path, home) as cloud:
        names = cloud.installation.names
        body = {"name": names.network, "autoCreateSubnetworks": False, "description": "ours, not yours"}
        await cloud.operate("compute", "v1", "networks.insert", project=names.project, body=body)
        with pytest.raises(PermanentError) as caught:
            await cloud.platform()
        assert caught.value.code == "name-taken"
        assert names.network in caught.value.message
        assert set(cloud.made) == {"compute.networks"}
        await cloud.destroy()
        assert set(cloud.made) == {"compute.networks"}


# -- what broke off


async def test_a_cluster_that_came_up_after_all_is_kept(cloud: PlatformCloud) -> None:
    await cloud.platform()
    before = cloud.made["container.clusters"]
    identity = await _cluster(cloud)
    _taint(cloud, CLUSTER)
    cloud.next_run()
    await cloud.platform()
    assert cloud.made["container.clusters"] == before
    assert (await _cluster(cloud))["id"] == identity["id"]


async def test_the_pool_that_an_interrupted_creation_left_is_deleted(cloud: PlatformCloud) -> None:
    await cloud.platform()
    parent = cloud.told.facts["cluster"]
    body = {"nodePool": {"name": "default-pool", "initialNodeCount": 1}}
    await cloud.operate("container", "v1", "projects.locations.clusters.nodePools.create", parent=parent, body=body)
    assert await cloud.platform()
    assert [p["name"] for p in (await _cluster(cloud))["nodePools"]] == [cloud.installation.names.node_pool]


async def test_a_database_that_failed_gives_its_name_up(tmp_path: Path, home: Home) -> None:
    fault = {"call": "sql.instances.insert", "operation": "FAILED", "times": 1}
    async with platform_cloud(tmp_path, home, {"fault": [fault]}) as cloud:
        first = cloud.installation.names.sql_instance
        with pytest.raises(PermanentError) as caught:
            await cloud.platform()
        second = cloud.installation.names.sql_instance
        assert caught.value.code == "sql-name-used-up"
        assert second in caught.value.hint
        assert (first, second.removeprefix(first)) == (first, "-2")
        assert "sql.instances" not in cloud.made
        cloud.next_run()
        await cloud.platform()
        assert cloud.told.facts["sql_instance"].endswith(second)


async def test_what_was_deleted_or_changed_by_hand_comes_back_and_nothing_else(cloud: PlatformCloud) -> None:
    await cloud.platform()
    names = cloud.installation.names
    await cloud.operate("compute", "v1", "firewalls.delete", project=names.project, firewall=names.firewall_iap)
    await cloud.call("storage", "v1", "buckets.patch", bucket=names.build_bucket, body={"labels": {"mlops-env": "x"}})
    cloud.next_run()
    assert await cloud.platform()
    done = {id for _, id, _, state in cloud.told.resources if state == "done"}
    assert done == {"module.network[0].google_compute_firewall.iap", "module.storage.google_storage_bucket.build"}


async def test_a_change_that_would_lose_data_is_refused(cloud: PlatformCloud) -> None:
    await cloud.platform()
    environment = cloud.installation.environment
    given = {**environment.given, "subnet_cidr": "10.100.0.0/20"}
    cloud.installation.environment = replace(environment, given=given)
    cloud.next_run()
    with pytest.raises(PermanentError) as caught:
        await cloud.platform()
    assert caught.value.code == "data-loss"


# -- protection


async def test_protection_is_switched_on_last_and_stays(cloud: PlatformCloud) -> None:
    await cloud.platform()
    assert await cloud.protect()
    names = cloud.installation.names
    instance = await cloud.call("sqladmin", "v1", "instances.get", project=names.project, instance=names.sql_instance)
    assert instance["settings"]["deletionProtectionEnabled"] is True
    cloud.next_run()
    assert not await cloud.platform()
    assert not await cloud.protect()
    assert cloud.told.facts["protected"] is True


# -- the plan that is shown


async def test_a_preview_makes_nothing(cloud: PlatformCloud) -> None:
    shown = await preview(cloud.installation, cloud.told, zone=ZONE)
    assert shown["add"] == len([r for r in shown["resources"] if r["step"] == "platform"]) == 39
    assert [r["address"] for r in shown["resources"] if r["step"] == "protect"] == [CLUSTER, SQL]
    assert not cloud.made
    assert not cloud.installation.environment.terraform_folder("platform").exists()


# -- taking it down


async def test_nothing_is_left_of_it(cloud: PlatformCloud) -> None:
    policy = await _policy(cloud)
    await cloud.platform()
    await cloud.protect()
    await cloud.destroy()
    assert not cloud.made
    assert _bindings(await _policy(cloud)) == _bindings(policy)


async def test_the_artifacts_stay_where_they_are_asked_to(cloud: PlatformCloud) -> None:
    await cloud.platform()
    await cloud.destroy(keep_bucket=True)
    assert cloud.made == {"storage.buckets": {cloud.installation.names.artifact_bucket}}
    cloud.next_run()
    await cloud.platform()
    assert "artifact_bucket" in cloud.told.facts


async def test_another_installation_takes_another_database_name(cloud: PlatformCloud) -> None:
    await cloud.platform()
    first = cloud.installation.names.sql_instance
    await cloud.destroy()
    assert cloud.installation.names.sql_instance != first
    cloud.next_run()
    await cloud.platform()
    assert not first.endswith(cloud.told.facts["sql_instance"].rpartition(":")[2])


async def test_what_the_state_lost_goes_too(cloud: PlatformCloud) -> None:
    await cloud.platform()
    await cloud.protect()
    cloud.lose_state()
    await cloud.destroy()
    assert not cloud.made


async def test_a_destruction_that_broke_off_goes_on(tmp_path: Path, home: Home) -> None:
    fault = {"call": "compute.networks.delete", "status": 403, "when": "before", "reason": "forbidden"}
    async with platform_cloud(tmp_path, home, {"fault": [fault]}) as cloud:
        await cloud.platform()
        with pytest.raises(PermanentError):
            await cloud.destroy()
        assert set(cloud.made) == {"compute.networks"}
        await cloud.destroy()
        assert not cloud.made


async def test_a_peering_whose_removal_lost_its_answer_is_gone_all_the_same(tmp_path: Path, home: Home) -> None:
    fault = {"call": "compute.networks.removePeering", "when": "after", **FAULTS["reset"]}
    async with platform_cloud(tmp_path, home, {"fault": [fault]}) as cloud:
        await cloud.platform()
        await cloud.destroy()
        assert not cloud.made


async def test_a_peering_that_may_not_be_removed_is_told(tmp_path: Path, home: Home) -> None:
    fault = {"call": "compute.networks.removePeering", "status": 400, "reason": "invalid", "message": "No.", "times": 0}
    async with platform_cloud(tmp_path, home, {"fault": [fault]}) as cloud:
        await cloud.platform()
        with pytest.raises(PermanentError) as caught:
            await cloud.destroy()
        assert caught.value.cause == "No."


@pytest.mark.parametrize("known", [True, False])
async def test_a_database_that_failed_while_it_was_protected_goes_too(cloud: PlatformCloud, known: bool) -> None:
    await cloud.platform()
    await cloud.protect()
    first = cloud.installation.names.sql_instance
    ((name, instance),) = cloud.simulated.world.store.items("sql.instances")
    cloud.simulated.world.store.put("sql.instances", name, {**instance, "state": "FAILED"})
    if not known:
        cloud.lose_state()
    await cloud.destroy()
    assert not cloud.made
    assert cloud.installation.names.sql_instance == f"{first}-2"


async def test_a_cluster_that_failed_while_it_was_protected_is_not_made_anew_to_go(cloud: PlatformCloud) -> None:
    await cloud.platform()
    await cloud.protect()
    ((name, cluster),) = cloud.simulated.world.store.items("container.clusters")
    cloud.simulated.world.store.put("container.clusters", name, {**cluster, "status": "ERROR"})
    cloud.told.resources.clear()
    await cloud.destroy()
    assert not cloud.made
    assert CLUSTER not in {id for _, id, action, _ in cloud.told.resources if action == "create"}


async def test_a_half_made_platform_goes(tmp_path: Path, home: Home) -> None:
    fault = {"call": "container.projects.locations.clusters.create", "status": 403, "reason": "forbidden", "times": 0}
    async with platform_cloud(tmp_path, home, {"fault": [fault]}) as cloud:
        with pytest.raises(PermanentError):
            await cloud.platform()
        await cloud.destroy()
        assert not cloud.made


async def test_nothing_at_all_is_no_trouble(cloud: PlatformCloud) -> None:
    await cloud.destroy()
    assert not cloud.told.has_changed


async def _cluster(cloud: PlatformCloud) -> dict[str, Any]:
    return await cloud.call("container", "v1", "projects.locations.clusters.get", name=cloud.told.facts["cluster"])


async def _policy(cloud: PlatformCloud) -> dict[str, Any]:
    return await cloud.call(
        "cloudresourcemanager", "v1", "projects.getIamPolicy", resource=cloud.installation.names.project, body={}
    )


def _bindings(policy: dict[str, Any]) -> dict[str, list[str]]:
    return {b["role"]: sorted(b["members"]) for b in policy.get("bindings", ()) if b["members"]}


def _taint(cloud: PlatformCloud, address: str) -> None:
    """Marks a resource in the state as Terraform does when its creation failed."""
    path = cloud.installation.environment.terraform_folder("platform") / "terraform.tfstate"
    state = json.loads(path.read_text())
    for resource in state["resources"]:
        if f"{resource['module']}.{resource['type']}.{resource['name']}" == address:
            resource["instances"][0]["status"] = "tainted"
    state["serial"] += 1
    path.write_text(json.dumps(state))
