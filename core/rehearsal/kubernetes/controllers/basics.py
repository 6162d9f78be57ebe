"""What a new GKE cluster holds by itself, and what namespaces and CRDs turn into."""

from __future__ import annotations

from collections import Counter

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
    left: list[tuple[Resource, Obj]] = []
    for resource in cluster.resources():
        if not resource.namespaced or not resource.storage:
            continue
        for obj in cluster.list(resource, name):
            if not obj["metadata"].get("deletionTimestamp"):
                cluster.delete(resource, name, obj["metadata"]["name"])
            if (kept := cluster.find(resource, name, obj["metadata"]["name"])) is not None:
                left.append((resource, kept))
    if left:
        _tell_what_is_left(ctx, namespace, left)
    elif ctx.due(runtime["gone"]):
        ctx.drop(namespace)
        cluster.finish(NAMESPACES, "", name)


def _tell_what_is_left(ctx: Context, namespace: Obj, left: list[tuple[Resource, Obj]]) -> None:
    """Says in a namespace's conditions what holds it, as the real controller does."""
    kinds = Counter(f"{r.plural}.{r.group}" for r, _ in left)
    holders = Counter(f for _, obj in left for f in obj["metadata"].get("finalizers") or ())
    old, now = namespace.get("status"), ctx.stamp()

    remain = ", ".join(f"{what} has {kinds[what]} resource instances" for what in sorted(kinds))
    held = ", ".join(f"{what} in {holders[what]} resource instances" for what in sorted(holders))
    deleted = "All content successfully deleted, may be waiting on finalization"
    remaining = ("SomeResourcesRemain", f"Some resources are remaining: {remain}")
    finalizers = ("SomeFinalizersRemain", f"Some content in the namespace has finalizers remaining: {held}")
    removed = ("ContentHasNoFinalizers", "All content-preserving finalizers finished")
    parsed = "All legacy kube types successfully parsed"
    told = [
        ("NamespaceDeletionDiscoveryFailure", False, "ResourcesDiscovered", "All resources successfully discovered"),
        ("NamespaceDeletionGroupVersionParsingFailure", False, "ParsedGroupVersions", parsed),
        ("NamespaceDeletionContentFailure", False, "ContentDeleted", deleted),
        ("NamespaceContentRemaining", True, *remaining),
        ("NamespaceFinalizersRemaining", bool(holders), *(finalizers if holders else removed)),
    ]
    conditions = [condition(old, kind, status, reason, words, now) for kind, status, reason, words in told]
    ctx.cluster.set_status(NAMESPACES, namespace, {**(old or {}), "conditions": conditions})


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
        ctx.cluster.set_status(DEFINITIONS, crd, status, "kube-apiserver")
