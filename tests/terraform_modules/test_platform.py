"""What the platform is: each choice that the real cloud punishes the lack of, and each right that is as small as can be."""

from __future__ import annotations

import re
from typing import Any

import pytest
from platform_planned import configured, of_type, planned, planned_with, resources, tried, variables, waits_for
from test_form import GIVEN

from core.names import Names
from core.parameters.specification import PROFILES

CLUSTER = "module.cluster.google_container_cluster.this"
POOL = "module.cluster.google_container_node_pool.this"
SQL = "module.database.google_sql_database_instance.this"
ARTIFACTS = "module.storage.google_storage_bucket.artifacts[0]"
BUILD = "module.storage.google_storage_bucket.build"
MARK = {"mlops-env-id": "abcdef", "mlops-env": "demo"}


@pytest.fixture
def made() -> dict[str, dict[str, Any]]:
    return resources(planned())


# -- whose it is


def test_a_strangers_account_is_never_taken_for_ones_own(made: dict[str, dict[str, Any]]) -> None:
    accounts = [after for address, after in made.items() if "google_service_account." in address]
    assert len(accounts) == 3
    assert not [a for a in accounts if a.get("create_ignore_already_exists")]


def test_everything_carries_the_environments_id(made: dict[str, dict[str, Any]]) -> None:
    for address, after in made.items():
        if "_iam_member" in address or "service_networking_connection" in address or "router_nat" in address:
            continue  # parts of what carries it
        settings = (after.get("settings") or [{}])[0]
        node = (after.get("node_config") or [{}])[0] if "node_pool" in address else {}
        labels = (
            after.get("labels") or after.get("resource_labels") or settings.get("user_labels") or node.get("resource_labels")
        )
        described = "mlops-env-id=abcdef" in str(after.get("description"))
        assert described or MARK.items() <= (labels or {}).items(), address


def test_ones_own_labels_are_added() -> None:
    found = resources(planned(labels={"team": "vision"}))
    assert found[CLUSTER]["resource_labels"] == {**MARK, "team": "vision"}
    assert found[SQL]["settings"][0]["user_labels"] == {**MARK, "team": "vision"}
    assert found[ARTIFACTS]["labels"] == {**MARK, "team": "vision"}


# -- who may do what


def test_no_account_has_a_role_that_is_too_large() -> None:
    roles = {after["role"] for address, after in resources(planned()).items() if "_iam_member" in address}
    assert not roles & {
        "roles/owner",
        "roles/editor",
        "roles/viewer",
        "roles/storage.admin",
        "roles/iam.serviceAccountTokenCreator",
    }
    assert not [r for r in roles if re.search(r"[aA]dmin$", r)]


def test_each_account_has_the_roles_of_its_work_and_no_other() -> None:
    found: dict[str, set[str]] = {}
    for address, after in resources(planned()).items():
        match = re.search(r"google_project_iam_member\.(\w+)\[", address)
        if match:
            found.setdefault(match.group(1), set()).add(after["role"])
    assert found == {
        "pipelines": {
            "roles/aiplatform.user",
            "roles/bigquery.dataEditor",
            "roles/bigquery.jobUser",
            "roles/cloudsql.client",
            "roles/dataflow.developer",
            "roles/dataflow.worker",
            "roles/logging.logWriter",
        },
        "nodes": {"roles/container.defaultNodeServiceAccount"},
        "build": {"roles/logging.logWriter", "roles/container.developer"},
    }


def test_builds_reach_the_cluster_only_if_asked_to() -> None:
    roles = {after["role"] for after in of_type(planned(build_deploys=False), "google_project_iam_member")}
    assert "roles/container.developer" not in roles


def test_buckets_and_images_are_granted_one_by_one(made: dict[str, dict[str, Any]]) -> None:
    granted = {a: r["role"] for a, r in made.items() if "bucket_iam_member" in a or "repository_iam_member" in a}
    assert sorted(granted.values()) == [
        "roles/artifactregistry.reader",
        "roles/artifactregistry.reader",
        "roles/artifactregistry.writer",
        "roles/storage.legacyBucketReader",
        "roles/storage.legacyBucketReader",
        "roles/storage.objectUser",
        "roles/storage.objectUser",
    ]


def test_the_kubernetes_accounts_that_call_google_act_as_the_pipelines(made: dict[str, dict[str, Any]]) -> None:
    members = {r["member"] for a, r in resources(planned(namespace="ml-team")).items() if "workload_identity" in a}
    accounts = {m.partition("[ml-team/")[2].rstrip("]") for m in members}
    assert accounts == {
        "pipeline-runner",
        "ml-pipeline-ui",
        "kubeflow-pipelines-viewer",
        "kubeflow-pipelines-cloudsql-proxy",
    }
    assert all(m.startswith("serviceAccount:my-project.svc.id.goog[") for m in members)


def test_identities_are_bound_after_the_cluster() -> None:
    calls = planned()["configuration"]["root_module"]["module_calls"]
    assert "module.cluster.workload_pool" in calls["workload_identity"]["expressions"]["workload_pool"]["references"]


# -- GKE


def test_the_cluster_is_up_to_the_policies_of_an_organization(made: dict[str, dict[str, Any]]) -> None:
    cluster = made[CLUSTER]
    assert cluster["release_channel"] == [{"channel": "REGULAR"}]
    assert cluster["workload_identity_config"] == [{"workload_pool": "my-project.svc.id.goog"}]
    assert cluster["datapath_provider"] == "ADVANCED_DATAPATH"
    assert cluster["enable_shielded_nodes"] is True
    endpoints = cluster["control_plane_endpoints_config"][0]
    assert endpoints["dns_endpoint_config"][0]["allow_external_traffic"] is True
    assert endpoints["ip_endpoints_config"][0]["enabled"] is False
    assert cluster["addons_config"][0]["http_load_balancing"] == [{"disabled": True}]
    assert cluster["timeouts"]["create"] == "40m"
    assert cluster["private_cluster_config"][0]["enable_private_nodes"] is True


def test_the_pool_that_google_insists_on_is_written_out(made: dict[str, dict[str, Any]]) -> None:
    cluster = made[CLUSTER]
    assert cluster["remove_default_node_pool"] is True
    (pool,) = cluster["node_pool"]
    assert pool["name"] == "default-pool"
    assert pool["node_config"][0]["shielded_instance_config"][0]["enable_secure_boot"] is True
    assert 20 <= pool["node_config"][0]["disk_size_gb"] <= 30
    block = next(e for t, e in configured(planned()) if t == "google_container_cluster")["node_pool"][0]
    assert block["node_config"][0]["service_account"]["references"] == ["var.node_account"]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_nodes_are_the_profiles(profile: str) -> None:
    pool, wanted = resources(planned(profile=profile))[POOL], PROFILES[profile]
    node = pool["node_config"][0]
    assert (node["machine_type"], node["disk_size_gb"]) == (wanted.node_machine_type, wanted.node_disk_gb)
    assert pool["initial_node_count"] == wanted.node_initial
    assert (pool["autoscaling"][0]["min_node_count"], pool["autoscaling"][0]["max_node_count"]) == (
        wanted.node_min,
        wanted.node_max,
    )
    surge = pool["upgrade_settings"][0]
    assert (surge["max_surge"], surge["max_unavailable"]) == ((0, 1) if profile == "trial" else (1, 0))
    assert node["workload_metadata_config"] == [{"mode": "GKE_METADATA"}]
    assert node["shielded_instance_config"][0]["enable_secure_boot"] is True
    assert pool.get("node_count") is None


def test_the_first_nodes_lie_within_what_was_set() -> None:
    assert resources(planned(profile="trial", node_max=1))[POOL]["initial_node_count"] == 1


def test_public_nodes_need_no_nat() -> None:
    found = resources(planned(private_nodes=False))
    assert found[CLUSTER]["private_cluster_config"][0]["enable_private_nodes"] is False
    assert not [a for a in found if "router" in a]


@pytest.mark.parametrize("notebook", ["container", "vm"])
def test_a_notebook_has_a_way_out_whatever_addresses_the_nodes_have(notebook: str) -> None:
    found = resources(planned(private_nodes=False, notebook=notebook))
    assert found[CLUSTER]["private_cluster_config"][0]["enable_private_nodes"] is False
    assert "module.network[0].google_compute_router_nat.this[0]" in found


def test_private_nodes_without_a_way_out_are_refused() -> None:
    done = tried({**variables(), "nat": False})
    assert done.returncode == 1
    assert "Nodes without public addresses need Cloud NAT" in " ".join(re.sub(r"[│╷╵]", " ", done.stderr).split())


@pytest.mark.parametrize(("address", "create"), [(CLUSTER, "40m"), (POOL, "30m"), (SQL, "40m")])
def test_nothing_is_waited_for_for_hours(made: dict[str, dict[str, Any]], address: str, create: str) -> None:
    timeouts = made[address]["timeouts"]
    assert timeouts["create"] == create
    assert set(timeouts.values()) <= {"30m", "40m", None}


# -- Cloud SQL


def test_the_database_is_reached_through_the_proxy_alone(made: dict[str, dict[str, Any]]) -> None:
    settings = made[SQL]["settings"][0]
    assert settings["ip_configuration"][0]["ipv4_enabled"] is False
    assert settings["connector_enforcement"] == "REQUIRED"
    assert settings["edition"] == "ENTERPRISE"
    assert settings["ip_configuration"][0]["allocated_ip_range"] == "demo-sql-range"
    assert settings.get("data_api_access") in (None, "", "DISALLOW_DATA_API")


def test_the_database_is_backed_up_in_its_region(made: dict[str, dict[str, Any]]) -> None:
    backup = made[SQL]["settings"][0]["backup_configuration"][0]
    assert (backup["enabled"], backup["binary_log_enabled"], backup["location"]) == (True, True, "us-central1")


def test_the_database_comes_after_the_peering() -> None:
    for type, expressions in configured(planned()):
        if type == "google_sql_database_instance":
            assert expressions["settings"][0]["ip_configuration"][0]["private_network"]["references"] == ["var.network"]
    assert "module.network.google_service_networking_connection.sql" in waits_for(
        "module.database.google_sql_database_instance.this"
    )


def test_the_cluster_waits_for_its_subnet_and_not_for_what_only_the_database_needs() -> None:
    """Both take minutes: one behind the other would make every installation longer by the peering."""
    waited = waits_for("module.cluster.google_container_cluster.this")
    assert "module.network.google_compute_subnetwork.this" in waited
    assert not {address for address in waited if "service_networking" in address or "router" in address}


def test_the_peering_is_left_alone_when_it_goes(made: dict[str, dict[str, Any]]) -> None:
    connection = made["module.network[0].google_service_networking_connection.sql"]
    assert (connection["deletion_policy"], connection["update_on_creation_fail"]) == ("ABANDON", True)


def test_no_password_is_in_a_plan(made: dict[str, dict[str, Any]]) -> None:
    assert made[SQL].get("root_password") is None
    assert made[SQL].get("root_password_wo") is None
    assert made[SQL]["root_password_wo_version"] == "1"
    assert "password" not in " ".join(variables())


# -- protection and data


@pytest.mark.parametrize("on", [False, True])
def test_protection_is_one_variable(on: bool) -> None:
    found = resources(planned(protection=on))
    assert found[CLUSTER]["deletion_protection"] is on
    assert found[SQL]["deletion_protection"] is on
    assert found[SQL]["settings"][0]["deletion_protection_enabled"] is on


def test_artifacts_are_only_deleted_on_demand(made: dict[str, dict[str, Any]]) -> None:
    assert made[ARTIFACTS]["force_destroy"] is False
    assert resources(planned_with(delete_artifacts=True))[ARTIFACTS]["force_destroy"] is True


@pytest.mark.parametrize("address", [ARTIFACTS, BUILD])
def test_buckets_are_closed_and_keep_nothing_twice(made: dict[str, dict[str, Any]], address: str) -> None:
    bucket = made[address]
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["public_access_prevention"] == "enforced"
    assert bucket["soft_delete_policy"][0]["retention_duration_seconds"] == 0
    assert bool(bucket.get("versioning") and bucket["versioning"][0]["enabled"]) is (address == ARTIFACTS)


# -- network


def test_the_network_has_its_ranges(made: dict[str, dict[str, Any]]) -> None:
    subnet = made["module.network[0].google_compute_subnetwork.this"]
    assert subnet["ip_cidr_range"] == "10.0.0.0/20"
    assert {r["range_name"]: r["ip_cidr_range"] for r in subnet["secondary_ip_range"]} == {
        "demo-pods": "10.4.0.0/14",
        "demo-services": "10.8.0.0/20",
    }
    assert subnet["private_ip_google_access"] is True
    address = made["module.network[0].google_compute_global_address.sql"]
    assert (address["address"], address["prefix_length"]) == ("10.9.0.0", 20)


def test_nat_has_ports_for_many_pulls(made: dict[str, dict[str, Any]]) -> None:
    nat = made["module.network[0].google_compute_router_nat.this[0]"]
    assert nat["enable_dynamic_port_allocation"] is True
    assert nat["min_ports_per_vm"] >= 1024
    assert nat["nat_ip_allocate_option"] == "AUTO_ONLY"


def test_only_googles_proxy_and_dataflow_get_in(made: dict[str, dict[str, Any]]) -> None:
    rules = [r for a, r in made.items() if "firewall" in a]
    opened = {
        (tuple(r.get("source_ranges") or r.get("source_tags")), r["allow"][0]["protocol"], *r["allow"][0]["ports"])
        for r in rules
    }
    assert opened == {(("35.235.240.0/20",), "tcp", "22"), (("dataflow",), "tcp", "12345-12346")}


# -- names and what is given


def test_every_name_is_the_environments(made: dict[str, dict[str, Any]]) -> None:
    names = Names("demo", "abcdef", "my-project", "us-central1", "us-central1-a", "demo")
    given = variables()["names"]
    assert given["cluster"] == names.cluster
    assert {r["account_id"] for a, r in made.items() if "google_service_account." in a} == {
        names.pipelines_account_id,
        names.nodes_account_id,
        names.build_account_id,
    }


def test_what_is_given_is_neither_made_nor_granted_on() -> None:
    found = resources(planned_with(**GIVEN))
    assert {a.split(".")[1] for a in found} == {"cluster", "database", "storage"}
    assert ARTIFACTS not in found
    assert not [a for a in found if "pipelines" in a]
    assert found[SQL]["settings"][0]["ip_configuration"][0]["private_network"] == GIVEN["given_network"]["network"]


WRONG = {
    "zone": "europe-west1-b",
    "environment_id": "ABC",
    "project_id": "x",
    "subnet_cidr": "10.0.0.0",
    "sql_cidr": "10.9.0.0/28",
    "sql": {"version": "MYSQL_9_7", "tier": "db-g1-small", "availability": "ZONAL"},
    "nodes": {"machine_type": "e2-standard-2", "disk_gb": 50, "min": 3, "max": 2, "initial": 3, "surge": 0},
    "given_registry": "images",
    "labels": {"Team": "x"},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_variable_is_refused_in_a_sentence(name: str) -> None:
    done = tried({**variables(), name: WRONG[name]})
    assert done.returncode == 1
    assert re.search(rf"{name}.{{0,40}}must", done.stderr.replace("\n", " ")), done.stderr
