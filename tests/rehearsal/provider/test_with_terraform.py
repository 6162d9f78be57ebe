"""The provider under the real Terraform: what is applied is there, a plan right after is empty, what is wrong is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from terraform_bench import PROJECT, Cloud, Terraform

NETWORK = """
resource "google_compute_network" "n" {
  name                    = "%s"
  auto_create_subnetworks = false
}
"""

NETWORKS = (
    NETWORK % "net"
    + """
resource "google_compute_subnetwork" "s" {
  name                     = "sub"
  network                  = google_compute_network.n.id
  ip_cidr_range            = "%(cidr)s"
  private_ip_google_access = %(private)s

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = "10.4.0.0/14"
  }
}

resource "google_compute_router" "r" {
  name    = "router"
  network = google_compute_network.n.self_link
}

resource "google_compute_router_nat" "nat" {
  name                               = "nat"
  router                             = google_compute_router.r.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
  min_ports_per_vm                   = %(ports)s

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

resource "google_compute_firewall" "f" {
  name          = "allow"
  network       = google_compute_network.n.name
  source_ranges = [%(sources)s]

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}

resource "google_compute_global_address" "a" {
  name          = "range"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
  network       = google_compute_network.n.id
  labels        = { kind = "%(kind)s" }
}
"""
)
BEFORE = {
    "cidr": "10.0.0.0/20",
    "ports": "1024",
    "sources": '"10.1.0.0/16", "35.235.240.0/20"',
    "kind": "one",
    "private": "true",
}
AFTER = {"cidr": "10.0.0.0/20", "ports": "2048", "sources": '"35.235.240.0/20"', "kind": "two", "private": "false"}


def test_networks_are_made_changed_in_place_and_deleted(terraform: Terraform) -> None:
    terraform.write(NETWORKS % BEFORE)
    assert "6 added" in terraform.apply()
    assert terraform.changes() == {}

    terraform.write(NETWORKS % AFTER)
    assert terraform.changes() == {
        "google_compute_subnetwork.s": "update",
        "google_compute_router_nat.nat": "update",
        "google_compute_firewall.f": "update",
        "google_compute_global_address.a": "update",
    }
    terraform.apply()
    assert terraform.changes() == {}
    values = terraform.state()
    assert values["google_compute_subnetwork.s"]["attributes"]["private_ip_google_access"] is False
    assert values["google_compute_global_address.a"]["attributes"]["effective_labels"] == {
        "goog-terraform-provisioned": "true", "kind": "two", "team": "tests",
    }  # fmt: skip

    assert "6 destroyed" in terraform.run("destroy", "-auto-approve").stdout


def test_a_range_that_shrinks_and_a_new_name_replace(terraform: Terraform) -> None:
    terraform.write(NETWORKS % AFTER)
    terraform.apply()
    terraform.write(NETWORKS % {**AFTER, "cidr": "10.0.0.0/19"})
    assert terraform.changes() == {"google_compute_subnetwork.s": "update"}
    terraform.write(NETWORKS % {**AFTER, "cidr": "10.0.0.0/21"})
    assert terraform.changes() == {"google_compute_subnetwork.s": "replace"}
    terraform.write(NETWORK % "other")
    assert terraform.changes()["google_compute_network.n"] == "replace"


def test_what_is_there_already_is_an_error_in_the_real_words(terraform: Terraform) -> None:
    terraform.write(NETWORK % "net")
    terraform.apply()
    (terraform.folder / "terraform.tfstate").unlink()
    told = terraform.refused()
    assert "Error creating Network: googleapi: Error 409: The resource 'projects/demo-project/global/networks/net'" in told
    assert "already exists, alreadyExists" in told


IMPORT = """
import {
  to = google_storage_bucket.b
  id = "kept-bucket"
}

import {
  to = google_storage_bucket_iam_member.m
  id = "b/kept-bucket roles/storage.objectViewer user:you@rehearsal.example"
}
"""
BUCKET = """
resource "google_storage_bucket" "b" {
  name                        = "kept-bucket"
  location                    = "us-central1"
  uniform_bucket_level_access = true
  force_destroy               = true

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      num_newer_versions = 3
      with_state         = "ARCHIVED"
    }
  }
}

resource "google_storage_bucket_iam_member" "m" {
  bucket = google_storage_bucket.b.name
  role   = "roles/storage.objectViewer"
  member = "user:you@rehearsal.example"
}
"""


def test_a_bucket_is_adopted_by_an_import_that_is_never_a_no_op(terraform: Terraform) -> None:
    terraform.write(BUCKET)
    terraform.apply()
    assert terraform.changes() == {}
    (terraform.folder / "terraform.tfstate").unlink()

    terraform.write(BUCKET + IMPORT)
    assert terraform.changes() == {"google_storage_bucket.b": "update"}
    assert "2 imported, 0 added, 1 changed" in terraform.apply()
    terraform.write(BUCKET)
    assert terraform.changes() == {}


def test_a_bucket_with_objects_goes_only_with_force(terraform: Terraform) -> None:
    terraform.write(BUCKET.replace("force_destroy               = true", "force_destroy               = false"))
    terraform.apply()
    bench = terraform.cloud
    for _ in range(2):
        bench.upload("kept-bucket", "folder/object", b"content")
    assert "without `force_destroy` set to true" in terraform.refused(command="destroy")
    terraform.write(BUCKET)
    terraform.apply()
    assert terraform.run("destroy", "-auto-approve").returncode == 0
    bench.call("GET", "STORAGE/b/kept-bucket", expect=404)


ACCOUNTS = """
resource "google_service_account" "a" {
  account_id   = "robot-account"
  display_name = "%s"
}

resource "google_project_iam_member" "p" {
  for_each = toset(["roles/logging.logWriter", "roles/monitoring.metricWriter", "roles/bigquery.jobUser"])
  project  = "demo-project"
  role     = each.value
  member   = google_service_account.a.member
}

resource "google_service_account_iam_member" "s" {
  service_account_id = google_service_account.a.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.a.member
}
"""


def test_members_that_come_at_once_are_all_in_the_policy(terraform: Terraform) -> None:
    terraform.write(ACCOUNTS % "Robot")
    terraform.apply()
    assert terraform.changes() == {}
    member = f"serviceAccount:robot-account@{PROJECT}.iam.gserviceaccount.com"
    policy = terraform.cloud.call("POST", f"RESOURCE_MANAGER/projects/{PROJECT}:getIamPolicy", {})
    roles = {b["role"] for b in policy["bindings"] if member in b["members"]}
    assert roles == {"roles/logging.logWriter", "roles/monitoring.metricWriter", "roles/bigquery.jobUser"}

    terraform.write(ACCOUNTS % "Renamed")
    assert terraform.changes() == {"google_service_account.a": "update"}
    terraform.apply()
    terraform.write("")
    terraform.apply()
    policy = terraform.cloud.call("POST", f"RESOURCE_MANAGER/projects/{PROJECT}:getIamPolicy", {})
    assert not any(member in b["members"] for b in policy["bindings"])


def test_what_changes_outside_shows_and_comes_back(terraform: Terraform) -> None:
    terraform.write(ACCOUNTS % "Robot" + NETWORKS % BEFORE)
    terraform.apply()
    cloud = terraform.cloud
    cloud.call("DELETE", f"COMPUTE/projects/{PROJECT}/global/firewalls/allow")
    cloud.call("PATCH", f"COMPUTE/projects/{PROJECT}/global/networks/net", {"routingConfig": {"routingMode": "GLOBAL"}})
    account = f"IAM/projects/{PROJECT}/serviceAccounts/robot-account@{PROJECT}.iam.gserviceaccount.com"
    cloud.call("POST", f"{account}:setIamPolicy", {"policy": {"bindings": []}})
    cloud.call("PATCH", account, {"serviceAccount": {"displayName": "Meddled"}, "updateMask": "displayName"})

    assert terraform.changes() == {
        "google_compute_firewall.f": "create",
        "google_service_account_iam_member.s": "create",
        "google_service_account.a": "update",
    }
    terraform.apply()
    assert terraform.changes() == {}


REGISTRY = """
resource "google_artifact_registry_repository" "r" {
  repository_id = "images"
  location      = "us-central1"
  format        = "DOCKER"

  cleanup_policies {
    id     = "old"
    action = "DELETE"

    condition {
      older_than = "%s"
    }
  }

  cleanup_policies {
    id     = "recent"
    action = "KEEP"

    most_recent_versions {
      keep_count = 5
    }
  }
}

resource "google_secret_manager_secret" "s" {
  secret_id = "word"

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "v" {
  secret                 = google_secret_manager_secret.s.id
  secret_data_wo         = var.word
  secret_data_wo_version = 1
}

variable "word" {
  type      = string
  ephemeral = true
}
"""


def test_registries_and_secrets_whose_content_no_state_holds(terraform: Terraform) -> None:
    terraform.write(REGISTRY % "30d")
    terraform.apply("-var=word=canary-in-a-mine")
    assert terraform.changes("-var=word=canary-in-a-mine") == {}
    terraform.write(REGISTRY % "2592000s")
    assert terraform.changes("-var=word=canary-in-a-mine") == {}
    terraform.write(REGISTRY % "10d")
    assert terraform.changes("-var=word=canary-in-a-mine") == {"google_artifact_registry_repository.r": "update"}
    terraform.apply("-var=word=canary-in-a-mine")
    assert terraform.changes("-var=word=canary-in-a-mine") == {}
    kept = [f.read_bytes() for f in terraform.folder.glob("*") if f.is_file()]
    assert not any(b"canary-in-a-mine" in content for content in kept)
    data = terraform.cloud.call("GET", f"SECRET_MANAGER/projects/{PROJECT}/secrets/word/versions/latest:access")
    assert data["payload"]["data"] == "Y2FuYXJ5LWluLWEtbWluZQ=="


SQL_WITHOUT_VERSION = """
resource "google_sql_database_instance" "i" {
  database_version = "MYSQL_8_4"
  root_password_wo = "x"

  settings {
    tier = "db-g1-small"
  }
}
"""


@pytest.mark.parametrize(
    ("configuration", "told"),
    [
        (
            'resource "google_compute_network" "n" {\n name = "n"\n colour = "red"\n}',
            'argument named "colour" is not expected',
        ),
        ('resource "google_compute_network" "n" {\n}', 'The argument "name" is required'),
        (NETWORK.replace('"%s"', '"n"\n  routing_mode = "LOCAL"'), 'to be one of ["REGIONAL" "GLOBAL" ""], got LOCAL'),
        (
            'resource "google_compute_firewall" "f" {\n name = "f"\n network = "n"\n}',
            "one of `allow,deny` must be specified",
        ),
        ('resource "google_container_cluster" "c" {\n name = "c"\n addons_config {}\n}', "must be specified"),
        (SQL_WITHOUT_VERSION, "all of `root_password_wo,root_password_wo_version` must be specified"),
    ],
)
def test_a_wrong_configuration_is_refused_before_anything_is_made(tmp_path: Path, configuration: str, told: str) -> None:
    terraform = Terraform(tmp_path / "work", Cloud(9, "none", 0))
    terraform.write(configuration)
    assert told in terraform.refused(command="plan")


def test_the_whole_platform_is_applied_and_then_at_rest(terraform: Terraform) -> None:
    source = Path(__file__).resolve().parents[3] / "terraform"
    work = terraform.beside(source, "platform")
    variables = (source / "platform" / "example.tfvars").read_text().replace("my-project", PROJECT)
    (work.folder / "x.auto.tfvars").write_text(variables)
    work.init()
    work.apply()
    assert work.changes() == {}
    protected = work.changes("-var=deletion_protection=true")
    assert set(protected) == {
        "module.cluster.google_container_cluster.this", "module.database.google_sql_database_instance.this",
    }  # fmt: skip
    assert json.loads(work.run("output", "-json").stdout)


GKE = """
resource "google_container_cluster" "c" {
  name                     = "cluster"
  location                 = "us-central1-a"
  deletion_protection      = false
  remove_default_node_pool = true
  initial_node_count       = 1
  resource_labels          = { stage = "%(stage)s" }

  release_channel {
    channel = "%(channel)s"
  }

  maintenance_policy {
    daily_maintenance_window {
      start_time = "%(time)s"
    }
  }

  lifecycle {
    ignore_changes = [node_pool, node_config, initial_node_count]
  }
}

resource "google_container_node_pool" "p" {
  name               = "pool"
  cluster            = google_container_cluster.c.name
  location           = "us-central1-a"
  initial_node_count = 1

  autoscaling {
    min_node_count = 0
    max_node_count = %(most)s
  }

  node_config {
    machine_type = "%(machine)s"
    labels       = { stage = "%(stage)s" }
    tags         = ["%(stage)s"]
  }

  upgrade_settings {
    max_surge       = %(surge)s
    max_unavailable = 1
  }
}
"""
SMALL = {"stage": "one", "channel": "REGULAR", "time": "03:00", "most": 2, "machine": "e2-medium", "surge": 0}
LARGE = {"stage": "two", "channel": "STABLE", "time": "04:00", "most": 5, "machine": "e2-standard-4", "surge": 1}


def test_a_cluster_and_its_pool_change_in_place(terraform: Terraform) -> None:
    terraform.write(GKE % SMALL)
    terraform.apply()
    assert terraform.changes() == {}
    terraform.write(GKE % LARGE)
    assert terraform.changes() == {"google_container_cluster.c": "update", "google_container_node_pool.p": "update"}
    terraform.apply()
    assert terraform.changes() == {}
    cluster = terraform.cloud.call("GET", f"CONTAINER/projects/{PROJECT}/locations/us-central1-a/clusters/cluster")
    assert cluster["resourceLabels"]["stage"] == "two"
    assert cluster["releaseChannel"] == {"channel": "STABLE"}
    (pool,) = cluster["nodePools"]
    assert pool["config"]["machineType"] == "e2-standard-4"
    assert pool["autoscaling"]["maxNodeCount"] == 5


def test_a_pool_that_is_there_already_is_found_before_it_is_made(terraform: Terraform) -> None:
    terraform.write(GKE % SMALL)
    terraform.apply()
    kept = terraform.state()["google_container_node_pool.p"]["attributes"]["id"]
    terraform.run("state", "rm", "google_container_node_pool.p")
    assert f"resource - {kept} - already exists" in terraform.refused()
    adopted = f'\nimport {{\n  to = google_container_node_pool.p\n  id = "{kept}"\n}}\n'
    terraform.write(GKE % SMALL + adopted)
    assert terraform.changes() == {}
    terraform.apply()
    by_id = (GKE % SMALL).replace("google_container_cluster.c.name", "google_container_cluster.c.id")
    terraform.write(by_id)
    assert terraform.changes() == {"google_container_node_pool.p": "replace"}
