"""What a plan showed and what the run then does, event by event; and a cloud that changed in between."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core.install import shown
from tests.rehearsed.conftest import Rehearsed

EVERYTHING = ("notebook=vm", "default_build_account=true", "user_gcp_sa=true", "sql_username=mlpipeline")
SETTINGS = [word for setting in EVERYTHING for word in ("--set", setting)]
NAT = "module.network[0].google_compute_router_nat.this[0]"

Change = tuple[str, str, str]


def done(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The changes that a run reported as done."""
    return [e for e in events if e["type"] == "resource.changed" and e["state"] == "done"]


def by_terraform(events: list[dict[str, Any]]) -> set[Change]:
    return {(e["step"], e["id"], e["action"]) for e in done(events) if e["kind"].startswith("google_")}


def in_the_cluster(events: list[dict[str, Any]]) -> set[str]:
    return {f"{e['kind']} {e['id']}" for e in done(events) if e["kind"][0].isupper()}


DIRECT = ("storage.buckets", "storage.buckets.iam", "storage.objects", "secrets", "images", "sql.users", "mysql.user")


def direct(events: list[dict[str, Any]]) -> set[Change]:
    found = {(e["kind"], e["id"], e["action"]) for e in done(events) if e["kind"] in DIRECT}
    return {(kind, _template(id) if kind == "images" else id, action) for kind, id, action in found}


def _template(reference: str) -> str:
    return reference.rpartition("/")[2].partition("@")[0]


def granted(events: list[dict[str, Any]]) -> int:
    return len({e["id"] for e in done(events) if e["kind"].endswith("_iam_member")} | granted_by_hand(events))


def granted_by_hand(events: list[dict[str, Any]]) -> set[str]:
    return {e["id"] for e in done(events) if e["kind"] == "projects.iam"}


def compared(event: dict[str, Any]) -> bool:
    """Whether a change is of a kind that is held against the plan."""
    kind = event["kind"]
    return kind.startswith("google_") or kind[0].isupper() or kind in (*DIRECT, "services", "projects.iam")


def planned_by_terraform(plan: dict[str, Any]) -> set[Change]:
    return {(r["step"], r["address"], r["action"]) for r in plan["terraform"]["resources"]}


@pytest.mark.parametrize("settings", [SETTINGS, []], ids=["everything", "plain"])
def test_the_plan_lists_exactly_what_the_run_then_does(rehearsed: Rehearsed, settings: list[str]) -> None:
    scenario = str(rehearsed.scenario("speed = 0\n"))
    plan = rehearsed.json("plan", "demo", "--rehearse", "--yes", "--scenario", scenario, *settings)
    _shows_everything(plan)
    assert [path.name for path in (rehearsed.home.environments / "demo").iterdir()] == [shown.FILE], "a plan makes nothing"
    assert rehearsed.json("list") == []
    assert not rehearsed.simulator.exists()
    events = rehearsed.install("speed = 0\n", *settings)
    assert {e["id"] for e in done(events) if e["kind"] == "services"} == set(plan["services"])
    assert by_terraform(events) == planned_by_terraform(plan)
    assert in_the_cluster(events) == {o["label"] for o in plan["kubernetes"] if o["action"] != "none"}
    assert direct(events) == {(d["kind"], d["name"], d["action"]) for d in plan["direct"]}
    assert granted(events) == len(plan["roles"])
    by_default = {r["role"] for r in plan["roles"] if r["member"] == "the account that Cloud Build uses by default"}
    assert {id.partition(" ")[0] for id in granted_by_hand(events)} == by_default, "which one it is, only Cloud Build knows"
    assert not [e for e in done(events) if not compared(e)], "every change is held against the plan"
    own = rehearsed.environment.folder
    written = {path for path in own.rglob("*") if path.is_file() and path != own / "run.lock"}
    listed = [Path(path) for path in plan["files"]]
    assert not [path for path in written if not any(path == one or one in path.parents for one in listed)]
    assert not (own / shown.FILE).exists(), "what was done is not shown any more"
    again = rehearsed.json("plan", "demo")
    assert (again["services"], again["roles"], again["direct"], again["terraform"]["resources"]) == ([], [], [], [])
    assert {o["action"] for o in again["kubernetes"]} == {"none"}


def _shows_everything(plan: dict[str, Any]) -> None:
    assert "container.googleapis.com" in plan["services"]
    assert {r["role"] for r in plan["roles"] if "jobUser" in r["role"]} == {"roles/bigquery.jobUser"}
    terraform = plan["terraform"]
    planned = terraform["resources"]
    assert terraform["add"] == len([resource for resource in planned if resource["action"] == "create"])
    assert (terraform["add"] + terraform["change"], terraform["destroy"]) == (len(planned), 0)
    assert {"google_container_cluster", "google_sql_database_instance"} <= {resource["type"] for resource in planned}
    assert {r["step"] for r in planned if r["action"] == "update"} == {"protect"}
    assert len(plan["kubernetes"]) >= 70


def test_a_cloud_that_changed_in_between_is_not_touched_before_somebody_looked_again(installed: Rehearsed) -> None:
    settings = ("--set", "labels.team=ml")
    plan = installed.json("plan", "demo", "--rehearse", *settings)
    changes = planned_by_terraform(plan)
    assert changes
    assert {action for _, _, action in changes} == {"update"}
    project, names = installed.endpoints["project"], installed.environment.names
    router = f"compute/compute/v1/projects/{project}/regions/{names.region}/routers/{names.router}"
    installed.api("PATCH", router, {"nats": []})
    events = installed.install("", *settings, expect=1)
    assert not by_terraform(events)
    error = events[-1]["error"]
    assert error["code"] == "plan-differs"
    assert f"create {NAT} (not shown)" in error["cause"]
    assert error["command"] == "mlops-env plan demo"
    installed.run("retry", "demo", "--yes", expect=1)
    again = planned_by_terraform(installed.json("plan", "demo"))
    assert again == {*changes, ("platform", NAT, "create")}
    events = installed.events("retry", "demo", "--yes")
    assert by_terraform(events) == again


def test_an_update_of_more_than_was_shown_stops_the_run(installed: Rehearsed) -> None:
    settings = ("--set", "labels.team=ml")
    installed.json("plan", "demo", "--rehearse", *settings)
    names = installed.environment.names
    bucket = f"storage/storage/v1/b/{names.build_bucket}"
    installed.api("PATCH", bucket, {"lifecycle": {"rule": []}})
    error = installed.install("", *settings, expect=1)[-1]["error"]
    assert "update module.storage.google_storage_bucket.build (not shown: " in error["cause"]


def test_whoever_installs_in_a_terminal_sees_all_of_it_before_being_asked(rehearsed: Rehearsed) -> None:
    master, slave = pty.openpty()
    command = rehearsed.command("install", "demo", "--rehearse", "--scenario", str(rehearsed.scenario("speed = 0\n")))
    environment = {**os.environ, "MLOPS_ENV_HOME": str(rehearsed.home.root), **rehearsed.variables}
    install = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(master, 4096)
    os.write(master, b"n\n")
    assert install.wait(60) == 1
    os.close(master)
    before = said.decode().partition("Install demo?")[0]
    assert "module.cluster.google_container_cluster.this" in before
    assert "Deployment ml-pipeline" in before
    assert "Costs a month" in before
    kept = shown.kept(rehearsed.home, "demo")
    assert kept is not None
    assert kept.by == "plan"


def test_an_object_that_was_to_be_left_alone_and_changed_is_left_alone(installed: Rehearsed) -> None:
    settings = ("--set", "labels.team=ml")
    plan = installed.json("plan", "demo", "--rehearse", *settings)
    assert {o["action"] for o in plan["kubernetes"] if o["kind"] == "Service"} == {"none"}
    ports = '[{"op": "replace", "path": "/spec/ports/0/port", "value": 81}]'
    installed.kubectl("patch", "service", "ml-pipeline-ui", "-n", "kubeflow", "--type=json", "-p", ports)
    error = installed.install("", *settings, expect=1)[-1]["error"]
    assert error["code"] == "plan-differs"
    assert "apply Service kubeflow/ml-pipeline-ui (not shown)" in error["cause"]
    assert installed.json("plan", "demo")["kubernetes"].count({
        "kind": "Service", "namespace": "kubeflow", "name": "ml-pipeline-ui", "label": "Service kubeflow/ml-pipeline-ui",
        "action": "apply",
    }) == 1  # fmt: skip
    assert installed.events("retry", "demo", "--yes")[-1]["type"] == "run.finished"
    assert {o["action"] for o in installed.json("plan", "demo")["kubernetes"]} == {"none"}


def test_what_nobody_was_shown_is_the_runs_own_plan_and_holds_for_its_retry(rehearsed: Rehearsed) -> None:
    fault = '[[fault]]\ncall = "sql.instances.insert"\nstatus = 403\nreason = "notAuthorized"\ntimes = 1\n'
    events = rehearsed.install(f"speed = 0\n{fault}", expect=1)
    assert any("the plan: " in e.get("message", "") for e in events if e.get("step") == "platform")
    kept = shown.of(rehearsed.environment)
    assert kept is not None
    assert kept.by == "run"
    assert rehearsed.events("retry", "demo", "--yes")[-1]["type"] == "run.finished"
    assert shown.of(rehearsed.environment) is None


def test_other_parameters_than_those_that_were_shown_are_another_plan(rehearsed: Rehearsed) -> None:
    scenario = str(rehearsed.scenario("speed = 0\n"))
    rehearsed.json("plan", "demo", "--rehearse", "--yes", "--scenario", scenario)
    first = shown.kept(rehearsed.home, "demo")
    assert first is not None
    events = rehearsed.install("speed = 0\n", "--set", "image=none")
    assert events[-1]["type"] == "run.finished"
    assert rehearsed.environment.id == first.id, "it has the names that were shown"


SMALL = "speed = 0\n[project]\nquotas = { CPUS_ALL_REGIONS = { limit = 8, usage = 0 } }\n"
NOTEBOOK = ("--set", "notebook=container")


def test_a_size_that_nobody_set_follows_from_the_quota_through_the_whole_run(rehearsed: Rehearsed) -> None:
    events = rehearsed.install(SMALL, *NOTEBOOK)
    assert events[-1]["type"] == "run.finished"
    told = [e["message"] for e in events if e["type"] == "step.progress" and e["step"] == "services"]
    assert any("profile = trial" in message or "follows from quota" in message for message in told), told
    assert rehearsed.status()["parameters"]["profile"] == "trial"
    assert rehearsed.environment.given == {"notebook": "container"}
    pools = [e for e in done(events) if e["kind"] == "google_container_node_pool"]
    assert len(pools) == 1


def test_a_size_that_was_set_blocks_and_is_never_changed(rehearsed: Rehearsed) -> None:
    events = rehearsed.install(SMALL, *NOTEBOOK, "--set", "profile=small", expect=3)
    assert "CPUS_ALL_REGIONS" in events[-1]["error"]["message"]
    assert not by_terraform(events)
    assert rehearsed.environment.values["profile"] == "small"
    looked = rehearsed.run("check", "demo", expect=3)
    assert "Instead: --set profile=trial" in looked.stdout
    assert "CPUS_ALL_REGIONS" in looked.stderr
    plan = rehearsed.json("plan", "demo", "--rehearse", "--set", "profile=trial")
    assert plan["follows"] == []


def test_what_follows_is_shown_and_the_run_takes_it_as_it_was_shown(rehearsed: Rehearsed) -> None:
    rehearsed.empty(SMALL)
    project = rehearsed.endpoints["project"]
    wanted = {"serviceIds": ["compute.googleapis.com", "cloudresourcemanager.googleapis.com"]}
    rehearsed.api("POST", f"serviceusage/v1/projects/{project}/services:batchEnable", wanted)
    plan = rehearsed.json("plan", "demo", "--rehearse", "--set", "notebook=container")
    (follows,) = plan["follows"]
    assert (follows["key"], follows["value"]) == ("profile", "trial")
    assert follows["source"].startswith("quota CPUS")
    text = rehearsed.run("plan", "demo", "--rehearse", "--set", "notebook=container").stdout
    assert "profile = trial follows from quota CPUS" in text
    assert rehearsed.environment.values["profile"] == "small", "a plan changes nothing"
    told = rehearsed.run("install", "demo", "--rehearse", "--yes", *NOTEBOOK)
    assert "It does what was shown at " in told.stderr
    assert rehearsed.environment.values["profile"] == "trial"
    assert rehearsed.environment.given == {"notebook": "container"}
