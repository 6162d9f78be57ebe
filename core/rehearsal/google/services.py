"""The services of a project: which there are, which are on from the first day, and when an enabled one answers."""

from __future__ import annotations

from core.rehearsal.store import Document
from core.rehearsal.world import World

KIND = "services"

SERVICES: dict[str, tuple[str, str]] = {
    "serviceusage": ("serviceusage.googleapis.com", "Service Usage API"),
    "cloudresourcemanager": ("cloudresourcemanager.googleapis.com", "Cloud Resource Manager API"),
    "iam": ("iam.googleapis.com", "Identity and Access Management (IAM) API"),
    "iamcredentials": ("iamcredentials.googleapis.com", "IAM Service Account Credentials API"),
    "compute": ("compute.googleapis.com", "Compute Engine API"),
    "container": ("container.googleapis.com", "Kubernetes Engine API"),
    "sqladmin": ("sqladmin.googleapis.com", "Cloud SQL Admin API"),
    "storage": ("storage.googleapis.com", "Cloud Storage API"),
    "secretmanager": ("secretmanager.googleapis.com", "Secret Manager API"),
    "artifactregistry": ("artifactregistry.googleapis.com", "Artifact Registry API"),
    "cloudbuild": ("cloudbuild.googleapis.com", "Cloud Build API"),
    "servicenetworking": ("servicenetworking.googleapis.com", "Service Networking API"),
    "cloudbilling": ("cloudbilling.googleapis.com", "Cloud Billing API"),
    "orgpolicy": ("orgpolicy.googleapis.com", "Organization Policy API"),
    "bigquery": ("bigquery.googleapis.com", "BigQuery API"),
    "dataflow": ("dataflow.googleapis.com", "Dataflow API"),
    "aiplatform": ("aiplatform.googleapis.com", "Vertex AI API"),
    "logging": ("logging.googleapis.com", "Cloud Logging API"),
    "monitoring": ("monitoring.googleapis.com", "Cloud Monitoring API"),
    "notebooks": ("notebooks.googleapis.com", "Notebooks API"),
    "oslogin": ("oslogin.googleapis.com", "Cloud OS Login API"),
    "iap": ("iap.googleapis.com", "Cloud Identity-Aware Proxy API"),
    "oauth2": ("oauth2.googleapis.com", "Google OAuth2 API"),
}
"""Simulated API → the service it belongs to, and its title."""

OTHERS: dict[str, str] = {
    "sql-component.googleapis.com": "Cloud SQL",
    "storage-api.googleapis.com": "Google Cloud Storage JSON API",
    "storage-component.googleapis.com": "Cloud Storage",
    "cloudapis.googleapis.com": "Google Cloud APIs",
    "servicemanagement.googleapis.com": "Service Management API",
    "bigquerystorage.googleapis.com": "BigQuery Storage API",
    "cloudtrace.googleapis.com": "Cloud Trace API",
    "datastore.googleapis.com": "Cloud Datastore API",
    "containerfilesystem.googleapis.com": "Container File System API",
    "containerregistry.googleapis.com": "Container Registry API",
    "cloudquotas.googleapis.com": "Cloud Quotas API",
    "dns.googleapis.com": "Cloud DNS API",
    "pubsub.googleapis.com": "Cloud Pub/Sub API",
    "cloudkms.googleapis.com": "Cloud Key Management Service (KMS) API",
    "networkconnectivity.googleapis.com": "Network Connectivity API",
    "autoscaling.googleapis.com": "Cloud Autoscaling API",
    "gkebackup.googleapis.com": "Backup for GKE API",
}
"""Services that can be enabled and have no API here."""

TITLES: dict[str, str] = {**dict(SERVICES.values()), **OTHERS}

FROM_THE_START = (
    "bigquery.googleapis.com", "bigquerystorage.googleapis.com", "cloudapis.googleapis.com", "cloudtrace.googleapis.com",
    "datastore.googleapis.com", "logging.googleapis.com", "monitoring.googleapis.com", "servicemanagement.googleapis.com",
    "serviceusage.googleapis.com", "sql-component.googleapis.com", "storage-api.googleapis.com",
    "storage-component.googleapis.com", "storage.googleapis.com",
)  # fmt: skip
"""What a new project has on."""

ALWAYS_ON = frozenset({"serviceusage", "oauth2"})

CHARGED_TO_CALLER: dict[str, bool] = {
    "cloudresourcemanager": False,
    "cloudbilling": True,
    "orgpolicy": True,
    "servicenetworking": True,
}
"""APIs that are charged to the caller's project, not the resource's: whether they refuse a call that names none.

Without the header the others are charged to the project of the program that signed the user in, where they are on.
"""

IMPLIES: dict[str, tuple[str, ...]] = {
    "container.googleapis.com": (
        "compute.googleapis.com", "iam.googleapis.com", "iamcredentials.googleapis.com", "oslogin.googleapis.com",
        "pubsub.googleapis.com", "containerfilesystem.googleapis.com", "dns.googleapis.com", "gkebackup.googleapis.com",
        "networkconnectivity.googleapis.com", "autoscaling.googleapis.com", "artifactregistry.googleapis.com",
    ),
    "compute.googleapis.com": ("oslogin.googleapis.com",),
    "cloudbuild.googleapis.com": ("artifactregistry.googleapis.com", "pubsub.googleapis.com"),
}  # fmt: skip
"""What enabling a service turns on with it."""


def enabled(world: World, service: str) -> bool:
    """Whether the service is enabled, answering or not."""
    return (world.store.get(KIND, service) or {}).get("state") == "ENABLED"


def answering(world: World, service: str) -> bool:
    """Whether the service is enabled and has been for long enough."""
    found = world.store.get(KIND, service)
    return bool(found and found["state"] == "ENABLED" and found["answers"] <= world.clock.now())


def turn_on(world: World, service: str, *, since: float) -> None:
    """Enables a service that was switched on at a time; it answers after the scenario's delay."""
    if enabled(world, service):
        return
    answers = since + world.clock.duration(world.scenario.delays.services)
    world.store.put(KIND, service, {"state": "ENABLED", "answers": answers})


def describe(world: World, service: str) -> Document:
    """The service as Service Usage shows it."""
    return {
        "name": f"projects/{world.number}/services/{service}",
        "parent": f"projects/{world.number}",
        "config": {"name": service, "title": TITLES[service]},
        "state": "ENABLED" if enabled(world, service) else "DISABLED",
    }
