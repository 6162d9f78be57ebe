"""The step ``protect``: neither the cluster nor the database can be deleted from here on, until ``destroy`` says so.

It is the last, since a cluster that fails while it is protected could be neither used nor replaced. What it takes is
planned while the verification still runs.
"""

from __future__ import annotations

from core.install import shown, workdir
from core.install.installation import Installation
from core.install.platform import protected
from core.run.step import Context, Outcome, Step
from core.terraform import Terraform


def step(installation: Installation) -> Step:
    """The step that switches deletion protection on."""

    async def run(context: Context) -> Outcome | None:
        await _protect(installation, context)
        return None

    return Step(
        "protect",
        "Protect what holds data",
        run,
        needs=("pipelines", "platform", "zone", "state_bucket"),
        publishes=("protected",),
        seconds=60,
        deadline=7200,
        retries=20,
    )


async def _protect(installation: Installation, context: Context) -> None:
    # Where it is on already, the step ``platform`` has just found that nothing else is to be changed either.
    if await protected(installation):
        await context.wait_for("verification")
    else:
        async with workdir.opened(installation, context) as terraform:
            await _switch_on(installation, context, terraform)
    context.publish("protected", True)


async def _switch_on(installation: Installation, context: Context, terraform: Terraform) -> None:
    workdir.settle_zone(installation, context.fact("zone"))
    workspace = terraform.workspace
    workspace.prepare(
        variables=workdir.platform_variables(installation.values, installation.names, protection=True),
        backend=workdir.backend(context.fact("state_bucket")),
    )
    try:
        await terraform.init(context)
        plan = await terraform.plan(context)
        plan.refuse_loss()
        await shown.hold(installation, context, terraform, plan)
        await context.wait_for("verification")
    except BaseException:  # without the proof nothing is to be protected, nor to look as if it were about to be
        workspace.set_variables(workdir.platform_variables(installation.values, installation.names))
        raise
    if plan:
        context.changed()
        await terraform.apply(plan, context)
    workspace.settled()
