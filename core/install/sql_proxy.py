"""The step ``sql-proxy``: the Cloud SQL Auth Proxy, and it alone, so that the database's user can be proven through it.

What it reads is applied as soon as there is a namespace; the proxy itself follows once there is a node for it, and the
database, whose name may be another by then: an instance that failed gives its name up, and the run is told to try again. It
needs the workload-identity binding to work already; until it does, its pods crash and are started again for some minutes,
which is what the rollout's patience is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.install import shown
from core.install.connection import connect
from core.install.installation import Installation
from core.kubernetes import diagnosis
from core.kubernetes.apply import any_changed, apply_all, phases
from core.kubernetes.client import Cluster
from core.kubernetes.port_forward import Target
from core.kubernetes.resources import Object
from core.kubernetes.rollouts import rollouts
from core.run.step import Context, Outcome, Step

if TYPE_CHECKING:
    from core.kustomize import Manifests

SERVICE, PORT = "mysql", 3306
PATIENCE = 2.0
"""Times as long as other pods may crash: a grant can take seven minutes, and what crashed until then waits five more."""


def step(installation: Installation) -> Step:
    """The step that brings the proxy up; it publishes ``sql_proxy`` once it is ready."""

    async def run(context: Context) -> Outcome | None:
        from core import kustomize
        from core.install.manifests import for_database

        manifests = kustomize.load(context.fact("manifests")["folder"])
        namespace = installation.names.namespace
        async with connect(installation, context.fact("cluster_endpoint")) as cluster:
            await shown.hold_alike(installation, cluster, manifests.sql_proxy)
            await _apply(cluster, _early(manifests), context)
            context.progress("waiting for a node and the database")
            for fact in ("node_pool", "sql_instance", "workload_identity"):
                await context.wait_for(fact)
            if (now := await for_database(installation, context, manifests)) is not manifests:
                await _apply(cluster, _early(now), context)
            workloads = phases(now.sql_proxy)[-1]
            await _apply(cluster, workloads, context)
            names = [o["metadata"]["name"] for o in workloads if o["kind"] == "Deployment"]
            await rollouts(cluster, namespace, names, context, patience=PATIENCE)
        context.publish("sql_proxy", True)
        return None

    return Step(
        "sql-proxy",
        "Cloud SQL Auth Proxy",
        run,
        needs=("cluster_endpoint", "namespace", "manifests"),
        publishes=("sql_proxy",),
        seconds=200,
        deadline=7200,
    )


def _early(manifests: Manifests) -> list[Object]:
    """What no node has to run."""
    *early, _ = phases(manifests.sql_proxy)
    return [obj for phase in early for obj in phase]


async def _apply(cluster: Cluster, objects: list[Object], context: Context) -> None:
    if any_changed(await apply_all(cluster, objects, context)):
        context.changed()


def target(installation: Installation) -> Target:
    """Where a port-forward reaches MySQL through the proxy."""
    return Target(installation.names.namespace, SERVICE, PORT)


async def last_words(installation: Installation, cluster: Cluster) -> str:
    """The last lines that the proxy wrote; empty where there are none to be had."""
    namespace = installation.names.namespace
    service = await cluster.find("v1", "Service", SERVICE, namespace)
    selector = ((service or {}).get("spec") or {}).get("selector") or {}
    labels = ",".join(f"{k}={v}" for k, v in selector.items())
    for pod in await cluster.all("v1", "Pod", namespace, labels=labels) if labels else []:
        words = await diagnosis.last_words(cluster, pod, str(pod["spec"]["containers"][0]["name"]))
        if words:
            return words
    return ""
