"""What a run that broke off leaves of the platform's long-lived resources, and how each is brought back into order.

Terraform taints what failed while it was being made, and would replace it; a cluster or a database that came up after all
is kept. One that did not is deleted by its API, since Terraform can't: the cluster's protection counts as the state has
it, and a failed database, or a node pool that failed after a run was killed, is not in the state at all.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from core.errors import PermanentError, TemporaryError
from core.install.addresses import CLUSTER, NODE_POOL, SQL
from core.install.installation import Installation
from core.prerequisites.existing import Document, Expected, expected, get
from core.run.step import Context
from core.terraform import MadeInVain, Plan, Terraform

DEFAULT_POOL = "default-pool"
UP = {
    CLUSTER: ("status", ("RUNNING", "RECONCILING", "DEGRADED")),
    NODE_POOL: ("status", ("RUNNING", "RECONCILING", "RUNNING_WITH_ERROR")),
    SQL: ("state", ("RUNNABLE",)),
}
BROKEN = {CLUSTER: ("ERROR",), NODE_POOL: ("ERROR",), SQL: ("FAILED",)}


async def plan(terraform: Terraform, context: Context, **options: Any) -> Plan:
    """Terraform's plan; raises `TemporaryError` once the state has forgotten what was made in vain, to look at it anew."""
    try:
        return await terraform.plan(context, **options)
    except MadeInVain as failed:
        await terraform.forget(failed.addresses, context)
        raise TemporaryError(failed.message, code=failed.code, cause=failed.cause, delay=1) from failed


def is_up(address: str, found: Document) -> bool:
    """Whether a resource is in working order, as far as it says so."""
    field, good = UP.get(address, ("", ()))
    return not field or found.get(field) in good


def is_broken(address: str, found: Document) -> bool:
    """Whether a resource will never be in working order."""
    field, _ = UP.get(address, ("", ()))
    return bool(field) and found.get(field) in BROKEN[address]


def is_suspended(address: str, found: Document) -> bool:
    """Whether Google holds a resource back, for what only a person can put right; what it holds is still there."""
    return address == SQL and found.get("state") == "SUSPENDED"


def refuse_suspended(item: Expected, found: Document | None) -> None:
    """Raises `PermanentError` where Google has suspended a resource that is to be used."""
    if found is None or not is_suspended(item.address, found):
        return
    raise PermanentError(
        f"Google has suspended the {item.what} {item.name}.",
        code="sql-suspended",
        cause=", ".join(found.get("suspensionReason") or ()) or "It does not say why.",
        hint="It keeps its data. Put right what it was suspended for (billing, say), then retry.",
    )


async def until_settled(installation: Installation, context: Context, item: Expected) -> Document | None:
    """Waits until a resource is up, broken, suspended or gone; the step's deadline ends the wait."""
    while True:
        found = await get(installation.google, item)
        if found is None or any(settled(item.address, found) for settled in (is_up, is_broken, is_suspended)):
            return found
        field, _ = UP[item.address]
        context.progress(f"{item.what} {item.name} is {found.get(field)}")
        await context.clock.sleep(10)


async def mend_tainted(installation: Installation, context: Context, terraform: Terraform, address: str) -> bool:
    """Keeps a tainted resource that came up after all, and clears one away that did not; says whether it did either."""
    item = expected(installation.names).get(address)
    if item is None:
        return False
    found = await until_settled(installation, context, item)
    refuse_suspended(item, found)
    if found is not None and is_up(address, found):
        context.log(f"{item.what} {item.name} came up after all; it is kept.")
        await terraform.untaint(address, context)
        return True
    if found is not None and address == SQL:
        raise await clear_failed_sql(installation, context, "Its creation failed.")
    if found is not None and address == CLUSTER:
        await delete_cluster(installation, context)
        state = await terraform.state(context)
        await terraform.forget([a for a in state if a in (CLUSTER, NODE_POOL)], context)
        return True
    return False


async def delete_cluster(installation: Installation, context: Context) -> None:
    """Deletes the environment's cluster by its API."""
    google, name = installation.google, _cluster(installation)
    context.changed()
    await google.operate(
        "container", "v1", context, "delete-cluster",
        lambda: google.call("container", "v1", "projects.locations.clusters.delete", name=name),
    )  # fmt: skip


async def unprotect_sql(installation: Installation, context: Context, found: Document) -> None:
    """Switches the protection of the environment's Cloud SQL instance off by its API, where ``found`` has it on."""
    if not (found.get("settings") or {}).get("deletionProtectionEnabled"):
        return
    names, google, body = installation.names, installation.google, {"settings": {"deletionProtectionEnabled": False}}
    context.changed()
    await google.operate(
        "sqladmin", "v1", context, "unprotect-sql",
        lambda: google.call(
            "sqladmin", "v1", "instances.patch", project=names.project, instance=names.sql_instance, body=body
        ),
    )  # fmt: skip


async def delete_sql(installation: Installation, context: Context) -> None:
    """Deletes the environment's Cloud SQL instance by its API, and gives its name up: it stays reserved for a week."""
    names, google = installation.names, installation.google
    context.changed()
    await google.operate(
        "sqladmin", "v1", context, "delete-sql",
        lambda: google.call("sqladmin", "v1", "instances.delete", project=names.project, instance=names.sql_instance),
    )  # fmt: skip
    next_sql_name(installation)


def next_sql_name(installation: Installation) -> None:
    """The next instance gets another name, which is on disk before anything uses it."""
    environment = installation.environment
    installation.environment = replace(environment, sql_generation=environment.sql_generation + 1).save()


async def clear_failed_sql(installation: Installation, context: Context, reason: str) -> PermanentError:
    """Gives up the database instance that failed; returns the error that says so. The next run makes another."""
    before = installation.names.sql_instance
    await delete_sql(installation, context)
    return failed_sql(installation, before, reason)


def failed_sql(installation: Installation, before: str, reason: str) -> PermanentError:
    """The error of a database instance whose name is used up."""
    return PermanentError(
        f"The Cloud SQL instance {before} can't be used.",
        code="sql-name-used-up",
        cause=reason,
        hint=f"Retry makes it anew as {installation.names.sql_instance}: a name stays reserved for a week.",
        command=f"mlops-env retry {installation.environment.name}",
    )


async def remove_default_pool(installation: Installation, context: Context) -> None:
    """Deletes the pool that GKE insisted on, where an interrupted creation left it."""
    names = installation.names
    found = await installation.google.call("container", "v1", "projects.locations.clusters.get", name=_cluster(installation))
    pools = [p["name"] for p in found.get("nodePools") or ()]
    if DEFAULT_POOL not in pools or names.node_pool not in pools:
        return
    context.log("The cluster's first pool was left by an interrupted creation; it is deleted.")
    await _delete_pool(installation, context, DEFAULT_POOL, "delete-default-pool")


async def delete_node_pool(installation: Installation, context: Context) -> None:
    """Deletes the environment's node pool by its API."""
    context.log(f"The node pool {installation.names.node_pool} failed; it is deleted.")
    await _delete_pool(installation, context, installation.names.node_pool, "delete-node-pool")


async def _delete_pool(installation: Installation, context: Context, pool: str, key: str) -> None:
    from core.gcp.errors import NotFound

    google, name = installation.google, f"{_cluster(installation)}/nodePools/{pool}"
    context.changed()
    with contextlib.suppress(NotFound):  # the answer to a deletion was lost, and it is gone
        await google.operate(
            "container", "v1", context, key,
            lambda: google.call("container", "v1", "projects.locations.clusters.nodePools.delete", name=name),
        )  # fmt: skip


def _cluster(installation: Installation) -> str:
    names = installation.names
    return f"projects/{names.project}/locations/{names.zone}/clusters/{names.cluster}"
