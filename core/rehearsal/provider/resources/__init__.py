"""The resource types that the provider offers, each with the class that makes, reads, changes and deletes it."""

from __future__ import annotations

from functools import cache

from core.rehearsal.provider.resources.base import Resource
from core.rehearsal.provider.resources.bucket import Bucket
from core.rehearsal.provider.resources.cluster import Cluster
from core.rehearsal.provider.resources.compute import Firewall, GlobalAddress, Network, Router, RouterNat, Subnetwork
from core.rehearsal.provider.resources.connection import Connection
from core.rehearsal.provider.resources.iam_member import (
    BucketIamMember,
    ProjectIamMember,
    RepositoryIamMember,
    ServiceAccountIamMember,
)
from core.rehearsal.provider.resources.pool import NodePool
from core.rehearsal.provider.resources.registry import Repository, Secret, SecretVersion
from core.rehearsal.provider.resources.service_account import ServiceAccount
from core.rehearsal.provider.resources.sql import SqlInstance
from core.rehearsal.provider.resources.workbench import Instance
from core.rehearsal.provider.schema import resource_types

CLASSES: dict[str, type[Resource]] = {
    "google_artifact_registry_repository": Repository,
    "google_artifact_registry_repository_iam_member": RepositoryIamMember,
    "google_compute_firewall": Firewall,
    "google_compute_global_address": GlobalAddress,
    "google_compute_network": Network,
    "google_compute_router": Router,
    "google_compute_router_nat": RouterNat,
    "google_compute_subnetwork": Subnetwork,
    "google_container_cluster": Cluster,
    "google_container_node_pool": NodePool,
    "google_project_iam_member": ProjectIamMember,
    "google_secret_manager_secret": Secret,
    "google_secret_manager_secret_version": SecretVersion,
    "google_service_account": ServiceAccount,
    "google_service_account_iam_member": ServiceAccountIamMember,
    "google_service_networking_connection": Connection,
    "google_sql_database_instance": SqlInstance,
    "google_storage_bucket": Bucket,
    "google_storage_bucket_iam_member": BucketIamMember,
    "google_workbench_instance": Instance,
}


@cache
def resource(name: str) -> Resource:
    """The resource type of that name."""
    return CLASSES[name](resource_types()[name])
