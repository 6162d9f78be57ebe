"""The kubelet's part: a pod is placed, gets its volumes and images, and its containers start, run, fail and start again.

What a pod has gone through lies beside it as one document, with the moments at which the next thing happens, so a killed
rehearsal goes on where it was.
"""

from __future__ import annotations

import zlib
from typing import Any

from core.rehearsal.kubernetes.controllers import containers, nodes
from core.rehearsal.kubernetes.controllers.context import (
    CLAIMS,
    CLASSES,
    CONFIG_MAPS,
    PODS,
    REPLICA_SETS,
    SECRETS,
    Context,
    condition,
)
from core.rehearsal.kubernetes.controllers.volumes import claims_of
from core.rehearsal.kubernetes.programs import GONE
from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.kubernetes.validation import at

PULL_BACKOFF = (10.0, 20.0, 40.0, 80.0, 160.0, 300.0)


def pods(ctx: Context) -> None:
    """Takes every pod as far as it gets now."""
    for pod in ctx.cluster.list(PODS):
        if pod["metadata"].get("deletionTimestamp"):
            _terminate(ctx, pod)
        elif at(pod, "status.phase") not in ("Succeeded", "Failed"):
            _advance(ctx, pod)


def workload(ctx: Context, pod: Obj) -> str:
    """What a scenario calls a pod by: its Deployment's name, its owner's, or its own."""
    for reference in pod["metadata"].get("ownerReferences") or ():
        if reference["kind"] == "ReplicaSet":
            owner = ctx.cluster.find(REPLICA_SETS, pod["metadata"]["namespace"], reference["name"])
            for above in (owner or {"metadata": {}})["metadata"].get("ownerReferences") or ():
                return str(above["name"])
        return str(reference["name"])
    return str(pod["metadata"]["name"])


def _terminate(ctx: Context, pod: Obj) -> None:
    runtime = ctx.runtime(pod)
    if "gone" not in runtime:
        seconds = 0.0
        if runtime.get("stage") == "running":
            seconds = max([containers.stop_seconds(ctx, pod, c) for c in pod["spec"]["containers"]], default=0.0)
        grace = float(pod["spec"].get("terminationGracePeriodSeconds", 30))
        runtime["gone"] = ctx.after(min(seconds + 1.0, grace))
        ctx.keep(pod, runtime)
    if ctx.due(runtime["gone"]):
        ctx.drop(pod)
        ctx.cluster.finish(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
        ctx.changed = True


def _advance(ctx: Context, pod: Obj) -> None:
    runtime = ctx.runtime(pod) or {"stage": "scheduling", "until": ctx.now, "attempt": 0, "containers": {}}
    before = None
    while before != runtime["stage"]:
        before = runtime["stage"]
        _STAGES[before](ctx, pod, runtime)
    ctx.keep(pod, runtime)
    live = ctx.cluster.find(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
    if live is not None:
        _describe(ctx, live, runtime)


def _next_fault(ctx: Context, pod: Obj, runtime: Obj) -> None:
    fault = ctx.world.faults.pod(workload(ctx, pod))
    runtime["fault"] = {"reason": fault.reason, "message": fault.message} if fault else None


def _struck(runtime: Obj, reason: str) -> str | None:
    fault = runtime.get("fault")
    if not fault or fault["reason"] != reason:
        return None
    return str(fault["message"] or f"the scenario says {reason}")


def _scheduling(ctx: Context, pod: Obj, runtime: Obj) -> None:
    if not ctx.due(runtime["until"]):
        return
    if "fault" not in runtime or _struck(runtime, "Unschedulable") is not None:
        _next_fault(ctx, pod, runtime)
    node, why = _claims_missing(ctx, pod), ""
    if node:
        node, why = "", node
    elif (said := _struck(runtime, "Unschedulable")) is not None:
        why = said
    else:
        node, why = nodes.place(ctx, pod)
    if why:
        runtime["attempt"] += 1
        runtime["until"], runtime["why"] = ctx.after(10.0, attempt=runtime["attempt"]), why
        ctx.event(pod, "FailedScheduling", why, warning=True, source="default-scheduler")
        nodes.grow(ctx, pod)
        ctx.due(runtime["until"])
        return
    ctx.cluster.edit(PODS, pod, {**pod, "spec": {**pod["spec"], "nodeName": node}})
    where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    ctx.event(pod, "Scheduled", f"Successfully assigned {where} to {node}", source="default-scheduler")
    number = zlib.crc32(pod["metadata"]["uid"].encode())
    runtime |= {"stage": "volumes", "attempt": 0, "why": "", "node": node, "scheduled": ctx.now}
    runtime["ip"] = f"10.4.{number % 250}.{number // 250 % 250 + 2}"


def _claims_missing(ctx: Context, pod: Obj) -> str:
    for name in claims_of(pod["spec"]):
        claim = ctx.cluster.find(CLAIMS, pod["metadata"]["namespace"], name)
        if claim is None:
            return f'persistentvolumeclaim "{name}" not found'
        if (
            at(claim, "status.phase") != "Bound"
            and ctx.cluster.find(CLASSES, "", at(claim, "spec.storageClassName")) is None
        ):
            return "pod has unbound immediate PersistentVolumeClaims"
    return ""


def _volumes(ctx: Context, pod: Obj, runtime: Obj) -> None:
    why = _unmounted(ctx, pod)
    if why:
        if runtime.get("why") != why:
            ctx.event(pod, "FailedMount", f"MountVolume.SetUp failed for volume {why}", warning=True)
        runtime["why"] = why
        return
    for name in claims_of(pod["spec"]):
        claim = ctx.cluster.find(CLAIMS, pod["metadata"]["namespace"], name)
        if claim is None or at(claim, "status.phase") != "Bound":
            return
    seconds = ctx.world.scenario.duration("kubernetes:pod")
    runtime |= {"stage": "pulling", "why": "", "until": ctx.after(seconds * 0.8)}


def _unmounted(ctx: Context, pod: Obj) -> str:
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes") or ():
        parts = [volume, *(at(volume, "projected.sources") or ())]
        for part in parts:
            for key, resource, word in (("secret", SECRETS, "secret"), ("configMap", CONFIG_MAPS, "configmap")):
                reference = part.get(key)
                if not isinstance(reference, dict) or reference.get("optional"):
                    continue
                name = reference.get("secretName") or reference.get("name") or ""
                found = ctx.cluster.find(resource, namespace, name)
                if found is None:
                    return f'"{volume["name"]}" : {word} "{name}" not found'
                for item in reference.get("items") or ():
                    if item["key"] not in (found.get("data") or {}):
                        return f'"{volume["name"]}" : references non-existent config key: {item["key"]}'
    return ""


def _pulling(ctx: Context, pod: Obj, runtime: Obj) -> None:
    if not ctx.due(runtime["until"]):
        return
    spec = pod["spec"]
    if runtime.get("pull"):
        _next_fault(ctx, pod, runtime)
    for container in [*(spec.get("initContainers") or ()), *spec["containers"]]:
        image = str(container.get("image", ""))
        said = _struck(runtime, "ImagePullBackOff")
        if any(image.startswith(gone) for gone in GONE):
            said = f'failed to pull and unpack image "{image}": not found'
        if said is None:
            continue
        seconds = PULL_BACKOFF[min(runtime["attempt"], len(PULL_BACKOFF) - 1)]
        runtime["attempt"] += 1
        runtime["until"] = ctx.after(seconds, attempt=runtime["attempt"])
        runtime["pull"] = {"container": container["name"], "image": image, "message": said}
        ctx.event(pod, "Failed", f'Failed to pull image "{image}": {said}', warning=True)
        ctx.event(pod, "BackOff", f'Back-off pulling image "{image}"', warning=True)
        ctx.due(runtime["until"])
        return
    runtime.pop("pull", None)
    runtime |= {"stage": "init", "init": 0, "attempt": 0}


def _init(ctx: Context, pod: Obj, runtime: Obj) -> None:
    given = pod["spec"].get("initContainers") or ()
    while runtime["init"] < len(given):
        container = given[runtime["init"]]
        if container.get("restartPolicy") == "Always":
            containers.advance(ctx, pod, runtime, container)
        elif not containers.finished(ctx, pod, runtime, container):
            return
        runtime["init"] += 1
    runtime["stage"] = "running"


def _running(ctx: Context, pod: Obj, runtime: Obj) -> None:
    runtime.setdefault("initialized", ctx.now)
    for container in pod["spec"]["containers"]:
        containers.advance(ctx, pod, runtime, container)


_STAGES: dict[str, Any] = {
    "scheduling": _scheduling,
    "volumes": _volumes,
    "pulling": _pulling,
    "init": _init,
    "running": _running,
}


def _describe(ctx: Context, pod: Obj, runtime: Obj) -> None:
    """Writes the pod's status from what it has gone through."""
    spec, stage = pod["spec"], runtime["stage"]
    main = [containers.describe(ctx, runtime, c, running=stage in ("init", "running")) for c in spec["containers"]]
    first = [
        containers.describe(ctx, runtime, c, running=stage in ("init", "running")) for c in spec.get("initContainers") or ()
    ]
    fine = stage == "running" and all(c["ready"] for c in main)
    phase, old = _phase(pod, runtime, main), pod.get("status")
    words = "" if fine else f"containers with unready status: [{' '.join(c['name'] for c in main if not c['ready'])}]"
    reason = "" if fine else "ContainersNotReady"
    scheduled = stage != "scheduling"
    why = runtime.get("why", "") if not scheduled else ""
    status: Obj = {
        "phase": phase,
        "conditions": [
            condition(old, "PodScheduled", scheduled, "Unschedulable" if why else "", why, ctx.stamp()),
            condition(
                old,
                "Initialized",
                stage == "running",
                "" if stage == "running" else "ContainersNotInitialized",
                "",
                ctx.stamp(),
            ),
            condition(old, "ContainersReady", fine, reason, words, ctx.stamp()),
            condition(old, "Ready", fine, reason, words, ctx.stamp()),
        ],
        "qosClass": "Burstable",
    }
    if scheduled:
        status |= {"startTime": ctx.stamp(runtime["scheduled"]), "hostIP": "10.0.0.2", "containerStatuses": main}
        if first:
            status["initContainerStatuses"] = first
        if stage in ("init", "running"):
            status |= {"podIP": runtime["ip"], "podIPs": [{"ip": runtime["ip"]}]}
    if old != status:
        ctx.cluster.set_status(PODS, pod, status)
        ctx.changed = True


def _phase(pod: Obj, runtime: Obj, main: list[Obj]) -> str:
    if runtime["stage"] != "running":
        return "Pending"
    if pod["spec"].get("restartPolicy") != "Always" and all("terminated" in c["state"] for c in main):
        return "Succeeded" if all(c["state"]["terminated"]["exitCode"] == 0 for c in main) else "Failed"
    started = any("running" in c["state"] or c["restartCount"] or "terminated" in c["state"] for c in main)
    return "Running" if started else "Pending"
