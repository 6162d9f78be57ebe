"""One check on a simulated cloud of its own, whose APIs are on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from core.environment import Home
from core.gcp import Google, services
from core.names import Names
from core.parameters.specification import resolve
from core.prerequisites import Check, Subject
from core.prerequisites.check import Checker
from tests.gcp.simulated_google import Simulation, client, simulation

ID = "abcdef"
ALL = ("cloudresourcemanager", "compute", "container", "sqladmin", "iam", "artifactregistry", "secretmanager",
       "servicenetworking", "cloudbuild", "notebooks")  # fmt: skip


def subject(google: Google, home: Home, *, made: Mapping[str, Any] | None = None, **given: Any) -> Subject:
    """An environment named demo, with the id `ID`; ``made`` is what was given when it was installed last."""
    values = resolve({"project_id": google.project, **given}, environment="demo")
    before = {} if made is None else resolve({"project_id": google.project, **made}, environment="demo")
    return Subject(google, values, home, before, Names.of(values, environment="demo", id=ID))


@asynccontextmanager
async def cloud(
    root: Path, scenario: dict[str, Any] | None = None, *, on: tuple[str, ...] = ALL
) -> AsyncIterator[tuple[Simulation, Google]]:
    """A simulated cloud, and a client of it."""
    async with simulation(root / "cloud", scenario) as found, client(found) as google:
        if on:
            await services.enable(google, [f"{name}.googleapis.com" for name in on])
        yield found, google


async def looked(
    root: Path,
    home: Home,
    check: Checker,
    scenario: dict[str, Any] | None = None,
    *,
    on: tuple[str, ...] = ALL,
    made: Mapping[str, Any] | None = None,
    **given: Any,
) -> dict[str, Check]:
    """What one check says, by its ids."""
    async with cloud(root, scenario, on=on) as (_, google):
        return {c.id: c for c in await check(subject(google, home, made=made, **given))}
