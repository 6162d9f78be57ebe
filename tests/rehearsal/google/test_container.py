"""GKE: clusters and pools, one operation at a time, refused where an account, a range or a quota is short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from simulated_project import PROJECT, Project

ZONE = f"projects/{PROJECT}/locations/us-central1-a"
CLUSTER = f"{ZONE}/clusters/demo"
CLUSTERS = "container.projects.locations.clusters"
POOLS = f"{CLUSTERS}.nodePools"


def config(email: str, **more: Any) -> dict[str, Any]:
    return {"serviceAccount": email, "machineType": "e2-standard-4", "diskSizeGb": 50, **more}


async def ready(project: Project) -> str:
    """A network, and the address of the nodes' account."""
    await project.network()
    return project.account("nodes-one")


def body(email: str, **more: Any) -> dict[str, Any]:
    return {
        "cluster": {
            "name": "demo",
            "network": "net",
            "subnetwork": f"projects/{PROJECT}/regions/us-central1/subnetworks/sub",
            "ipAllocationPolicy": {"clusterSecondaryRangeName": "pods", "servicesSecondaryRangeName": "services"},
            "workloadIdentityConfig": {"workloadPool": f"{PROJECT}.svc.id.goog"},
            "nodePools": [{"name": "default-pool", "initialNodeCount": 1, "config": config(email)}],
            **more,
        }
    }


async def create(project: Project, email: str, **more: Any) -> Any:
    return await project.call(f"{CLUSTERS}.create", body(email, **more), parent=ZONE)


async def running(project: Project) -> str:
    email = await ready(project)
    assert (await create(project, email)).status == 200
    project.pass_time(430)
    return email


async def get(project: Project) -> Any:
    return await project.good(f"{CLUSTERS}.get", name=CLUSTER)


async def test_a_cluster_comes_up_with_what_was_asked_for(project: Project) -> None:
    email = await ready(project)
    operation = (await create(project, email)).json
    assert (operation["operationType"], operation["status"]) == ("CREATE_CLUSTER", "RUNNING")
    assert (await get(project))["status"] == "PROVISIONING"
    name = f"{ZONE}/operations/{operation['name']}"
    project.pass_time(200)
    half = await project.good("container.projects.locations.operations.get", name=name)
    assert half["progress"]["metrics"][0]["name"] == "CLUSTER_CONFIGURING"
    project.pass_time(230)
    assert (await project.good("container.projects.locations.operations.get", name=name))["status"] == "DONE"
    cluster = await get(project)
    assert (cluster["status"], cluster["nodePools"][0]["status"]) == ("RUNNING", "RUNNING")
    assert cluster["ipAllocationPolicy"]["clusterIpv4CidrBlock"] == "10.4.0.0/14"
    assert cluster["currentMasterVersion"] == "1.35.7-gke.1222000"
    assert project.world.store.get("workload-identity", PROJECT) is not None


async def test_the_dns_endpoint_is_the_simulated_cluster(project: Project) -> None:
    project.world.store.put("world", "endpoints", {"kubernetes": "127.0.0.1:4443"})
    email = await ready(project)
    await create(project, email, controlPlaneEndpointsConfig={"dnsEndpointConfig": {"allowExternalTraffic": True}})
    dns = (await get(project))["controlPlaneEndpointsConfig"]["dnsEndpointConfig"]
    assert dns == {"allowExternalTraffic": True, "endpoint": "127.0.0.1:4443"}


async def test_the_same_cluster_twice_is_a_conflict(project: Project) -> None:
    email = await ready(project)
    await create(project, email)
    answer = await create(project, email)
    assert (answer.status, answer.message) == (409, f"Already exists: projects/{PROJECT}/zones/us-central1-a/clusters/demo.")


async def test_pools_and_a_node_count_exclude_each_other(project: Project) -> None:
    email = await ready(project)
    assert (await create(project, email, initialNodeCount=1)).status == 400


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ipAllocationPolicy": {"clusterSecondaryRangeName": "none"}}, "secondary range"),
        ({"network": "nowhere"}, "does not exist"),
        ({"nodePools": [{"name": "p", "config": {"serviceAccount": "x@y"}}]}, 'Service account "x@y" does not exist.'),
        ({"initialClusterVersion": "1.12"}, "is unsupported"),
        ({"name": "Demo"}, "is invalid"),
    ],
)
async def test_what_can_not_be_is_refused(project: Project, change: Any, words: str) -> None:
    email = await ready(project)
    answer = await create(project, email, **change)
    assert (answer.status, words in answer.message) == (400, True)


@pytest.mark.parametrize("place", ["us-central1-e", "us-central9", "us-central9-a", "us-central1-ab"])
async def test_there_is_no_cluster_in_a_place_that_is_none(project: Project, place: str) -> None:
    body = {"cluster": {"name": "demo", "initialNodeCount": 1}}
    where = f"projects/{PROJECT}/locations/{place}"
    answer = await project.call("container.projects.locations.clusters.create", body, parent=where)
    assert (answer.status, answer.message) == (400, f'Location "{place}" does not exist.')
    assert (await project.call("container.projects.locations.getServerConfig", name=where)).status == 400


async def test_nodes_run_as_an_account_that_the_caller_may_act_as(make: Callable[..., Project]) -> None:
    project = make({"project": {"missing_permissions": ["iam.serviceAccounts.actAs"]}})
    answer = await create(project, await ready(project))
    assert (answer.status, "iam.serviceAccounts.actAs" in answer.message) == (403, True)


async def test_secure_boot_can_be_demanded(make: Callable[..., Project]) -> None:
    project = make({"project": {"policies": {"constraints/compute.requireShieldedVm": True}}})
    email = await ready(project)
    assert (await create(project, email)).status == 400
    pools = [{"name": "default-pool", "config": config(email, shieldedInstanceConfig={"enableSecureBoot": True})}]
    assert (await create(project, email, nodePools=pools)).status == 200


async def test_a_regions_quota_refuses_at_once_with_403(make: Callable[..., Project]) -> None:
    project = make({"project": {"quotas": {"SSD_TOTAL_GB": {"limit": 40}}}})
    answer = await create(project, await ready(project))
    assert answer.status == 403
    assert answer.message.startswith('Insufficient regional quota to satisfy request: resource "SSD_TOTAL_GB"')


@pytest.mark.parametrize(("private", "status"), [(True, 200), (False, 403)])
async def test_nodes_that_are_not_private_take_an_address_each(
    make: Callable[..., Project], private: bool, status: int
) -> None:
    project = make({"project": {"quotas": {"IN_USE_ADDRESSES": {"limit": 0}}}})
    networking = {"defaultEnablePrivateNodes": private}
    answer = await create(project, await ready(project), networkConfig=networking)
    assert answer.status == status
    assert private or "resource \"IN_USE_ADDRESSES\": request requires '1.0'" in answer.message


async def test_the_quota_of_all_regions_fails_later_in_the_operation(make: Callable[..., Project]) -> None:
    project = make({"project": {"quotas": {"CPUS_ALL_REGIONS": {"limit": 2}}}})
    operation = (await create(project, await ready(project))).json
    project.pass_time(430)
    done = await project.good("container.projects.locations.operations.get", name=f"{ZONE}/operations/{operation['name']}")
    assert "Quota 'CPUS_ALL_REGIONS' exceeded" in done["error"]["message"]
    assert (await get(project))["status"] == "ERROR"


async def test_usage_is_counted_from_the_nodes(project: Project) -> None:
    await running(project)
    region = await project.good("compute.regions.get", project=PROJECT, region="us-central1")
    used = {q["metric"]: q["usage"] for q in region["quotas"]}
    assert (used["CPUS"], used["E2_CPUS"], used["SSD_TOTAL_GB"]) == (4, 4, 50)


async def test_a_cluster_that_failed_can_be_deleted(make: Callable[..., Project]) -> None:
    project = make({"fault": [{"call": f"{CLUSTERS}.create", "operation": "FAILED", "reason": "GCE_STOCKOUT"}]})
    await create(project, await ready(project))
    project.pass_time(430)
    cluster = await get(project)
    assert (cluster["status"], cluster["conditions"][0]["code"]) == ("ERROR", "GCE_STOCKOUT")
    await project.good(f"{CLUSTERS}.delete", name=CLUSTER)
    project.pass_time(310)
    assert (await project.call(f"{CLUSTERS}.get", name=CLUSTER)).status == 404


async def test_one_operation_at_a_time(project: Project) -> None:
    email = await running(project)
    pool = {"nodePool": {"name": "pool", "initialNodeCount": 1, "config": config(email)}}
    operation = await project.good(f"{POOLS}.create", pool, parent=CLUSTER)
    answer = await project.call(f"{POOLS}.delete", name=f"{CLUSTER}/nodePools/default-pool")
    assert (answer.status, answer.reason) == (400, "failedPrecondition")
    assert answer.message == f"Cluster is running incompatible operation {operation['name']}."
    project.pass_time(160)
    await project.good(f"{POOLS}.delete", name=f"{CLUSTER}/nodePools/default-pool")
    project.pass_time(190)
    assert [p["name"] for p in (await project.good(f"{POOLS}.list", parent=CLUSTER))["nodePools"]] == ["pool"]


async def test_a_pools_size_shows_in_its_initial_count(project: Project) -> None:
    await running(project)
    name = f"{CLUSTER}/nodePools/default-pool"
    await project.good(f"{POOLS}.setSize", {"nodeCount": 3}, name=name)
    project.pass_time(100)
    assert (await project.good(f"{POOLS}.get", name=name))["initialNodeCount"] == 3
    scaling = {"enabled": True, "minNodeCount": 1, "maxNodeCount": 4}
    await project.good(f"{POOLS}.setAutoscaling", {"autoscaling": scaling}, name=name)
    project.pass_time(100)
    assert (await project.good(f"{POOLS}.get", name=name))["autoscaling"] == scaling


async def test_an_update_changes_what_it_names(project: Project) -> None:
    await running(project)
    change = {"desiredControlPlaneEndpointsConfig": {"dnsEndpointConfig": {"allowExternalTraffic": True}}}
    await project.good(f"{CLUSTERS}.update", {"update": change}, name=CLUSTER)
    assert (await get(project))["status"] == "RECONCILING"
    project.pass_time(60)
    cluster = await get(project)
    assert (cluster["status"], cluster["controlPlaneEndpointsConfig"]["dnsEndpointConfig"]["allowExternalTraffic"]) == (
        "RUNNING",
        True,
    )


async def test_private_nodes_are_the_same_in_the_old_field_and_in_the_new(project: Project) -> None:
    email = await ready(project)
    assert (await create(project, email, networkConfig={"defaultEnablePrivateNodes": True})).status == 200
    project.pass_time(430)
    cluster = await get(project)
    assert cluster["privateClusterConfig"]["enablePrivateNodes"] is True
    assert cluster["nodePools"][0]["networkConfig"]["enablePrivateNodes"] is True
    await project.good(f"{CLUSTERS}.update", {"update": {"desiredDefaultEnablePrivateNodes": False}}, name=CLUSTER)
    project.pass_time(60)
    cluster = await get(project)
    assert cluster["privateClusterConfig"]["enablePrivateNodes"] is False
    assert cluster["networkConfig"]["defaultEnablePrivateNodes"] is False


CHANGED = [
    # one node of 4 vCPUs becomes one of 8: with a surge both stand for a while, without one only what it grows by is needed
    ("CPUS", 11, 1, "resource \"CPUS\": request requires '8.0' and is short '1.0'"),
    ("CPUS", 12, 1, ""),
    ("CPUS", 7, 0, "resource \"CPUS\": request requires '4.0' and is short '1.0'"),
    ("CPUS", 8, 0, ""),
]


@pytest.mark.parametrize(("metric", "limit", "surge", "refused"), CHANGED)
async def test_nodes_are_exchanged_only_where_a_quota_holds_new_ones_beside_old_ones(
    make: Callable[..., Project], metric: str, limit: int, surge: int, refused: str
) -> None:
    project = make({"project": {"quotas": {metric: {"limit": limit}}}})
    email = await running(project)
    name = f"{CLUSTER}/nodePools/default-pool"
    settings = {"upgradeSettings": {"maxSurge": surge, "maxUnavailable": int(not surge)}}
    await project.good(f"{POOLS}.update", settings, name=name)
    project.pass_time(300)
    answer = await project.call(f"{POOLS}.update", {"machineType": "e2-standard-8"}, name=name)
    assert (answer.status, refused in answer.message if refused else True) == (403 if refused else 200, True)
    project.pass_time(300)
    kind = (await project.good(f"{POOLS}.get", name=name))["config"]["machineType"]
    assert kind == (config(email)["machineType"] if refused else "e2-standard-8")


async def test_nodes_that_the_project_has_no_quota_for_fail_later_and_leave_the_old_ones(
    make: Callable[..., Project],
) -> None:
    project = make({"project": {"quotas": {"CPUS_ALL_REGIONS": {"limit": 11}}}})
    email = await running(project)
    name = f"{CLUSTER}/nodePools/default-pool"
    operation = await project.good(f"{POOLS}.update", {"machineType": "e2-standard-8"}, name=name)
    project.pass_time(600)
    done = await project.good("container.projects.locations.operations.get", name=f"{ZONE}/operations/{operation['name']}")
    assert "Quota 'CPUS_ALL_REGIONS' exceeded" in done["error"]["message"]
    pool = await project.good(f"{POOLS}.get", name=name)
    assert (pool["status"], pool["config"]["machineType"]) == ("RUNNING", config(email)["machineType"])


async def test_the_clusters_update_sets_a_pools_limits(project: Project) -> None:
    await running(project)
    scaling = {"enabled": True, "minNodeCount": 1, "maxNodeCount": 5}
    change = {"desiredNodePoolAutoscaling": scaling, "desiredNodePoolId": "default-pool"}
    await project.good(f"{CLUSTERS}.update", {"update": change}, name=CLUSTER)
    project.pass_time(60)
    cluster = await get(project)
    assert cluster["nodePools"][0]["autoscaling"] == scaling
    assert not {k for k in cluster if k.startswith("nodePoolA")}
    refused = await project.call(f"{CLUSTERS}.update", {"update": {**change, "desiredNodePoolId": "other"}}, name=CLUSTER)
    assert (refused.status, refused.message) == (404, f"Not found: {CLUSTER}/nodePools/other.")


async def test_a_surge_that_is_not_spoken_of_is_none_beside_what_is(project: Project) -> None:
    email = await ready(project)
    pools = [
        {"name": "one", "initialNodeCount": 1, "config": config(email), "upgradeSettings": {"maxUnavailable": 1}},
        {"name": "two", "initialNodeCount": 1, "config": config(email)},
    ]
    assert (await create(project, email, nodePools=pools)).status == 200
    one, two = (await get(project))["nodePools"]
    assert (one["upgradeSettings"].get("maxSurge", 0), two["upgradeSettings"]["maxSurge"]) == (0, 1)


async def test_the_machines_of_a_pool_are_a_group_of_its_size(project: Project) -> None:
    await running(project)
    link = (await get(project))["instanceGroupUrls"][0]
    listed = await project.good("compute.instanceGroupManagers.list", project=PROJECT, zone="us-central1-a")
    assert [(g["selfLink"], g["targetSize"]) for g in listed["items"]] == [(link, 1)]
    assert "items" not in await project.good("compute.instanceGroupManagers.list", project=PROJECT, zone="us-central1-b")
    everywhere = await project.good("compute.instanceGroupManagers.aggregatedList", project=PROJECT)
    assert list(everywhere["items"]) == ["zones/us-central1-a"]


async def test_labels_are_replaced_with_the_last_fingerprint_only(project: Project) -> None:
    await running(project)
    old = (await get(project))["labelFingerprint"]
    change = {"resourceLabels": {"mlops-env-id": "abcdef"}, "labelFingerprint": old}
    await project.good(f"{CLUSTERS}.setResourceLabels", change, name=CLUSTER)
    project.pass_time(60)
    assert (await get(project))["resourceLabels"] == {"mlops-env-id": "abcdef"}
    assert (await project.call(f"{CLUSTERS}.setResourceLabels", change, name=CLUSTER)).status == 412


async def test_disks_of_volumes_outlive_the_cluster(project: Project) -> None:
    await running(project)
    name = f"{PROJECT}/zones/us-central1-a/disks/pvc-1"
    disk = {"name": "pvc-1", "sizeGb": "20", "labels": {"mlops-env-id": "abcdef"}, "id": "7"}
    link = f"https://www.googleapis.com/compute/v1/projects/{name}"
    project.world.store.put("compute.disks", name, {**disk, "selfLink": link})
    await project.good(f"{CLUSTERS}.delete", name=CLUSTER)
    project.pass_time(310)
    where = {"project": PROJECT, "zone": "us-central1-a"}
    found = await project.good("compute.disks.list", **where, filter="labels.mlops-env-id=abcdef")
    assert [d["name"] for d in found["items"]] == ["pvc-1"]
    await project.good("compute.disks.delete", **where, disk="pvc-1")
    project.pass_time(30)
    assert "items" not in await project.good("compute.disks.list", **where)


async def test_a_subnetwork_of_a_cluster_is_in_use(project: Project) -> None:
    await running(project)
    answer = await project.call("compute.subnetworks.delete", project=PROJECT, region="us-central1", subnetwork="sub")
    assert answer.reason == "resourceInUseByAnotherResource"


async def test_versions_are_offered_by_channel(project: Project) -> None:
    config = await project.good("container.projects.locations.getServerConfig", name=ZONE)
    assert {c["channel"]: c["defaultVersion"] for c in config["channels"]}["REGULAR"] == "1.35.7-gke.1222000"


async def test_gke_refuses_while_its_agent_lags(make: Callable[..., Project]) -> None:
    project = make(enabled=False)
    email = ""
    for services in (("compute", "cloudresourcemanager", "iam"), ("container",)):
        enable = {"serviceIds": [f"{s}.googleapis.com" for s in services]}
        await project.good("serviceusage.services.batchEnable", enable, parent=f"projects/{PROJECT}", quota=None)
        project.pass_time(121)
        email = email or await ready(project)
    early = await create(project, email)
    assert early.status == 400
    assert early.message.startswith("Google Compute Engine: Required 'compute.networks.get' permission")
    project.pass_time(200)
    assert (await create(project, email)).status == 200
