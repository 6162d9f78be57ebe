"""Taking the platform down, from whatever a run left of it.

Protection goes off everywhere before anything is deleted, or half of it would be; only what failed for good is deleted at
once, by its API. Then the cluster and the database go, side by side; then the peering, which Terraform can't delete and
which holds the network; then the rest. What the state has lost, and is the environment's own, is imported first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from core.install import mending, workdir
from core.install.addresses import CLUSTER, SQL
from core.install.adoption import Found, look
from core.install.installation import Installation
from core.prerequisites.existing import PEERING, expected, get
from core.run.step import Context
from core.terraform import Terraform

NETWORK = "module.network[0].google_compute_network.this"
CONNECTION = "module.network[0].google_service_networking_connection.sql"
ARTIFACTS = "module.storage.google_storage_bucket.artifacts[0]"
FIRST = ("module.cluster", "module.database")

State = Mapping[str, Mapping[str, Any]]


async def unprotect_platform(installation: Installation, context: Context, *, keep_bucket: bool) -> None:
    """Switches every protection off, and adopts what the state has lost, before anything is deleted anywhere."""
    async with _opened(installation, context, keep_bucket=keep_bucket) as terraform:
        if terraform is not None:
            await _prepare(installation, context, terraform, keep_bucket=keep_bucket)


async def destroy_platform(installation: Installation, context: Context, *, keep_bucket: bool) -> None:
    """Deletes everything that the step ``platform`` made; the artifact bucket stays with ``keep_bucket``.

    Works from any half-finished state, and may be called again. Raises `TemporaryError` where something is still busy.
    """
    async with _opened(installation, context, keep_bucket=keep_bucket) as terraform:
        if terraform is not None:
            found = await _prepare(installation, context, terraform, keep_bucket=keep_bucket)
            await _destroy(context, terraform, *FIRST)
            await _give_up_sql_name(installation, found)
            await _remove_peering(installation, context)
            await _destroy(context, terraform, refresh=False)  # everything was looked at a moment ago


@asynccontextmanager
async def _opened(installation: Installation, context: Context, *, keep_bucket: bool) -> AsyncIterator[Terraform | None]:
    """Terraform in the platform's work directory, ready; None where no run came as far as the platform."""
    if not installation.names.project or not installation.names.zone:
        yield None
        return
    async with workdir.opened(installation, context) as terraform:
        await terraform.settle(context, interrupt=True)
        terraform.workspace.set_imports({})
        terraform.workspace.prepare(
            variables=workdir.platform_variables(
                installation.values, installation.names, protection=False, delete_artifacts=not keep_bucket
            ),
            backend=workdir.backend(await _state_bucket(installation)),
        )
        await terraform.init(context)
        yield terraform


async def _prepare(installation: Installation, context: Context, terraform: Terraform, *, keep_bucket: bool) -> Found:
    """Forgets what stays, imports what the state has lost, and switches protection off; returns what is there."""
    state = await terraform.state(context)
    found = await look(installation.google, installation.names, expected(installation.names))
    kept = {ARTIFACTS} if keep_bucket else set()
    await terraform.forget(sorted(kept & set(state)), context)
    imports, broken = await _imports(installation, context, found, state, kept)
    await _unprotect(context, terraform, {a: r for a, r in state.items() if a not in kept | broken}, imports)
    return found


async def _state_bucket(installation: Installation) -> str:
    """The state bucket, where it is (still) there and the environment's own."""
    from core.gcp.errors import NotFound, PermissionDenied

    names = installation.names
    if installation.values["state"] != "gcs":
        return ""
    try:
        await installation.google.call("storage", "v1", "buckets.get", bucket=names.state_bucket)
    except (NotFound, PermissionDenied):
        return ""
    return names.state_bucket


async def _imports(
    installation: Installation, context: Context, found: Found, state: State, kept: set[str]
) -> tuple[dict[str, str], set[str]]:
    """What is the environment's own and Terraform does not know of, and what was broken.

    That is deleted here, so that Terraform has nothing to unprotect there: it would make it anew for that.
    """
    imports: dict[str, str] = {}
    broken: set[str] = set()
    for address, (item, _) in found.own.items():
        if address in kept or address == CONNECTION:
            continue
        settled = await mending.until_settled(installation, context, item)
        if settled is None:
            continue
        if mending.is_broken(address, settled):
            if address == SQL:
                await mending.unprotect_sql(installation, context, settled)
                await mending.delete_sql(installation, context)
            elif address == CLUSTER:
                await mending.delete_cluster(installation, context)
            broken.add(address)
        elif address not in state:
            imports[address] = item.import_id
    return imports, broken


async def _unprotect(context: Context, terraform: Terraform, state: State, imports: Mapping[str, str]) -> None:
    """Switches protection off where it is on, and imports, which sets fields that a destroy goes by: one apply does both."""
    targets = sorted({*imports, *(a for a, r in state.items() if _holds_on(r["type"], r["values"]))})
    if not targets:
        return
    terraform.workspace.set_imports(imports)
    plan = await mending.plan(terraform, context, targets=targets)
    if plan:
        context.changed()
        await terraform.apply(plan, context)
    terraform.workspace.set_imports({})


def _holds_on(type: str, values: Mapping[str, Any]) -> bool:
    """Whether a resource, as the state has it, would refuse to be destroyed."""
    if type == "google_storage_bucket":
        return not values.get("force_destroy")
    settings = (values.get("settings") or [{}])[0]
    return bool(values.get("deletion_protection") or settings.get("deletion_protection_enabled"))


async def _destroy(context: Context, terraform: Terraform, *targets: str, refresh: bool = True) -> None:
    plan = await mending.plan(terraform, context, destroy=True, targets=targets, refresh=refresh)
    if plan.changes:
        context.changed()
        await terraform.apply(plan, context)


async def _give_up_sql_name(installation: Installation, found: Found) -> None:
    """The database's name stays reserved for a week, so the next installation takes another."""
    item = expected(installation.names)[SQL]
    if SQL in found.own and found.own[SQL][0].name == item.name and await get(installation.google, item) is None:
        mending.next_sql_name(installation)


async def _remove_peering(installation: Installation, context: Context) -> None:
    """Removes the network's side of the peering with Google's services, as the console does."""
    from core.gcp.errors import InvalidRequest, NotFound

    google, names = installation.google, installation.names
    if not await _is_peered(installation):
        return
    context.log(f"Removing the peering {PEERING} from {names.network}.")
    context.changed()
    try:
        await google.operate(
            "compute", "v1", context, "remove-peering",
            lambda: google.call(
                "compute", "v1", "networks.removePeering", project=names.project, network=names.network,
                body={"name": PEERING},
            ),
        )  # fmt: skip
    except (InvalidRequest, NotFound):
        if await _is_peered(installation):  # it may be gone: the answer to the first try was lost after its effect
            raise


async def _is_peered(installation: Installation) -> bool:
    """Whether the network is the environment's own and still peers with Google's services."""
    item = expected(installation.names)[NETWORK]
    network = await get(installation.google, item)
    if network is None or not item.owned(network):
        return False
    return PEERING in [p.get("name") for p in network.get("peerings") or ()]
