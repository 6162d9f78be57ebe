"""A simulated project on a clock that only the test moves: calls go through the whole application but its sockets."""

from __future__ import annotations

import json
import re
import urllib.parse
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.rehearsal.clock import SimulatedClock
from core.rehearsal.google import app, discovery, operations
from core.rehearsal.google.app import serve
from core.rehearsal.google.services import SERVICES, turn_on
from core.rehearsal.identity import USER, Identity
from core.rehearsal.scenario import parse
from core.rehearsal.world import World

PROJECT, NUMBER = "rehearsal-abcdef", "481516234200"
APIS = {"sql": "sqladmin"}


class HandClock(SimulatedClock):
    """Stands still until it is moved."""

    def __init__(self) -> None:
        super().__init__(speed=1.0, started=1_790_000_000.0)
        self.value = self.started

    def now(self) -> float:
        return self.value

    async def sleep(self, seconds: float) -> None:
        self.value += seconds


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: dict[str, str], raw: bytes) -> None:
        self.status, self.headers, self.raw = status, headers, raw

    @property
    def json(self) -> Any:
        return json.loads(self.raw) if self.raw else {}

    @property
    def message(self) -> str:
        return str(self.json["error"]["message"])

    @property
    def reason(self) -> str:
        error = self.json["error"]
        return str(error["errors"][0]["reason"] if "errors" in error else error["status"])


class Project:
    """One simulated project with its owner's token."""

    def __init__(self, folder: Path, scenario: dict[str, Any] | None = None, *, enabled: bool = True) -> None:
        self.clock = HandClock()
        self.folder, self.scenario = folder, parse(scenario or {})
        self.world = self._open()
        app(self.world)
        self.token = self.world.identity.mint(USER, seconds=1e9)[0]
        if enabled:
            self.enable_everything()

    def _open(self) -> World:
        world = World.open(self.folder, project=PROJECT, scenario=self.scenario)
        identity = Identity(store=world.store, clock=self.clock, scenario=self.scenario)
        return replace(world, clock=self.clock, identity=identity)

    def restart(self) -> None:
        """What a killed process leaves, opened by a new one."""
        self.world.store._db.close()
        self.world = self._open()

    def enable_everything(self) -> None:
        """Switches on every service, long ago, with all that comes with it."""
        from core.rehearsal.google import serviceusage

        for service, _ in SERVICES.values():
            turn_on(self.world, service, since=0.0)
            serviceusage._first_time(self.world, service, self.clock.now())
        self.pass_time(120)

    def pass_time(self, seconds: float) -> None:
        """Moves the clock, and lets happen what was to happen by then."""
        self.clock.value += seconds
        operations.settle(self.world)

    def account(self, account_id: str, *roles: str) -> str:
        """A service account with roles in the project that work already."""
        from core.rehearsal.google import iam, iam_policy

        iam.record(self.world, account_id, {}, visible=0.0)
        email = f"{account_id}@{PROJECT}.iam.gserviceaccount.com"
        for role in roles:
            iam_policy.grant(self.world, f"projects/{PROJECT}", role, f"serviceAccount:{email}", at_once=True)
        return email

    def token_of(self, email: str) -> str:
        return self.world.identity.mint(email, seconds=1e9)[0]

    async def call(
        self,
        id: str,
        /,
        body: Any = None,
        *,
        version: str = "",
        token: str | None = None,
        quota: str | None = PROJECT,
        headers: dict[str, str] | None = None,
        **params: Any,
    ) -> Answer:
        """Calls a method by its id in the discovery documents."""
        name = APIS.get(id.partition(".")[0], id.partition(".")[0])
        method = discovery.api(name, version or discovery.VERSIONS[name][0]).methods[id]
        path = re.sub(r"\{(\+?)([^}]*)\}", lambda m: _filled(m[1], params.pop(m[2])), method.template)
        query = urllib.parse.urlencode({k: _text(v) for k, v in params.items()}, doseq=True)
        raw = b"" if body is None else json.dumps(body).encode()
        return await self.request(method.verb, f"/{name}/{path}?{query}", raw, token=token, quota=quota, headers=headers)

    async def request(
        self,
        verb: str,
        path: str,
        raw: bytes = b"",
        *,
        token: str | None = None,
        quota: str | None = PROJECT,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Sends a request as it stands."""
        sent = dict(headers or {})
        if token != "":
            sent["Authorization"] = f"Bearer {self.token if token is None else token}"
        if quota:
            sent["x-goog-user-project"] = quota
        response = await serve(self.world, verb, path, sent, raw, "http://127.0.0.1:1")
        payload = response.body if isinstance(response.body, bytes) else b""
        return Answer(response.status, dict(response.headers), payload)

    async def good(self, id: str, /, body: Any = None, **params: Any) -> Any:
        """Calls a method that must succeed, and returns its answer."""
        answer = await self.call(id, body, **params)
        assert answer.status in (200, 204), (id, answer.status, answer.raw)
        return answer.json

    async def network(self, name: str = "net") -> str:
        """A network with a subnetwork, its peering for Cloud SQL, and time passed."""
        await self.good("compute.networks.insert", {"name": name, "autoCreateSubnetworks": False}, project=PROJECT)
        self.pass_time(30)
        link = (await self.good("compute.networks.get", project=PROJECT, network=name))["selfLink"]
        ranges = [
            {"rangeName": "pods", "ipCidrRange": "10.4.0.0/14"},
            {"rangeName": "services", "ipCidrRange": "10.8.0.0/20"},
        ]
        subnetwork = {"name": "sub", "network": link, "ipCidrRange": "10.0.0.0/20", "secondaryIpRanges": ranges}
        await self.good("compute.subnetworks.insert", subnetwork, project=PROJECT, region="us-central1")
        address = {"name": "range", "network": link, "purpose": "VPC_PEERING", "addressType": "INTERNAL",
                   "address": "10.9.0.0", "prefixLength": 20}  # fmt: skip
        await self.good("compute.globalAddresses.insert", address, project=PROJECT)
        self.pass_time(30)
        return str(link)

    async def peered(self, name: str = "net") -> str:
        """A network that is peered with Cloud SQL's."""
        link = await self.network(name)
        body = {"network": f"projects/{NUMBER}/global/networks/{name}", "reservedPeeringRanges": ["range"]}
        await self.good(
            "servicenetworking.services.connections.create", body, parent="services/servicenetworking.googleapis.com"
        )
        self.pass_time(100)
        return link


def _filled(plus: str, value: Any) -> str:
    return str(value) if plus else urllib.parse.quote(str(value), safe="")


def _text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
