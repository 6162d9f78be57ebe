"""A simulated cluster by itself: a world with one cluster that runs, its API on a port, and a kubeconfig for it."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Mapping
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
from core.rehearsal.google import iam_policy
from core.rehearsal.identity import USER
from core.rehearsal.kubernetes import app
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


def world_in(folder: Path, given: Mapping[str, Any] | None = None, *, cluster: bool = True) -> World:
    """A world at speed 0 in which a cluster runs and its user owns the project."""
    folder.mkdir(parents=True, exist_ok=True)
    world = World.open(folder, project=PROJECT, scenario=scenario.parse({"speed": 0, **(given or {})}))
    iam_policy.grant(world, f"projects/{PROJECT}", "roles/owner", f"user:{USER}", at_once=True)
    if cluster:
        world.store.put("container.clusters", CLUSTER, cluster_document())
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

    def kubectl(self, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """The real kubectl, on a thread of its own where it is awaited."""
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig), *args]
        return subprocess.run(command, input=stdin, text=True, capture_output=True, timeout=60, check=False)


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
