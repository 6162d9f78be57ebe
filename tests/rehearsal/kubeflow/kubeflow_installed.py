"""An installation of Kubeflow Pipelines in a simulated cluster, as bare as a test needs it: objects applied, nothing else.

The objects are those that the overlay really builds, on the set that stands in for the release.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from simulated_cluster import Served, serving, world_in

from core import kustomize, resources
from core.kustomize import Manifests, Values
from core.names import Names
from core.rehearsal.google import app as google_app
from core.rehearsal.google import iam_policy
from core.rehearsal.google.seed import plant
from core.rehearsal.mysql.accounts import NATIVE
from core.rehearsal.world import World
from core.toolchain import look

NAMESPACE = "ml-team"
PROJECT = "rehearsal-abcdef"
NAMES = Names("demo", "abcdef", PROJECT, "us-central1", "us-central1-a", "demo", NAMESPACE)
ACCOUNT = NAMES.account_email(NAMES.pipelines_account_id)
INSTANCE = f"{PROJECT}/{NAMES.sql_instance}"
PASSWORD = "correct-horse"
CALLERS = ("pipeline-runner", "ml-pipeline-ui", "kubeflow-pipelines-viewer", "kubeflow-pipelines-cloudsql-proxy")
HELLO = resources.__file__ and Path(resources.__file__).parent / "install" / "data" / "hello.yaml"


@cache
def built(without: tuple[str, ...] = ()) -> Manifests:
    """The objects of the overlay, but for the mends left out."""
    tool = look("kubectl")
    if tool is None:
        pytest.skip("there is no kubectl on PATH")
    release = kustomize.stand_in(resources.folder("kustomize") / "stand-in", "2.17.0")
    with tempfile.TemporaryDirectory() as work:
        values, folder = Values.of(NAMES), Path(work) / "w"
        return asyncio.run(kustomize.build(release, values, folder, kubectl=tool.command, without=without))


def google_side(world: World) -> None:
    """What Terraform and the steps before make at Google: database, user, bucket, account, and its rights."""
    store = world.store
    store.put(
        "sql.instances",
        INSTANCE,
        {
            "name": NAMES.sql_instance,
            "state": "RUNNABLE",
            "databaseVersion": "MYSQL_8_4",
            "ipAddresses": [{"type": "PRIVATE"}],
        },
    )
    user = {"name": "root", "host": "%", "instance": INSTANCE, "password": PASSWORD, "plugin": NATIVE}
    store.put("sql.users", f"{INSTANCE}/root@%", user)
    for role in ("roles/cloudsql.client", "roles/storage.objectUser"):
        iam_policy.grant(world, f"projects/{PROJECT}", role, f"serviceAccount:{ACCOUNT}", at_once=True)
    for name in CALLERS:
        member = f"serviceAccount:{PROJECT}.svc.id.goog[{NAMESPACE}/{name}]"
        resource = f"projects/{PROJECT}/serviceAccounts/{ACCOUNT}"
        iam_policy.grant(world, resource, "roles/iam.workloadIdentityUser", member, at_once=True)


@dataclass
class Installed:
    """The installation, and ways to look at it."""

    served: Served
    known: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def world(self) -> World:
        """The simulated cloud."""
        return self.served.world

    async def apply(self, *objects: dict[str, Any]) -> None:
        """Applies objects side by side."""
        await asyncio.gather(*(self._apply(obj) for obj in objects))

    async def _apply(self, obj: dict[str, Any]) -> None:
        status, answer = await self.served.apply(await self._path(obj), obj, manager="test", force="true")
        assert status < 300, (obj["kind"], obj["metadata"]["name"], answer)

    async def _path(self, obj: dict[str, Any]) -> str:
        group, _, _ = obj["apiVersion"].rpartition("/")
        base = f"/apis/{obj['apiVersion']}" if group else f"/api/{obj['apiVersion']}"
        if base not in self.known:
            self.known[base] = (await self.served.call("GET", base))[1]["resources"]
        resource = next(r for r in self.known[base] if r["kind"] == obj["kind"] and "/" not in r["name"])
        within = f"/namespaces/{obj['metadata'].get('namespace', NAMESPACE)}" if resource["namespaced"] else ""
        return f"{base}{within}/{resource['name']}/{obj['metadata']['name']}"

    async def pods(self) -> list[dict[str, Any]]:
        """Every pod."""
        return list((await self.served.call("GET", f"/api/v1/namespaces/{NAMESPACE}/pods"))[1]["items"])

    async def ready(self) -> None:
        """Waits until every Deployment is available."""
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
        _, found = await self.served.call("GET", path)
        for obj in found["items"]:
            name = obj["metadata"]["name"]
            await self.served.until(path, _available, fieldSelector=f"metadata.name={name}")

    async def fails(self, name: str) -> tuple[str, str]:
        """Waits until a pod of a Deployment is in trouble; why, and its last words."""
        pod = await self.served.until(
            f"/api/v1/namespaces/{NAMESPACE}/pods", lambda p: p["metadata"]["name"].startswith(name) and _trouble(p) != ""
        )
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}/log"
        _, words = await self.served.call("GET", path, previous="true")
        return _trouble(pod), str(words)

    @asynccontextmanager
    async def ui(self) -> AsyncIterator[Api]:
        """Kubeflow's API through a port-forward to the UI's pod."""
        pod = next(p for p in await self.pods() if p["metadata"]["name"].startswith("ml-pipeline-ui-"))
        yield Api(self.served, pod["metadata"]["name"])


@dataclass
class Api:
    """Kubeflow's API, a request a connection."""

    served: Served
    pod: str

    async def call(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> tuple[int, Any]:
        """One request through the port-forward."""
        import json

        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {content_type}\r\n"
        raw = f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
        url = f"{self.served.url}/api/v1/namespaces/{NAMESPACE}/pods/{self.pod}/portforward?ports=3000"
        headers = {"Authorization": f"Bearer {self.served.token}"}
        answer = b""
        async with self.served.session.ws_connect(url, headers=headers, protocols=("v4.channel.k8s.io",)) as websocket:
            for _ in range(2):
                await websocket.receive_bytes()
            await websocket.send_bytes(b"\x00" + raw)
            async for message in websocket:
                if message.data[:1] == b"\x00":
                    answer += message.data[1:]
        top, _, text = answer.partition(b"\r\n\r\n")
        status = int(top.split(b" ")[1])
        return status, json.loads(text) if text[:1] in (b"{", b"[") else text.decode()

    async def upload(self, name: str, spec: dict[str, Any]) -> tuple[int, Any]:
        """Uploads a pipeline."""
        boundary = "b0undary"
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="uploadfile"; filename="p.yaml"\r\n\r\n'
        body = part.encode() + yaml.safe_dump(spec).encode() + f"\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        return await self.call("POST", f"/apis/v2beta1/pipelines/upload?name={name}", body, kind)

    async def hello(self, spec: dict[str, Any] | None = None) -> dict[str, Any]:
        """Runs the hello pipeline to its end."""
        spec = spec or next(d for d in yaml.safe_load_all(Path(str(HELLO)).read_text()) if isinstance(d, dict))
        _, pipeline = await self.upload("hello", spec)
        _, versions = await self.call("GET", f"/apis/v2beta1/pipelines/{pipeline['pipeline_id']}/versions")
        reference = {
            "pipeline_id": pipeline["pipeline_id"],
            "pipeline_version_id": versions["pipeline_versions"][0]["pipeline_version_id"],
        }
        parameters = {
            "bucket": NAMES.artifact_bucket,
            "name": "report.json",
            "project": PROJECT,
            "region": "us-central1",
            "registry": f"us-central1-docker.pkg.dev/{PROJECT}/demo-images",
        }
        body = {"display_name": "r", "pipeline_version_reference": reference, "runtime_config": {"parameters": parameters}}
        status, run = await self.call("POST", "/apis/v2beta1/runs", body)
        assert status == 200, run
        async with asyncio.timeout(60):
            while run["state"] not in ("SUCCEEDED", "FAILED"):
                _, run = await self.call("GET", f"/apis/v2beta1/runs/{run['run_id']}")
        return dict(run)


def _available(obj: dict[str, Any]) -> bool:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Available" and c["status"] == "True" for c in conditions)


def _trouble(pod: dict[str, Any]) -> str:
    statuses = pod.get("status", {})
    for status in [*statuses.get("initContainerStatuses", ()), *statuses.get("containerStatuses", ())]:
        reason = (status["state"].get("waiting") or {}).get("reason", "")
        if reason in ("CrashLoopBackOff", "CreateContainerConfigError", "ImagePullBackOff"):
            return str(reason)
    return ""


def secrets() -> list[dict[str, Any]]:
    """The pods' Secrets."""
    keys = {"accesskey": "Abc123", "secretkey": "Def456", "signingkey": "Ghi789"}
    found = {"mysql-secret": {"username": "root", "password": PASSWORD}, "mlpipeline-minio-artifact": keys}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}, "stringData": data}
        for name, data in found.items()
    ]


@asynccontextmanager
async def installed(
    folder: Path, without: tuple[str, ...] = (), *, given: dict[str, Any] | None = None
) -> AsyncIterator[Installed]:
    """The overlay's objects applied in a world where all that comes before is done."""
    manifests = await asyncio.to_thread(built, without)
    world = world_in(folder, {"delays": {"iam": 0, "services": 0}, **(given or {})})
    plant(world)
    google_side(world)
    runner = web.AppRunner(google_app(world), access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    root = f"http://127.0.0.1:{runner.addresses[0][1]}"
    world.store.put("world", "endpoints", {"google": root})
    async with serving(world) as served:
        body = {"name": NAMES.artifact_bucket, "location": "US-CENTRAL1"}
        headers = {"Authorization": f"Bearer {served.token}"}
        async with served.session.post(
            f"{root}/storage/storage/v1/b?project={PROJECT}", json=body, headers=headers
        ) as answer:
            assert answer.status == 200, await answer.text()
        found = Installed(served)
        await found.apply(manifests.namespace)
        await found.apply(*secrets())
        for part in (manifests.cluster, manifests.configuration, [*manifests.sql_proxy, *manifests.workloads]):
            await found.apply(*part)
        yield found
    await runner.cleanup()
