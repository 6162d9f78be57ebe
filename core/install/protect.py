"""The step ``protect``: neither the cluster nor the database can be deleted from here on, until ``destroy`` says so.

It is the last, since a cluster that fails while it is protected could be neither used nor replaced.
"""

from __future__ import annotations

from core.install import workdir
from core.install.installation import Installation
from core.install.platform import protected
from core.run.step import Context, Outcome, Step


def step(installation: Installation) -> Step:
    """The step that switches deletion protection on."""

    async def run(context: Context) -> Outcome | None:
        await _protect(installation, context)
        return None

    return Step(
        "protect",
        "Protect what holds data",
        run,
        needs=("verification", "platform", "zone", "state_bucket"),
        publishes=("protected",),
        seconds=60,
        deadline=1800,
        retries=20,
    )


async def _protect(installation: Installation, context: Context) -> None:
    # Where it is on already, the step ``platform`` has just found that nothing else is to be changed either.
    if not await protected(installation):
        workdir.settle_zone(installation, context.fact("zone"))
        async with workdir.opened(installation, context) as terraform:
            terraform.workspace.prepare(
                variables=workdir.platform_variables(installation.values, installation.names, protection=True),
                backend=workdir.backend(context.fact("state_bucket")),
            )
            await terraform.init(context)
            plan = await terraform.plan(context)
            plan.refuse_loss()
            if plan:
                context.changed()
                await terraform.apply(plan, context)
    context.publish("protected", True)
