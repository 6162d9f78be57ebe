"""Where things go wrong in the middle: an operation fails, an answer is lost, Terraform is interrupted or killed."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from terraform_bench import HEADER, PROJECT, Cloud, Terraform, alive, interrupt, providers_of

NETWORK = """
resource "google_compute_network" "n" {
  name                    = "net"
  auto_create_subnetworks = false
}
"""

CLUSTER = """
resource "google_container_cluster" "c" {
  name                     = "cluster"
  location                 = "us-central1-a"
  network                  = "default"
  deletion_protection      = false
  remove_default_node_pool = true
  initial_node_count       = 1

  timeouts {
    create = "30m"
  }

  lifecycle {
    ignore_changes = [node_pool, node_config, initial_node_count]
  }
}
"""

SQL = """
resource "google_sql_database_instance" "i" {
  name                     = "database"
  database_version         = "MYSQL_8_4"
  deletion_protection      = %s
  root_password_wo         = var.word
  root_password_wo_version = "1"

  settings {
    edition = "ENTERPRISE"
    tier    = "db-g1-small"
  }
}

variable "word" {
  type      = string
  default   = null
  ephemeral = true
}
"""
CLUSTERS = f"CONTAINER/projects/{PROJECT}/locations/us-central1-a/clusters"
CREATE = "container.projects.locations.clusters.create"


def _wait_for(what: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def _cluster_is(cloud: Cloud, *states: str) -> bool:
    return any(c["status"] in states for c in cloud.call("GET", CLUSTERS).get("clusters", []))


def _pool_is(cloud: Cloud, state: str) -> bool:
    found = cloud.call("GET", CLUSTERS).get("clusters", [])
    return any(pool["status"] == state for cluster in found for pool in cluster.get("nodePools", []))


def _made_on(tmp_path: Path, cloud: Cloud, configuration: str) -> Terraform:
    terraform = Terraform(tmp_path / "work", cloud)
    terraform.write(configuration)
    return terraform


def test_a_call_that_fails_for_a_moment_is_made_again(tmp_path: Path, make_cloud: Any) -> None:
    faults = [
        {"call": "compute.networks.insert", "status": 503, "reason": "backendError"},
        {"call": "compute.networks.get", "error": "reset"},
        {"call": "compute.globalOperations.get", "status": 429, "reason": "rateLimitExceeded"},
    ]
    terraform = _made_on(tmp_path, make_cloud(fault=faults), NETWORK)
    terraform.apply()
    assert terraform.changes() == {}


@pytest.mark.parametrize("fault", [{"status": 503}, {"error": "reset"}])
def test_an_answer_lost_after_its_effect_meets_its_own_409(tmp_path: Path, make_cloud: Any, fault: dict[str, Any]) -> None:
    lost = {"call": "compute.networks.insert", "when": "after", **fault}
    terraform = _made_on(tmp_path, make_cloud(fault=[lost]), NETWORK)
    assert "Error 409" in terraform.refused()
    assert terraform.state() == {}


def test_a_refusal_is_not_tried_again(tmp_path: Path, make_cloud: Any) -> None:
    denied = {"call": "compute.networks.insert", "status": 403, "reason": "forbidden", "times": 1}
    terraform = _made_on(tmp_path, make_cloud(fault=[denied]), NETWORK)
    assert "Error creating Network: googleapi: Error 403" in terraform.refused()


def test_a_policy_that_somebody_changed_meanwhile_is_read_and_written_again(tmp_path: Path, make_cloud: Any) -> None:
    conflict = {"call": "cloudresourcemanager.projects.setIamPolicy", "status": 409, "reason": "aborted", "times": 2}
    member = """
    resource "google_project_iam_member" "m" {
      project = "demo-project"
      role    = "roles/viewer"
      member  = "user:you@rehearsal.example"
    }
    """
    terraform = _made_on(tmp_path, make_cloud(fault=[conflict]), member)
    terraform.apply()
    assert terraform.changes() == {}


def test_a_database_that_fails_is_dropped_and_its_name_stays_taken(tmp_path: Path, make_cloud: Any) -> None:
    failing = {"call": "sql.instances.insert", "operation": "FAILED", "reason": "INTERNAL_ERROR"}
    terraform = _made_on(tmp_path, make_cloud(fault=[failing]), SQL % "false")
    assert "Error waiting for Create Instance" in terraform.refused("-var=word=w")
    assert terraform.state() == {}
    assert "Error, failed to create instance database: googleapi: Error 409" in terraform.refused("-var=word=w")


def test_a_database_has_no_open_root_and_its_password_is_nowhere(tmp_path: Path, make_cloud: Any) -> None:
    cloud = make_cloud()
    terraform = _made_on(tmp_path, cloud, SQL % "true")
    terraform.apply("-var=word=canary-in-a-mine")
    assert terraform.changes("-var=word=canary-in-a-mine") == {}
    users = cloud.call("GET", f"SQL/projects/{PROJECT}/instances/database/users").get("items", [])
    assert ("root", "%") not in [(u["name"], u.get("host")) for u in users]
    assert not any(b"canary-in-a-mine" in f.read_bytes() for f in terraform.folder.glob("*") if f.is_file())
    told = terraform.refused("-var=word=w", command="destroy")
    assert "failed to delete instance because deletion_protection is set to true" in told


def test_a_cluster_that_fails_is_tainted(tmp_path: Path, make_cloud: Any) -> None:
    failing = {"call": CREATE, "operation": "FAILED", "message": "Insufficient regional quota"}
    terraform = _made_on(tmp_path, make_cloud(fault=[failing]), CLUSTER)
    assert "Error waiting for creating GKE cluster: Insufficient regional quota" in terraform.refused()
    assert terraform.state()["google_container_cluster.c"]["status"] == "tainted"
    assert terraform.changes() == {"google_container_cluster.c": "replace"}


def test_a_cluster_s_first_pool_is_removed_in_the_end(tmp_path: Path, make_cloud: Any) -> None:
    cloud = make_cloud()
    terraform = _made_on(tmp_path, cloud, CLUSTER)
    terraform.apply()
    assert not cloud.call("GET", f"{CLUSTERS}/cluster").get("nodePools")
    terraform.write(CLUSTER.replace("deletion_protection      = false", "deletion_protection      = true"))
    assert terraform.changes() == {"google_container_cluster.c": "update"}
    terraform.apply()
    told = terraform.refused(command="destroy")
    assert "Cannot destroy cluster because deletion_protection is set to true" in told


def test_interrupted_while_a_cluster_is_made_it_keeps_the_operation_and_goes_on_later(
    tmp_path: Path, make_cloud: Any
) -> None:
    cloud = make_cloud(speed=200, durations={CREATE: 600})
    terraform = _made_on(tmp_path, cloud, CLUSTER)
    process = terraform.start("apply", "-auto-approve")
    _wait_for(lambda: _cluster_is(cloud, "PROVISIONING"))
    printed = interrupt(process)
    assert "Interrupt received" in printed
    state = json.loads((terraform.folder / "terraform.tfstate").read_text())
    kept = state["resources"][0]["instances"][0]
    assert kept.get("status") != "tainted"
    assert kept["attributes"]["operation"].startswith("operation-")

    assert terraform.changes() == {}  # the refresh has waited for the operation
    pools = cloud.call("GET", f"{CLUSTERS}/cluster")["nodePools"]
    assert [pool["name"] for pool in pools] == ["default-pool"]  # it is removed only as the end of a creation


def test_interrupted_while_the_first_pool_is_removed_it_is_tainted(tmp_path: Path, make_cloud: Any) -> None:
    cloud = make_cloud(speed=200, durations={CREATE: 1, f"{CREATE.removesuffix('.create')}.nodePools.delete": 900})
    terraform = _made_on(tmp_path, cloud, CLUSTER)
    process = terraform.start("apply", "-auto-approve")
    _wait_for(lambda: _pool_is(cloud, "STOPPING"))
    interrupt(process)
    assert terraform.state()["google_container_cluster.c"]["status"] == "tainted"


def test_interrupted_while_a_database_is_made_it_waits_for_it(tmp_path: Path, make_cloud: Any) -> None:
    cloud = make_cloud(speed=300)
    terraform = _made_on(tmp_path, cloud, SQL % "false")
    process = terraform.start("apply", "-auto-approve", "-var=word=w")
    _wait_for(lambda: cloud.call("GET", f"SQL/projects/{PROJECT}/instances").get("items"))
    interrupt(process)
    instance = cloud.call("GET", f"SQL/projects/{PROJECT}/instances/database")
    assert instance["state"] == "RUNNABLE"
    assert terraform.state()["google_sql_database_instance.i"]["attributes"]["name"] == "database"


def test_a_provider_ends_when_terraform_is_killed(tmp_path: Path, make_cloud: Any) -> None:
    cloud = make_cloud(speed=200, durations={CREATE: 20_000})
    terraform = _made_on(tmp_path, cloud, CLUSTER)
    process = terraform.start("apply", "-auto-approve")
    _wait_for(lambda: _cluster_is(cloud, "PROVISIONING"))
    providers = providers_of(process.pid)
    assert providers
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _wait_for(lambda: not any(alive(pid) for pid in providers), seconds=5)
    assert terraform.state() == {}


def test_without_a_project_to_charge_the_peering_is_refused(tmp_path: Path, make_cloud: Any) -> None:
    header = HEADER.replace("user_project_override = true", "").replace(f'billing_project       = "{PROJECT}"', "")
    peering = (
        NETWORK
        + """
    resource "google_compute_global_address" "r" {
      name          = "range"
      purpose       = "VPC_PEERING"
      address_type  = "INTERNAL"
      prefix_length = 20
      network       = google_compute_network.n.id
    }

    resource "google_service_networking_connection" "c" {
      network                 = google_compute_network.n.id
      service                 = "servicenetworking.googleapis.com"
      reserved_peering_ranges = [google_compute_global_address.r.name]
    }
    """
    )
    terraform = Terraform(tmp_path / "work", make_cloud())
    terraform.write(peering, header=header)
    assert "quota project" in terraform.refused()
    terraform.write(peering)
    terraform.apply()
