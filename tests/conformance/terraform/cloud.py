"""A simulated cloud that keeps what it was asked, and what it answered."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
from aiohttp import web

from core.prerequisites.existing import PEERING
from core.rehearsal import scenario
from core.rehearsal.google import app
from core.rehearsal.identity import USER
from core.rehearsal.shell import TERRAFORM
from core.rehearsal.world import World

PROJECT = "demo-project"
APIS = (
    "artifactregistry", "cloudresourcemanager", "compute", "container", "iam", "notebooks", "secretmanager",
    "servicenetworking", "serviceusage", "sqladmin", "storage",
)  # fmt: skip
PATIENCE = 120.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Request:
    """One request of Terraform's provider, and the status that it met."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    charged_to: str
    status: int


@dataclass
class Cloud:
    """Where it stands, and what was asked of it since `requests` was last emptied."""

    root: str
    token: str
    world: World
    requests: list[Request] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What points Terraform at it."""
        endpoints = {f"GOOGLE_{name}_CUSTOM_ENDPOINT": f"{self.root}/{path}" for name, path in TERRAFORM.items()}
        return {**endpoints, "GOOGLE_OAUTH_ACCESS_TOKEN": self.token}

    def taken(self) -> list[Request]:
        """What was asked since the last time."""
        found, self.requests[:] = list(self.requests), []
        return found

    def strike(self, *faults: dict[str, Any]) -> None:
        """From now on these faults of a scenario strike, and no others."""
        self.world.scenario.fault[:] = scenario.parse({"fault": list(faults)}).fault

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A call of one's own, which is not kept; the status and the answer's JSON."""
        headers = {"Authorization": f"Bearer {self.token}", "X-Goog-User-Project": PROJECT, "X-Unseen": "1"}
        more = {} if body is None else {"json": body}
        answer = urllib3.request(method, f"{self.root}/{path}", headers=headers, **more)
        return answer.status, json.loads(answer.data) if answer.data else {}

    def remove_peering(self, network: str) -> None:
        """Removes a network's peering with Google's services, which Terraform can't, and waits until it is gone."""
        place = f"compute/compute/v1/projects/{PROJECT}/global/networks/{network}"
        self.call("POST", f"{place}/removePeering", {"name": PEERING})
        deadline = time.monotonic() + PATIENCE
        while self.call("GET", place)[1].get("peerings"):
            if time.monotonic() > deadline:
                raise TimeoutError("the peering does not go away")
            time.sleep(0.02)


@contextmanager
def simulated(folder: Path, **keys: Any) -> Iterator[Cloud]:
    """A cloud by a scenario's keys with every API on that the provider calls, served from a thread."""
    folder.mkdir(parents=True)
    found: list[Cloud] = []
    started, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    @web.middleware
    async def kept(request: web.Request, handler: Handler) -> web.StreamResponse:
        raw = await request.read()
        answer = await handler(request)
        if "X-Unseen" not in request.headers:
            found[0].requests.append(_request(request, raw, answer.status))
        return answer

    async def serve() -> None:
        world = World.open(folder, project=PROJECT, scenario=scenario.parse({"speed": 0, **keys}))
        application = app(world)
        application.middlewares.append(kept)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        token, _ = world.identity.mint(USER)
        found.append(Cloud(f"http://127.0.0.1:{runner.addresses[0][1]}", token, world))
        started.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        if not started.wait(PATIENCE):
            raise TimeoutError("the simulated cloud does not answer")
        _enable(found[0])
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def _request(request: web.Request, raw: bytes, status: int) -> Request:
    try:
        body = json.loads(raw) if raw.strip() else None
    except ValueError:
        body = raw.decode("utf-8", "replace")
    query = {k: ",".join(request.query.getall(k)) for k in sorted(request.query)}
    return Request(request.method, request.path, query, body, request.headers.get("X-Goog-User-Project", ""), status)


def _enable(cloud: Cloud) -> None:
    ids = {"serviceIds": [f"{name}.googleapis.com" for name in APIS]}
    cloud.call("POST", f"serviceusage/v1/projects/{PROJECT}/services:batchEnable", ids)
    looks = (
        f"artifactregistry/v1/projects/{PROJECT}/locations/us-central1/repositories",
        f"sqladmin/sql/v1beta4/projects/{PROJECT}/instances",
        f"compute/compute/v1/projects/{PROJECT}/global/networks",
        f"notebooks/v2/projects/{PROJECT}/locations/us-central1-a/instances",
    )
    deadline = time.monotonic() + PATIENCE
    while any(cloud.call("GET", path)[0] != 200 for path in looks):
        if time.monotonic() > deadline:
            raise TimeoutError("the simulated cloud's APIs do not come up")
        time.sleep(0.02)
