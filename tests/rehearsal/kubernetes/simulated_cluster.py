"""A simulated cluster by itself: a world with one cluster that runs, its API on a port, and a kubeconfig for it."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import ipaddress
import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.rehearsal import scenario
from core.rehearsal.clock import SimulatedClock
from core.rehearsal.google import iam_policy
from core.rehearsal.identity import USER
from core.rehearsal.kubernetes import app
from core.rehearsal.kubernetes.controllers import Controllers
from core.rehearsal.kubernetes.objects import Cluster, Options
from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.world import World

PROJECT = "rehearsal-abcdef"
CLUSTER = f"projects/{PROJECT}/locations/us-central1-a/clusters/demo-cluster"
SQL = f"{PROJECT}:us-central1:demo-sql-abcdef"
PIPELINES = f"demo-kfp-abcdef@{PROJECT}.iam.gserviceaccount.com"


def cluster_document(uid: str = "c1", **more: Any) -> dict[str, Any]:
    """A GKE cluster as the simulated container API keeps it."""
    pool = {
        "name": "demo-pool",
        "status": "RUNNING",
        "initialNodeCount": 1,
        "config": {"machineType": "e2-standard-4", "workloadMetadataConfig": {"mode": "GKE_METADATA"}},
        "autoscaling": {"enabled": True, "minNodeCount": 1, "maxNodeCount": 3},
    }
    return {"name": "demo-cluster", "id": uid, "status": "RUNNING", "location": "us-central1-a", "nodePools": [pool], **more}


def world_in(folder: Path, given: Mapping[str, Any] | None = None, *, cluster: bool = True, **document: Any) -> World:
    """A world at speed 0 in which a cluster runs and its user owns the project."""
    folder.mkdir(parents=True, exist_ok=True)
    world = World.open(folder, project=PROJECT, scenario=scenario.parse({"speed": 0, **(given or {})}))
    iam_policy.grant(world, f"projects/{PROJECT}", "roles/owner", f"user:{USER}", at_once=True)
    if cluster:
        world.store.put("container.clusters", CLUSTER, cluster_document(**document))
    return world


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """TLS for loopback that is its own authority: kubectl sends no token without."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated cluster")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "ca.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    secret.write_bytes(key.private_bytes(*form))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, secret)
    return context, pem


class TurnedClock(SimulatedClock):
    """A clock that stands until it is turned."""

    def __init__(self) -> None:
        super().__init__(speed=60, started=1_790_000_000.0)
        self.moment = self.started

    def now(self) -> float:
        return self.moment

    def turn(self, seconds: float) -> None:
        """Moves the time on."""
        self.moment += seconds


class Bench:
    """A cluster without a server, on a clock that is turned by hand: what controllers do, step by step."""

    def __init__(self, folder: Path, given: Mapping[str, Any] | None = None, **document: Any) -> None:
        self.clock = TurnedClock()
        world = world_in(folder, {"speed": 60, **(given or {})}, **document)
        world.identity._clock = self.clock
        self.world = dataclasses.replace(world, clock=self.clock)
        self.begin()

    def begin(self) -> None:
        """Takes the cluster up from the store, as a new process does."""
        self.cluster = Cluster(store=self.world.store, clock=self.clock, uid="c1")
        self.controllers = Controllers(self.world, self.cluster, CLUSTER)
        self.controllers.settle()

    def kind(self, api_version: str, kind: str) -> Resource:
        """The resource of a kind."""
        return next(r for r in self.cluster.resources() if (r.api_version, r.kind) == (api_version, kind))

    def put(self, *objects: dict[str, Any], settle: bool = True) -> None:
        """Applies objects, each in its namespace or in ``default``."""
        for obj in objects:
            resource = self.kind(obj["apiVersion"], obj["kind"])
            namespace = obj["metadata"].get("namespace", "default") if resource.namespaced else ""
            self.cluster.apply(resource, namespace, obj["metadata"]["name"], obj, Options(manager="test", force=True))
        if settle:
            self.controllers.settle()

    def get(self, api_version: str, kind: str, name: str, namespace: str = "default") -> dict[str, Any]:
        """An object."""
        return self.cluster.get(self.kind(api_version, kind), namespace, name)

    def turn(self, seconds: float, *, step: float = 5.0) -> None:
        """Turns the clock, the controllers looking on the way."""
        while seconds > 0:
            self.clock.turn(min(step, seconds))
            seconds -= step
            self.controllers.settle()

    def pods(self, app: str = "web", namespace: str = "default") -> list[dict[str, Any]]:
        """The pods of an app that are to stay."""
        found = self.cluster.list(self.kind("v1", "Pod"), namespace)
        return [
            p
            for p in found
            if p["metadata"].get("labels", {}).get("app") == app and "deletionTimestamp" not in p["metadata"]
        ]

    def waiting(self, app: str = "web", namespace: str = "default") -> tuple[str, str]:
        """Why the first container of an app's first pod waits, and the message."""
        status = self.pods(app, namespace)[0]["status"]["containerStatuses"][0]["state"].get("waiting", {})
        return status.get("reason", ""), status.get("message", "")

    def restarts(self, app: str = "web", namespace: str = "default") -> int:
        """How often the containers of an app's pods were started again."""
        return sum(c["restartCount"] for p in self.pods(app, namespace) for c in p["status"].get("containerStatuses", ()))

    def events(self, reason: str, namespace: str = "default") -> list[str]:
        """The messages of all events with a reason."""
        return [e["message"] for e in self.cluster.list(self.kind("v1", "Event"), namespace) if e["reason"] == reason]

    def available(self, name: str = "web", namespace: str = "default") -> bool:
        """Whether a Deployment is."""
        status = self.get("apps/v1", "Deployment", name, namespace).get("status") or {}
        return any(c["type"] == "Available" and c["status"] == "True" for c in status.get("conditions", ()))


def deployment(name: str = "web", namespace: str = "default", *, image: str = "nginx:1", **pod: Any) -> dict[str, Any]:
    """A Deployment of one container, which ``pod`` and its ``container`` say more of."""
    container = {"name": "main", "image": image, **pod.pop("container", {})}
    labels = {"app": name}
    spec = {"containers": [container], **pod.pop("spec", {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
            **pod,
        },
    }


def config_map(name: str, data: dict[str, str], namespace: str = "default") -> dict[str, Any]:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def secret(name: str, data: dict[str, str], namespace: str = "default") -> dict[str, Any]:
    """A Secret."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def service(name: str, port: int, target: int, app: str, namespace: str = "default") -> dict[str, Any]:
    """A Service."""
    spec = {"selector": {"app": app}, "ports": [{"port": port, "targetPort": target}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def crd(group: str, kind: str, plural: str, schema: dict[str, Any] | None = None, **version: Any) -> dict[str, Any]:
    """A CRD of one version, ``v1``."""
    body = schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": body}, **version}],
        },
    }


@dataclass
class Served:
    """The API of a simulated cluster on a port."""

    world: World
    url: str
    token: str
    kubeconfig: Path
    session: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """One request; the status and the decoded answer."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": options.pop("content_type", "application/json")}
        data = None if body is None else json.dumps(body)
        async with self.session.request(method, self.url + path, data=data, headers=headers, params=options) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text[:1] in ("{", "[") else text

    async def apply(self, path: str, body: Any, manager: str = "test", **options: Any) -> tuple[int, Any]:
        """A server-side apply."""
        kind = "application/apply-patch+yaml"
        return await self.call("PATCH", path, body, content_type=kind, fieldManager=manager, **options)

    async def until(self, path: str, fits: Callable[[dict[str, Any]], bool], **selectors: str) -> dict[str, Any]:
        """The first object of a list that fits, once one does: a list, then a watch."""
        status, found = await self.call("GET", path, **selectors)
        assert status == 200, found
        for obj in found["items"]:
            if fits(obj):
                return dict(obj)
        query = {"watch": "true", "resourceVersion": found["metadata"]["resourceVersion"], **selectors}
        headers = {"Authorization": f"Bearer {self.token}"}
        async with asyncio.timeout(20), self.session.get(self.url + path, params=query, headers=headers) as answer:
            async for line in answer.content:
                change = json.loads(line)
                if change["type"] != "DELETED" and fits(change["object"]):
                    return dict(change["object"])
        raise AssertionError("the watch ended")

    async def kubectl(self, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """The real kubectl."""
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig), *args]
        return await asyncio.to_thread(
            subprocess.run, command, input=stdin, text=True, capture_output=True, timeout=60, check=False
        )


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[Served]:
    """Serves a world's cluster for a while."""
    runner = web.AppRunner(app(world), access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    tls, authority = certificate(world.folder)
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    token, _ = world.identity.mint(USER)
    kubeconfig = world.folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": url, "certificate-authority": str(authority)}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "default"}}],
    }
    kubeconfig.write_text(json.dumps(config))
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=str(authority)))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Served(world, url, token, kubeconfig, session)
    await runner.cleanup()
