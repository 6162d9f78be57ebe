"""The graph of a destruction: the other way round, from whatever state the runs before left.

Every asymmetry with the installation is named here. Protection goes off everywhere before anything is deleted, or half of
it would be. The cluster's namespace goes first, while the cluster is there to delete the disks of its volumes. The state
bucket goes last, since Terraform's state lies in it, and only with the data.
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

Work = Callable[[Context], Awaitable[None]]


def steps(installation: Installation, *, delete_data: bool) -> list[Step]:
    """The steps of a destruction; ``delete_data``: the buckets with their contents too."""
    work = _Work(installation, delete_data=delete_data)
    step = partial(_step, installation)
    has_notebook = there_may_be_one(installation)
    before = ("workloads_gone", "notebook_gone") if has_notebook else ("workloads_gone",)
    found = [
        step("unprotect", "Protection off", work.unprotect, (), "unprotected", seconds=60, deadline=3600),
        step("workloads", "Namespace and volumes", work.workloads, ("unprotected",), "workloads_gone",
             seconds=60, deadline=1800),
        step("platform", "Platform", work.platform, before, "platform_gone", seconds=900, deadline=7200),
        step("build-access", "Access of the build account", work.build_access, ("unprotected",), "grants_gone",
             seconds=10, deadline=900),
        step("state", "State and secrets", work.state, ("platform_gone", "grants_gone"), "state_gone",
             seconds=15, deadline=900),
    ]  # fmt: skip
    if has_notebook:
        notebook = step("notebook", "Notebook", work.notebook, ("unprotected",), "notebook_gone", seconds=90, deadline=3600)
        found.insert(2, notebook)
    return found


class _Work:
    """What each step does; what that takes is loaded when its turn comes."""

    def __init__(self, installation: Installation, *, delete_data: bool) -> None:
        self._installation, self._delete_data = installation, delete_data

    async def unprotect(self, context: Context) -> None:
        from core.install.platform_destroy import unprotect_platform

        await unprotect_platform(self._installation, context, keep_bucket=not self._delete_data)

    async def workloads(self, context: Context) -> None:
        from core.install.namespace_removal import destroy_namespace

        forwarding.stop(self._installation.environment)
        for name in await asyncio.to_thread(companions.end, self._installation.environment):
            context.log(f"Ended the {name}.")
        await destroy_namespace(self._installation, context)

    async def notebook(self, context: Context) -> None:
        from core.install.notebook_destroy import destroy_notebook

        await destroy_notebook(self._installation, context)

    async def platform(self, context: Context) -> None:
        from core.install.image import stop_builds
        from core.install.namespace_removal import sweep_disks
        from core.install.platform_destroy import destroy_platform

        await stop_builds(self._installation, context)
        await destroy_platform(self._installation, context, keep_bucket=not self._delete_data)
        await sweep_disks(self._installation, context)

    async def build_access(self, context: Context) -> None:
        from core.install.build_access import destroy_build_access

        await destroy_build_access(self._installation, context)

    async def state(self, context: Context) -> None:
        from core.install.state import destroy_password, destroy_state

        await (destroy_state if self._delete_data else destroy_password)(self._installation, context)
        self._installation.environment.kubeconfig.unlink(missing_ok=True)


def _step(
    installation: Installation,
    id: str,
    title: str,
    work: Work,
    needs: tuple[str, ...],
    publishes: str,
    *,
    seconds: float,
    deadline: float,
) -> Step:
    """One step; what a cloud may not tell counts as gone where no run began to make anything."""

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
