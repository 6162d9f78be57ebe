"""The services of Google's that an environment uses: those it can't do without, and those that it can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REQUIRED = tuple(
    f"{name}.googleapis.com"
    for name in (
        "serviceusage", "cloudresourcemanager", "iam", "iamcredentials", "compute", "container", "artifactregistry",
        "cloudbuild", "storage", "sqladmin", "servicenetworking", "secretmanager", "cloudbilling", "logging", "monitoring",
        "aiplatform", "dataflow", "bigquery", "oslogin", "iap",
    )
)  # fmt: skip
OPTIONAL = ("orgpolicy.googleapis.com", "containerfilesystem.googleapis.com")
"""Without these an installation works all the same; a refusal is told, and that is all."""
NOTEBOOK = ("notebooks.googleapis.com",)
"""What only an environment with a notebook needs."""


def required(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The services that an environment of these parameters can't do without."""
    return REQUIRED if values["notebook"] == "none" else REQUIRED + NOTEBOOK
