"""Destroying leaves the cloud as it was, but for what the real one keeps too; a stranger's things are never touched."""

from __future__ import annotations

from typing import Any

import pytest

from core.environment import Environment
from core.environment import rehearsal as rehearsals
from tests.rehearsed.store_of import documents

KEPT = {
    "operations": "Google keeps the records of operations",
    "counters": "numbers that never repeat",
    "services": "an enabled service may be used by others by now",
    "service-agents": "accounts of Google's services live on in the project",
    "sql.reserved": "the name of a Cloud SQL instance stays reserved for a week",
    "workload-identity": "a project's workload identity pool stays once it is there",
    "iam.deleted": "a deleted service account can be restored for 30 days",
    "tokens": "tokens that have not run out",
    "sign-in": "the sign-in",
    "sign-in.keys": "the sign-in",
    "faults": "how often the scenario has struck",
    "world": "the simulation's own",
}
"""Kinds that stay, and why."""

STRANGERS = """
speed = 0
[project]
resources = [
  { type = "storage.buckets", name = "a-bucket-of-others", owner = "someone-else" },
  { type = "compute.networks", name = "others-network", owner = "someone-else" },
]
"""


def looked_at(rehearsed: Any, scenario: str) -> dict[tuple[str, str], Any]:
    """The store as it is before anything is installed."""
    environment = Environment.new(rehearsed.home, "demo", cloud="rehearsal", given={}).save()
    rehearsals.ensure(environment, scenario=rehearsed.scenario(scenario))
    return documents(rehearsed.simulator)


def changes(before: dict[tuple[str, str], Any], after: dict[tuple[str, str], Any]) -> list[tuple[str, str]]:
    """What differs, apart from what stays and what enabling Compute brings into a project."""
    differing = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key) and key[0] not in KEPT]
    brought = ("default", "default-allow-ssh", "default-allow-rdp", "default-allow-internal", "default-allow-icmp")
    return [(k, n) for k, n in differing if not (k.startswith("compute.") and n.rsplit("/", 1)[-1] in brought)]


def grants(policy: dict[str, Any]) -> set[tuple[str, str]]:
    return {(b["role"], m) for b in policy["policy"]["bindings"] for m in b["members"]}


def test_nothing_is_left_but_what_the_real_cloud_keeps(rehearsed: Any) -> None:
    before = looked_at(rehearsed, STRANGERS)
    rehearsed.install()
    events = rehearsed.events("destroy", "demo", "--yes", "--delete-data")
    assert events[-1]["type"] == "run.finished"
    assert rehearsed.status()["state"] == "destroyed"
    assert rehearsals.running(rehearsed.home, "demo") is None
    after = documents(rehearsed.simulator)
    project = ("iam.policies", f"projects/{rehearsed.environment.values['project_id']}")
    assert changes(before, after) == [project]
    new = grants(after[project]) - grants(before[project])
    assert all("gserviceaccount.com" in member and rehearsed.environment.id not in member for _, member in new), new
    assert ("storage.buckets", "a-bucket-of-others") in after


def test_without_delete_data_the_buckets_stay_with_what_they_hold(installed: Any) -> None:
    names = installed.environment.names
    installed.events("destroy", "demo", "--yes")
    left = documents(installed.simulator)
    assert {n for k, n in left if k == "storage.buckets"} == {names.artifact_bucket, names.state_bucket}
    assert [n for k, n in left if k == "storage.objects" and n.startswith(names.artifact_bucket)]
    assert not [k for k, _ in left if k in ("container.clusters", "sql.instances", "compute.disks", "secretmanager.secrets")]


def test_what_is_destroyed_can_be_installed_anew_under_its_name(installed: Any) -> None:
    first = installed.environment.id
    installed.events("destroy", "demo", "--yes", "--delete-data")
    installed.install()
    assert installed.status()["state"] == "installed"
    assert installed.environment.id != first


@pytest.mark.parametrize(
    "call",
    [
        "secretmanager.projects.secrets.create",
        "compute.networks.insert",
        "container.projects.locations.clusters.nodePools.create",
        "sql.users.insert",
        "kubernetes:patch:deployments",
    ],
)
def test_from_any_half_finished_state(rehearsed: Any, call: str) -> None:
    scenario = f'speed = 0\n[[fault]]\ncall = "{call}"\nstatus = 400\nreason = "invalid"\nmessage = "No."\ntimes = 0\n'
    before = looked_at(rehearsed, scenario)
    failed = rehearsed.install(expect=1)
    assert failed[-1]["type"] == "run.failed"
    rehearsed.events("destroy", "demo", "--yes", "--delete-data")
    after = documents(rehearsed.simulator)
    assert [key for key in changes(before, after) if key[0] != "iam.policies"] == []


def test_destroying_twice_says_that_nothing_is_left(installed: Any) -> None:
    installed.events("destroy", "demo", "--yes", "--delete-data")
    again = installed.events("destroy", "demo", "--yes", "--delete-data")
    assert again[-1]["type"] == "run.finished"
    assert again[-1]["changed"] is False


def test_a_disk_whose_cluster_went_away_is_swept(installed: Any) -> None:
    names = installed.environment.names
    cluster = f"projects/{names.project}/locations/{names.zone}/clusters/{names.cluster}"
    installed.api("DELETE", f"container/v1/{cluster}")
    installed.events("destroy", "demo", "--yes", "--delete-data")
    assert not [k for k, _ in documents(installed.simulator) if k in ("compute.disks", "compute.networks/demo-network")]
