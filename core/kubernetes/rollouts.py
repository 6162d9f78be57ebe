"""Waiting for Deployments: one watch over all of them, which ends with the last rollout, and a doctor beside it.

The doctor looks at the pods of what is not up yet. A trouble that outlasts its patience ends the wait with its cause; a
rollout that merely takes long ends it at the limit. On a clock that never waits, patience is counted as if it ran at
`PACE_WITHOUT_CLOCK`: what the simulated cluster does takes real time all the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

from core.errors import PermanentError, StepError
from core.kubernetes.client import Cluster
from core.kubernetes.diagnosis import Trouble, last_words, pod_trouble, pods_of, restarts, stuck, workload_trouble
from core.kubernetes.resources import Object
from core.run.clock import Clock
from core.run.step import Reporter

LIMIT = 900.0
LOOK_EVERY = 5.0
PACE_WITHOUT_CLOCK = 60.0
LIMIT_WITHOUT_CLOCK = 60.0
APPS = "apps/v1"


async def rollouts(
    cluster: Cluster,
    namespace: str,
    names: Collection[str],
    reporter: Reporter,
    *,
    limit: float = LIMIT,
    patience: float = 1.0,
) -> None:
    """Waits until every named Deployment is rolled out; raises a `StepError` with the cause where one is not.

    ``patience`` stretches (or, below 1, cuts) what each trouble is given.
    """
    doctor = _Doctor(cluster, namespace, set(names), patience)
    work = [asyncio.ensure_future(_until_up(cluster, namespace, doctor, reporter)), asyncio.ensure_future(doctor.practise())]
    try:
        async with _at_most(cluster.clock, limit):
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except TimeoutError:
        raise await doctor.verdict(limit) from None
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


def _at_most(clock: Clock, seconds: float) -> AbstractAsyncContextManager[object]:
    """The limit as a deadline; on a clock that does not wait it stays below what a step is given there."""
    return clock.deadline(seconds) if clock.rate else asyncio.timeout(min(seconds, LIMIT_WITHOUT_CLOCK))


async def _until_up(cluster: Cluster, namespace: str, doctor: _Doctor, reporter: Reporter) -> None:
    whole = len(doctor.missing)
    async for state in cluster.observe(APPS, "Deployment", namespace):
        up = {name for name in doctor.missing if name in state and rolled_out(state[name])}
        doctor.deployments = state
        doctor.missing -= up
        for name in sorted(up):
            reporter.log(f"Deployment {namespace}/{name} is rolled out.")
        if not doctor.missing:
            return
        if up:
            left = ", ".join(sorted(doctor.missing))
            reporter.progress(f"waiting for {left}", (whole - len(doctor.missing)) / whole)


def rolled_out(deployment: Object) -> bool:
    """Whether the pods that a Deployment asks for now are there and available, and no others."""
    status, wanted = deployment.get("status", {}), int(deployment["spec"].get("replicas", 1))
    updated, all_of_them = int(status.get("updatedReplicas", 0)), int(status.get("replicas", 0))
    current = int(status.get("observedGeneration", 0)) >= int(deployment["metadata"].get("generation", 0))
    return current and updated >= wanted and all_of_them <= updated and int(status.get("availableReplicas", 0)) >= updated


async def settled(cluster: Cluster, namespace: str, seconds: float, *, patience: float = 1.0) -> None:
    """Looks whether what is up stays up: no container waits, and none is started again for ``seconds`` of the clock.

    A pod without a readiness probe counts as available as soon as its process runs, and may end a moment later. Pods of no
    Deployment are left out: a pipeline's steps fail, wait for a node, and come and go, whatever is installed.
    """
    before: dict[str, int] | None = None
    doctor = _Doctor(cluster, namespace, set(), patience)
    while True:
        pods = await cluster.all("v1", "Pod", namespace)
        deployments = await cluster.all(APPS, "Deployment", namespace)
        doctor.deployments = {d["metadata"]["name"]: d for d in deployments}
        doctor.missing = set(doctor.deployments)
        await doctor.look(pods)
        kept = [pod for deployment in deployments for pod in pods_of(deployment, pods)]
        now = restarts(kept)
        if before == now and not any(pod_trouble(pod) for pod in kept):
            return
        before = now
        await asyncio.sleep(doctor.real(seconds) if cluster.clock.rate else 0)


@dataclass
class _Doctor:
    """Looks at what is ``missing`` every few seconds, and remembers since when something is wrong with it."""

    cluster: Cluster
    namespace: str
    missing: set[str]
    patience: float
    deployments: dict[str, Object] = field(default_factory=dict)
    _since: dict[tuple[str, str], float] = field(default_factory=dict)

    async def practise(self) -> None:
        """Looks until it is cancelled, or until a trouble has outlasted its patience, which it raises."""
        while True:
            await asyncio.sleep(max(0.2, self.real(LOOK_EVERY)) if self.patience else 0)
            await self.look(await self.cluster.all("v1", "Pod", self.namespace))

    async def look(self, pods: list[Object]) -> None:
        """One look at the pods; raises the first trouble that has lasted too long."""
        now, seen = time.monotonic(), set[tuple[str, str]]()
        for name, pod, trouble in [*self._troubles(pods), *await self._stuck(pods)]:
            key = (name, trouble.reason)
            seen.add(key)
            since = self._since.setdefault(key, now)
            if now - since >= self.real(trouble.patience * self.patience):
                raise await self._error(name, pod, trouble)
        for key in set(self._since) - seen:
            if "Crash" not in key[1]:  # between two crashes a container runs for a moment
                del self._since[key]

    async def verdict(self, limit: float) -> StepError:
        """The error for a wait that has come to its limit."""
        pods = await self.cluster.all("v1", "Pod", self.namespace)
        for name, pod, trouble in [*self._troubles(pods), *await self._stuck(pods)]:
            return await self._error(name, pod, trouble)
        names = ", ".join(sorted(self.missing))
        return PermanentError(
            f"Not rolled out after {limit / 60:.0f} min: {names}.",
            code="rollout-timeout",
            cause="No pod says what keeps it from being ready.",
            hint="Look at the pods' events and logs, then retry.",
            command=f"kubectl get pods -n {self.namespace}",
        )

    def real(self, seconds: float) -> float:
        """Real seconds that ``seconds`` of the clock last here."""
        return seconds / (self.cluster.clock.rate or PACE_WITHOUT_CLOCK)

    def _troubles(self, pods: list[Object]) -> list[tuple[str, Object | None, Trouble]]:
        found: list[tuple[str, Object | None, Trouble]] = []
        for name in sorted(self.missing):
            deployment = self.deployments.get(name)
            if deployment is None:
                continue
            trouble = workload_trouble(deployment)
            if trouble is not None:
                found.append((name, None, trouble))
            for pod in pods_of(deployment, pods):
                trouble = pod_trouble(pod)
                if trouble is not None:
                    found.append((name, pod, trouble))
        return found

    async def _stuck(self, pods: list[Object]) -> list[tuple[str, Object | None, Trouble]]:
        found: list[tuple[str, Object | None, Trouble]] = []
        for name in sorted(self.missing & set(self.deployments)):
            for pod in pods_of(self.deployments[name], pods):
                trouble = await stuck(self.cluster, pod)
                if trouble is not None:
                    found.append((name, pod, trouble))
        return found

    async def _error(self, name: str, pod: Object | None, trouble: Trouble) -> StepError:
        if pod is not None and "Crash" in trouble.reason:
            words = await last_words(self.cluster, pod, trouble.container)
            if words:
                trouble = replace(trouble, cause=f"{trouble.cause} Its last lines: {words}")
        return trouble.error(f"Deployment {self.namespace}/{name}")
