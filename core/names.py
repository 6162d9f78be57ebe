"""The names of everything an environment makes: ``PREFIX-WHAT``.

Names that are global, or that stay reserved after deletion (buckets, Cloud SQL instances, service accounts), end in the
environment's random id, so that an environment can be made again under its name. Lengths hold for every allowed prefix
(16 characters at most): a service account's id is the tightest with 30.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ID_LABEL = "mlops-env-id"
NAME_LABEL = "mlops-env"


@dataclass(frozen=True, slots=True)
class Names:
    """All names of one environment; ``sql_generation`` counts the Cloud SQL instances whose name was used up."""

    prefix: str
    id: str
    project: str
    region: str
    zone: str
    environment: str
    namespace: str = "kubeflow"
    sql_generation: int = 1

    @classmethod
    def of(cls, values: Mapping[str, Any], *, environment: str, id: str, sql_generation: int = 1) -> Names:
        """The names that follow from an environment's parameters, its name and its id."""
        return cls(
            prefix=values["name_prefix"] or environment,
            id=id,
            project=values["project_id"] or "",
            region=values["region"],
            zone=values["zone"] or "",
            environment=environment,
            namespace=values["namespace"],
            sql_generation=sql_generation,
        )

    @property
    def labels(self) -> dict[str, str]:
        """The labels that mark what is the environment's own."""
        return {ID_LABEL: self.id, NAME_LABEL: self.environment}

    @property
    def mark(self) -> str:
        """What a description holds where a type takes no labels."""
        return f"{ID_LABEL}={self.id}"

    @property
    def network(self) -> str:
        return f"{self.prefix}-network"

    @property
    def subnetwork(self) -> str:
        return f"{self.prefix}-subnet"

    @property
    def pods_range(self) -> str:
        return f"{self.prefix}-pods"

    @property
    def services_range(self) -> str:
        return f"{self.prefix}-services"

    @property
    def router(self) -> str:
        return f"{self.prefix}-router"

    @property
    def nat(self) -> str:
        return f"{self.prefix}-nat"

    @property
    def sql_range(self) -> str:
        return f"{self.prefix}-sql-range"

    @property
    def firewall_iap(self) -> str:
        return f"{self.prefix}-allow-iap-ssh"

    @property
    def firewall_dataflow(self) -> str:
        return f"{self.prefix}-allow-dataflow"

    @property
    def cluster(self) -> str:
        return f"{self.prefix}-cluster"

    @property
    def node_pool(self) -> str:
        return f"{self.prefix}-pool"

    @property
    def registry(self) -> str:
        return f"{self.prefix}-images"

    @property
    def registry_host(self) -> str:
        return f"{self.region}-docker.pkg.dev"

    @property
    def registry_path(self) -> str:
        return f"{self.registry_host}/{self.project}/{self.registry}"

    @property
    def notebook(self) -> str:
        return f"{self.prefix}-notebook"

    @property
    def sql_instance(self) -> str:
        generation = "" if self.sql_generation == 1 else f"-{self.sql_generation}"
        return f"{self.prefix}-sql-{self.id}{generation}"

    @property
    def sql_connection_name(self) -> str:
        return f"{self.project}:{self.region}:{self.sql_instance}"

    @property
    def sql_password_secret(self) -> str:
        return f"{self.prefix}-sql-password-{self.id}"

    @property
    def artifact_bucket(self) -> str:
        return f"{self.prefix}-artifacts-{self.id}"

    @property
    def build_bucket(self) -> str:
        return f"{self.prefix}-build-{self.id}"

    @property
    def state_bucket(self) -> str:
        return f"{self.prefix}-state-{self.id}"

    @property
    def pipelines_account_id(self) -> str:
        return f"{self.prefix}-kfp-{self.id}"

    @property
    def nodes_account_id(self) -> str:
        return f"{self.prefix}-nodes-{self.id}"

    @property
    def build_account_id(self) -> str:
        return f"{self.prefix}-build-{self.id}"

    @property
    def notebook_account_id(self) -> str:
        return f"{self.prefix}-nb-{self.id}"

    def account_email(self, account_id: str) -> str:
        """The address of a service account of this project."""
        return f"{account_id}@{self.project}.iam.gserviceaccount.com"

    @property
    def workload_pool(self) -> str:
        return f"{self.project}.svc.id.goog"

    @property
    def kubernetes_context(self) -> str:
        return f"mlops-env-{self.environment}"

    @property
    def storage_class(self) -> str:
        return f"mlops-env-{self.id}"

    @property
    def storage_root(self) -> str:
        """Where pipelines leave their artifacts."""
        return f"gs://{self.artifact_bucket}/v2/artifacts"
