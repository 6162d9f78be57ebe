"""The variables that point gcloud, Terraform and Google's client libraries at a rehearsal; never a token among them.

gcloud gets its token from a file that the rehearsal keeps fresh, the libraries from the simulated sign-in's credentials.
``STORAGE_EMULATOR_HOST`` is not among them: it makes the libraries, and Terraform's backend with them, send no token at all.
gcloud has no override for Service Networking; ``gcloud compute networks peerings list`` shows what it would.
"""

from __future__ import annotations

from pathlib import Path

from core.rehearsal.world import World

GCLOUD: dict[str, str] = {
    "aiplatform": "aiplatform/", "artifactregistry": "artifactregistry/", "bigquery": "bigquery/bigquery/v2/",
    "cloudbilling": "cloudbilling/", "cloudbuild": "cloudbuild/", "cloudresourcemanager": "cloudresourcemanager/",
    "compute": "compute/compute/v1/", "container": "container/", "dataflow": "dataflow/", "iam": "iam/",
    "iamcredentials": "iamcredentials/", "iap": "iap/", "logging": "logging/", "monitoring": "monitoring/",
    "notebooks": "notebooks/", "orgpolicy": "orgpolicy/", "secretmanager": "secretmanager/",
    "serviceusage": "serviceusage/", "sql": "sqladmin/",
    "storage": "storage/storage/v1/",
}  # fmt: skip
"""gcloud's name of a service, and where its override ends below the root."""

TERRAFORM: dict[str, str] = {
    "ARTIFACT_REGISTRY": "artifactregistry/v1/", "CLOUD_BILLING": "cloudbilling/v1/", "CLOUD_BUILD": "cloudbuild/v1/",
    "COMPUTE": "compute/compute/v1/", "CONTAINER": "container/v1/", "IAM": "iam/v1/",
    "IAM_BETA": "iam/v1/", "IAM_CREDENTIALS": "iamcredentials/v1/",
    "RESOURCE_MANAGER": "cloudresourcemanager/v1/", "RESOURCE_MANAGER_V3": "cloudresourcemanager/v3/",
    "SECRET_MANAGER": "secretmanager/v1/", "SERVICE_NETWORKING": "servicenetworking/v1/",
    "SERVICE_USAGE": "serviceusage/v1/",
    "SQL": "sqladmin/sql/v1beta4/", "STORAGE": "storage/storage/v1/", "NOTEBOOKS": "notebooks/v2/",
    "WORKBENCH": "notebooks/v2/",
}  # fmt: skip
"""The google provider's name of a service, and where its custom endpoint ends below the root."""


def variables(world: World, root: str, credentials: Path, token: Path) -> dict[str, str]:
    """Name → value of everything that a shell has to export."""
    found = {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{n.upper()}": f"{root}/{path}" for n, path in GCLOUD.items()}
    found |= {f"GOOGLE_{n}_CUSTOM_ENDPOINT": f"{root}/{path}" for n, path in TERRAFORM.items()}
    return {
        **found,
        "GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT": f"{root}/storage/storage/v1/",
        "GOOGLE_APPLICATION_CREDENTIALS": str(credentials),
        "GOOGLE_CLOUD_PROJECT": world.project,
        "CLOUDSDK_CORE_PROJECT": world.project,
        "CLOUDSDK_BILLING_QUOTA_PROJECT": world.project,
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_CONFIG": str(world.folder / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        "CHECKPOINT_DISABLE": "1",
        "MLOPS_ENV_REHEARSAL": str(world.folder),
    }
