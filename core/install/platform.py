"""The step ``platform``: everything that Terraform makes, in one apply whose results others take up as they come.

A plan is looked at before it is applied: what it would make may be there already (`adoption`), what it would replace may
be in order (`mending`), and what holds data is never taken away. Then it is applied, and every fact is published as soon
as its resource is complete.
"""

from __future__ import annotations

import asyncio

from core.errors import MlopsError, PermanentError, TemporaryError
from core.install import mending, shown, workdir
from core.install.addresses import CLUSTER, NODE_POOL, SQL
from core.install.adoption import look
from core.install.ahead import Ahead
from core.install.installation import Installation
from core.install.platform_facts import Facts
from core.prerequisites.existing import expected, get
from core.run.step import Context, Outcome, Step
from core.terraform import AlreadyThere, Diagnostic, Plan, Terraform, error_of

ROUNDS = 8
"""How often what is there already is looked at before it is taken for something that does not settle."""

FACTS = (
    "network", "pipelines_account", "build_account", "artifact_bucket", "build_bucket", "registry", "sql_instance",
    "cluster", "node_pool", "workload_identity", "build_roles", "platform",
)  # fmt: skip


def step(installation: Installation) -> Step:
    """The step that brings the platform about."""

    early = Ahead(installation)

    async def run(context: Context) -> Outcome | None:
        await bring_about(installation, context, early)
        return None

    return Step(
        "platform",
        "Make the platform with Terraform",
        run,
        needs=("services", "project_number", "zone", "state_bucket"),
        publishes=FACTS,
        seconds=900,
        deadline=7200,
        retries=40,
        ahead=early.make,
    )


async def bring_about(installation: Installation, context: Context, early: Ahead) -> None:
    """Makes the platform what the parameters say, by the plan that was made `ahead` if that still holds."""
    workdir.settle_zone(installation, context.fact("zone"))
    async with workdir.opened(installation, context) as terraform:
        if not early.at_work:
            await terraform.settle(context)
        protection = await protected(installation)
        terraform.workspace.set_imports({})
        terraform.workspace.prepare(
            variables=workdir.platform_variables(installation.values, installation.names, protection=protection),
            backend=workdir.backend(context.fact("state_bucket")),
        )
        standing = asyncio.ensure_future(Facts(installation, context).standing(terraform.workspace))
        try:
            await early.over()
            await terraform.init(context)
            await _converge(installation, context, terraform, early)
        finally:
            standing.cancel()
            await asyncio.gather(standing, return_exceptions=True)
        terraform.workspace.set_imports({})
        terraform.workspace.settled()
    context.publish("platform", True)


async def protected(installation: Installation) -> bool:
    """Whether deletion protection is on: what is protected stays so until it is destroyed."""
    found = await get(installation.google, expected(installation.names)[SQL])
    return bool(((found or {}).get("settings") or {}).get("deletionProtectionEnabled"))


async def _converge(installation: Installation, context: Context, terraform: Terraform, early: Ahead) -> None:
    """Plans and applies until nothing is left to do, looking anew at whatever turns out to be there already."""
    conflict: AlreadyThere | None = None
    for _ in range(ROUNDS):
        plan = await _plan(installation, context, terraform, early)
        if conflict is not None:
            _explain(installation, context, plan, conflict)
        facts = Facts(installation, context)
        try:
            facts.planned(plan)
            if plan.changes:
                context.changed()
            if plan:
                await terraform.apply(plan, context, on_complete=facts.on_complete)
            await facts.settle()
        except AlreadyThere as error:
            conflict = error
            continue
        except MlopsError as error:
            raise await _after(installation, context, error) from error
        finally:
            await facts.abandon()
        await mending.remove_default_pool(installation, context)
        return
    assert conflict is not None
    raise TemporaryError(conflict.message, code="exists", cause=conflict.cause, delay=20)


async def _plan(installation: Installation, context: Context, terraform: Terraform, early: Ahead) -> Plan:
    """A plan that makes nothing that is there already, and replaces nothing that is in order."""
    plan = early.take(terraform)
    if plan is None:
        plan = await mending.plan(terraform, context)
    tainted = [c.address for c in plan.of("replace") if "taint" in c.reason]
    mended = [await mending.mend_tainted(installation, context, terraform, address) for address in tainted]
    if any(mended):
        plan = await mending.plan(terraform, context)
    if await _adopt(installation, context, terraform, plan):
        plan = await mending.plan(terraform, context)
    plan.refuse_loss()
    await shown.hold(installation, context, terraform, plan)
    return plan


async def _adopt(installation: Installation, context: Context, terraform: Terraform, plan: Plan) -> bool:
    """Has Terraform import what it would make and is there already; says whether there is any."""
    missing = [c.address for c in plan.of("create") if not c.import_id]
    found = await look(installation.google, installation.names, missing)
    found.refuse_strangers()
    imports = dict(terraform.workspace.imports)
    for address, (item, _) in found.own.items():
        settled = await mending.until_settled(installation, context, item)
        mending.refuse_suspended(item, settled)
        if settled is None:
            continue
        if mending.is_broken(address, settled):
            await _clear(installation, context, address)
            continue
        imports[address] = item.import_id
        context.log(f"{item.what} {item.name} is there already and this environment's own; it is imported.")
    changed = imports != terraform.workspace.imports
    terraform.workspace.set_imports(imports)
    return changed


async def _clear(installation: Installation, context: Context, address: str) -> None:
    if address == SQL:
        raise await mending.clear_failed_sql(installation, context, "Its creation failed.")
    if address == CLUSTER:
        await mending.delete_cluster(installation, context)
    if address == NODE_POOL:
        await mending.delete_node_pool(installation, context)


def _explain(installation: Installation, context: Context, plan: Plan, conflict: AlreadyThere) -> None:
    """Raises where a conflict is about something that is not there: a name that is reserved, or something on its way out."""
    still = [c.address for c in plan.of("create") if c.address in conflict.addresses and not c.import_id]
    if SQL in still:
        before = installation.names.sql_instance
        mending.next_sql_name(installation)
        raise mending.failed_sql(installation, before, conflict.cause)
    if still:
        raise TemporaryError(
            f"{still[0]} is being deleted, and can't be made yet.", code="exists", cause=conflict.cause, delay=20
        )


async def _after(installation: Installation, context: Context, error: MlopsError) -> MlopsError:
    """The error that an apply ended with, once a database that failed under it is out of the way.

    Of a node pool Terraform says only that it is in an error state; why, the pool says itself. Where one of Google's own
    accounts has no role yet, its role is waited for first.
    """
    if error.code == "terraform-service-agent":
        return await _without_agent(context, error)
    items = expected(installation.names)
    found = await get(installation.google, items[SQL])
    if found is not None and items[SQL].owned(found) and mending.is_broken(SQL, found):
        return await mending.clear_failed_sql(installation, context, error.cause or error.message)
    if "error state" in error.cause:
        pool = await get(installation.google, items[NODE_POOL])
        if pool is not None and pool.get("statusMessage"):
            return error_of([Diagnostic("error", str(pool["statusMessage"]), address=NODE_POOL)])
    return error


async def _without_agent(context: Context, error: MlopsError) -> MlopsError:
    """The error itself, which passes, once the agents have their roles; a permanent one where ten minutes did not do."""
    context.progress("waiting until Google's service agents have their roles")
    lagging = await context.wait_for("service_agents")
    if not lagging:
        return error
    return PermanentError(
        f"Google's own account for {lagging[0]} has no role in the project.",
        code="service-agent",
        cause=error.cause,
        hint="It gets one with the API as a rule. Grant the role that the cause asks for, then try again.",
        command=f"gcloud beta services identity create --service={lagging[0]}",
    )
