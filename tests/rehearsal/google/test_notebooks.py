"""Workbench's instances: VMs that are made, stopped, started and deleted, and are well only with what they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from simulated_project import PROJECT, Project

ZONE = f"projects/{PROJECT}/locations/us-central1-a"
INSTANCES = "notebooks.projects.locations.instances"
NAME = f"{ZONE}/instances/demo-notebook"


async def _setup(project: Project, **more: Any) -> dict[str, Any]:
    await project.network()
    return {
        "machineType": "e2-standard-4",
        "disablePublicIp": True,
        "serviceAccounts": [{"email": project.account("notebook")}],
        "networkInterfaces": [
            {
                "network": f"projects/{PROJECT}/global/networks/net",
                "subnet": f"projects/{PROJECT}/regions/us-central1/subnetworks/sub",
            }
        ],
        "vmImage": {"project": "cloud-notebooks-managed", "family": "workbench-instances-2603"},
        "metadata": {"idle-timeout-seconds": "600"},
        **more,
    }


async def _made(project: Project, setup: dict[str, Any]) -> Any:
    begun = await project.good(f"{INSTANCES}.create", {"gceSetup": setup}, parent=ZONE, instanceId="demo-notebook")
    assert not begun.get("done")
    return await project.good(f"{INSTANCES}.get", name=NAME)


async def _vm(project: Project) -> Any:
    return await project.call("compute.instances.get", project=PROJECT, zone="us-central1-a", instance="demo-notebook")


@pytest.mark.parametrize(("said", "status"), [(None, 200), ("TRUE", 200), ("FALSE", 400)])
async def test_os_login_is_on_where_nobody_says_otherwise(
    make: Callable[..., Project], said: str | None, status: int
) -> None:
    project = make({"project": {"policies": {"constraints/compute.requireOsLogin": True}}})
    setup = await _setup(project, metadata={"enable-oslogin": said} if said else {})
    answer = await project.call(f"{INSTANCES}.create", {"gceSetup": setup}, parent=ZONE, instanceId="demo-notebook")
    assert answer.status == status


@pytest.mark.parametrize(
    ("metric", "limit", "where"),
    [
        ("CPUS", 3, "in region us-central1"),
        ("CPUS_ALL_REGIONS", 3, "globally"),
        ("SSD_TOTAL_GB", 249, "in region us-central1"),
    ],
)  # fmt: skip
async def test_a_quota_that_is_short_fails_in_the_operation_and_leaves_nothing(
    make: Callable[..., Project], metric: str, limit: int, where: str
) -> None:
    project = make({"project": {"quotas": {metric: {"limit": limit}}}})
    setup = await _setup(project)
    begun = await project.good(f"{INSTANCES}.create", {"gceSetup": setup}, parent=ZONE, instanceId="demo-notebook")
    project.pass_time(300)
    done = await project.good("notebooks.projects.locations.operations.get", name=begun["name"])
    assert done["error"]["message"] == f"Quota '{metric}' exceeded.  Limit: {limit}.0 {where}."
    assert (await project.call(f"{INSTANCES}.get", name=NAME)).status == 404


async def test_what_an_instance_takes_is_in_use_its_disks_also_while_it_is_stopped(project: Project) -> None:
    async def used() -> tuple[float, float]:
        found = await project.good("compute.regions.get", project=PROJECT, region="us-central1")
        usage = {q["metric"]: q["usage"] for q in found["quotas"]}
        return usage["CPUS"], usage["SSD_TOTAL_GB"]

    await _made(project, await _setup(project))
    project.pass_time(300)
    assert await used() == (4, 250)
    await project.good(f"{INSTANCES}.stop", {}, name=NAME)
    project.pass_time(100)
    assert await used() == (0, 250)


async def test_an_instance_is_a_vm_that_stops_and_starts(project: Project) -> None:
    assert (await _made(project, await _setup(project)))["state"] == "PROVISIONING"
    assert (await _vm(project)).status == 404
    project.pass_time(300)
    made = await project.good(f"{INSTANCES}.get", name=NAME)
    assert (made["state"], made["healthState"]) == ("ACTIVE", "HEALTHY")
    assert made["proxyUri"].endswith("-dot-us-central1.notebooks.googleusercontent.com")
    added = made["gceSetup"]["metadata"]
    assert added["version-description"], "the service adds what nobody asked for"
    assert added["enable-oslogin"] == "TRUE", "OS Login is on by default"
    assert (await _vm(project)).json["status"] == "RUNNING"
    for verb, state, status in (("stop", "STOPPED", "TERMINATED"), ("start", "ACTIVE", "RUNNING")):
        await project.good(f"{INSTANCES}.{verb}", {}, name=NAME)
        assert (await project.call(f"{INSTANCES}.{verb}", {}, name=NAME)).status == 409, "it is on its way"
        project.pass_time(100)
        await project.good(f"{INSTANCES}.{verb}", {}, name=NAME)
        project.pass_time(100)
        assert (await project.good(f"{INSTANCES}.get", name=NAME))["state"] == state
        assert (await _vm(project)).json["status"] == status
    await project.good(f"{INSTANCES}.delete", name=NAME)
    project.pass_time(100)
    assert (await project.call(f"{INSTANCES}.get", name=NAME)).status == 404
    assert (await _vm(project)).status == 404


async def test_what_it_lacks_when_it_boots_shows_as_bad_health(project: Project) -> None:
    await _made(project, await _setup(project, metadata={"post-startup-script": "gs://no-bucket/script.sh"}))
    project.pass_time(300)
    made = await project.good(f"{INSTANCES}.get", name=NAME)
    assert (made["state"], made["healthState"]) == ("ACTIVE", "UNHEALTHY")
    assert "gs://no-bucket/script.sh" in str(made["healthInfo"])


async def test_its_machine_is_changed_only_while_it_is_stopped(project: Project) -> None:
    await _made(project, await _setup(project))
    project.pass_time(300)
    change = {"gceSetup": {"machineType": "n2-standard-8"}}
    refused = await project.call(f"{INSTANCES}.patch", change, name=NAME, updateMask="gce_setup.machine_type")
    assert refused.status == 400
    await project.good(f"{INSTANCES}.stop", {}, name=NAME)
    project.pass_time(100)
    await project.good(f"{INSTANCES}.patch", change, name=NAME, updateMask="gce_setup.machine_type")
    found = await project.good(f"{INSTANCES}.get", name=NAME)
    assert found["gceSetup"]["machineType"] == "n2-standard-8"


async def test_its_machine_is_one_that_the_zone_offers(project: Project) -> None:
    await _made(project, await _setup(project))
    project.pass_time(300)
    await project.good(f"{INSTANCES}.stop", {}, name=NAME)
    project.pass_time(100)
    change = {"gceSetup": {"machineType": "no-machine"}}
    refused = await project.call(f"{INSTANCES}.patch", change, name=NAME, updateMask="gce_setup.machine_type")
    assert refused.message == "Machine type no-machine does not exist in zone us-central1-a."


@pytest.mark.parametrize(("limit", "state"), [(7, "STOPPED"), (8, "ACTIVE")])
async def test_it_starts_only_where_a_quota_holds_its_machine(make: Callable[..., Project], limit: int, state: str) -> None:
    project = make({"project": {"quotas": {"CPUS": {"limit": limit}}}})
    await _made(project, await _setup(project))
    project.pass_time(300)
    await project.good(f"{INSTANCES}.stop", {}, name=NAME)
    project.pass_time(100)
    change = {"gceSetup": {"machineType": "e2-standard-8"}}
    await project.good(f"{INSTANCES}.patch", change, name=NAME, updateMask="gce_setup.machine_type")
    project.pass_time(100)
    begun = await project.good(f"{INSTANCES}.start", {}, name=NAME)
    project.pass_time(100)
    done = await project.good("notebooks.projects.locations.operations.get", name=begun["name"])
    message = done.get("error", {}).get("message", "")
    assert message == ("Quota 'CPUS' exceeded.  Limit: 7.0 in region us-central1." if limit == 7 else "")
    assert (await project.good(f"{INSTANCES}.get", name=NAME))["state"] == state


async def test_an_empty_label_or_metadata_is_removed(project: Project) -> None:
    await _made(project, await _setup(project))
    project.pass_time(300)
    change = {"labels": {"a": "b"}, "gceSetup": {"metadata": {"idle-timeout-seconds": "", "more": "1"}}}
    await project.good(f"{INSTANCES}.patch", change, name=NAME, updateMask="labels,gceSetup.metadata")
    project.pass_time(100)
    found = await project.good(f"{INSTANCES}.get", name=NAME)
    assert found["labels"] == {"a": "b"}
    assert found["gceSetup"]["metadata"]["more"] == "1"
    assert "idle-timeout-seconds" not in found["gceSetup"]["metadata"]
    await project.good(f"{INSTANCES}.patch", {"labels": {"a": ""}}, name=NAME, updateMask="labels")
    assert (await project.good(f"{INSTANCES}.get", name=NAME))["labels"] == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"vmImage": None},
        {"containerImage": {"repository": "a/b"}},
        {"serviceAccounts": [{"email": f"nobody@{PROJECT}.iam.gserviceaccount.com"}]},
        {"metadata": {"post-startup-script": "https://example.com/script"}},
        {"networkInterfaces": [{"network": f"projects/{PROJECT}/global/networks/none"}]},
    ],
)
async def test_what_the_service_refuses_is_not_made(project: Project, wrong: dict[str, Any]) -> None:
    setup = {k: v for k, v in {**await _setup(project), **wrong}.items() if v is not None}
    refused = await project.call(f"{INSTANCES}.create", {"gceSetup": setup}, parent=ZONE, instanceId="demo-notebook")
    assert refused.status == 400
    assert (await project.call(f"{INSTANCES}.get", name=NAME)).status == 404


async def test_a_policy_against_public_addresses_holds(make: Any) -> None:
    project = make({"project": {"policies": {"constraints/compute.vmExternalIpAccess": True}}})
    setup = {**await _setup(project), "disablePublicIp": False}
    refused = await project.call(f"{INSTANCES}.create", {"gceSetup": setup}, parent=ZONE, instanceId="demo-notebook")
    assert "vmExternalIpAccess" in refused.message


async def test_a_disk_grows_and_never_shrinks(project: Project) -> None:
    await _made(project, await _setup(project))
    project.pass_time(300)
    await project.good(f"{INSTANCES}.resizeDisk", {"dataDisk": {"diskSizeGb": "200"}}, notebookInstance=NAME)
    found = await project.good(f"{INSTANCES}.get", name=NAME)
    assert [disk["diskSizeGb"] for disk in found["gceSetup"]["dataDisks"]] == ["200"]
    assert found["gceSetup"]["bootDisk"]["diskSizeGb"] == "150"
    for size in ("200", "100"):
        refused = await project.call(f"{INSTANCES}.resizeDisk", {"dataDisk": {"diskSizeGb": size}}, notebookInstance=NAME)
        assert refused.status == 400
