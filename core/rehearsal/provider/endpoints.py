"""The services that the provider calls, and where they stand, by the names in its ``…_custom_endpoint`` arguments."""

from __future__ import annotations

SERVICES = {
    "artifact_registry": "https://artifactregistry.googleapis.com/v1/",
    "compute": "https://compute.googleapis.com/compute/v1/",
    "container": "https://container.googleapis.com/v1/",
    "iam": "https://iam.googleapis.com/v1/",
    "resource_manager": "https://cloudresourcemanager.googleapis.com/v1/",
    "secret_manager": "https://secretmanager.googleapis.com/v1/",
    "service_networking": "https://servicenetworking.googleapis.com/v1/",
    "sql": "https://sqladmin.googleapis.com/sql/v1beta4/",
    "storage": "https://storage.googleapis.com/storage/v1/",
    "workbench": "https://notebooks.googleapis.com/v2/",
}
