"""Loads every module that registers handlers; each stands for one service."""

from __future__ import annotations

import importlib

MODULES = (
    "serviceusage", "projects", "iam", "compute_networks", "compute_instances", "compute_catalogue",
    "compute_operations", "compute_groups", "servicenetworking", "container_clusters", "container_pools",
    "container_catalogue", "sql_instances", "sql_users", "storage_buckets", "storage_objects", "secretmanager",
    "oslogin", "serviceusage_quotas", "artifactregistry", "cloudbuild", "notebooks", "reading", "billing_catalogue",
)  # fmt: skip


def load() -> None:
    """Imports them all."""
    for name in MODULES:
        importlib.import_module(f"core.rehearsal.google.{name}")
