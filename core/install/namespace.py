"""The step ``namespace``: the namespace that everything of Kubeflow's lives in, marked as the environment's own.

One that is there already is adopted where it carries this environment's id, or carries none and is empty. A stranger's is
named and left alone.
"""

from __future__ import annotations

from core.errors import PermanentError, TemporaryError
from core.install.connection import connect
from core.install.installation import Installation
from core.kubernetes.apply import content
from core.kubernetes.client import Cluster
from core.kubernetes.errors import NotFound
from core.kubernetes.resources import Object
from core.names import ID_LABEL
from core.run.step import Context, Outcome, Step
from core.run.together import together

KINDS_OF_A_USED_NAMESPACE = (
    ("v1", "Pod"), ("v1", "Service"), ("v1", "PersistentVolumeClaim"), ("v1", "Secret"), ("v1", "ConfigMap"),
    ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"),
)  # fmt: skip
_ALWAYS_THERE = frozenset({"kube-root-ca.crt"})


def step(installation: Installation) -> Step:
    """The step that makes (or adopts) the namespace; it publishes ``namespace``."""

    async def run(context: Context) -> Outcome | None:
        async with connect(installation, context.fact("cluster_endpoint")) as cluster:
            await _ensure(installation, cluster, context)
        context.publish("namespace", installation.names.namespace)
        return None

    return Step(
        "namespace",
        "Namespace",
        run,
        needs=("cluster_endpoint",),
        publishes=("namespace",),
        seconds=2,
        deadline=600,
    )


def wanted(installation: Installation) -> Object:
    """The namespace as it should be; the inverting proxy's pods, which use the host's network, need a weaker level."""
    level = "privileged" if installation.values["inverse_proxy"] else "baseline"
    labels = {**installation.names.labels, "pod-security.kubernetes.io/enforce": level}
    metadata = {"name": installation.names.namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


async def _ensure(installation: Installation, cluster: Cluster, context: Context) -> None:
    name = installation.names.namespace
    found = await cluster.find("v1", "Namespace", name)
    if found is not None:
        if found["metadata"].get("deletionTimestamp"):
            raise TemporaryError(f"The namespace {name} is being deleted.", code="namespace-terminating", delay=15)
        await _check_own(installation, cluster, found)
    applied = await cluster.apply(wanted(installation))
    if found is None or content(found) != content(applied):
        context.changed()
        context.resource("Namespace", name, "update" if found else "create", "done")
    await _account_there(cluster, name, context)


async def _check_own(installation: Installation, cluster: Cluster, found: Object) -> None:
    name, id = found["metadata"]["name"], (found["metadata"].get("labels") or {}).get(ID_LABEL)
    if id == installation.names.id:
        return
    if id is not None:
        raise PermanentError(
            f"The namespace {name} belongs to another environment.",
            code="namespace-taken",
            cause=f"Its label {ID_LABEL} is {id}, and this environment's id is {installation.names.id}.",
            hint="Choose another namespace: --set namespace=NAME",
        )
    held = await _held(cluster, name)
    if held:
        raise PermanentError(
            f"The namespace {name} is there already, and holds what this environment did not make.",
            code="namespace-taken",
            cause=f"In it are {', '.join(held[:5])}.",
            hint="Choose another namespace: --set namespace=NAME",
            command=f"kubectl get all -n {name}",
        )


async def _held(cluster: Cluster, namespace: str) -> list[str]:
    lists = await together(cluster.all(version, kind, namespace) for version, kind in KINDS_OF_A_USED_NAMESPACE)
    return [
        f"{obj['kind']} {obj['metadata']['name']}"
        for objects in lists
        for obj in objects
        if obj["metadata"]["name"] not in _ALWAYS_THERE and obj.get("type") != "kubernetes.io/service-account-token"
    ]


async def _account_there(cluster: Cluster, namespace: str, context: Context) -> None:
    """Waits for the namespace's default account: without it pods are refused for a moment."""
    for attempt in range(30):
        try:
            await cluster.get("v1", "ServiceAccount", "default", namespace)
            return
        except NotFound:
            await context.clock.sleep(min(5.0, 0.2 * 2**attempt))
