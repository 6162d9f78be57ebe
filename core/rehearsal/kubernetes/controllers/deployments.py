"""Deployments and ReplicaSets: the rollout of a template, and the pods of each of its generations."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence

from core.rehearsal.kubernetes.controllers.context import (
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    Context,
    condition,
    owned_by,
    owner_of,
)
from core.rehearsal.kubernetes.status import ApiError, Obj
from core.rehearsal.kubernetes.validation import at

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""What names are made up of: no vowel, so that they spell nothing."""


def ready(pod: Obj) -> bool:
    """Whether a pod is ready and to stay."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    return any(c["type"] == "Ready" and c["status"] == "True" for c in at(pod, "status.conditions") or ())


def pods_of(ctx: Context, replica_set: Obj) -> list[Obj]:
    """The pods of a ReplicaSet that are to stay."""
    found = ctx.cluster.list(PODS, replica_set["metadata"]["namespace"], lambda p: owned_by(p, replica_set))
    return [p for p in found if not p["metadata"].get("deletionTimestamp")]


def _share(value: object, total: int, *, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        part = total * float(value[:-1]) / 100
        return math.ceil(part) if up else math.floor(part)
    return int(str(value or 0))


def deployments(ctx: Context) -> None:
    """Moves every Deployment a step towards its template."""
    for deployment in ctx.cluster.list(DEPLOYMENTS):
        if not deployment["metadata"].get("deletionTimestamp"):
            _roll(ctx, deployment)


def _roll(ctx: Context, deployment: Obj) -> None:
    namespace = deployment["metadata"]["namespace"]
    sets = ctx.cluster.list(REPLICA_SETS, namespace, lambda r: owned_by(r, deployment))
    template = deployment["spec"]["template"]
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    mark = "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:10])
    current = next((r for r in sets if r["metadata"]["labels"].get(HASH) == mark), None)
    if current is None:
        current = _make_set(ctx, deployment, mark, sets)
    elif _revision(current) < max(map(_revision, sets)):
        current = _taken_up(ctx, deployment, current, sets)
    _scale(ctx, deployment, current, [r for r in sets if r["metadata"]["uid"] != current["metadata"]["uid"]])
    _describe(ctx, deployment, current, ctx.cluster.list(REPLICA_SETS, namespace, lambda r: owned_by(r, deployment)))


def _revision(replica_set: Obj) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, 0))


def _taken_up(ctx: Context, deployment: Obj, replica_set: Obj, sets: Sequence[Obj]) -> Obj:
    """A set of before whose template is wanted again: it is the newest revision now."""
    number = str(1 + max(map(_revision, sets)))
    for resource, obj in ((REPLICA_SETS, replica_set), (DEPLOYMENTS, deployment)):
        metadata = obj["metadata"]
        live = ctx.cluster.get(resource, metadata["namespace"], metadata["name"])
        marks = {**(live["metadata"].get("annotations") or {}), REVISION: number}
        ctx.cluster.edit(resource, live, {**live, "metadata": {**live["metadata"], "annotations": marks}})
    ctx.changed = True
    return ctx.cluster.get(REPLICA_SETS, replica_set["metadata"]["namespace"], replica_set["metadata"]["name"])


def _make_set(ctx: Context, deployment: Obj, mark: str, sets: Sequence[Obj]) -> Obj:
    metadata, spec = deployment["metadata"], deployment["spec"]
    labels = {**(at(spec, "template.metadata.labels") or {}), HASH: mark}
    template = {**spec["template"], "metadata": {**spec["template"].get("metadata", {}), "labels": labels}}
    selector = {**spec["selector"], "matchLabels": {**(spec["selector"].get("matchLabels") or {}), HASH: mark}}
    revision = 1 + max([int(r["metadata"].get("annotations", {}).get(REVISION, 0)) for r in sets], default=0)
    body = {
        "metadata": {
            "name": f"{metadata['name']}-{mark}",
            "labels": labels,
            "annotations": {REVISION: str(revision)},
            "ownerReferences": [owner_of(deployment)],
        },
        "spec": {"replicas": 0, "selector": selector, "template": template},
    }
    made, _ = ctx.cluster.create(REPLICA_SETS, metadata["namespace"], body)
    marks = {**metadata.get("annotations", {}), REVISION: str(revision)}
    live = ctx.cluster.get(DEPLOYMENTS, metadata["namespace"], metadata["name"])
    ctx.cluster.edit(DEPLOYMENTS, live, {**live, "metadata": {**live["metadata"], "annotations": marks}})
    ctx.changed = True
    return made


def _scale(ctx: Context, deployment: Obj, current: Obj, old: Sequence[Obj]) -> None:
    desired = deployment["spec"]["replicas"]
    strategy = deployment["spec"]["strategy"]
    old = [r for r in old if r["spec"]["replicas"]]
    if strategy["type"] == "Recreate":
        for replica_set in old:
            _set_replicas(ctx, deployment, replica_set, 0)
        alive = any(owned_by(p, r) for r in old for p in ctx.cluster.list(PODS, deployment["metadata"]["namespace"]))
        if not alive:
            _set_replicas(ctx, deployment, current, desired)
        return
    rolling = strategy.get("rollingUpdate") or {}
    surge, missing = (
        _share(rolling.get("maxSurge"), desired, up=True),
        _share(rolling.get("maxUnavailable"), desired, up=False),
    )
    surge = surge or (1 if not missing else 0)
    total = sum(r["spec"]["replicas"] for r in old)
    wanted = min(desired, max(current["spec"]["replicas"], desired + surge - total)) if old else desired
    _set_replicas(ctx, deployment, current, wanted)
    fine = sum(1 for p in pods_of(ctx, current) if ready(p))
    for replica_set in old:
        broken = sum(1 for p in pods_of(ctx, replica_set) if not ready(p))
        keep = max(0, desired - missing - fine)
        _set_replicas(ctx, deployment, replica_set, min(replica_set["spec"]["replicas"] - broken, keep))


def _set_replicas(ctx: Context, deployment: Obj, replica_set: Obj, count: int) -> None:
    live = ctx.cluster.get(REPLICA_SETS, replica_set["metadata"]["namespace"], replica_set["metadata"]["name"])
    before = live["spec"]["replicas"]
    if before == count:
        return
    generation = live["metadata"]["generation"] + 1
    metadata = {**live["metadata"], "generation": generation}
    ctx.cluster.edit(REPLICA_SETS, live, {**live, "metadata": metadata, "spec": {**live["spec"], "replicas": count}})
    way = "up" if count > before else "down"
    words = f"Scaled {way} replica set {live['metadata']['name']} from {before} to {count}"
    ctx.event(deployment, "ScalingReplicaSet", words, source="deployment-controller")
    ctx.changed = True


def _describe(ctx: Context, deployment: Obj, current: Obj, sets: Sequence[Obj]) -> None:
    live = ctx.cluster.get(DEPLOYMENTS, deployment["metadata"]["namespace"], deployment["metadata"]["name"])
    old, desired = live.get("status"), live["spec"]["replicas"]
    everything = [p for r in sets for p in pods_of(ctx, r)]
    fine = sum(1 for p in everything if ready(p))
    current = ctx.cluster.get(REPLICA_SETS, current["metadata"]["namespace"], current["metadata"]["name"])
    updated = pods_of(ctx, current)
    complete = len(updated) == desired == len(everything) and fine >= desired
    rolling = at(live, "spec.strategy.rollingUpdate.maxUnavailable")
    available = fine >= desired - _share(rolling, desired, up=False)
    words = "has minimum availability." if available else "does not have minimum availability."
    reason = "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable"
    conditions = [
        condition(old, "Available", available, reason, f"Deployment {words}", ctx.stamp()),
        _progress(ctx, live, current, complete=complete),
    ]
    failure = next((c for c in at(current, "status.conditions") or () if c["type"] == "ReplicaFailure"), None)
    status = {
        "observedGeneration": live["metadata"]["generation"],
        "replicas": len(everything),
        "updatedReplicas": len(updated),
        "readyReplicas": fine,
        "availableReplicas": fine,
        "unavailableReplicas": max(0, desired - fine),
        "conditions": [_updated(c) for c in ([*conditions, failure] if failure else conditions)],
    }
    ctx.cluster.set_status(DEPLOYMENTS, live, {k: v for k, v in status.items() if v != 0 or k == "observedGeneration"})


def _updated(told: Obj) -> Obj:
    """A Deployment's condition says twice since when it is so."""
    return {**told, "lastUpdateTime": told["lastTransitionTime"]}


def _progress(ctx: Context, deployment: Obj, current: Obj, *, complete: bool) -> Obj:
    """The Progressing condition, which turns False when nothing has moved for the deadline."""
    old, name = deployment.get("status"), current["metadata"]["name"]
    if complete:
        words = f'ReplicaSet "{name}" has successfully progressed.'
        return condition(old, "Progressing", True, "NewReplicaSetAvailable", words, ctx.stamp())
    runtime = ctx.runtime(current)
    moved = [name, sum(1 for p in pods_of(ctx, current) if ready(p)), current["spec"]["replicas"]]
    if runtime.get("moved") != moved:
        runtime = {"moved": moved, "late": ctx.now + deployment["spec"]["progressDeadlineSeconds"]}
        ctx.keep(current, runtime)
    if ctx.due(runtime["late"]):
        words = f'ReplicaSet "{name}" has timed out progressing.'
        return condition(old, "Progressing", False, "ProgressDeadlineExceeded", words, ctx.stamp())
    return condition(old, "Progressing", True, "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.', ctx.stamp())


def replica_sets(ctx: Context) -> None:
    """Makes and deletes pods until each ReplicaSet has as many as it should."""
    for replica_set in ctx.cluster.list(REPLICA_SETS):
        if replica_set["metadata"].get("deletionTimestamp"):
            continue
        have = pods_of(ctx, replica_set)
        want = replica_set["spec"]["replicas"]
        why = ""
        for _ in range(want - len(have)):
            why = _make_pod(ctx, replica_set)
            if why:
                break
        for pod in sorted(have, key=ready)[: max(0, len(have) - want)]:
            ctx.cluster.delete(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
            ctx.changed = True
        _describe_set(ctx, replica_set, why)


def _make_pod(ctx: Context, replica_set: Obj) -> str:
    """Makes a pod; returns why it was refused."""
    namespace, template = replica_set["metadata"]["namespace"], replica_set["spec"]["template"]
    metadata = {k: v for k, v in (template.get("metadata") or {}).items() if k in ("labels", "annotations")}
    prefix = f"{replica_set['metadata']['name']}-"
    body = {"metadata": {**metadata, "generateName": prefix, "ownerReferences": [owner_of(replica_set)]}}
    try:
        pod, _ = ctx.cluster.create(PODS, namespace, {**body, "spec": template["spec"]})
    except ApiError as error:
        return error.message
    words = f"Created pod: {pod['metadata']['name']}"
    ctx.event(replica_set, "SuccessfulCreate", words, source="replicaset-controller")
    ctx.changed = True
    return ""


def _same_refusal(replica_set: Obj, why: str) -> str:
    """The refusal that is told already, where only the name that was made up for the pod is another."""

    def unnamed(words: str) -> str:
        return re.sub(f"{replica_set['metadata']['name']}-[a-z0-9]{{5}}", "", words)

    told = [str(c.get("message", "")) for c in at(replica_set, "status.conditions") or () if c["type"] == "ReplicaFailure"]
    return next((words for words in told if unnamed(words) == unnamed(why)), why)


def _describe_set(ctx: Context, replica_set: Obj, why: str) -> None:
    live = ctx.cluster.find(REPLICA_SETS, replica_set["metadata"]["namespace"], replica_set["metadata"]["name"])
    if live is None:
        return
    have = pods_of(ctx, live)
    fine = sum(1 for p in have if ready(p))
    status: Obj = {"observedGeneration": live["metadata"]["generation"], "replicas": len(have)}
    status |= {"readyReplicas": fine, "availableReplicas": fine, "fullyLabeledReplicas": len(have)}
    if why:
        why = _same_refusal(live, why)
        status["conditions"] = [condition(live.get("status"), "ReplicaFailure", True, "FailedCreate", why, ctx.stamp())]
        known = at(live, "status.conditions") or []
        if not any(c.get("message") == why for c in known):
            ctx.event(live, "FailedCreate", f"Error creating: {why}", warning=True, source="replicaset-controller")
    ctx.cluster.set_status(REPLICA_SETS, live, status)
