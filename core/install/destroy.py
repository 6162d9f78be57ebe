"""The graph of a destruction: the other way round, from whatever state the runs before left.

Every asymmetry with the installation is named here. Protection goes off everywhere before anything is deleted, or half of
it would be. The cluster's namespace goes first, while the cluster is there to
delete the disks of its volumes. The state bucket goes last, since Terraform's state lies in it, and only with the data.
Services stay enabled: others may use them by now. The record stays on this machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from core.environment import companions
from core.events import ResourceChanged
from core.install import forwarding
from core.install.installation import Installation
from core.install.notebook_destroy import there_may_be_one
from core.run import journal, runs
from core.run.step import Context, Outcome, Step


def steps(installation: Installation, *, delete_data: bool) -> list[Step]:
    """The steps of a destruction; ``delete_data``: the buckets with their contents too."""

    async def unprotect(context: Context) -> None:
        from core.install.platform_destroy import unprotect_platform

        await unprotect_platform(installation, context, keep_bucket=not delete_data)

    async def workloads(context: Context) -> None:
        from core.install.namespace_removal import destroy_namespace

        forwarding.stop(installation.environment)
        for name in await asyncio.to_thread(companions.end, installation.environment):
            context.log(f"Ended the {name}.")
        await destroy_namespace(installation, context)

    async def notebook(context: Context) -> None:
        from core.install.notebook_destroy import destroy_notebook

        await destroy_notebook(installation, context)

    async def platform(context: Context) -> None:
        from core.install.image import stop_builds
        from core.install.namespace_removal import sweep_disks
        from core.install.platform_destroy import destroy_platform

        await stop_builds(installation, context)
        await destroy_platform(installation, context, keep_bucket=not delete_data)
        await sweep_disks(installation, context)

    async def build_access(context: Context) -> None:
        from core.install.build_access import destroy_build_access

        await destroy_build_access(installation, context)

    async def state(context: Context) -> None:
        await _state(installation, context, delete_data=delete_data)
        installation.environment.kubeconfig.unlink(missing_ok=True)

    step = partial(_step, installation)
    has_notebook = there_may_be_one(installation)
    before = ("workloads_gone", "notebook_gone") if has_notebook else ("workloads_gone",)
    found = [
        step("unprotect", "Protection off", unprotect, (), "unprotected", seconds=60, deadline=3600),
        step("workloads", "Namespace and volumes", workloads, ("unprotected",), "workloads_gone", seconds=60, deadline=1800),
        step("platform", "Platform", platform, before, "platform_gone", seconds=900, deadline=7200),
        step(
            "build-access",
            "Access of the build account",
            build_access,
            ("unprotected",),
            "grants_gone",
            seconds=10,
            deadline=900,
        ),
        step("state", "State and secrets", state, ("platform_gone", "grants_gone"), "state_gone", seconds=15, deadline=900),
    ]
    if has_notebook:
        found.insert(
            2,
            step("notebook", "Notebook", notebook, ("unprotected",), "notebook_gone", seconds=90, deadline=3600),
        )
    return found


def _step(
    installation: Installation,
    id: str,
    title: str,
    work: Callable[[Context], Awaitable[None]],
    needs: tuple[str, ...],
    publishes: str,
    *,
    seconds: float,
    deadline: float,
) -> Step:
    async def run(context: Context) -> Outcome | None:
        from core.gcp.errors import PermissionDenied, ServiceDisabled

        try:
            await work(context)
        except (PermissionDenied, ServiceDisabled) as error:
            if await asyncio.to_thread(_began_anything, installation):
                raise
            context.log(f"No run began to make anything that this could hide: {error.message}")
        context.publish(publishes, True)
        return None

    return Step(id, title, run, needs=needs, publishes=(publishes,), seconds=seconds, deadline=deadline)


def _began_anything(installation: Installation) -> bool:
    """Whether any run began to make more than switching services on, as their journals say."""
    environment = installation.environment
    return any(
        isinstance(record.event, ResourceChanged) and record.event.kind != "services"
        for run in runs.ids(environment)
        for record in journal.read(runs.folder(environment, run))
    )


async def _state(installation: Installation, context: Context, *, delete_data: bool) -> None:
    if delete_data:
        from core.install.state import destroy_state

        await destroy_state(installation, context)
        return
    from core.gcp import secret_manager

    secret = installation.names.sql_password_secret
    if await secret_manager.delete(installation.google, secret, id=installation.names.id):
        context.resource("secrets", secret, "delete", "done")
        context.changed()
