"""The tables that ``kubectl get`` asks the server for: the columns of the kinds people look at, name and age of the rest."""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable, Iterable
from typing import Any

from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.kubernetes.validation import at

Cells = Callable[[Obj], list[Any]]


def wanted(accept: str) -> bool:
    """Whether a request asks for a table first."""
    return "as=Table" in accept.split(",", maxsplit=1)[0]


def age(since: str | None, now: float) -> str:
    """How long ago a time was, as kubectl shows it."""
    if not since:
        return "<unknown>"
    seconds = max(0, int(now - calendar.timegm(time.strptime(since[:19], "%Y-%m-%dT%H:%M:%S"))))
    if seconds < 120:
        return f"{seconds}s"
    if seconds < 600:
        return f"{seconds // 60}m{seconds % 60}s" if seconds % 60 else f"{seconds // 60}m"
    if seconds < 10800:
        return f"{seconds // 60}m"
    return f"{seconds // 3600}h" if seconds < 172800 else f"{seconds // 86400}d"


def _deployment(obj: Obj) -> list[Any]:
    status = obj.get("status") or {}
    ready = f"{status.get('readyReplicas', 0)}/{at(obj, 'spec.replicas') or 0}"
    return [ready, status.get("updatedReplicas", 0), status.get("availableReplicas", 0)]


def _replica_set(obj: Obj) -> list[Any]:
    status = obj.get("status") or {}
    return [at(obj, "spec.replicas") or 0, status.get("replicas", 0), status.get("readyReplicas", 0)]


def _pod_word(obj: Obj) -> str:
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = obj.get("status") or {}
    for n, container in enumerate(status.get("initContainerStatuses") or ()):
        waiting = at(container, "state.waiting.reason")
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}"
        if not at(container, "state.terminated") or at(container, "state.terminated.exitCode"):
            return f"Init:{n}/{len(status['initContainerStatuses'])}"
    for container in status.get("containerStatuses") or ():
        for state in ("waiting", "terminated"):
            if reason := at(container, f"state.{state}.reason"):
                return str(reason)
    return str(status.get("phase", "Unknown"))


def _pod(obj: Obj) -> list[Any]:
    containers = at(obj, "status.containerStatuses") or []
    ready = sum(1 for c in containers if c.get("ready"))
    restarts = sum(c.get("restartCount", 0) for c in containers)
    return [f"{ready}/{len(at(obj, 'spec.containers') or [])}", _pod_word(obj), restarts]


def _service(obj: Obj) -> list[Any]:
    ports = [f"{p['port']}/{p.get('protocol', 'TCP')}" for p in at(obj, "spec.ports") or ()]
    external = at(obj, "status.loadBalancer.ingress")
    address = external[0].get("ip") if external else "<none>"
    return [at(obj, "spec.type"), at(obj, "spec.clusterIP"), address, ",".join(ports) or "<none>"]


def _claim(obj: Obj) -> list[Any]:
    modes = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    access = ",".join(modes.get(m, m) for m in at(obj, "spec.accessModes") or ())
    values = [at(obj, "status.phase"), at(obj, "spec.volumeName") or "", at(obj, "status.capacity.storage") or ""]
    return [*values, access, at(obj, "spec.storageClassName")]


def _node(obj: Obj) -> list[Any]:
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in at(obj, "status.conditions") or ())
    return ["Ready" if ready else "NotReady", "<none>", at(obj, "status.nodeInfo.kubeletVersion") or ""]


def _event(obj: Obj) -> list[Any]:
    about = obj.get("involvedObject") or {}
    return [
        obj.get("type"),
        obj.get("reason"),
        f"{str(about.get('kind', '')).lower()}/{about.get('name')}",
        obj.get("message"),
    ]


_OF_KIND: dict[str, tuple[tuple[str, ...], Cells]] = {
    "Deployment": (("Ready", "Up-to-date", "Available"), _deployment),
    "ReplicaSet": (("Desired", "Current", "Ready"), _replica_set),
    "Pod": (("Ready", "Status", "Restarts"), _pod),
    "Service": (("Type", "Cluster-IP", "External-IP", "Port(s)"), _service),
    "PersistentVolumeClaim": (("Status", "Volume", "Capacity", "Access Modes", "StorageClass"), _claim),
    "Namespace": (("Status",), lambda o: [at(o, "status.phase")]),
    "ConfigMap": (("Data",), lambda o: [len(o.get("data") or {})]),
    "Secret": (("Type", "Data"), lambda o: [o.get("type"), len(o.get("data") or {})]),
    "StorageClass": (("Provisioner", "ReclaimPolicy"), lambda o: [o.get("provisioner"), o.get("reclaimPolicy")]),
    "Node": (("Status", "Roles", "Version"), _node),
    "CustomResourceDefinition": (("Group",), lambda o: [at(o, "spec.group")]),
}
_EVENTS = ("Last Seen", "Type", "Reason", "Object", "Message")


def table(resource: Resource, objects: Iterable[Obj], now: float, version: str, *, headers: bool = True) -> Obj:
    """The objects as a ``Table``."""
    columns, cells = _OF_KIND.get(resource.kind, ((), lambda o: []))
    rows = []
    for obj in objects:
        metadata = obj["metadata"]
        if resource.kind == "Event":
            shown = [age(obj.get("lastTimestamp"), now), *_event(obj)]
        else:
            shown = [metadata["name"], *cells(obj), age(metadata.get("creationTimestamp"), now)]
        partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
        rows.append({"cells": shown, "object": partial})
    names = _EVENTS if resource.kind == "Event" else ("Name", *columns, "Age")
    definitions = [
        {"name": n, "type": "string", "format": "name" if n == "Name" else "", "description": "", "priority": 0}
        for n in names
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": definitions if headers else [],
        "rows": rows,
    }
