"""The application: which cluster is served, what a scenario does to requests, and the controllers' life.

A cluster is there while the simulated GKE keeps one that runs. Without one nothing answers: the connection is dropped, as
it is by the real endpoint of a cluster that is gone.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from core.rehearsal import kubeflow
from core.rehearsal.kubeflow import records
from core.rehearsal.kubeflow import runs as kubeflow_runs
from core.rehearsal.kubeflow.runs import Runs
from core.rehearsal.kubernetes import access, api, forwarding
from core.rehearsal.kubernetes.controllers import Controllers
from core.rehearsal.kubernetes.controllers.context import PODS
from core.rehearsal.kubernetes.forwarding.ports import Ports, Server
from core.rehearsal.kubernetes.objects import Cluster
from core.rehearsal.kubernetes.programs import database
from core.rehearsal.kubernetes.programs.process import Process, running
from core.rehearsal.kubernetes.status import ApiError, Obj
from core.rehearsal.mysql.accounts import Accounts
from core.rehearsal.scenario import Fault
from core.rehearsal.world import World

CLUSTERS = "container.clusters"
SERVED = ("RUNNING", "RECONCILING")
HUNG_SECONDS = 120.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class NoCluster(Exception):
    """Raised when a request comes while no cluster runs."""


def forget(world: World, uid: str) -> None:
    """Removes everything that was in a cluster; the disks of its volumes stay."""
    for kind in world.store.kinds():
        if kind.startswith("kubernetes."):
            for name, _ in world.store.items(kind, f"{uid}/"):
                world.store.delete(kind, name)


class Clusters:
    """The cluster that runs, with its controllers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._controllers: Controllers | None = None
        self.runs = Runs()

    def running(self) -> Cluster:
        """The cluster that runs; raises `NoCluster`."""
        found = self._find()
        if found is None:
            self._leave()
            raise NoCluster
        uid, name = found
        if self._controllers is None or self._controllers.cluster.uid != uid:
            self._leave()
            cluster = Cluster(store=self.world.store, clock=self.world.clock, uid=uid)
            cluster.guards.append(access.guard(self.world, name))
            self._controllers = Controllers(self.world, cluster, name)
            self._controllers.start()
        return self._controllers.cluster

    @property
    def controllers(self) -> Controllers:
        """The controllers of the cluster that runs; raises `NoCluster`."""
        self.running()
        assert self._controllers is not None
        return self._controllers

    def ports(self, cluster: Cluster) -> Ports:
        """The ports of a cluster's pods."""
        return Ports(
            lambda pod, container: running(self.world, cluster, pod, container),
            lambda process, port: _server(self.runs, process, port),
        )

    def _find(self) -> tuple[str, str] | None:
        for name, document in self.world.store.items(CLUSTERS):
            if str(document.get("id", "")).startswith("stranger"):
                continue
            if document.get("status") in SERVED:
                return str(document["id"]), name
        return None

    def _leave(self) -> None:
        if self._controllers is not None:
            self._controllers.stop()
            self._controllers = None

    def sweep(self) -> None:
        """Takes up a cluster that has come, and forgets what is left of those that are gone."""
        there = {str(d.get("id")) for _, d in self.world.store.items(CLUSTERS)}
        kept = {name.split("/", 1)[0] for name, _ in self.world.store.items("kubernetes.objects")}
        for uid in kept - there:
            forget(self.world, uid)
        records.forget(self.world)
        try:
            self._resume_runs(self.running())
        except NoCluster:
            return

    def _resume_runs(self, cluster: Cluster) -> None:
        """Takes up the runs of Kubeflow that had not ended, once its API server runs again."""
        if not any(r["state"] not in kubeflow_runs.ENDED for _, r in self.world.store.items("kubeflow.runs")):
            return
        for pod in cluster.list(PODS):
            for container in pod["spec"]["containers"]:
                if database.image_name(container["image"]) != "kfp-api-server":
                    continue
                process = running(self.world, cluster, pod, container)
                server = database.api_server(process) if process is not None else ""
                if process is not None and isinstance(server, Accounts):
                    owner = f"{server.instance}/{database.api_server_database(process)}"
                    self.runs.resume(process, records.Records(self.world, owner))

    async def life(self, app: web.Application) -> AsyncIterator[None]:
        """Runs the controllers while the application runs."""
        watch = asyncio.create_task(self._keep())
        yield
        watch.cancel()
        self.runs.stop()
        self._leave()

    async def _keep(self) -> None:
        while True:
            self.sweep()
            await asyncio.sleep(0.25)


def serve(world: World) -> web.Application:
    """The application of the simulated cluster."""
    clusters = Clusters(world)
    application = web.Application(client_max_size=16 << 20, middlewares=[_refusals, _weather(world)])
    extras: dict[str, api.Extra] = {"log": _log(clusters), "portforward": _forward(clusters)}
    api.Api(world, clusters.running, extras).routes(application)
    application.cleanup_ctx.append(clusters.life)
    return application


def _log(clusters: Clusters) -> api.Extra:
    async def log(request: web.Request, cluster: Cluster, pod: Obj) -> web.StreamResponse:
        lines = clusters.controllers.log(pod, request.query.get("container", ""), request.query.get("previous") == "true")
        if (tail := request.query.get("tailLines", "")).isdecimal():
            lines = lines[-int(tail) :] if int(tail) else []
        return web.Response(text="".join(f"{line}\n" for line in lines))

    return log


def _forward(clusters: Clusters) -> api.Extra:
    async def forward(request: web.Request, cluster: Cluster, pod: Obj) -> web.StreamResponse:
        return await forwarding.serve(request, clusters.ports(cluster), pod)

    return forward


def _server(runs: Runs, process: Process, port: int) -> Server | None:
    """The server behind a port of a program that the rehearsal simulates."""
    name = database.image_name(process.container["image"])
    if name in database.PROXIES:
        return _database(process) if port == int(database.setting(process, "port", "3306")) else None
    if name not in ("kfp-frontend", "kfp-api-server"):
        return None
    made = (kubeflow.frontend if name == "kfp-frontend" else kubeflow.api_server)(process, runs.start)

    async def http(sock: socket.socket) -> None:
        runner = web.AppRunner(made, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        assert runner.server is not None
        over = asyncio.get_running_loop().create_future()
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(runner.server, sock)
        try:
            while not transport.is_closing():
                await asyncio.wait([over], timeout=0.05)
        finally:
            transport.close()
            await runner.cleanup()

    return http


def _database(process: Process) -> Server:
    async def serve(sock: socket.socket) -> None:
        from core.rehearsal.mysql import protocol

        reader, writer = await asyncio.open_connection(sock=sock)
        fault = process.world.faults.take("mysql", "before")
        if fault is not None and fault.error == "timeout":
            await process.world.clock.sleep(HUNG_SECONDS)
        found = database.proxied(process)
        if fault is not None or isinstance(found, str):
            # the proxy takes the connection, and drops it when it can't reach the instance
            writer.close()
            return
        await protocol.serve(found, reader, writer)

    return serve


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        headers = {"Retry-After": "1"} if error.code in (429, 503) else None
        return web.json_response(error.body(), status=error.code, headers=headers)
    except web.HTTPNotFound:
        return web.Response(status=404, text="404 page not found\n")
    except NoCluster:
        return _drop(request)


def _drop(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


def _weather(world: World) -> Middleware:
    """The middleware that makes a scenario's latency and faults happen."""

    async def strike(request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.error == "reset":
            return _drop(request)
        if fault.error == "timeout":
            await world.clock.sleep(HUNG_SECONDS)
            return _drop(request)
        reason = fault.reason or {429: "TooManyRequests", 503: "ServiceUnavailable"}.get(fault.status, "InternalError")
        raise ApiError(fault.status, reason, fault.message or f"the scenario answers {fault.status} here")

    @web.middleware
    async def weather(request: web.Request, handler: Handler) -> web.StreamResponse:
        if world.scenario.latency_ms:
            await asyncio.sleep(world.scenario.latency_ms / 1000)
        if not world.scenario.fault:
            return await handler(request)
        call = api.fault_name(request)
        if (fault := world.faults.take(call, "before")) is not None:
            return await strike(request, fault)
        response = await handler(request)
        if (fault := world.faults.take(call, "after")) is not None and not response.prepared:
            return await strike(request, fault)
        return response

    return weather
