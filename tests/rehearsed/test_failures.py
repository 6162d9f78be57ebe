"""What goes wrong is told with its cause, by the right exit code; nothing is made that need not have been."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.rehearsed.store_of import documents, of_kind

MADE = ("compute.networks", "container.clusters", "sql.instances", "storage.buckets", "iam.serviceAccounts")


def fails(rehearsed: Any, scenario: str, *more: str, code: int) -> dict[str, Any]:
    """The error of an installation that ends with ``code``."""
    events = rehearsed.install(scenario, *more, expect=code)
    assert events[-1]["type"] == "run.failed"
    error = events[-1]["error"]
    assert error["exit_code"] == code
    assert "Traceback" not in str(events)
    assert isinstance(error, dict)
    return error


def made(rehearsed: Any) -> set[str]:
    return {k for k, n in documents(rehearsed.simulator) if k in MADE and "default" not in n}


def test_no_billing(rehearsed: Any) -> None:
    error = fails(rehearsed, "speed = 0\n[project]\nbilling_enabled = false\n", code=3)
    assert "illing" in error["message"]
    assert error["hint"]
    assert made(rehearsed) == set()


@pytest.mark.parametrize(("key", "value"), [("region", "us-central9"), ("zone", "us-central1-q")])
def test_a_region_or_zone_that_only_the_cloud_knows_to_be_wrong(rehearsed: Any, key: str, value: str) -> None:
    error = fails(rehearsed, "speed = 0\n", "--set", f"{key}={value}", code=2)
    assert value in error["message"]
    assert key in error["message"]
    assert made(rehearsed) == set()


def test_a_missing_permission_is_named_before_anything_is_made(rehearsed: Any) -> None:
    scenario = 'speed = 0\n[project]\nmissing_permissions = ["compute.networks.create"]\n'
    error = fails(rehearsed, scenario, code=3)
    assert "compute.networks.create" in error["message"]
    assert "gcloud iam roles create" in error["command"]
    assert rehearsed.status()["state"] == "failed"
    assert made(rehearsed) == set()


def test_an_image_that_cannot_be_pulled_names_the_pod_and_the_image(installed: Any) -> None:
    """One that comes after all is waited for, as long as it may take in the simulated time, which has to pass for that."""
    for deployment in ("ml-pipeline", "ml-pipeline-ui"):
        installed.kubectl("delete", "deployment", deployment, "-n", "kubeflow")
    pull = '[[fault]]\nreason = "ImagePullBackOff"\n'
    installed.replay(f'speed = 400\n{pull}pod = "ml-pipeline"\ntimes = 2\n{pull}pod = "ml-pipeline-ui"\ntimes = 0\n')
    error = fails(installed, "", code=1)
    assert "ml-pipeline-ui" in error["message"]
    assert "pull" in error["message"] + error["cause"]
    found = json.loads(installed.kubectl("get", "deployment", "ml-pipeline", "-n", "kubeflow", "-o", "json"))
    assert found["status"]["availableReplicas"] == 1


def test_a_quota_that_is_too_small_is_a_quota_and_not_a_role(rehearsed: Any) -> None:
    scenario = "speed = 0\n[project]\nquotas = { CPUS_ALL_REGIONS = { limit = 2, usage = 0 } }\n"
    error = fails(rehearsed, scenario, code=3)
    assert error["code"] == "quota.CPUS_ALL_REGIONS", error
    assert error["url"].startswith("https://console.cloud.google.com/iam-admin/quotas")
    assert made(rehearsed) <= {"storage.buckets"}  # the state's, which is made while the quotas are looked at


def test_operations_that_fail_inside_are_told_with_their_reason_and_one_retry_makes_them(rehearsed: Any) -> None:
    """A zone without machines, and a database that broke: its name is used up, so the next one takes another."""
    scenario = """
speed = 0
[[fault]]
call = "container.projects.locations.clusters.create"
operation = "FAILED"
message = "Google Compute Engine: Not all instances running in IGM. GCE_STOCKOUT"
times = 1
[[fault]]
call = "sql.instances.insert"
operation = "FAILED"
message = "Broken."
times = 1
"""
    error = fails(rehearsed, scenario, code=1)
    assert error["code"] in ("terraform-stockout", "sql-name-used-up"), error
    log = rehearsed.run("logs", "demo", "platform").stdout
    assert "GCE_STOCKOUT" in log
    assert "Broken." in log
    assert rehearsed.events("retry", "demo", "--yes")[-1]["type"] == "run.finished"
    assert len(of_kind(rehearsed.simulator, "container.clusters")) == 1
    instances = of_kind(rehearsed.simulator, "sql.instances")
    assert [name.rsplit("/", 1)[-1] for name in instances] == [rehearsed.environment.names.sql_instance]
    assert rehearsed.environment.sql_generation == 2


def test_a_strangers_bucket_under_our_name_is_named_and_left_alone(rehearsed: Any) -> None:
    from core.environment import Environment

    environment = Environment.new(rehearsed.home, "demo", cloud="rehearsal", given={}).save()
    bucket = environment.names.artifact_bucket
    resource = f'[ {{ type = "storage.buckets", name = "{bucket}", owner = "someone-else" }} ]'
    scenario = f"speed = 0\n[project]\nresources = {resource}\n"
    error = fails(rehearsed, scenario, code=3)
    assert error["code"] == "name.bucket"
    assert bucket in error["message"] + error["cause"]
    before = of_kind(rehearsed.simulator, "storage.buckets")[bucket]
    rehearsed.events("destroy", "demo", "--yes", "--delete-data")
    assert of_kind(rehearsed.simulator, "storage.buckets")[bucket] == before


@pytest.mark.parametrize(
    "project", ["billing_enabled = false", 'missing_permissions = ["*"]'], ids=["no billing", "no rights"]
)
def test_what_was_stopped_before_anything_was_made_can_be_taken_down(rehearsed: Any, project: str) -> None:
    fails(rehearsed, f"speed = 0\n[project]\n{project}\n", code=3)
    assert rehearsed.events("destroy", "demo", "--yes", "--delete-data")[-1]["type"] == "run.finished"
    assert rehearsed.status()["state"] == "destroyed"


def test_verification_that_fails_ends_with_5_and_names_the_check(installed: Any) -> None:
    installed.kubectl("delete", "deployment", "ml-pipeline-ui", "-n", "kubeflow")
    call = "dataflow.projects.locations.jobs.list"
    installed.replay(f'speed = 0\n[[fault]]\ncall = "{call}"\nstatus = 403\nreason = "forbidden"\ntimes = 0\n')
    error = fails(installed, "", code=5)
    assert "Dataflow" in error["message"] + error["cause"]
