"""The step ``platform`` against the simulated cloud, with the real Terraform and the stand-in provider."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.environment import Home
from core.errors import TemporaryError
from core.install import platform, protect
from core.install.ahead import Ahead
from core.install.installation import Installation
from core.install.platform_destroy import destroy_platform
from core.rehearsal.provider import mirror
from core.rehearsal.provider.nursery import Nursery
from core.run.step import Step
from tests.gcp.simulated_google import Simulation, Told, installation, simulation

SERVICES = ("compute", "container", "sqladmin", "servicenetworking", "iam", "cloudresourcemanager", "artifactregistry",
            "storage", "serviceusage")  # fmt: skip
ZONE = "us-central1-a"
MADE = (
    "artifactregistry.repositories", "compute.firewalls", "compute.globalAddresses", "compute.networks", "compute.routers",
    "compute.subnetworks", "container.clusters", "iam.serviceAccounts", "servicenetworking.connections", "sql.instances",
    "storage.buckets",
)  # fmt: skip
"""Kinds of the store that the platform makes something of."""
GIVEN = ("services", "project_number", "zone", "service_agents", "state_bucket", "verification")
"""Facts that other steps publish."""
TRIES = 12


@dataclass
class PlatformCloud:
    """One environment whose services are on, and the steps that are tried on it."""

    simulated: Simulation
    installation: Installation
    told: Told
    before: dict[str, set[str]]
    early: Ahead | None = None
    """A plan that is there before the step begins."""

    async def platform(self) -> bool:
        """Runs the step as the engine would; says whether it changed something."""
        early = self.early
        if early is None:
            return await self._step(platform.step(self.installation))
        self.told.has_changed = False
        await self.tried(lambda: platform.bring_about(self.installation, self.told, early))
        return self.told.has_changed

    async def protect(self) -> bool:
        """The same for the last step."""
        return await self._step(protect.step(self.installation))

    async def destroy(self, *, keep_bucket: bool = False) -> None:
        """Takes everything down, as often as something was still busy."""
        await self.tried(lambda: destroy_platform(self.installation, self.told, keep_bucket=keep_bucket))

    async def call(self, api: str, version: str, method: str, **params: Any) -> dict[str, Any]:
        """Calls an API as the user."""
        return await self.installation.google.call(api, version, method, **params)

    async def operate(self, api: str, version: str, method: str, **params: Any) -> dict[str, Any]:
        """Calls an API that takes long, and waits."""
        return await self.installation.google.wait(api, version, await self.call(api, version, method, **params))

    @property
    def made(self) -> dict[str, set[str]]:
        """What exists beside what was there before, by kind."""
        return {k: found for k, names in self._store().items() if (found := names - self.before.get(k, set()))}

    def lose_state(self) -> None:
        """Terraform's state is gone, and what it made is not."""
        (self.installation.environment.terraform_folder("platform") / "terraform.tfstate").unlink()

    def next_run(self) -> None:
        """Another run of the same environment: nothing of the one before is in memory."""
        self.told.has_changed = False
        self.told.lines.clear()
        self.told.resources.clear()
        given = {k: self.told.facts[k] for k in GIVEN}
        self.told.facts.clear()
        self.told.facts.update(given)

    async def _step(self, step: Step) -> bool:
        self.told.has_changed = False
        await self.tried(lambda: step.run(self.told))
        return self.told.has_changed

    async def tried(self, work: Callable[[], Awaitable[Any]]) -> None:
        """Runs what the engine would run again for as long as that can help."""
        for attempt in range(TRIES):
            try:
                await work()
                return
            except TemporaryError as error:
                if attempt + 1 == TRIES:
                    raise
                self.told.log(f"again: {error.message} {error.cause}")
                await self.installation.clock.sleep(error.delay)

    def _store(self) -> dict[str, set[str]]:
        return {kind: {name for name, _ in self.simulated.world.store.items(kind)} for kind in MADE}


@asynccontextmanager
async def platform_cloud(
    root: Path,
    home: Home,
    scenario: Mapping[str, Any] | None = None,
    *,
    providers: Path | None = None,
    id: str = "",
    **given: Any,
) -> AsyncIterator[PlatformCloud]:
    """A simulated cloud with an environment on it, whose state lies in the work directory.

    ``providers`` is a mirror with a provider that is loaded already; left out, there is one for this cloud alone.
    """
    folder = root / "cloud"
    lasting = {"sign_in": {"token_seconds": 1_000_000}}  # at a high speed an hour is over before a token is used
    async with simulation(folder, {**lasting, **(scenario or {})}) as found:
        place = providers or mirror.write(folder / "providers", rate=found.world.scenario.speed)
        (folder / "endpoints.json").write_text(json.dumps({"provider_mirror": str(place)}))
        found.cloud = replace(found.cloud, simulator=folder)
        made = installation(found, home, id=id, **{"zone": ZONE, "state": "local", **given})
        facts = dict(zip(GIVEN, ([], found.world.number, ZONE, [], "", []), strict=True))
        cloud = PlatformCloud(found, made, Told(made.clock, made.redactor, facts), {})
        body = {"serviceIds": [f"{name}.googleapis.com" for name in SERVICES]}
        parent = f"projects/{found.world.project}"
        await cloud.operate("serviceusage", "v1", "services.batchEnable", parent=parent, body=body, quota_project=False)
        made.google.enabled |= set(body["serviceIds"])
        cloud.before = cloud._store()
        nursery = Nursery(place / mirror.NURSERY_FILE)
        if providers is None:
            nursery.open()
        try:
            yield cloud
        finally:
            await nursery.close()
            await made.close()
