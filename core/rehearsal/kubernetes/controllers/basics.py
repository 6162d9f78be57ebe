"""What a new GKE cluster holds by itself, and what namespaces and CRDs turn into."""

from __future__ import annotations

from core.rehearsal.kubernetes.controllers.context import (
    ACCOUNTS,
    CLASSES,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    DEFINITIONS,
    NAMESPACES,
    PRIORITIES,
    Context,
    condition,
)
from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import Obj

_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease", "gmp-system", "gke-managed-cim")
_EVERYTHING = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, {"nonResourceURLs": ["*"], "verbs": ["*"]}]


def _disk_class(name: str, kind: str, *, default: bool = False) -> Obj:
    marks = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "metadata": {"name": name, "annotations": marks},
        "provisioner": "pd.csi.storage.gke.io",
        "parameters": {"type": kind},
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": True,
    }


_CLASSES = (
    _disk_class("standard-rwo", "pd-balanced", default=True),
    _disk_class("premium-rwo", "pd-ssd"),
    _disk_class("standard", "pd-standard"),
)
_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


def bootstrap(ctx: Context) -> None:
    """Makes what every cluster has, where it is not there yet."""
    cluster = ctx.cluster
    given: list[tuple[Resource, Obj]] = [(NAMESPACES, {"metadata": {"name": name}}) for name in _NAMESPACES]
    given += [(CLASSES, body) for body in _CLASSES]
    given += [(PRIORITIES, {"metadata": {"name": name}, "value": value}) for name, value in _PRIORITIES.items()]
    given.append((CLUSTER_ROLES, {"metadata": {"name": "cluster-admin"}, "rules": _EVERYTHING}))
    for resource, body in given:
        if cluster.find(resource, "", body["metadata"]["name"]) is None:
            cluster.create(resource, "", body)


def namespaces(ctx: Context) -> None:
    """Gives each namespace its default account, and empties those that are to go."""
    for namespace in ctx.cluster.list(NAMESPACES):
        if namespace["metadata"].get("deletionTimestamp"):
            _terminate(ctx, namespace)
            continue
        name = namespace["metadata"]["name"]
        if ctx.cluster.find(ACCOUNTS, name, "default") is None:
            ctx.cluster.create(ACCOUNTS, name, {"metadata": {"name": "default"}})
        if ctx.cluster.find(CONFIG_MAPS, name, "kube-root-ca.crt") is None:
            body = {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": ""}}
            ctx.cluster.create(CONFIG_MAPS, name, body)


def _terminate(ctx: Context, namespace: Obj) -> None:
    name, cluster = namespace["metadata"]["name"], ctx.cluster
    runtime = ctx.runtime(namespace)
    if "gone" not in runtime:
        runtime["gone"] = ctx.after(ctx.world.scenario.duration("kubernetes:namespace-delete"))
        ctx.keep(namespace, runtime)
    left = 0
    for resource in cluster.resources():
        if not resource.namespaced or not resource.storage:
            continue
        for obj in cluster.list(resource, name):
            if not obj["metadata"].get("deletionTimestamp"):
                cluster.delete(resource, name, obj["metadata"]["name"])
            left += cluster.find(resource, name, obj["metadata"]["name"]) is not None
    if not left and ctx.due(runtime["gone"]):
        ctx.drop(namespace)
        cluster.finish(NAMESPACES, "", name)


def definitions(ctx: Context) -> None:
    """Establishes CRDs."""
    for crd in ctx.cluster.list(DEFINITIONS):
        old = crd.get("status")
        stored = [v["name"] for v in crd["spec"]["versions"] if v.get("storage")]
        conditions = [
            condition(old, "NamesAccepted", True, "NoConflicts", "no conflicts found", ctx.stamp()),
            condition(old, "Established", True, "InitialNamesAccepted", "the initial names have been accepted", ctx.stamp()),
        ]
        status = {"conditions": conditions, "acceptedNames": crd["spec"]["names"], "storedVersions": stored}
        ctx.cluster.set_status(DEFINITIONS, crd, status)
