"""Terraform's plan before its turn: while the APIs are still being switched on, or while everything else is looked at.

A plan makes nothing, so it needs no more than the state and the variables. Where an earlier run left all as the work
directory says, it begins with the run; otherwise as soon as there is a state bucket, with the zone that the region is
likely to give. It counts only if, when the step's turn has come, the work directory says what it said then.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from core.install import workdir
from core.install.installation import Installation
from core.prerequisites.places import usual_zone
from core.run.step import Context
from core.terraform import Plan, Terraform


class Ahead:
    """One plan that is made early, and taken once."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._begun, self._over = False, asyncio.Event()
        self._plan: Plan | None = None
        self._digest = ""

    async def make(self, context: Context) -> None:
        """Plans as soon as that is possible; raises what stands in its way."""
        self._begun = True
        try:
            await self._make(context)
        finally:
            self._over.set()

    @property
    def at_work(self) -> bool:
        """Whether the work directory is in use for it."""
        return self._begun and not self._over.is_set()

    async def over(self) -> None:
        """Waits until it is made, or is sure not to be."""
        if self._begun:
            await self._over.wait()

    def take(self, terraform: Terraform) -> Plan | None:
        """The plan, if it was made for the work directory as it is now; the next time there is none."""
        plan, self._plan = self._plan, None
        return plan if plan is not None and self._digest == terraform.workspace.digest() else None

    async def _make(self, context: Context) -> None:
        settled = workdir.workspace(self._installation).as_settled
        bucket = "" if settled else await context.wait_for("state_bucket")
        async with workdir.opened(self._installation, _Quiet(context), waiting=False) as terraform:
            if terraform.at_work:
                return
            workspace = terraform.workspace
            workspace.set_imports({})
            if not settled:
                values, names = self._installation.values, self._installation.names
                names = replace(names, zone=names.zone or usual_zone(names.region))
                workspace.prepare(variables=workdir.platform_variables(values, names), backend=workdir.backend(bucket))
            await terraform.init(_Quiet(context))
            self._digest = workspace.digest()
            self._plan = await terraform.plan(_Quiet(context))


class _Quiet:
    """A reporter for what is done before a step begins: it has nothing to show beside the step yet."""

    def __init__(self, context: Context) -> None:
        self.log = context.log

    def progress(self, message: str, fraction: float | None = None) -> None:
        """Goes into the log alone."""
        self.log(message)

    def resource(self, kind: str, id: str, action: str, state: str, seconds: float = 0.0) -> None:
        """A plan changes nothing."""
