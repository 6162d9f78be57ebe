"""Whether the pods of a namespace keep running: some programs end only minutes after they started.

Which is why a look once is not enough: ``metadata-writer`` gives up after a hundred seconds without its server, and is
counted as available until then. Ages are taken from the cluster's own times, never from this machine's clock.
"""

from __future__ import annotations

from datetime import datetime

from core.errors import VerificationError
from core.install.installation import Installation
from core.kubernetes.client import Cluster
from core.kubernetes.diagnosis import has_failed, last_words, pod_trouble, restarts
from core.kubernetes.resources import Object

OLD_ENOUGH = 110.0
"""Seconds after which a container that was going to give up has done so, and it shows."""


async def census(cluster: Cluster, namespace: str) -> dict[str, int]:
    """How often the containers of each pod were started again so far."""
    return restarts(_kept(await cluster.all("v1", "Pod", namespace)))


async def steady(installation: Installation, cluster: Cluster, before: dict[str, int], *, aged: bool) -> str:
    """Looks that no pod waits and none was restarted since ``before``; with ``aged``, once each has run long enough.

    Raises `VerificationError` with the pod and its last words.
    """
    namespace = installation.names.namespace
    if aged:
        await _until_aged(installation, cluster, namespace)
    pods = _kept(await cluster.all("v1", "Pod", namespace))
    for pod in pods:
        name, trouble = pod["metadata"]["name"], pod_trouble(pod)
        again = restarts([pod])[name] > before.get(name, 0)
        if trouble is None and not again:
            continue
        container = trouble.container if trouble else _restarted(pod)
        words = await last_words(cluster, pod, container) if container else ""
        cause = trouble.cause if trouble else f"Container {container} ended and was started again."
        raise VerificationError(
            f"Pod {namespace}/{name} does not keep running.",
            code="pod-restarts",
            cause=f"{cause} Its last lines: {words}" if words else cause,
            command=f"kubectl describe pod {name} -n {namespace}",
        )
    return f"{len(pods)} pods run, and none was started again."


async def age(cluster: Cluster, namespace: str, deployment: str) -> float:
    """Seconds for which the youngest pod of a Deployment has run, by the cluster's own time; 0 where none does."""
    named = [
        p for p in _kept(await cluster.all("v1", "Pod", namespace)) if p["metadata"]["name"].startswith(f"{deployment}-")
    ]
    starts = [moment for pod in named for moment in _starts(pod)]
    now = await _now(cluster, namespace) if starts else None
    return (now - max(starts)).total_seconds() if now is not None else 0.0


async def _until_aged(installation: Installation, cluster: Cluster, namespace: str) -> None:
    """Waits until the youngest container of the workloads has run for long enough, by the cluster's own time."""
    pods = _kept(await cluster.all("v1", "Pod", namespace))
    starts = [moment for pod in pods for moment in _starts(pod)]
    now = await _now(cluster, namespace)
    if starts and now is not None:
        youngest = (now - max(starts)).total_seconds()
        await installation.clock.sleep(max(0.0, OLD_ENOUGH - youngest))


async def _now(cluster: Cluster, namespace: str) -> datetime | None:
    """The cluster's time, as it stamps what is made now; made as a dry run, so nothing is."""
    stamped = await cluster.request(
        "POST",
        f"/api/v1/namespaces/{namespace}/configmaps",
        params={"dryRun": "All"},
        body={"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "mlops-env-time-"}},
        what="ask the cluster for its time",
    )
    return _moment(stamped["metadata"].get("creationTimestamp"))


def _kept(pods: list[Object]) -> list[Object]:
    """The pods of Deployments; those of a pipeline's steps end by themselves, and what was evicted has been replaced."""
    return [
        pod
        for pod in pods
        if any(owner.get("kind") == "ReplicaSet" for owner in pod["metadata"].get("ownerReferences") or [])
        and not pod["metadata"].get("deletionTimestamp")
        and not has_failed(pod)
    ]


def _starts(pod: Object) -> list[datetime]:
    states = [(c.get("state") or {}).get("running") or {} for c in pod.get("status", {}).get("containerStatuses") or []]
    return [moment for state in states if (moment := _moment(state.get("startedAt"))) is not None]


def _restarted(pod: Object) -> str:
    statuses = pod.get("status", {}).get("containerStatuses") or []
    return next((str(c["name"]) for c in statuses if int(c.get("restartCount", 0))), "")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
