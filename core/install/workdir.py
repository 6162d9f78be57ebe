"""The Terraform of an environment: its variables, its work directory, its backend, and the tokens that it works with."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from core.install.installation import Installation
from core.names import Names
from core.parameters.specification import PROFILES, needs_nat
from core.resources import folder
from core.run.step import Reporter
from core.terraform import Backend, Terraform, Workspace, providers_mirror

MODULE = "platform"

_NAMED = (
    "network", "subnetwork", "pods_range", "services_range", "router", "nat", "sql_range", "firewall_iap",
    "firewall_dataflow", "cluster", "node_pool", "registry", "sql_instance", "artifact_bucket", "build_bucket",
)  # fmt: skip


def platform_variables(
    values: Mapping[str, Any], names: Names, *, protection: bool = False, delete_artifacts: bool = False
) -> dict[str, Any]:
    """The variables of ``terraform/platform`` for an environment's parameters; none is a secret."""
    profile = PROFILES[values["profile"]]
    least, most = values["node_min"], values["node_max"]
    return {
        "project_id": values["project_id"],
        "region": names.region,
        "zone": names.zone,
        "environment": names.environment,
        "environment_id": names.id,
        "labels": dict(values["labels"]),
        "names": _names(names),
        "subnet_cidr": values["subnet_cidr"],
        "pods_cidr": values["pods_cidr"],
        "services_cidr": values["services_cidr"],
        "sql_cidr": values["sql_cidr"],
        "private_nodes": values["private_nodes"],
        "nat": needs_nat(values),
        "nodes": {
            "machine_type": values["node_machine_type"],
            "disk_gb": profile.node_disk_gb,
            "min": least,
            "max": most,
            "initial": min(max(profile.node_initial, least), most),
            "surge": profile.node_surge,
        },
        "sql": {
            "version": values["sql_version"],
            "tier": values["sql_tier"],
            "availability": values["sql_availability"],
        },
        "kubernetes_namespace": values["namespace"],
        "build_deploys": values["build_deploys"],
        "deletion_protection": protection,
        "delete_artifacts": delete_artifacts,
    }


def _names(names: Names) -> dict[str, str]:
    accounts = {f"{kind}_account": getattr(names, f"{kind}_account_id") for kind in ("pipelines", "nodes", "build")}
    return {**{name: getattr(names, name) for name in _NAMED}, **accounts}


def notebook_variables(
    values: Mapping[str, Any], names: Names, *, image: Mapping[str, str], script: str, desired_state: str = "ACTIVE"
) -> dict[str, Any]:
    """The variables of ``terraform/notebook``; ``image`` is the environment's, ``script`` where a VM's script lies."""
    project = names.project
    return {
        "project_id": project,
        "region": names.region,
        "zone": names.zone,
        "environment": names.environment,
        "environment_id": names.id,
        "labels": dict(values["labels"]),
        "name": names.notebook,
        "account_id": names.notebook_account_id,
        "kind": values["notebook"],
        "image": {"repository": image["reference"].partition("@")[0], "tag": image["tag"]},
        "network": f"projects/{project}/global/networks/{names.network}",
        "subnetwork": f"projects/{project}/regions/{names.region}/subnetworks/{names.subnetwork}",
        "registry": {"project": project, "location": names.region, "name": names.registry},
        "artifact_bucket": names.artifact_bucket,
        "build_bucket": names.build_bucket,
        "startup_script": script,
        "machine_type": values["notebook_machine_type"],
        "disk_type": PROFILES[values["profile"]].notebook_disk_type,
        "desired_state": desired_state,
    }


def workspace(installation: Installation, work: Path | None = None, *, module: str = MODULE) -> Workspace:
    """The environment's work directory for a module, or the one in ``work``."""
    return Workspace(work or installation.environment.terraform_folder(module), folder("terraform"), module)


@asynccontextmanager
async def opened(
    installation: Installation,
    reporter: Reporter,
    *,
    work: Path | None = None,
    waiting: bool = True,
    module: str = MODULE,
) -> AsyncIterator[Terraform]:
    """Terraform in the environment's work directory (or in ``work``), with tokens for as long as the block runs.

    The directory is empty until the caller prepares it; nothing is initialized. Where a sign-in has ended, a person is
    waited for, unless ``waiting`` is False.
    """
    from core.gcp import metadata_server, network
    from core.toolchain import find

    environment, cloud = installation.environment, installation.cloud
    command = find("terraform", environment.home).command
    place = workspace(installation, work, module=module)
    in_bucket = installation.values["state"] == "gcs"
    person = installation.person if waiting else None
    async with metadata_server.serve(installation.google, person=person) as host:
        variables = network.child_environment(cloud, metadata_host=host)
        mirror = await providers_mirror(
            cloud, environment.home, command=command, environment=variables, source=place.source / module, reporter=reporter
        )
        yield Terraform(
            workspace=place,
            command=command,
            environment=variables,
            mirror=mirror,
            clock=installation.clock,
            locked=partial(_locked, installation, module) if in_bucket else None,
            unlock=partial(_unlock, installation, module) if in_bucket else None,
        )


async def _locked(installation: Installation, module: str) -> bool:
    """Whether there is a lock on a module's state in the state bucket, as Terraform's backend ``gcs`` puts it there."""
    from core.gcp import storage
    from core.gcp.errors import PermissionDenied

    try:
        return await storage.read(installation.google, *_lock(installation, module)) is not None
    except PermissionDenied:
        return True


async def _unlock(installation: Installation, module: str, id: str) -> None:
    """Takes the lock of an id off a module's state; in the backend ``gcs`` it is the generation of the lock's object."""
    from core.gcp.errors import NotFound

    bucket, name = _lock(installation, module)
    with contextlib.suppress(NotFound):
        await installation.google.call("storage", "v1", "objects.delete", bucket=bucket, object=name, ifGenerationMatch=id)


def _lock(installation: Installation, module: str) -> tuple[str, str]:
    """The bucket, and the object in it that locks a module's state, in the backend ``gcs``."""
    place = backend(installation.names.state_bucket, module)
    return place.bucket, f"{place.prefix}/default.tflock"


def settle_zone(installation: Installation, zone: str) -> None:
    """Keeps the zone that was found for the environment, so that every name that holds it is known."""
    if installation.names.zone != zone:
        installation.environment = installation.environment.with_resolved(zone=zone).save()


def backend(state_bucket: str, module: str = MODULE) -> Backend:
    """Where a module's state lies: in the state bucket, or without one in the work directory."""
    return Backend(state_bucket, f"terraform/{module}") if state_bucket else Backend()
