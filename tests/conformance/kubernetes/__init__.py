"""The simulated Kubernetes held against a real control plane of one minor version.

Two phases: the API alone, with no controller on either side, so that every answer is the API's and none depends on who was
faster; then both with their controllers, for what an installation and kubectl do.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from tests.conformance.frame import Check, LeftOut, Outcome, Place
from tests.conformance.kubernetes import battery
from tests.conformance.kubernetes.control_plane import ControlPlane, control_plane
from tests.conformance.kubernetes.programs import Lacking, Programs, programs
from tests.conformance.kubernetes.side import ADMIN, Scenario, Side, run
from tests.conformance.kubernetes.simulated import simulated

USERS = {ADMIN: ("system:masters",), "viewer@example.com": ()}


def checks(place: Place, minor: str) -> Iterator[Outcome]:
    """Everything that is held against the control plane of a minor version."""
    try:
        found = programs(minor, place.cache, place.say)
    except Lacking as lacking:
        yield LeftOut(f"Kubernetes {minor}", str(lacking))
        return
    place.say(f"held against Kubernetes {found.version}")
    yield from asyncio.run(_api(place, found))


async def _api(place: Place, found: Programs) -> list[Outcome]:
    """The API alone."""
    async with AsyncExitStack() as stack:
        plane = await stack.enter_async_context(control_plane(found, place.scratch / "plane", USERS, manager=False))
        real = await stack.enter_async_context(_real(plane))
        served, tokens = await stack.enter_async_context(simulated(place.scratch / "simulated", USERS, alone=True))
        ours = Side("simulated", served.url, tokens, served.session)
        broken = [trouble async for trouble in _run([real, ours])]
    return [*broken, *compared(real, ours)]


async def _run(sides: list[Side]) -> AsyncIterator[Outcome]:
    for name, act in battery.scenarios():
        for trouble in await run(sides, name, act):
            yield trouble


def compared(real: Side, ours: Side) -> Iterator[Outcome]:
    """Every answer of the real server beside the simulated one's."""
    for name in [*real.answers, *(n for n in ours.answers if n not in real.answers)]:
        yield Check(name, real.answers.get(name, "never asked"), ours.answers.get(name, "never asked"))


@asynccontextmanager
async def _real(plane: ControlPlane) -> AsyncIterator[Side]:
    trust = ssl.create_default_context(cafile=str(plane.authority))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        yield Side("real", plane.url, plane.tokens, session)


__all__ = ["Scenario", "checks"]
