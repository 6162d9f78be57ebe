"""Nodes, made from the cluster's node pools, and what of them is left for pods.

What a node can give its pods is the machine's size less what GKE keeps back by its published steps; GKE's own pods take
about one vCPU and 1.6 GiB of a cluster more. A pool that autoscales grows when a pod finds no place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.rehearsal.kubernetes.controllers.context import NODES, PODS, Context, condition
from core.rehearsal.kubernetes.status import Obj

SCALE_UP = "kubernetes.pools"
SCALE_UP_SECONDS = 75.0
GIB = 1024**3
SYSTEM_CPU, SYSTEM_MEMORY = 1.0, 1.6 * GIB
PER_NODE_CPU, PER_NODE_MEMORY = 0.25, 0.4 * GIB
_SUFFIXES = {"": 1, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 1024, "Mi": 1024**2, "Gi": GIB, "Ti": 1024**4}
_PER_CPU = {"standard": 4.0, "highmem": 8.0, "highcpu": 1.0, "megamem": 14.9}
_SHARED = {"micro": (2.0, 1.0), "small": (2.0, 2.0), "medium": (2.0, 4.0)}


def quantity(text: object) -> float:
    """A Kubernetes quantity as a number."""
    found = re.fullmatch(r"([0-9.eE+-]+?)([A-Za-z]*)", str(text))
    return float(found[1]) * _SUFFIXES.get(found[2], 1) if found else 0.0


def machine(kind: str) -> tuple[float, float]:
    """vCPUs and bytes of memory of a machine type."""
    parts = kind.split("-")
    if parts[-1] in _SHARED:
        cpu, memory = _SHARED[parts[-1]]
        return cpu, memory * GIB
    if "custom" in parts:
        at_custom = parts.index("custom")
        return float(parts[at_custom + 1]), float(parts[at_custom + 2]) * 1024**2
    cpu = float(parts[-1]) if parts[-1].isdecimal() else 2.0
    per = 3.75 if parts[0] == "n1" and parts[1] == "standard" else _PER_CPU.get(parts[1] if len(parts) > 1 else "", 4.0)
    return cpu, cpu * per * GIB


def allocatable(kind: str) -> tuple[float, float]:
    """vCPUs and bytes of memory that a node of a machine type gives to pods."""
    cpu, memory = machine(kind)
    kept_cpu = 0.06 * min(cpu, 1) + 0.01 * max(0.0, min(cpu - 1, 1)) + 0.005 * max(0.0, min(cpu - 2, 2))
    kept_cpu += 0.0025 * max(0.0, cpu - 4)
    if kind.startswith("e2-") and kind.split("-")[-1] in _SHARED:
        kept_cpu += 1.0
    gib, kept = memory / GIB, 0.0
    for size, share in ((4.0, 0.25), (4.0, 0.20), (8.0, 0.10), (112.0, 0.06)):
        kept += min(gib, size) * share
        gib -= min(gib, size)
    return cpu - kept_cpu, memory - (kept + gib * 0.02) * GIB - 100 * 1024**2


def pools(ctx: Context) -> list[Obj]:
    """The node pools of the cluster that run."""
    document = ctx.world.store.get("container.clusters", ctx.name) or {}
    apart = [d for _, d in ctx.world.store.items("container.nodePools", f"{ctx.name}/")]
    found = apart or document.get("nodePools") or []
    return [p for p in found if p.get("status", "RUNNING") in ("RUNNING", "RECONCILING", "RUNNING_WITH_ERROR")]


def _extra(ctx: Context, pool: Obj) -> Obj:
    return ctx.world.store.get(SCALE_UP, f"{ctx.cluster.uid}/{pool['name']}") or {"nodes": 0, "until": 0.0}


def nodes(ctx: Context) -> None:
    """Makes a Node for every machine of the pools, and takes away those of pools that are gone."""
    wanted = {}
    for pool in pools(ctx):
        extra = _extra(ctx, pool)
        grown = extra["nodes"] if ctx.due(extra["until"]) else extra["nodes"] - 1
        for n in range(int(pool.get("initialNodeCount", 1)) + max(0, grown)):
            wanted[f"gke-{pool['name']}-{n:04x}"] = pool
    for name, pool in wanted.items():
        if ctx.cluster.find(NODES, "", name) is None:
            _make(ctx, name, pool)
    for node in ctx.cluster.list(NODES):
        if node["metadata"]["name"] not in wanted:
            ctx.cluster.delete(NODES, "", node["metadata"]["name"])
            for pod in list(_placed(ctx, node["metadata"]["name"])):
                ctx.drop(pod)
                ctx.cluster.finish(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])


def _make(ctx: Context, name: str, pool: Obj) -> None:
    config = pool.get("config") or {}
    kind = str(config.get("machineType", "e2-medium"))
    (cpu, memory), (free_cpu, free_memory) = machine(kind), allocatable(kind)
    labels = {
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "cloud.google.com/gke-nodepool": pool["name"],
        "node.kubernetes.io/instance-type": kind,
        **(config.get("labels") or {}),
    }
    if (config.get("workloadMetadataConfig") or {}).get("mode") == "GKE_METADATA":
        labels["iam.gke.io/gke-metadata-server-enabled"] = "true"
    body: Obj = {"metadata": {"name": name, "labels": labels}, "spec": {"providerID": f"gce://{ctx.world.project}/{name}"}}
    if config.get("taints"):
        effects = {"NO_SCHEDULE": "NoSchedule", "PREFER_NO_SCHEDULE": "PreferNoSchedule", "NO_EXECUTE": "NoExecute"}
        body["spec"]["taints"] = [{**t, "effect": effects.get(t["effect"], t["effect"])} for t in config["taints"]]
    status = {
        "capacity": {"cpu": f"{cpu:g}", "memory": f"{int(memory / 1024)}Ki", "pods": "110"},
        "allocatable": {"cpu": f"{int(free_cpu * 1000)}m", "memory": f"{int(free_memory / 1024)}Ki", "pods": "110"},
        "conditions": [condition(None, "Ready", True, "KubeletReady", "kubelet is posting ready status", ctx.stamp())],
        "nodeInfo": {"kubeletVersion": "v1.35.7-gke.1222000", "osImage": "Container-Optimized OS from Google"},
    }
    node, _ = ctx.cluster.create(NODES, "", body)
    ctx.cluster.set_status(NODES, node, status)


def requests(spec: Obj) -> tuple[float, float]:
    """vCPUs and bytes that a pod asks for: the sum of its containers, or what its greediest init container asks."""

    def of(container: Obj, what: str) -> float:
        resources = container.get("resources") or {}
        asked = (resources.get("requests") or {}).get(what) or (resources.get("limits") or {}).get(what)
        return quantity(asked) if asked is not None else 0.0

    found = []
    for what in ("cpu", "memory"):
        total = sum(of(c, what) for c in spec.get("containers") or ())
        found.append(max([total, *(of(c, what) for c in spec.get("initContainers") or ())]))
    return found[0], found[1]


def place(ctx: Context, pod: Obj) -> tuple[str, str]:
    """The node that takes a pod, or the scheduler's words for why none does."""
    cpu, memory = requests(pod["spec"])
    found = ctx.cluster.list(NODES)
    why: dict[str, int] = {}
    for n, node in enumerate(found):
        reason = _refusal(ctx, pod, node, cpu, memory, first=n == 0)
        if not reason:
            return node["metadata"]["name"], ""
        why[reason] = why.get(reason, 0) + 1
    if not found:
        return "", "no nodes available to schedule pods"
    return "", f"0/{len(found)} nodes are available: " + ", ".join(
        f"{n} {reason}" for reason, n in sorted(why.items())
    ) + "."


def _refusal(ctx: Context, pod: Obj, node: Obj, cpu: float, memory: float, *, first: bool) -> str:
    selector = pod["spec"].get("nodeSelector") or {}
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(k) != v for k, v in selector.items()):
        return "node(s) didn't match Pod's node affinity/selector"
    tolerated = [t.get("key") for t in pod["spec"].get("tolerations") or ()]
    for taint in node["spec"].get("taints") or ():
        if taint["effect"] != "PreferNoSchedule" and taint["key"] not in tolerated and None not in tolerated:
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    free = node["status"]["allocatable"]
    used_cpu = PER_NODE_CPU + (SYSTEM_CPU - PER_NODE_CPU if first else 0.0)
    used_memory = PER_NODE_MEMORY + (SYSTEM_MEMORY - PER_NODE_MEMORY if first else 0.0)
    for other in _placed(ctx, node["metadata"]["name"]):
        more_cpu, more_memory = requests(other["spec"])
        used_cpu, used_memory = used_cpu + more_cpu, used_memory + more_memory
    if used_cpu + cpu > quantity(free["cpu"]):
        return "Insufficient cpu"
    return "Insufficient memory" if used_memory + memory > quantity(free["memory"]) else ""


def _placed(ctx: Context, node: str) -> Iterator[Obj]:
    for pod in ctx.cluster.list(PODS):
        if pod["spec"].get("nodeName") == node and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
            yield pod


def grow(ctx: Context, pod: Obj) -> bool:
    """Lets a pool that autoscales grow for a pod that found no place; whether one does."""
    for pool in pools(ctx):
        scaling = pool.get("autoscaling") or {}
        extra = _extra(ctx, pool)
        now = int(pool.get("initialNodeCount", 1)) + extra["nodes"]
        most = int(scaling.get("maxNodeCount") or scaling.get("totalMaxNodeCount") or 0)
        if not ctx.due(extra["until"]):
            return True
        if scaling.get("enabled") and now < most:
            more = {"nodes": extra["nodes"] + 1, "until": ctx.after(SCALE_UP_SECONDS)}
            ctx.world.store.put(SCALE_UP, f"{ctx.cluster.uid}/{pool['name']}", more)
            words = f"pod triggered scale-up: [{{{pool['name']} {now}->{now + 1} (max: {most})}}]"
            ctx.event(pod, "TriggeredScaleUp", words, source="cluster-autoscaler")
            ctx.due(more["until"])
            ctx.changed = True
            return True
    return False
