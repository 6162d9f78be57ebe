"""The simulated Kubernetes held against a real control plane of one minor version.

Two phases: the API alone, with no controller on either side, so that every answer is the API's and none depends on who was
faster; then both with their controllers, for what an installation and kubectl do.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from core.rehearsal.kubernetes.controllers import basics
from tests.conformance.frame import Check, LeftOut, Outcome, Place
from tests.conformance.kubernetes import battery, installation, kubectl, living, recorded, schemas
from tests.conformance.kubernetes.control_plane import ControlPlane, control_plane
from tests.conformance.kubernetes.kubelet import kubelet
from tests.conformance.kubernetes.programs import Lacking, Programs, programs
from tests.conformance.kubernetes.side import ADMIN, Side, run
from tests.conformance.kubernetes.simulated import simulated

USERS = {ADMIN: ("system:masters",), "viewer@example.com": ()}


def checks(place: Place, minor: str) -> Iterator[Outcome]:
    """Everything that is held against the control plane of a minor version."""
    try:
        found = programs(minor, place.cache, place.say)
    except Lacking as lacking:
        yield LeftOut(f"Kubernetes {minor}", str(lacking), checks=("*",))
        return
    place.say(f"held against Kubernetes {found.version}")
    requests = recorded.record(place.scratch)
    yield from recorded.left_out(requests)
    yield from asyncio.run(_api(place, found, requests))
    yield from asyncio.run(_controlled(place, found))


async def _api(place: Place, found: Programs, requests: list[recorded.Request]) -> list[Outcome]:
    """The API alone, and what it publishes of its types."""
    async with _sides(place.scratch / "api", found, alone=True) as (real, ours):
        outcomes: list[Outcome] = []
        for name, act in (*battery.scenarios(), *recorded.scenarios(requests)):
            outcomes += await run([real, ours], name, act)
        return [*outcomes, *compared(real, ours), *await schemas.compared(real)]


async def _controlled(place: Place, found: Programs) -> list[Outcome]:
    """Both with their controllers: kubectl, and the Kubernetes half of an installation."""
    async with _sides(place.scratch / "controlled", found, alone=False) as (real, ours), kubelet(real):
        outcomes: list[Outcome] = []
        for name, act in (*living.scenarios(), *kubectl.scenarios()):
            outcomes += await run([real, ours], name, act)
        half = await installation.installed(real)
        return [*outcomes, *compared(real, ours), *half.outcomes]


@asynccontextmanager
async def _sides(folder: Path, found: Programs, *, alone: bool) -> AsyncIterator[tuple[Side, Side]]:
    """The real server and the simulated one, both new; ``alone``: without controllers."""
    async with AsyncExitStack() as stack:
        plane = await stack.enter_async_context(control_plane(found, folder / "plane", USERS, manager=not alone))
        real = await stack.enter_async_context(real_side(plane))
        served, tokens = await stack.enter_async_context(simulated(folder / "simulated", USERS, alone=alone))
        yield real, Side("simulated", served.url, tokens, served.session, served.kubeconfig)


def compared(real: Side, ours: Side) -> Iterator[Outcome]:
    """Every answer of the real server beside the simulated one's."""
    for name in [*real.answers, *(n for n in ours.answers if n not in real.answers)]:
        yield Check(name, real.answers.get(name, "never asked"), ours.answers.get(name, "never asked"))


@asynccontextmanager
async def real_side(plane: ControlPlane) -> AsyncIterator[Side]:
    """The real server, with what GKE gives a new cluster."""
    trust = ssl.create_default_context(cafile=str(plane.authority))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        real = Side("real", plane.url, plane.tokens, session, plane.kubeconfig, plane.authority)
        for body in basics._CLASSES:
            await real.tell("POST", "/apis/storage.k8s.io/v1/storageclasses", body)
        yield real
