"""How long the checks take together, at 80 ms a call: by a loop whose time is the waiting alone, and never the machine's.

No connection is made: a call waits on the virtual clock, and the simulated cloud answers it in this process.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httplib2
import pytest

from core.environment import Cloud, Home
from core.gcp import Google, discovery
from core.gcp.credentials import Token
from core.prerequisites import examine
from core.prerequisites.concerns import CONCERNS, Concern, look
from core.rehearsal import scenario as scenarios
from core.rehearsal.google import handlers, seed
from core.rehearsal.google.app import serve
from core.rehearsal.google.services import turn_on
from core.rehearsal.identity import USER
from core.rehearsal.world import World
from core.run.clock import Clock
from core.run.redact import Redactor
from tests.prerequisites.checked import ALL, subject

LATENCY = 0.08
MOST = 1.3
EVERYTHING = {"notebook": "vm", "profile": "standard", "user_gcp_sa": True, "private_nodes": False}
ASKED = [c for c in CONCERNS if c.signed_in or c.id == "sign-in"]


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in which waiting takes no time and moves the time on."""

    def __init__(self) -> None:
        self.moved = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.moved


class _Selector(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout:
            self._loop.moved += timeout
        return super().select(0 if timeout is not None else None)


@functools.cache
def document(cloud: Cloud, api: str, version: str) -> Any:
    """What an API's calls are made from: reading it is not what is measured here."""
    return discovery.Description(cloud, api, version)


class Latent(Google):
    """A client whose calls wait for `LATENCY`, and are answered by a world in this process."""

    def __init__(self, world: World) -> None:
        cloud = Cloud("rehearsal", google="http://cloud", rate=0)
        super().__init__(cloud, clock=Clock(0), redactor=Redactor(), project=world.project)
        self.world, self.asked = world, Counter[str]()

    async def current_token(self) -> Token:
        value, seconds = self.world.identity.mint(USER)
        return Token(value, 0.0, seconds)

    async def _account_of(self, token: str) -> str:
        answer = await self._once(token, "oauth2", "v2", "tokeninfo", {"access_token": token})
        return str(answer["email"])

    async def _api(self, api: str, version: str, location: str = "") -> Any:
        return document(self.cloud, api, version)

    async def _send(self, request: Any, method: str, headers: Any) -> tuple[int, bytes, Callable[[bytes], Any]]:
        path = str(request.uri).removeprefix("http://cloud")
        self.asked[f"{request.method} {path.partition('access_token=')[0]} {request.body or ''}"] += 1
        await asyncio.sleep(LATENCY)
        sent = {k: v for k, v in {**request.headers, **headers}.items() if k.lower() != "accept-encoding"}
        answer = await serve(self.world, request.method, path, sent, (request.body or "").encode())
        content = bytes(answer.body) if isinstance(answer.body, bytes) else b""  # type: ignore[attr-defined]
        seen = httplib2.Response({"status": str(answer.status), **{k.lower(): v for k, v in answer.headers.items()}})
        return answer.status, content, lambda raw: request.postproc(seen, raw)


def world_of(folder: Path, on: tuple[str, ...]) -> World:
    handlers.load()
    found = World.open(folder, project="rehearsal-abcdef", scenario=scenarios.parse({"speed": 0}))
    seed.plant(found)
    for name in on:
        turn_on(found, f"{name}.googleapis.com", since=0.0)
    return found


def seconds(work: Callable[[], Awaitable[Any]]) -> float:
    """Virtual seconds that some work waits."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(asyncio.ensure_future(work(), loop=loop))
        return loop.time()
    finally:
        loop.close()


@pytest.mark.parametrize("given", [{}, EVERYTHING], ids=["usual", "everything"])
@pytest.mark.parametrize("on", [(*ALL, "orgpolicy", "cloudbilling"), ()], ids=["on", "fresh"])
def test_all_checks_together_take_hardly_longer_than_the_slowest(
    tmp_path: Path, home: Home, given: dict[str, Any], on: tuple[str, ...]
) -> None:
    tmp_path.joinpath("cloud").mkdir()
    world = world_of(tmp_path / "cloud", on)

    def alone(concern: Concern) -> float:
        return seconds(lambda: look(subject(Latent(world), home, zone="us-central1-a", **given), concern))

    together = Latent(world)

    slowest = max(alone(concern) for concern in ASKED)
    took = seconds(lambda: examine(subject(together, home, zone="us-central1-a", **given)))
    assert LATENCY <= slowest <= 5 * LATENCY
    assert took <= MOST * slowest, f"{took:.2f} s together, {slowest:.2f} s the slowest"
    assert not {call: times for call, times in together.asked.items() if times > 1}
