"""The controllers of a simulated cluster, run again whenever something changed or a moment has come."""

from __future__ import annotations

import asyncio
from typing import Any

from core.rehearsal.kubernetes.controllers import basics, deployments, garbage, nodes, pods, volumes
from core.rehearsal.kubernetes.controllers.context import LEAST, Context
from core.rehearsal.kubernetes.objects import Cluster
from core.rehearsal.kubernetes.programs.process import RUNTIME
from core.rehearsal.world import World

_ORDER = (
    basics.definitions,
    garbage.garbage,
    basics.namespaces,
    nodes.nodes,
    volumes.claims,
    volumes.volumes,
    deployments.deployments,
    deployments.replica_sets,
    pods.pods,
)
MOST_ROUNDS = 50
"""Rounds in one pass: at speed 0 a rollout of several generations takes a dozen."""


class Controllers:
    """All controllers of one cluster."""

    def __init__(self, world: World, cluster: Cluster, name: str) -> None:
        self.world, self.cluster, self.name = world, cluster, name
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        basics.bootstrap(self._context())

    def _context(self) -> Context:
        return Context(self.world, self.cluster, self.name, self.world.clock.now())

    def start(self) -> None:
        """Begins to run, until `stop`."""
        self.cluster.listeners.append(self._changed)
        self._wake.set()
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Ends it."""
        if self._changed in self.cluster.listeners:
            self.cluster.listeners.remove(self._changed)
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def wake(self) -> None:
        """Makes the controllers look again: something outside the cluster has changed."""
        self._wake.set()

    def _changed(self, *_: Any) -> None:
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            moment = self.settle()
            # other requests come first; what they change is taken up in one pass
            await asyncio.sleep(0.005)
            await self._wait(moment)

    async def _wait(self, moment: float | None) -> None:
        speed = self.world.clock.speed or 1.0
        left = 1.0 if moment is None else min(1.0, max(LEAST / 4, (moment - self.world.clock.now()) / speed))
        try:
            async with asyncio.timeout(left):
                await self._wake.wait()
        except TimeoutError:
            return

    def settle(self) -> float | None:
        """Runs every controller until nothing changes; the moment at which to look again."""
        moment: float | None = None
        for _ in range(MOST_ROUNDS):
            version = self.cluster.version
            ctx = self._context()
            with self.world.store.together():
                for controller in _ORDER:
                    controller(ctx)
            moment = ctx.next
            if not ctx.changed and self.cluster.version == version:
                break
        return moment

    def log(self, pod: dict[str, Any], container: str, previous: bool) -> list[str]:
        """The lines that a pod's container has written."""
        kept = self.world.store.get(RUNTIME, f"{self.cluster.uid}/{pod['metadata']['uid']}") or {}
        states = kept.get("containers") or {}
        name = container or pod["spec"]["containers"][0]["name"]
        return list((states.get(name) or {}).get("previous" if previous else "log") or [])
