"""Every resource of an environment that a name can be taken for: how to look at it, and how to know it as one's own.

The environment's own carries its id, in a label or, where its type has none, in the description, or belongs to something
that does. Everything else of that name is a stranger's. Checks ask it before an installation, and the installation itself
before it makes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.names import ID_LABEL, Names

if TYPE_CHECKING:
    from core.gcp import Google

PEERING = "servicenetworking-googleapis-com"
"""The name that Google gives to the network's peering with its services."""

ACCOUNT, INSTANCE = "google_service_account.notebook", "google_workbench_instance.this"
"""Where Terraform has the notebook's."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """One resource of the platform: where Terraform has it, how to look at it, and how to know it as one's own."""

    address: str
    what: str
    name: str
    import_id: str
    call: tuple[str, str, str]
    params: Mapping[str, Any]
    owned: Callable[[Document], bool]
    part: Callable[[Document], Document | None] = lambda found: found
    """Picks the resource out of the answer, where the call is its parent's."""


def expected(names: Names) -> dict[str, Expected]:
    """Every resource of the platform that a name can be taken for, by its address."""
    found = [*_accounts(names), *_network(names), *_cluster(names), *_data(names)]
    return {e.address: e for e in found}


def of_notebook(names: Names) -> list[Expected]:
    """Every resource of the notebook that a name can be taken for."""
    account = f"projects/{names.project}/serviceAccounts/{names.account_email(names.notebook_account_id)}"
    name = f"projects/{names.project}/locations/{names.zone}/instances/{names.notebook}"
    return [
        Expected(ACCOUNT, "service account", names.notebook_account_id, account,
                 ("iam", "v1", "projects.serviceAccounts.get"), {"name": account}, owned_by(names)),
        Expected(INSTANCE, "notebook", names.notebook, name,
                 ("notebooks", "v2", "projects.locations.instances.get"), {"name": name}, owned_by(names)),
    ]  # fmt: skip


async def get(google: Google, item: Expected) -> Document | None:
    """The resource as its API has it, or None; an empty document where it is there and can't be read."""
    from core.gcp.errors import NotFound, PermissionDenied
    from core.prerequisites import shared

    api, version, method = item.call
    try:
        return item.part(await shared.call(google, api, version, method, **item.params))
    except NotFound:
        return None
    except PermissionDenied:
        if api == "storage":  # a bucket of another project: its name is taken, and that is all one may know
            return {}
        raise


def _accounts(names: Names) -> list[Expected]:
    def account(kind: str, id: str) -> Expected:
        name = f"projects/{names.project}/serviceAccounts/{names.account_email(id)}"
        return Expected(
            f"module.accounts[0].google_service_account.{kind}", "service account", id, name,
            ("iam", "v1", "projects.serviceAccounts.get"), {"name": name}, owned_by(names),
        )  # fmt: skip

    return [
        account("pipelines", names.pipelines_account_id),
        account("nodes", names.nodes_account_id),
        account("build", names.build_account_id),
    ]


def _network(names: Names) -> list[Expected]:
    project, region = names.project, names.region
    globally, regionally = {"project": project}, {"project": project, "region": region}
    module, owned = "module.network[0].", owned_by(names)
    network = f"projects/{project}/global/networks/{names.network}"
    router = f"projects/{project}/regions/{region}/routers/{names.router}"

    def firewall(kind: str, name: str) -> Expected:
        return Expected(
            f"{module}google_compute_firewall.{kind}", "firewall rule", name, f"projects/{project}/global/firewalls/{name}",
            ("compute", "v1", "firewalls.get"), {**globally, "firewall": name}, owned,
        )  # fmt: skip

    return [
        Expected(f"{module}google_compute_network.this", "network", names.network, network,
                 ("compute", "v1", "networks.get"), {**globally, "network": names.network}, owned),
        Expected(f"{module}google_compute_subnetwork.this", "subnetwork", names.subnetwork,
                 f"projects/{project}/regions/{region}/subnetworks/{names.subnetwork}",
                 ("compute", "v1", "subnetworks.get"), {**regionally, "subnetwork": names.subnetwork}, owned),
        Expected(f"{module}google_compute_router.this[0]", "router", names.router, router,
                 ("compute", "v1", "routers.get"), {**regionally, "router": names.router}, owned),
        Expected(f"{module}google_compute_router_nat.this[0]", "NAT", names.nat, f"{router}/{names.nat}",
                 ("compute", "v1", "routers.get"), {**regionally, "router": names.router}, owned,
                 lambda found: found if _has(found.get("nats"), names.nat) else None),
        firewall("iap", names.firewall_iap),
        firewall("dataflow", names.firewall_dataflow),
        Expected(f"{module}google_compute_global_address.sql", "address range", names.sql_range,
                 f"projects/{project}/global/addresses/{names.sql_range}",
                 ("compute", "v1", "globalAddresses.get"), {**globally, "address": names.sql_range}, owned),
        Expected(f"{module}google_service_networking_connection.sql", "peering", PEERING,
                 f"{network}:servicenetworking.googleapis.com",
                 ("compute", "v1", "networks.get"), {**globally, "network": names.network}, owned,
                 lambda found: found if _has(found.get("peerings"), PEERING) else None),
    ]  # fmt: skip


def _cluster(names: Names) -> list[Expected]:
    cluster = f"projects/{names.project}/locations/{names.zone}/clusters/{names.cluster}"
    call = ("container", "v1", "projects.locations.clusters.get")

    def pool(found: Document) -> Document | None:
        pools = [p for p in found.get("nodePools") or () if p.get("name") == names.node_pool]
        return {**pools[0], "resourceLabels": found.get("resourceLabels") or {}} if pools else None

    return [
        Expected("module.cluster.google_container_cluster.this", "cluster", names.cluster, cluster,
                 call, {"name": cluster}, owned_by(names)),
        Expected("module.cluster.google_container_node_pool.this", "node pool", names.node_pool,
                 f"{names.project}/{names.zone}/{names.cluster}/{names.node_pool}",
                 call, {"name": cluster}, owned_by(names), pool),
    ]  # fmt: skip


def _data(names: Names) -> list[Expected]:
    project, owned = names.project, owned_by(names)
    registry = f"projects/{project}/locations/{names.region}/repositories/{names.registry}"

    def bucket(address: str, name: str) -> Expected:
        return Expected(f"module.storage.google_storage_bucket.{address}", "bucket", name, f"{project}/{name}",
                        ("storage", "v1", "buckets.get"), {"bucket": name}, owned)  # fmt: skip

    return [
        Expected("module.database.google_sql_database_instance.this", "Cloud SQL instance", names.sql_instance,
                 f"projects/{project}/instances/{names.sql_instance}",
                 ("sqladmin", "v1", "instances.get"), {"project": project, "instance": names.sql_instance}, owned),
        bucket("artifacts[0]", names.artifact_bucket),
        bucket("build", names.build_bucket),
        Expected("module.registry[0].google_artifact_registry_repository.this", "repository", names.registry, registry,
                 ("artifactregistry", "v1", "projects.locations.repositories.get"), {"name": registry}, owned),
    ]  # fmt: skip


def owned_by(names: Names) -> Callable[[Document], bool]:
    """Whether a document carries the environment's id: in its labels, which some types only get after they are made, or
    in its description."""

    def owned(found: Document) -> bool:
        settings = found.get("settings") or {}
        labels = found.get("labels") or found.get("resourceLabels") or settings.get("userLabels") or {}
        return bool(labels.get(ID_LABEL) == names.id) or names.mark in str(found.get("description") or "")

    return owned


def _has(items: Any, name: str) -> bool:
    return any(item.get("name") == name for item in items or ())
