"""What a check predicts and what an installation then meets that goes on without it, on one simulated cloud."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.errors import MlopsError, ParameterError, PrerequisiteError
from core.install import workdir
from core.install.ahead import Ahead
from core.install.installation import Installation
from core.install.prerequisites import subject_of
from core.prerequisites import Check, demand, examine_access
from core.rehearsal.provider import mirror
from core.rehearsal.provider.nursery import Nursery
from core.terraform import Plan, Terraform
from core.terraform.command import PLAN
from tests.install.platform_cloud import PlatformCloud, platform_cloud

ID = "abcdef"
"""The id of every environment here: what has the same parameters has the same plan then."""
ON = tuple(f"{name}.googleapis.com" for name in ("orgpolicy", "cloudbilling", "cloudbuild", "secretmanager", "notebooks"))
"""Services that are on beside the platform's."""


@dataclass
class Bench:
    """The stand-in provider, loaded once, and the plans that were made with it.

    A plan makes nothing, and a run applies one that it made ahead. So a plan that was made where nothing is wrong serves
    every environment of the same parameters.
    """

    providers: Path
    plans: dict[str, tuple[Plan, bytes]] = field(default_factory=dict)

    @asynccontextmanager
    async def platform(
        self, root: Path, home: Home, scenario: dict[str, Any] | None = None, **given: Any
    ) -> AsyncIterator[PlatformCloud]:
        """An environment on a cloud of its own, whose installation begins with the plan of its parameters."""
        parameters = repr(sorted(given.items()))
        if parameters not in self.plans:
            async with self.cloud(root / "planned", Home(root / "planned" / "home"), {}, **given) as cloud:
                self.plans[parameters] = await _planned(cloud)
        async with self.cloud(root, home, scenario or {}, **given) as cloud:
            cloud.early = Known(cloud.installation, *self.plans[parameters])
            yield cloud

    def cloud(
        self, root: Path, home: Home, scenario: dict[str, Any], **given: Any
    ) -> AbstractAsyncContextManager[PlatformCloud]:
        """An environment on a cloud of its own."""
        return platform_cloud(root, home, scenario, providers=self.providers, id=ID, **given)


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    """A bench whose provider is there as long as the block."""
    nursery = Nursery(mirror.write(folder, rate=0) / mirror.NURSERY_FILE)
    nursery.open()
    try:
        yield Bench(folder)
    finally:
        await nursery.close()


class Known(Ahead):
    """A plan that is known already, as if it had been made ahead in this work directory."""

    def __init__(self, installation: Installation, plan: Plan, content: bytes) -> None:
        super().__init__(installation)
        self._known: tuple[Plan, bytes] | None = (plan, content)

    def take(self, terraform: Terraform) -> Plan | None:
        if self._known is None:
            return None
        (plan, content), self._known = self._known, None
        (terraform.folder / PLAN).write_bytes(content)
        return plan


async def _planned(cloud: PlatformCloud) -> tuple[Plan, bytes]:
    run = cloud.installation
    async with workdir.opened(run, cloud.told) as terraform:
        variables = workdir.platform_variables(run.values, run.names)
        terraform.workspace.prepare(variables=variables, backend=workdir.backend(""))
        await terraform.init(cloud.told)
        plan = await terraform.plan(cloud.told)
        return plan, (terraform.folder / PLAN).read_bytes()


async def switch_on(cloud: PlatformCloud) -> None:
    """Switches on what the checks, and a notebook, need beside the platform's services."""
    google = cloud.installation.google
    await cloud.operate("serviceusage", "v1", "services.batchEnable", parent=f"projects/{google.project}",
                        body={"serviceIds": list(ON)}, quota_project=False)  # fmt: skip
    google.enabled |= set(ON)


async def predicted(cloud: PlatformCloud, id: str) -> str:
    """What the check of that id says, which blocks; the cloud's APIs are on."""
    await switch_on(cloud)
    checks = await examine_access(subject_of(cloud.installation))
    with pytest.raises((PrerequisiteError, ParameterError)) as caught:
        demand(checks)
    assert caught.value.exit_code == (2 if isinstance(caught.value, ParameterError) else 3)
    return blocking(checks, id)


def blocking(checks: list[Check], id: str) -> str:
    """What the check of that id says, which is the one that blocks, if only beside its likes."""
    blocks = [check for check in checks if check.state == "block"]
    assert id in {check.id for check in blocks}, blocks
    found = next(check for check in blocks if check.id == id)
    return f"{found.looked_at} {found.why} {found.hint}"


async def failed(work: Callable[[], Awaitable[Any]]) -> MlopsError:
    """How an installation ends that goes on all the same; never so that trying again would help."""
    with pytest.raises(MlopsError) as caught:
        await work()
    assert not caught.value.temporary, said(caught.value)
    return caught.value


def said(error: MlopsError) -> str:
    """What an error says, with its cause."""
    return f"{error.message} {error.cause}"
