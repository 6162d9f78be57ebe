"""Compute Engine: networks and what stands on them, operations in three scopes, lists, quotas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from simulated_project import NUMBER, PROJECT, Project

REGION = {"project": PROJECT, "region": "us-central1"}
PEERING = "servicenetworking-googleapis-com"


async def test_an_operation_goes_on_until_its_time_has_come(project: Project) -> None:
    operation = await project.good("compute.networks.insert", {"name": "net"}, project=PROJECT)
    assert (operation["status"], operation["operationType"]) == ("RUNNING", "insert")
    assert operation["targetLink"].endswith(f"/projects/{PROJECT}/global/networks/net")
    project.pass_time(10)
    half = await project.good("compute.globalOperations.get", project=PROJECT, operation=operation["name"])
    assert (half["status"], half["progress"]) == ("RUNNING", 50)
    project.pass_time(10)
    done = await project.good("compute.globalOperations.wait", project=PROJECT, operation=operation["name"])
    assert (done["status"], done["progress"]) == ("DONE", 100)
    assert "error" not in done


async def test_an_operation_that_is_to_fail_ends_in_an_error(make: Callable[..., Project]) -> None:
    fault = {"call": "compute.networks.insert", "operation": "FAILED", "message": "Out of luck."}
    project = make({"fault": [fault]})
    operation = await project.good("compute.networks.insert", {"name": "net"}, project=PROJECT)
    project.pass_time(30)
    done = await project.good("compute.globalOperations.get", project=PROJECT, operation=operation["name"])
    assert done["error"]["errors"][0]["message"] == "Out of luck."


async def test_operations_survive_a_restart(project: Project) -> None:
    operation = await project.good("compute.networks.insert", {"name": "net"}, project=PROJECT)
    project.restart()
    project.pass_time(30)
    done = await project.good("compute.globalOperations.get", project=PROJECT, operation=operation["name"])
    assert done["status"] == "DONE"


async def test_a_name_that_is_taken_is_a_conflict(project: Project) -> None:
    await project.good("compute.networks.insert", {"name": "net"}, project=PROJECT)
    answer = await project.call("compute.networks.insert", {"name": "net"}, project=PROJECT)
    assert (answer.status, answer.reason) == (409, "alreadyExists")
    assert answer.message == f"The resource 'projects/{PROJECT}/global/networks/net' already exists"


@pytest.mark.parametrize("name", ["Net", "1net", "n" * 64, "net-"])
async def test_names_are_held_to_their_pattern(project: Project, name: str) -> None:
    answer = await project.call("compute.networks.insert", {"name": name}, project=PROJECT)
    assert answer.status == 400
    assert answer.message.startswith("Invalid value for field 'resource.name'")


async def test_fields_that_only_terraform_knows_are_taken_and_not_kept(project: Project) -> None:
    routing = {"routingMode": "REGIONAL", "deleteBgpAlwaysCompareMed": False}
    await project.good("compute.networks.insert", {"name": "net", "routingConfig": routing}, project=PROJECT)
    project.pass_time(30)
    found = await project.good("compute.networks.get", project=PROJECT, network="net")
    assert "deleteBgpAlwaysCompareMed" not in found["routingConfig"]
    wrong = {"name": "two", "routingConfig": {"deleteEverything": False}}
    assert (await project.call("compute.networks.insert", wrong, project=PROJECT)).status == 400


async def test_ranges_of_a_network_do_not_overlap(project: Project) -> None:
    link = await project.network()
    other = {"name": "other", "network": link, "ipCidrRange": "10.5.0.0/20"}
    answer = await project.call("compute.subnetworks.insert", other, **REGION)
    assert (answer.status, "conflicts with existing subnetwork 'sub'" in answer.message) == (400, True)
    assert (await project.call("compute.subnetworks.insert", {**other, "ipCidrRange": "ten"}, **REGION)).status == 400
    assert (
        await project.call("compute.subnetworks.insert", {**other, "ipCidrRange": "10.20.0.0/20"}, **REGION)
    ).status == 200


@pytest.mark.parametrize(
    ("cidr", "status"), [("10.0.0.0/19", 200), ("10.0.0.0/21", 400), ("10.16.0.0/19", 400), ("10.0.0.0/13", 400), ("x", 400)]
)
async def test_a_subnetworks_range_only_grows_and_not_into_another(project: Project, cidr: str, status: int) -> None:
    await project.network()
    answer = await project.call("compute.subnetworks.expandIpCidrRange", {"ipCidrRange": cidr}, **REGION, subnetwork="sub")
    assert answer.status == status
    found = await project.good("compute.subnetworks.get", **REGION, subnetwork="sub")
    assert found["ipCidrRange"] == (cidr if status == 200 else "10.0.0.0/20")


async def test_what_is_in_use_is_not_deleted(project: Project) -> None:
    await project.network()
    answer = await project.call("compute.networks.delete", project=PROJECT, network="net")
    assert (answer.status, answer.reason) == (400, "resourceInUseByAnotherResource")
    assert answer.message == (
        f"The network resource 'projects/{PROJECT}/global/networks/net' is already being used by "
        f"'projects/{PROJECT}/regions/us-central1/subnetworks/sub'"
    )
    await project.good("compute.subnetworks.delete", **REGION, subnetwork="sub")
    await project.good("compute.globalAddresses.delete", project=PROJECT, address="range")
    project.pass_time(30)
    await project.good("compute.networks.delete", project=PROJECT, network="net")
    project.pass_time(30)
    assert (await project.call("compute.networks.get", project=PROJECT, network="net")).status == 404


async def test_a_peered_network_stays_until_its_peering_is_removed(project: Project) -> None:
    await project.peered()
    network = await project.good("compute.networks.get", project=PROJECT, network="net")
    assert [p["name"] for p in network["peerings"]] == [PEERING]
    await project.good("compute.subnetworks.delete", **REGION, subnetwork="sub")
    await project.good("compute.globalAddresses.delete", project=PROJECT, address="range")
    project.pass_time(30)
    assert (await project.call("compute.networks.delete", project=PROJECT, network="net")).status == 400
    await project.good("compute.networks.removePeering", {"name": PEERING}, project=PROJECT, network="net")
    project.pass_time(30)
    assert "peerings" not in await project.good("compute.networks.get", project=PROJECT, network="net")
    await project.good("compute.networks.delete", project=PROJECT, network="net")


async def test_a_router_fills_in_its_nats_settings(project: Project) -> None:
    link = await project.network()
    nat = {"name": "nat", "enableDynamicPortAllocation": True, "minPortsPerVm": 1024}
    await project.good("compute.routers.insert", {"name": "router", "network": link, "nats": [nat]}, **REGION)
    project.pass_time(30)
    router = await project.good("compute.routers.get", **REGION, router="router")
    assert router["nats"][0]["minPortsPerVm"] == 1024
    assert router["nats"][0]["natIpAllocateOption"] == "AUTO_ONLY"
    plain = {"nats": [{"name": "nat"}]}
    await project.good("compute.routers.patch", plain, **REGION, router="router")
    assert (await project.good("compute.routers.get", **REGION, router="router"))["nats"][0]["minPortsPerVm"] == 64


async def test_a_stale_fingerprint_refuses_a_change(project: Project) -> None:
    await project.network()
    old = (await project.good("compute.subnetworks.get", **REGION, subnetwork="sub"))["fingerprint"]
    change: dict[str, Any] = {"fingerprint": old, "description": "new"}
    await project.good("compute.subnetworks.patch", change, **REGION, subnetwork="sub")
    assert (await project.call("compute.subnetworks.patch", change, **REGION, subnetwork="sub")).status == 412


async def test_lists_are_filtered_in_one_scope_and_over_all(project: Project) -> None:
    await project.network()
    named = await project.good("compute.subnetworks.list", **REGION, filter='name = "sub"')
    assert [s["name"] for s in named["items"]] == ["sub"]
    everywhere = await project.good("compute.subnetworks.aggregatedList", project=PROJECT, filter="name eq sub")
    assert list(everywhere["items"]) == ["regions/us-central1"]


async def test_an_internal_address_takes_a_right_of_its_own(make: Callable[..., Project]) -> None:
    project = make({"project": {"missing_permissions": ["compute.globalAddresses.createInternal"]}})
    await project.good("compute.networks.insert", {"name": "net"}, project=PROJECT)
    body = {"name": "range", "addressType": "INTERNAL", "purpose": "VPC_PEERING", "prefixLength": 20,
            "network": f"projects/{PROJECT}/global/networks/net"}  # fmt: skip
    answer = await project.call("compute.globalAddresses.insert", body, project=PROJECT)
    assert (answer.status, "createInternal" in answer.message) == (403, True)


async def test_the_connection_fails_while_the_agent_lags(make: Callable[..., Project]) -> None:
    project = make(enabled=False)
    services = ["compute", "servicenetworking", "cloudresourcemanager"]
    body: dict[str, Any] = {"serviceIds": [f"{s}.googleapis.com" for s in services]}
    await project.good("serviceusage.services.batchEnable", body, parent=f"projects/{PROJECT}", quota=None)
    project.pass_time(121)
    await project.good("compute.networks.insert", {"name": "net"}, project=PROJECT)
    address = {"name": "range", "addressType": "INTERNAL", "purpose": "VPC_PEERING", "prefixLength": 20,
               "network": f"projects/{PROJECT}/global/networks/net"}  # fmt: skip
    await project.good("compute.globalAddresses.insert", address, project=PROJECT)
    wanted = {"network": f"projects/{NUMBER}/global/networks/net", "reservedPeeringRanges": ["range"]}
    parent = "services/servicenetworking.googleapis.com"
    early = await project.good("servicenetworking.services.connections.create", wanted, parent=parent)
    project.pass_time(100)
    failed = await project.good("servicenetworking.operations.get", name=early["name"])
    assert (failed["error"]["code"], "compute.globalAddresses.list" in failed["error"]["message"]) == (7, True)
    late = await project.good("servicenetworking.services.connections.create", wanted, parent=parent)
    project.pass_time(100)
    done = await project.good("servicenetworking.operations.get", name=late["name"])
    assert done["response"]["peering"] == PEERING


async def test_a_connection_is_not_deleted_for_days_after_cloud_sql(project: Project) -> None:
    await project.peered()
    settings = {"tier": "db-g1-small", "edition": "ENTERPRISE",
                "ipConfiguration":
                {"ipv4Enabled": False, "privateNetwork": f"projects/{PROJECT}/global/networks/net"}}  # fmt: skip
    await project.good("sql.instances.insert", {"name": "db", "settings": settings}, project=PROJECT)
    project.pass_time(560)
    await project.good("sql.instances.delete", project=PROJECT, instance="db")
    project.pass_time(130)

    async def deleted() -> Any:
        operation = await project.good(
            "servicenetworking.services.connections.deleteConnection",
            {"consumerNetwork": f"projects/{NUMBER}/global/networks/net"},
            name=f"services/servicenetworking.googleapis.com/connections/{PEERING}",
        )
        project.pass_time(60)
        return await project.good("servicenetworking.operations.get", name=operation["name"])

    assert "still using this connection" in (await deleted())["error"]["message"]
    project.pass_time(4 * 24 * 3600)
    assert "error" not in await deleted()


async def test_regions_zones_and_machines_are_what_there_is(project: Project) -> None:
    assert (await project.good("compute.regions.get", **REGION))["status"] == "UP"
    assert (await project.call("compute.regions.get", project=PROJECT, region="us-nowhere1")).status == 404
    assert (await project.call("compute.zones.get", project=PROJECT, zone="us-central1-d")).status == 404
    zones = await project.good("compute.zones.list", project=PROJECT, filter="name eq us-central1-.*")
    assert [z["name"][-1] for z in zones["items"]] == ["a", "b", "c", "f"]
    where = {"project": PROJECT, "zone": "us-central1-a"}
    size = await project.good("compute.machineTypes.get", **where, machineType="e2-standard-4")
    assert (size["guestCpus"], size["memoryMb"]) == (4, 16384)
    assert (await project.call("compute.machineTypes.get", **where, machineType="e2-standard-3")).status == 404


async def test_nothing_is_made_in_a_region_that_is_none(project: Project) -> None:
    await project.network()
    body = {"name": "r", "network": f"projects/{PROJECT}/global/networks/net"}
    answer = await project.call("compute.routers.insert", body, project=PROJECT, region="us-central9")
    assert (answer.status, "Unknown region" in answer.message) == (400, True)


async def test_quotas_are_what_the_scenario_says(make: Callable[..., Project]) -> None:
    quotas = {"CPUS_ALL_REGIONS": {"limit": 8, "usage": 3}, "SSD_TOTAL_GB": {"limit": 250}}
    project = make({"project": {"quotas": quotas}})
    everywhere = {q["metric"]: q for q in (await project.good("compute.projects.get", project=PROJECT))["quotas"]}
    assert everywhere["CPUS_ALL_REGIONS"] == {"metric": "CPUS_ALL_REGIONS", "limit": 8.0, "usage": 3.0}
    here = {q["metric"]: q for q in (await project.good("compute.regions.get", **REGION))["quotas"]}
    assert here["SSD_TOTAL_GB"]["limit"] == 250
    assert here["E2_CPUS"]["limit"] >= 72


async def test_what_stands_in_one_region_is_not_counted_in_one_whose_name_begins_alike(project: Project) -> None:
    pool = {"config": {"machineType": "e2-standard-4"}, "currentNodeCount": 2}
    cluster = {"location": "europe-west12-a", "nodePools": [pool]}
    project.world.store.put("container.clusters", "theirs", cluster)

    async def in_use(region: str) -> float:
        found = await project.good("compute.regions.get", project=PROJECT, region=region)
        return float(next(q["usage"] for q in found["quotas"] if q["metric"] == "CPUS"))

    assert (await in_use("europe-west12"), await in_use("europe-west1")) == (8, 0)


@pytest.mark.parametrize(
    ("metric", "insert", "get", "body"),
    [
        ("NETWORKS", "compute.networks.insert", {"network": "one-more"}, {}),
        ("ROUTERS", "compute.routers.insert", {"region": "us-central1", "router": "one-more"},
         {"network": "global/networks/net"}),
        ("FIREWALLS", "compute.firewalls.insert", {"firewall": "one-more"},
         {"network": "global/networks/net", "allowed": [{"IPProtocol": "tcp"}]}),
    ],
)  # fmt: skip
async def test_one_more_than_the_quota_holds_fails_in_the_operation_and_leaves_nothing(
    make: Callable[..., Project], metric: str, insert: str, get: dict[str, str], body: dict[str, Any]
) -> None:
    everywhere = (await make().good("compute.projects.get", project=PROJECT))["quotas"]
    used = next(q["usage"] for q in everywhere if q["metric"] == metric) + (metric == "NETWORKS")
    project = make({"project": {"quotas": {metric: {"limit": used}}}})
    await project.network()
    where = {k: v for k, v in get.items() if k == "region"}
    full = {k: f"projects/{PROJECT}/{v}" if k == "network" else v for k, v in body.items()}
    begun = await project.good(insert, {"name": "one-more", **full}, project=PROJECT, **where)
    project.pass_time(60)
    looked = "compute.regionOperations.get" if where else "compute.globalOperations.get"
    done = await project.good(looked, project=PROJECT, operation=begun["name"], **where)
    (error,) = done["error"]["errors"]
    assert (error["code"], done["httpErrorStatusCode"]) == ("QUOTA_EXCEEDED", 403)
    assert error["message"] == f"Quota '{metric}' exceeded.  Limit: {used:.1f} globally."
    assert (await project.call(insert.replace("insert", "get"), project=PROJECT, **get)).status == 404


async def test_strangers_things_are_there_from_the_first_day(make: Callable[..., Project]) -> None:
    resources = [
        {"type": "compute.networks", "name": "net", "owner": "someone-else"},
        {"type": "compute.firewalls", "name": "rule", "owner": "someone-else", "description": "not yours"},
    ]
    project = make({"project": {"resources": resources}})
    assert (await project.call("compute.networks.insert", {"name": "net"}, project=PROJECT)).status == 409
    assert (await project.good("compute.firewalls.get", project=PROJECT, firewall="rule"))["description"] == "not yours"


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ([f"under:projects/{PROJECT}"], 200),
        ([f"projects/{PROJECT}"], 200),
        (["under:projects/another"], 412),
        ({"values": {"deniedValues": [f"projects/{PROJECT}"]}}, 412),
        ({"values": {"deniedValues": [f"under:projects/{PROJECT}"]}}, 412),
        ({"values": {"deniedValues": ["projects/another"]}}, 200),
    ],
)
async def test_a_policy_says_who_may_have_a_nat(make: Callable[..., Project], rule: Any, status: int) -> None:
    project = make({"project": {"policies": {"constraints/compute.restrictCloudNATUsage": rule}}})
    await project.good("compute.networks.insert", {"name": "net", "autoCreateSubnetworks": False}, project=PROJECT)
    project.pass_time(60)
    router = {"name": "router", "network": f"projects/{PROJECT}/global/networks/net", "nats": [{"name": "nat"}]}
    assert (await project.call("compute.routers.insert", router, **REGION)).status == status
