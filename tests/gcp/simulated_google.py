"""The simulated Google APIs and a sign-in to them, inside the test's own event loop."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from core.environment import Cloud, Environment, Home
from core.errors import PersonNeeded
from core.gcp import Google
from core.install.installation import Installation
from core.rehearsal import google as simulated
from core.rehearsal import scenario as scenarios
from core.rehearsal.identity import USER
from core.rehearsal.world import World
from core.run.clock import Clock
from core.run.redact import Redactor

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


@dataclass
class Simulation:
    """A simulated cloud that runs, how to reach it, and its sign-in, which a test may end."""

    world: World
    cloud: Cloud
    signed_in: bool = True
    tokens: list[str] = field(default_factory=list)
    after_minting: Callable[[Simulation], None] = lambda _: None


@asynccontextmanager
async def simulation(
    folder: Path, scenario: Mapping[str, Any] | None = None, project: str = "rehearsal-abcdef"
) -> AsyncIterator[Simulation]:
    """Starts the cloud with a scenario's keys (speed 0 unless they say otherwise)."""
    folder.mkdir(parents=True, exist_ok=True)
    world = World.open(folder, project=project, scenario=scenarios.parse({"speed": 0, **(scenario or {})}))
    runner = web.AppRunner(simulated.app(world), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found = Simulation(world, Cloud())
    tokens = await _token_server(found)
    sign_in = folder / "credentials.json"
    sign_in.write_text(json.dumps({
        "type": "service_account", "client_email": USER, "private_key": KEY.decode(), "private_key_id": "1",
        "project_id": project, "token_uri": f"http://127.0.0.1:{tokens.addresses[0][1]}/token",
    }))  # fmt: skip
    root = f"http://127.0.0.1:{runner.addresses[0][1]}"
    found.cloud = Cloud("rehearsal", google=root, credentials_file=sign_in, rate=world.scenario.speed)
    try:
        yield found
    finally:
        await tokens.cleanup()
        await runner.cleanup()


async def _token_server(found: Simulation) -> web.AppRunner:
    async def token(_: web.Request) -> web.Response:
        if not found.signed_in:
            return web.json_response(
                {"error": "invalid_grant", "error_description": "reauth related error (invalid_rapt)"}, status=400
            )
        value, seconds = found.world.identity.mint(USER)
        found.tokens.append(value)
        found.after_minting(found)
        return web.json_response({"access_token": value, "expires_in": int(seconds), "token_type": "Bearer"})

    application = web.Application()
    application.router.add_post("/token", token)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


def installation(found: Simulation, home: Home, *, name: str = "demo", id: str = "", **given: Any) -> Installation:
    """A new environment on the simulated cloud, of an id that is given or its own, and one run of it."""
    values = {"project_id": found.world.project, **given}
    environment = Environment.new(home, name, cloud="rehearsal", given=values, id=id).save()
    return Installation(environment, found.cloud, Clock(found.cloud.rate), Redactor(), environment.folder / "runs" / "one")


def client(found: Simulation, **options: Any) -> Google:
    """A client of the simulated cloud."""
    clock = options.pop("clock", None) or Clock(found.cloud.rate)
    return Google(found.cloud, clock=clock, redactor=Redactor(), project=found.world.project)


@dataclass
class Told:
    """A run's context that only remembers what it was told; a person gives what ``people`` holds."""

    clock: Clock = field(default_factory=lambda: Clock(0))
    redactor: Redactor = field(default_factory=Redactor)
    facts: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    resources: list[tuple[str, str, str, str]] = field(default_factory=list)
    open_operations: dict[str, str] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    people: dict[str, Any] = field(default_factory=dict)
    has_changed: bool = False

    def log(self, text: str) -> None:
        self.lines.append(self.redactor.text(text))

    def progress(self, message: str, fraction: float | None = None) -> None:
        self.lines.append(message)

    def resource(self, kind: str, id: str, action: str, state: str, seconds: float = 0.0) -> None:
        self.resources.append((kind, id, action, state))

    def fact(self, name: str) -> Any:
        return self.facts[name]

    async def wait_for(self, name: str) -> Any:
        return self.facts[name]

    def publish(self, name: str, value: Any) -> None:
        self.facts[name] = value

    def operation_started(self, key: str, name: str) -> None:
        self.open_operations[key] = name
        self.begun.append(key)

    def operation_finished(self, key: str, name: str) -> None:
        self.open_operations.pop(key, None)

    def pending_operation(self, key: str) -> str | None:
        return self.open_operations.get(key)

    async def person(self, kind: str, message: str, *, hint: str = "", command: str = "", account: str = "") -> Any:
        if kind not in self.people:
            raise PersonNeeded(kind, message, hint=hint, command=command)
        return self.people[kind]

    def changed(self) -> None:
        self.has_changed = True
