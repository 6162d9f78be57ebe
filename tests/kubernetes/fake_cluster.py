"""A small stand-in for a cluster's API: objects by path, watches, server-side apply by overlay, and scripted refusals."""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

from core.kubernetes.client import Cluster
from core.run.clock import Clock, VirtualClock

KINDS = {
    "v1": {
        "Namespace": ("namespaces", False), "Pod": ("pods", True), "Secret": ("secrets", True),
        "ConfigMap": ("configmaps", True), "Service": ("services", True), "ServiceAccount": ("serviceaccounts", True),
        "PersistentVolumeClaim": ("persistentvolumeclaims", True), "Event": ("events", True),
    },
    "apps/v1": {"Deployment": ("deployments", True), "StatefulSet": ("statefulsets", True)},
    "apiextensions.k8s.io/v1": {"CustomResourceDefinition": ("customresourcedefinitions", False)},
    "rbac.authorization.k8s.io/v1": {"ClusterRoleBinding": ("clusterrolebindings", False), "Role": ("roles", True)},
}  # fmt: skip
Object = dict[str, Any]


class FakeCluster:
    """What the API holds (``objects`` by path), what it was asked (``requests``), and what it refuses next."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.tokens: list[str] = []
        self.refusals: list[tuple[Callable[[str, str], bool], int, dict[str, str]]] = []
        self.logs: dict[str, str] = {}
        self.on_apply: Callable[[Object], None] = lambda _: None
        self.forwarded: Callable[[str, int, bytes], bytes | None] = lambda pod, port, data: data
        self.cut_watches = 0
        self.gone_watches = 0
        self.busy = self.busiest = 0
        self.latency = 0.0
        self.url = ""
        self._version = itertools.count(100)
        self._changes: list[tuple[str, Object]] = []
        self._changed = asyncio.Condition()

    def put(self, obj: Object) -> Object:
        """Puts an object there, as a controller would."""
        path = self._path(obj)
        kept = copy.deepcopy(obj)
        before = self.objects.get(path)
        metadata = kept.setdefault("metadata", {})
        metadata["resourceVersion"] = str(next(self._version))
        metadata.setdefault("uid", (before or {}).get("metadata", {}).get("uid") or f"uid-{metadata['resourceVersion']}")
        metadata.setdefault("creationTimestamp", "2026-11-24T12:00:00Z")
        self.objects[path] = kept
        self._tell("MODIFIED" if before else "ADDED", kept)
        return kept

    def remove(self, obj: Object) -> None:
        """Removes an object, as somebody else would."""
        gone = self.objects.pop(self._path(obj), None)
        if gone is not None:
            self._tell("DELETED", gone)

    def get(self, kind: str, name: str, namespace: str = "ns") -> Object:
        return next(
            o for o in self.objects.values()
            if o["kind"] == kind and o["metadata"]["name"] == name and o["metadata"].get("namespace", namespace) == namespace
        )  # fmt: skip

    def refuse(self, status: int, *, method: str = "", path: str = "", times: int = 1, **headers: str) -> None:
        """Answers the next matching requests with a status; 0 drops the connection."""
        for _ in range(times):
            self.refusals.append((lambda m, p: method in ("", m) and path in p, status, headers))

    def asked(self, method: str, part: str = "") -> list[str]:
        """The paths that were asked for with a method."""
        return [p for m, p, _ in self.requests if m == method and part in p]

    @asynccontextmanager
    async def client(self, *, clock: Clock | None = None, **options: Any) -> AsyncIterator[Cluster]:
        """A client of this cluster."""
        tokens = iter(f"token-{n}" for n in itertools.count(1))
        current = [next(tokens)]

        async def token() -> str:
            return current[0]

        def reject(bad: str) -> None:
            if current[0] == bad:
                current[0] = next(tokens)

        async with Cluster(self.url, token=token, reject=reject, clock=clock or VirtualClock(), **options) as cluster:
            yield cluster

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, dict(request.query)))
        self.tokens.append(request.headers.get("Authorization", ""))
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            if self.latency:
                await asyncio.sleep(self.latency)
            return await self._answer(request)
        finally:
            self.busy -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        for refusal in self.refusals:
            if refusal[0](request.method, request.path):
                self.refusals.remove(refusal)
                if refusal[1] == 0:
                    assert request.transport is not None
                    request.transport.abort()
                    return web.Response()
                status = {"kind": "Status", "code": refusal[1], "message": f"scripted {refusal[1]}", "reason": "Scripted"}
                return web.json_response(status, status=refusal[1], headers=refusal[2])
        path = request.path
        group = path.removeprefix("/apis/").removeprefix("/api/")
        if group in KINDS:
            listed = [{"name": p, "kind": k, "namespaced": n} for k, (p, n) in KINDS[group].items()]
            return web.json_response({"resources": listed})
        if path.endswith("/log"):
            text = self.logs.get(path.split("/")[-2], "")
            return web.Response(text=text)
        if path.endswith("/portforward"):
            return await self._forward(request)
        if request.method == "GET":
            return await self._read(request)
        if request.method == "PATCH":
            return self._apply(path, json.loads(await request.text()), dry="dryRun" in request.query)
        if request.method == "DELETE":
            return self._delete(path)
        return web.json_response({"message": "not simulated"}, status=501)

    async def _read(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path in self.objects:
            return web.json_response(self.objects[path])
        found = [o for p, o in self.objects.items() if p.rpartition("/")[0] == path or _all_namespaces(p) == path]
        selector = request.query.get("labelSelector", "")
        found = [o for o in found if _selected(o, selector)]
        if not _is_collection(path):
            return web.json_response({"kind": "Status", "code": 404, "message": "no such object"}, status=404)
        if "watch" in request.query:
            return await self._watch(request, path)
        return web.json_response({"metadata": {"resourceVersion": str(len(self._changes))}, "items": found})

    async def _watch(self, request: web.Request, path: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if self.gone_watches:
            self.gone_watches -= 1
            error = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}
            await response.write(json.dumps(error).encode() + b"\n")
            return response
        at = int(request.query["resourceVersion"]) if int(request.query["resourceVersion"]) < 100 else 0
        while True:
            async with self._changed:
                while at >= len(self._changes):
                    await self._changed.wait()
                news = list(enumerate(self._changes[at:], at))
            for n, (event, obj) in news:
                at = n + 1
                if self._path(obj).rpartition("/")[0] == path:
                    sent = copy.deepcopy(obj)
                    sent["metadata"]["resourceVersion"] = str(at)
                    await response.write(json.dumps({"type": event, "object": sent}).encode() + b"\n")
                    if self.cut_watches:
                        self.cut_watches -= 1
                        assert request.transport is not None
                        request.transport.abort()
                        return response

    def _apply(self, path: str, obj: Object, *, dry: bool) -> web.Response:
        before = self.objects.get(path)
        merged = _overlay(copy.deepcopy(before) if before else {}, obj)
        if dry or merged == before:
            return web.json_response(merged)
        kept = self.put(merged)
        self.on_apply(kept)
        return web.json_response(kept, status=200 if before else 201)

    def _delete(self, path: str) -> web.Response:
        if path not in self.objects:
            return web.json_response({"kind": "Status", "code": 404, "message": "no such object"}, status=404)
        self._tell("DELETED", self.objects.pop(path))
        return web.json_response({"kind": "Status"})

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        pod, port = request.path.split("/")[-2], int(request.query["ports"])
        if not any(o["kind"] == "Pod" and o["metadata"]["name"] == pod for o in self.objects.values()):
            return web.json_response({"code": 404, "message": "no such pod"}, status=404)
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        for channel in (0, 1):
            await socket.send_bytes(bytes([channel]) + port.to_bytes(2, "little"))
        async for message in socket:
            if message.type == WSMsgType.BINARY and message.data[0] == 0:
                answer = self.forwarded(pod, port, message.data[1:])
                if answer is None:
                    break
                await socket.send_bytes(b"\0" + answer)
        return socket

    def _path(self, obj: Object) -> str:
        version, namespace = obj["apiVersion"], obj["metadata"].get("namespace")
        plural, namespaced = KINDS[version][obj["kind"]]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        place = f"/namespaces/{namespace}" if namespaced else ""
        return f"{root}{place}/{plural}/{obj['metadata']['name']}"

    def _tell(self, event: str, obj: Object) -> None:
        self._changes.append((event, obj))

        async def wake() -> None:
            async with self._changed:
                self._changed.notify_all()

        self._waking = asyncio.get_running_loop().create_task(wake())


@asynccontextmanager
async def running() -> AsyncIterator[FakeCluster]:
    """A fake cluster on a port of loopback."""
    fake = FakeCluster()
    runner = web.AppRunner(fake.app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = site.name if site.name.count(":") == 2 and not site.name.endswith(":0") else ""
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fake
    finally:
        await runner.cleanup()


def deployment(name: str, *, namespace: str = "ns", replicas: int = 1, up: bool = False) -> Object:
    """A Deployment, rolled out or not."""
    obj: Object = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "generation": 1},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}},
    }
    if up:
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas)
        obj["status"] = {"observedGeneration": 1, **counts}
    return obj


def pod(app: str, *, name: str = "", namespace: str = "ns", ready: bool = False, **status: Any) -> Object:
    """A pod of a Deployment; ``status`` are more fields of its status."""
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name or f"{app}-1",
            "namespace": namespace,
            "labels": {"app": app},
            "ownerReferences": [{"kind": "ReplicaSet", "name": app}],
        },
        "spec": {"containers": [{"name": "main", "ports": [{"name": "http", "containerPort": 3000}]}]},
        "status": {"conditions": conditions, **status},
    }


def waiting(reason: str, message: str = "", *, image: str = "repo/image:1", **more: Any) -> Object:
    """The status of a container that waits."""
    return {"name": "main", "image": image, "state": {"waiting": {"reason": reason, "message": message}}, **more}


class Recorder:
    """A `Reporter` that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.messages: list[str] = []
        self.resources: list[tuple[str, str, str]] = []

    def log(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, message: str, fraction: float | None = None) -> None:
        self.messages.append(message)

    def resource(self, kind: str, id: str, action: str, state: str, seconds: float = 0.0) -> None:
        self.resources.append((kind, id, action))


def _overlay(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{k: _overlay(base.get(k), v) for k, v in over.items()}}
    return copy.deepcopy(over)


def _all_namespaces(path: str) -> str:
    head, _, tail = path.partition("/namespaces/")
    return f"{head}/{tail.split('/')[1]}" if tail.count("/") >= 2 else ""


def _is_collection(path: str) -> bool:
    plurals = {plural for kinds in KINDS.values() for plural, _ in kinds.values()}
    return path.rpartition("/")[2] in plurals


def _selected(obj: Object, selector: str) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return all(labels.get(k) == v for k, v in (pair.split("=") for pair in selector.split(",") if pair))
