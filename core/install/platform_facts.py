"""Which fact follows from which resource of the platform, published the moment it is known.

Names are known beforehand; that a resource of the name is there is what Terraform's event stream says. Where a fact claims
more than existence, the resource is read once through its API.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from core.errors import MlopsError, TemporaryError
from core.gcp.iam import has
from core.install.addresses import CLUSTER, NODE_POOL, SQL
from core.install.adoption import look
from core.install.installation import Installation
from core.run.step import Context
from core.terraform import Completed, Plan, Workspace

GRANTS = {
    "workload_identity": ("module.workload_identity[0].",),
    "build_roles": (
        "module.storage.google_storage_bucket_iam_member.build[",
        "module.registry[0].google_artifact_registry_repository_iam_member.writers[",
    ),
}
"""Facts that say no more than that grants were made: where Terraform has them."""
WORKLOADS = ("kubeflow-pipelines-cloudsql-proxy", "kubeflow-pipelines-viewer", "ml-pipeline-ui", "pipeline-runner")
"""The Kubernetes accounts that the module binds to the pipelines' account."""
WORKLOAD_USER = "roles/iam.workloadIdentityUser"

Read = Callable[[Installation, str], Awaitable[Any]]


async def _cluster(installation: Installation, name: str) -> str:
    found = await installation.google.call("container", "v1", "projects.locations.clusters.get", name=name)
    # While its pools change, its API server goes on answering.
    _require(found.get("status") in ("RUNNING", "RECONCILING", "DEGRADED"), "cluster", found.get("status"))
    return name


async def _node_pool(installation: Installation, name: str) -> str:
    found = await installation.google.call("container", "v1", "projects.locations.clusters.nodePools.get", name=name)
    _require(found.get("status") in ("RUNNING", "RECONCILING", "RUNNING_WITH_ERROR"), "node pool", found.get("status"))
    return name


async def _sql(installation: Installation, name: str) -> str:
    found = await installation.google.call(
        "sqladmin", "v1", "instances.get", project=installation.names.project, instance=name
    )
    _require(found.get("state") == "RUNNABLE", "Cloud SQL instance", found.get("state"))
    return str(found.get("connectionName") or installation.names.sql_connection_name)


def _require(holds: bool, what: str, state: Any) -> None:
    if not holds:
        raise TemporaryError(f"The {what} is not up yet.", code="not-up", cause=f"Its state is {state}.", delay=10)


@dataclass
class Facts:
    """Publishes the facts of the step ``platform``; `on_complete` is called by the stream, `settle` before the step ends."""

    installation: Installation
    context: Context
    published: dict[str, Any] = field(default_factory=dict)
    _reads: list[asyncio.Task[None]] = field(default_factory=list)
    _grants: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = self.installation.names
        location = f"projects/{names.project}/locations/{names.zone}/clusters/{names.cluster}"
        self._known = {
            "module.accounts[0].google_service_account.pipelines": (
                "pipelines_account",
                names.account_email(names.pipelines_account_id),
            ),
            "module.accounts[0].google_service_account.build": (
                "build_account",
                names.account_email(names.build_account_id),
            ),
            "module.network[0].google_compute_subnetwork.this": ("network", names.network),
            "module.storage.google_storage_bucket.artifacts[0]": ("artifact_bucket", names.artifact_bucket),
            "module.storage.google_storage_bucket.build": ("build_bucket", names.build_bucket),
            "module.registry[0].google_artifact_registry_repository.this": (
                "registry",
                names.registry_path,
            ),
        }
        self._read: dict[str, tuple[str, Read, str]] = {
            CLUSTER: ("cluster", _cluster, location),
            NODE_POOL: ("node_pool", _node_pool, f"{location}/nodePools/{names.node_pool}"),
            SQL: ("sql_instance", _sql, names.sql_instance),
        }

    async def standing(self, workspace: Workspace) -> None:
        """Publishes what an earlier run made and nobody has asked to change since, as its APIs have it now.

        Terraform is still to look at all of it, which takes longer than everything that waits for these facts. What is not
        as it should be is left to it.
        """
        if not workspace.as_settled:
            return
        names = self.installation.names
        with contextlib.suppress(MlopsError):
            found = await look(self.installation.google, names, (*self._known, *self._read))
            for address in found.own:
                self._there(address)
            await asyncio.gather(self._bound(), self.settle(), return_exceptions=True)

    async def _bound(self) -> None:
        names = self.installation.names
        account = f"projects/{names.project}/serviceAccounts/{names.account_email(names.pipelines_account_id)}"
        policy = await self.installation.google.call("iam", "v1", "projects.serviceAccounts.getIamPolicy", resource=account)
        pods = f"serviceAccount:{names.workload_pool}[{names.namespace}/"
        if all(has(policy, WORKLOAD_USER, f"{pods}{workload}]") for workload in WORKLOADS):
            self._publish("workload_identity", True)

    def planned(self, plan: Plan) -> None:
        """Publishes what the plan leaves as it is; the rest follows as it completes."""
        touched = {c.address for c in plan.of("create", "replace", "delete")}
        for address in (*self._known, *self._read):
            if address not in touched:
                self._there(address)
        for fact, places in GRANTS.items():
            self._grants[fact] = {a for a in touched if a.startswith(places)}
            if not self._grants[fact]:
                self._publish(fact, True)

    def on_complete(self, completed: Completed) -> None:
        """A resource is complete."""
        if completed.action in ("delete", "remove"):
            return
        self._there(completed.address)
        for fact, missing in self._grants.items():
            if completed.address in missing:
                missing.discard(completed.address)
                if not missing:
                    self._publish(fact, True)

    async def settle(self) -> None:
        """Waits for the reads that are under way; raises the error of the first that failed."""
        reads, self._reads = self._reads, []
        await asyncio.gather(*reads)

    async def abandon(self) -> None:
        """Ends the reads that are under way, since the step ends without them."""
        reads, self._reads = self._reads, []
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)

    def _there(self, address: str) -> None:
        if address in self._known:
            self._publish(*self._known[address])
        elif address in self._read:
            name, read, what = self._read[address]
            if name not in self.published:
                self._reads.append(asyncio.ensure_future(self._after(name, read, what)))

    async def _after(self, name: str, read: Read, what: str) -> None:
        self._publish(name, await read(self.installation, what))

    def _publish(self, name: str, value: Any) -> None:
        self.published[name] = value
        with contextlib.suppress(KeyError):
            if self.context.fact(name) == value:  # an attempt before this one knew it already
                return
        self.context.publish(name, value)
