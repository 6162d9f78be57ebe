"""The application: which cluster is served, what a scenario does to requests, and the controllers' life.

A cluster is there while the simulated GKE keeps one that runs. Without one nothing answers: the connection is dropped, as
it is by the real endpoint of a cluster that is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from core.rehearsal.scenario import Fault
from core.rehearsal.kubernetes import api
from core.rehearsal.kubernetes.controllers import Controllers
from core.rehearsal.kubernetes.objects import Cluster
from core.rehearsal.kubernetes.status import ApiError, no_resource
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
            self._controllers = Controllers(self.world, cluster, name)
            self._controllers.start()
        return self._controllers.cluster

    @property
    def controllers(self) -> Controllers:
        """The controllers of the cluster that runs; raises `NoCluster`."""
        self.running()
        assert self._controllers is not None
        return self._controllers

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
        try:
            self.running()
        except NoCluster:
            return

    async def life(self, app: web.Application) -> AsyncIterator[None]:
        """Runs the controllers while the application runs."""
        watch = asyncio.create_task(self._keep())
        yield
        watch.cancel()
        self._leave()

    async def _keep(self) -> None:
        while True:
            self.sweep()
            await asyncio.sleep(0.25)


def serve(world: World) -> web.Application:
    """The application of the simulated cluster."""
    clusters = Clusters(world)
    application = web.Application(client_max_size=16 << 20, middlewares=[_refusals, _weather(world)])
    extras: dict[str, api.Extra] = {"log": _log(clusters)}
    api.Api(world, clusters.running, extras).routes(application)
    application.cleanup_ctx.append(clusters.life)
    return application


def _log(clusters: Clusters) -> api.Extra:
    async def log(request: web.Request, cluster: Cluster, pod: dict[str, object]) -> web.StreamResponse:
        lines = clusters.controllers.log(pod, request.query.get("container", ""), request.query.get("previous") == "true")
        if (tail := request.query.get("tailLines", "")).isdecimal():
            lines = lines[-int(tail) :] if int(tail) else []
        return web.Response(text="".join(f"{line}\n" for line in lines))

    return log


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        headers = {"Retry-After": "1"} if error.code in (429, 503) else None
        return web.json_response(error.body(), status=error.code, headers=headers)
    except web.HTTPNotFound:
        return web.json_response(no_resource().body(), status=404)
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
