"""Destroying leaves the cloud as it was, but for what the real one keeps too; a stranger's things are never touched."""

from __future__ import annotations

from typing import Any

import pytest

from core.environment import rehearsal as rehearsals
from core.install import shown
from tests.rehearsed.store_of import changes, documents, left


def grants(policy: dict[str, Any]) -> set[tuple[str, str]]:
    return {(b["role"], m) for b in policy["policy"]["bindings"] for m in b["members"]}


def test_nothing_is_left_but_what_the_real_cloud_keeps_and_what_comes_next_has_new_names(installed: Any, once: Any) -> None:
    events = installed.events("destroy", "demo", "--yes", "--delete-data")
    assert events[-1]["type"] == "run.finished"
    assert installed.status()["state"] == "destroyed"
    assert rehearsals.running(installed.home, "demo") is None
    before, after = once.before, documents(installed.simulator)
    project = ("iam.policies", f"projects/{installed.environment.values['project_id']}")
    assert changes(before, after) == [project]
    new = grants(after[project]) - grants(before[project])
    assert all("gserviceaccount.com" in member and installed.environment.id not in member for _, member in new), new
    assert ("storage.buckets", "a-bucket-of-others") in after

    again = installed.events("destroy", "demo", "--yes", "--delete-data")
    assert again[-1]["type"] == "run.finished"
    assert again[-1]["changed"] is False

    first = installed.environment.id
    plan = installed.json("plan", "demo")
    (bucket,) = [item["name"] for item in plan["direct"] if item["kind"] == "storage.buckets"]
    kept = shown.kept(installed.home, "demo")
    assert kept is not None
    assert first != kept.id == bucket.rpartition("-")[2]
    assert installed.environment.id == first, "a plan changes nothing"
    told = installed.run("install", "demo", "--rehearse", "--yes")
    assert "It does what was shown at " in told.stderr
    assert installed.status()["state"] == "installed"
    assert installed.environment.id == kept.id


def test_without_delete_data_the_buckets_stay_with_what_they_hold(installed: Any) -> None:
    names = installed.environment.names
    installed.events("destroy", "demo", "--yes")
    kept = documents(installed.simulator)
    ours = {n for k, n in kept if k == "storage.buckets"} - {"a-bucket-of-others"}
    assert ours == {names.artifact_bucket, names.state_bucket}
    assert [n for k, n in kept if k == "storage.objects" and n.startswith(names.artifact_bucket)]
    assert not [k for k, _ in kept if k in ("container.clusters", "sql.instances", "compute.disks", "secretmanager.secrets")]


@pytest.mark.parametrize(
    "call", ["secretmanager.projects.secrets.create", "container.projects.locations.clusters.nodePools.create"]
)
def test_from_any_half_finished_state(rehearsed: Any, call: str) -> None:
    scenario = f'speed = 0\n[[fault]]\ncall = "{call}"\nstatus = 400\nreason = "invalid"\nmessage = "No."\ntimes = 0\n'
    before = rehearsed.empty(scenario)
    failed = rehearsed.install(expect=1)
    assert failed[-1]["type"] == "run.failed"
    rehearsed.events("destroy", "demo", "--yes", "--delete-data")
    assert left(before, documents(rehearsed.simulator)) == []


HELD = 'call = "compute.networks.delete"\nstatus = 400\nreason = "resourceInUseByAnotherResource"\ntimes = 2\n'


def test_a_disk_whose_cluster_went_away_is_swept_and_a_network_that_is_held_is_waited_for(installed: Any) -> None:
    installed.replay(f"speed = 0\n[[fault]]\n{HELD}")
    names = installed.environment.names
    cluster = f"projects/{names.project}/locations/{names.zone}/clusters/{names.cluster}"
    installed.api("DELETE", f"container/v1/{cluster}")
    events = installed.events("destroy", "demo", "--yes", "--delete-data")
    assert events[-1]["type"] == "run.finished"
    assert [e for e in events if e["type"] == "step.retrying" and e["error"]["code"] == "terraform-busy"]
    assert not [k for k, _ in documents(installed.simulator) if k in ("compute.disks", "compute.networks/demo-network")]
