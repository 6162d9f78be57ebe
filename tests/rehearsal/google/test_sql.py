"""Cloud SQL: minutes to make, one operation at a time, a root user by itself, and names that stay reserved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from simulated_project import PROJECT, Project

NETWORK = f"projects/{PROJECT}/global/networks/net"


def body(**settings: Any) -> dict[str, Any]:
    chosen = {
        "tier": "db-g1-small",
        "edition": "ENTERPRISE",
        "ipConfiguration": {"ipv4Enabled": False, "privateNetwork": NETWORK},
    }
    return {"name": "db", "region": "us-central1", "databaseVersion": "MYSQL_8_4", "settings": {**chosen, **settings}}


async def insert(project: Project, given: Any = None) -> Any:
    return await project.call("sql.instances.insert", given or body(), project=PROJECT)


async def running(project: Project, **settings: Any) -> None:
    await project.peered()
    assert (await insert(project, body(**settings))).status == 200
    project.pass_time(560)


async def get(project: Project) -> Any:
    return await project.good("sql.instances.get", project=PROJECT, instance="db")


async def users(project: Project) -> list[str]:
    found = await project.good("sql.users.list", project=PROJECT, instance="db")
    return [f"{u['name']}@{u['host']}" for u in found["items"]]


async def test_an_instance_becomes_runnable_with_a_private_address(project: Project) -> None:
    await project.peered()
    operation = (await insert(project)).json
    assert (operation["operationType"], (await get(project))["state"]) == ("CREATE", "PENDING_CREATE")
    project.pass_time(560)
    assert (await project.good("sql.operations.get", project=PROJECT, operation=operation["name"]))["status"] == "DONE"
    instance = await get(project)
    assert (instance["state"], instance["connectionName"]) == ("RUNNABLE", f"{PROJECT}:us-central1:db")
    assert [a["type"] for a in instance["ipAddresses"]] == ["PRIVATE"]


async def test_root_comes_by_itself_without_a_password(project: Project) -> None:
    await running(project)
    assert await users(project) == ["root@%"]
    root = project.world.store.get("sql.users", f"{PROJECT}/db/root@%")
    assert root is not None
    assert (root["password"], root["plugin"]) == (None, "caching_sha2_password")


async def test_a_root_password_that_is_given_is_roots(project: Project) -> None:
    await project.peered()
    await insert(project, {**body(), "rootPassword": "a-canary-of-a-password"})
    project.pass_time(560)
    root = project.world.store.get("sql.users", f"{PROJECT}/db/root@%") or {}
    assert root["password"] == "a-canary-of-a-password"
    for kind in ("operations", "sql.instances"):
        assert "a-canary-of-a-password" not in str(project.world.store.items(kind))
    assert "rootPassword" not in await get(project)


async def test_a_network_without_the_peering_refuses_an_instance(project: Project) -> None:
    await project.network()
    answer = await insert(project)
    assert (answer.status, "SERVICE_NETWORKING_NOT_ENABLED" in answer.message) == (400, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settings": {"tier": "db-g1-small"}}, "Invalid Tier (db-g1-small) for (ENTERPRISE_PLUS) Edition"),
        ({"settings": {"tier": "db-huge", "edition": "ENTERPRISE"}}, "Invalid Tier (db-huge)"),
        ({"name": "Db"}, "Invalid instance name"),
        (
            {"settings": {"tier": "db-g1-small", "edition": "ENTERPRISE", "ipConfiguration": {"ipv4Enabled": False}}},
            "At least one of",
        ),
    ],
)
async def test_what_can_not_be_is_refused(project: Project, change: Any, words: str) -> None:
    await project.peered()
    answer = await insert(project, {**body(), **change})
    assert (answer.status, words in answer.message) == (400, True)


async def test_public_addresses_can_be_forbidden(make: Callable[..., Project]) -> None:
    project = make({"project": {"policies": {"constraints/sql.restrictPublicIp": True}}})
    await project.peered()
    answer = await insert(project, body(ipConfiguration={"ipv4Enabled": True}))
    assert "constraints/sql.restrictPublicIp" in answer.message
    assert (await insert(project)).status == 200


async def test_a_policy_on_locations_counts_for_backups_too(make: Callable[..., Project]) -> None:
    project = make({"project": {"policies": {"constraints/gcp.resourceLocations": ["us-central1"]}}})
    await project.peered()
    wanted = body(backupConfiguration={"enabled": True})
    answer = await insert(project, wanted)
    assert (answer.status, "Location us violates constraint" in answer.message) == (400, True)
    wanted["settings"]["backupConfiguration"]["location"] = "us-central1"
    assert (await insert(project, wanted)).status == 200


async def test_a_change_waits_for_the_one_before(project: Project) -> None:
    await running(project)
    user = {"name": "kfp", "host": "%", "password": "secret-word"}
    await project.good("sql.users.insert", user, project=PROJECT, instance="db")
    answer = await project.call("sql.users.insert", {**user, "name": "two"}, project=PROJECT, instance="db")
    assert (answer.status, answer.reason) == (409, "operationInProgress")
    project.pass_time(10)
    assert await users(project) == ["kfp@%", "root@%"]


async def test_the_first_backup_is_in_the_way_for_a_while(make: Callable[..., Project]) -> None:
    project = make({"durations": {"sql.backupRuns.insert": 120}})
    await running(project, backupConfiguration={"enabled": True})
    user = {"name": "kfp", "password": "secret-word"}
    assert (await project.call("sql.users.insert", user, project=PROJECT, instance="db")).reason == "operationInProgress"
    pending = await project.good("sql.operations.list", project=PROJECT, instance="db")
    assert (pending["items"][0]["operationType"], pending["items"][0]["status"]) == ("BACKUP_VOLUME", "RUNNING")
    project.pass_time(120)
    assert (await project.call("sql.users.insert", user, project=PROJECT, instance="db")).status == 200


async def test_users_are_made_changed_and_removed(project: Project) -> None:
    await running(project)
    where = {"project": PROJECT, "instance": "db"}
    await project.good("sql.users.insert", {"name": "kfp", "password": "one-word"}, **where)
    project.pass_time(10)
    key = f"{PROJECT}/db/kfp@%"
    changed = {**(project.world.store.get("sql.users", key) or {}), "plugin": "mysql_native_password"}
    project.world.store.put("sql.users", key, changed)
    await project.good("sql.users.update", {"name": "kfp", "password": "another-word"}, **where, name="kfp", host="%")
    project.pass_time(10)
    kept = project.world.store.get("sql.users", key) or {}
    # as after a reset in the console, which is why the plugin is looked at each time
    assert (kept["password"], kept["plugin"]) == ("another-word", "caching_sha2_password")
    assert "word" not in str(await project.good("sql.users.list", **where))
    assert "another-word" not in str(project.world.store.items("operations"))
    await project.good("sql.users.delete", **where, name="kfp")
    project.pass_time(10)
    assert await users(project) == ["root@%"]


async def test_an_older_version_keeps_the_native_plugin(project: Project) -> None:
    await project.peered()
    await insert(project, {**body(), "databaseVersion": "MYSQL_8_0"})
    project.pass_time(560)
    assert (project.world.store.get("sql.users", f"{PROJECT}/db/root@%") or {})["plugin"] == "mysql_native_password"


async def test_protection_and_reservation(project: Project) -> None:
    await running(project, deletionProtectionEnabled=True)
    where = {"project": PROJECT, "instance": "db"}
    refused = await project.call("sql.instances.delete", **where)
    assert (refused.status, refused.message.startswith("The instance is protected.")) == (400, True)
    await project.good("sql.instances.patch", {"settings": {"deletionProtectionEnabled": False}}, **where)
    project.pass_time(70)
    await project.good("sql.instances.delete", **where)
    project.pass_time(130)
    assert (await project.call("sql.instances.get", **where)).status == 404
    again = await insert(project)
    assert (again.status, again.reason) == (409, "instanceAlreadyExists")
    project.pass_time(8 * 24 * 3600)
    assert (await insert(project)).status == 200


async def test_an_instance_that_failed_stays_failed_and_keeps_its_name(make: Callable[..., Project]) -> None:
    project = make({"fault": [{"call": "sql.instances.insert", "operation": "FAILED"}]})
    await running(project)
    assert (await get(project))["state"] == "FAILED"
    assert (await insert(project)).status == 409


async def test_both_versions_of_the_api_answer(project: Project) -> None:
    await running(project)
    assert (await project.good("sql.instances.get", version="v1beta4", project=PROJECT, instance="db"))["name"] == "db"
