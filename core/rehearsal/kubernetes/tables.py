"""The tables that ``kubectl get`` asks the server for: the real server's columns of each kind, name and time of the rest."""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable, Iterable
from typing import Any

from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.kubernetes.validation import at

Cell = Callable[[Obj, float], Any]
Column = tuple[str, str, int, Cell]
"""(name, type, priority, what stands in it): a column of priority 1 is for ``-o wide`` alone."""
_NONE = "<none>"


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


def _text(path: str, otherwise: Any = "") -> Cell:
    return lambda obj, now: at(obj, path) if at(obj, path) is not None else otherwise


def _count(path: str) -> Cell:
    return _text(path, 0)


def _age(obj: Obj, now: float) -> str:
    return age(obj["metadata"].get("creationTimestamp"), now)


def _pairs(labels: Obj | None) -> str:
    return ",".join(f"{k}={v}" for k, v in sorted((labels or {}).items())) or _NONE


def _selector(path: str) -> Cell:
    return lambda obj, now: _pairs(at(obj, path))


def _of_containers(path: str, field: str) -> Cell:
    return lambda obj, now: ",".join(str(c.get(field, "")) for c in at(obj, path) or ())


def _workload(prefix: str = "spec.template.spec", selector: str = "spec.selector.matchLabels") -> tuple[Column, ...]:
    return (
        ("Containers", "string", 1, _of_containers(f"{prefix}.containers", "name")),
        ("Images", "string", 1, _of_containers(f"{prefix}.containers", "image")),
        *((("Selector", "string", 1, _selector(selector)),) if selector else ()),
    )


def _ready(obj: Obj, now: float) -> str:
    return f"{at(obj, 'status.readyReplicas') or 0}/{at(obj, 'spec.replicas') or 0}"


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


def _pod_ready(obj: Obj, now: float) -> str:
    fine = sum(1 for c in at(obj, "status.containerStatuses") or () if c.get("ready"))
    return f"{fine}/{len(at(obj, 'spec.containers') or [])}"


def _restarts(obj: Obj, now: float) -> str:
    statuses = at(obj, "status.containerStatuses") or []
    count = sum(c.get("restartCount", 0) for c in statuses)
    last = max((at(c, "lastState.terminated.finishedAt") or "" for c in statuses), default="")
    return f"{count} ({age(last, now)} ago)" if count and last else str(count)


def _service_ports(obj: Obj, now: float) -> str:
    return ",".join(f"{p['port']}/{p.get('protocol', 'TCP')}" for p in at(obj, "spec.ports") or ()) or _NONE


def _external(obj: Obj, now: float) -> str:
    found = at(obj, "status.loadBalancer.ingress")
    if found:
        return str(found[0].get("ip") or found[0].get("hostname"))
    return "<pending>" if at(obj, "spec.type") == "LoadBalancer" else _NONE


def _access(obj: Obj, now: float) -> str:
    modes = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    given = at(obj, "spec.accessModes") if at(obj, "spec.volumeName") else ()
    return ",".join(modes.get(m, m) for m in given or ())


def _claim_status(obj: Obj, now: float) -> str:
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else str(at(obj, "status.phase") or "")


def _size(obj: Obj, now: float) -> str:
    return (at(obj, "status.capacity.storage") or "") if at(obj, "spec.volumeName") else ""


def _node_status(obj: Obj, now: float) -> str:
    fine = any(c["type"] == "Ready" and c["status"] == "True" for c in at(obj, "status.conditions") or ())
    return "Ready" if fine else "NotReady"


def _subjects(kind: str) -> Cell:
    def cell(obj: Obj, now: float) -> str:
        found = [s for s in obj.get("subjects") or () if s.get("kind") == kind]
        named = (f"{s.get('namespace', '')}/{s['name']}" if kind == "ServiceAccount" else s["name"] for s in found)
        return ", ".join(named)

    return cell


def _role(obj: Obj, now: float) -> str:
    return f"{at(obj, 'roleRef.kind')}/{at(obj, 'roleRef.name')}"


def _about(obj: Obj, now: float) -> str:
    about = obj.get("involvedObject") or {}
    return f"{str(about.get('kind', '')).lower()}/{about.get('name')}"


_AGE: Column = ("Age", "string", 0, _age)
_CREATED: Column = ("Created At", "date", 0, _text("metadata.creationTimestamp"))
_BINDING: tuple[Column, ...] = (
    ("Role", "string", 0, _role),
    _AGE,
    ("Users", "string", 1, _subjects("User")),
    ("Groups", "string", 1, _subjects("Group")),
    ("ServiceAccounts", "string", 1, _subjects("ServiceAccount")),
)
_OF_KIND: dict[str, tuple[Column, ...]] = {
    "Deployment": (
        ("Ready", "string", 0, _ready),
        ("Up-to-date", "string", 0, _count("status.updatedReplicas")),
        ("Available", "string", 0, _count("status.availableReplicas")),
        _AGE,
        *_workload(),
    ),
    "ReplicaSet": (
        ("Desired", "integer", 0, _count("spec.replicas")),
        ("Current", "integer", 0, _count("status.replicas")),
        ("Ready", "integer", 0, _count("status.readyReplicas")),
        _AGE,
        *_workload(),
    ),
    "StatefulSet": (("Ready", "string", 0, _ready), _AGE, *_workload(selector="")),
    "DaemonSet": (
        ("Desired", "integer", 0, _count("status.desiredNumberScheduled")),
        ("Current", "integer", 0, _count("status.currentNumberScheduled")),
        ("Ready", "integer", 0, _count("status.numberReady")),
        ("Up-to-date", "integer", 0, _count("status.updatedNumberScheduled")),
        ("Available", "integer", 0, _count("status.numberAvailable")),
        ("Node Selector", "string", 0, _selector("spec.template.spec.nodeSelector")),
        _AGE,
        *_workload(),
    ),
    "Pod": (
        ("Ready", "string", 0, _pod_ready),
        ("Status", "string", 0, lambda obj, now: _pod_word(obj)),
        ("Restarts", "string", 0, _restarts),
        _AGE,
        ("IP", "string", 1, _text("status.podIP", _NONE)),
        ("Node", "string", 1, _text("spec.nodeName", _NONE)),
        ("Nominated Node", "string", 1, _text("status.nominatedNodeName", _NONE)),
        ("Readiness Gates", "string", 1, lambda obj, now: _NONE),
    ),
    "Service": (
        ("Type", "string", 0, _text("spec.type")),
        ("Cluster-IP", "string", 0, _text("spec.clusterIP", _NONE)),
        ("External-IP", "string", 0, _external),
        ("Port(s)", "string", 0, _service_ports),
        _AGE,
        ("Selector", "string", 1, _selector("spec.selector")),
    ),
    "PersistentVolumeClaim": (
        ("Status", "string", 0, _claim_status),
        ("Volume", "string", 0, _text("spec.volumeName")),
        ("Capacity", "string", 0, _size),
        ("Access Modes", "string", 0, _access),
        ("StorageClass", "string", 0, _text("spec.storageClassName")),
        ("VolumeAttributesClass", "string", 0, _text("spec.volumeAttributesClassName", "<unset>")),
        _AGE,
        ("VolumeMode", "string", 1, _text("spec.volumeMode", "<unset>")),
    ),
    "Namespace": (("Status", "string", 0, _text("status.phase")), _AGE),
    "ConfigMap": (("Data", "string", 0, lambda o, now: len({**(o.get("data") or {}), **(o.get("binaryData") or {})})), _AGE),
    "Secret": (
        ("Type", "string", 0, _text("type")),
        ("Data", "string", 0, lambda o, now: len(o.get("data") or {})),
        _AGE,
    ),
    "ServiceAccount": (_AGE,),
    "StorageClass": (
        ("Provisioner", "string", 0, _text("provisioner")),
        ("ReclaimPolicy", "string", 0, _text("reclaimPolicy", "Delete")),
        ("VolumeBindingMode", "string", 0, _text("volumeBindingMode", "Immediate")),
        ("AllowVolumeExpansion", "string", 0, _text("allowVolumeExpansion", False)),
        _AGE,
    ),
    "PriorityClass": (
        ("Value", "integer", 0, _count("value")),
        ("Global-Default", "boolean", 0, _text("globalDefault", False)),
        _AGE,
        ("PreemptionPolicy", "string", 0, _text("preemptionPolicy")),
    ),
    "NetworkPolicy": (("Pod-Selector", "string", 0, _selector("spec.podSelector.matchLabels")), _AGE),
    "PodDisruptionBudget": (
        ("Min Available", "string", 0, lambda o, now: str(_text("spec.minAvailable", "N/A")(o, now))),
        ("Max Unavailable", "string", 0, lambda o, now: str(_text("spec.maxUnavailable", "N/A")(o, now))),
        ("Allowed Disruptions", "integer", 0, _count("status.disruptionsAllowed")),
        _AGE,
    ),
    "Lease": (("Holder", "string", 0, _text("spec.holderIdentity")), _AGE),
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
    "Node": (
        ("Status", "string", 0, _node_status),
        ("Roles", "string", 0, lambda obj, now: _NONE),
        _AGE,
        ("Version", "string", 0, _text("status.nodeInfo.kubeletVersion")),
    ),
    "Event": (
        ("Last Seen", "string", 0, lambda obj, now: age(obj.get("lastTimestamp"), now)),
        ("Type", "string", 0, _text("type")),
        ("Reason", "string", 0, _text("reason")),
        ("Object", "string", 0, _about),
        ("Message", "string", 0, _text("message")),
    ),
}


def _columns(resource: Resource) -> tuple[Column, ...]:
    if not resource.custom:
        name: Column = ("Name", "string", 1 if resource.kind == "Event" else 0, _text("metadata.name"))
        columns = _OF_KIND.get(resource.kind, (_CREATED,))
        return (*columns, name) if resource.kind == "Event" else (name, *columns)
    printed = tuple(
        (str(c["name"]), str(c["type"]), int(c.get("priority", 0)), _text(str(c["jsonPath"]).lstrip(".")))
        for c in resource.columns
    )
    age_of: Column = ("Age", "date", 0, _age)
    return (("Name", "string", 0, _text("metadata.name")), *(printed or (age_of,)))


def table(
    resource: Resource, objects: Iterable[Obj], now: float, version: str, *, headers: bool = True, include: str = ""
) -> Obj:
    """The objects as a ``Table``; ``include`` says what of each comes with its row."""
    columns = _columns(resource)
    rows = []
    for obj in objects:
        row: Obj = {"cells": [cell(obj, now) for _, _, _, cell in columns]}
        if include == "Object":
            row["object"] = {**obj, "apiVersion": resource.api_version}
        elif include != "None":
            row["object"] = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
        rows.append(row)
    definitions = [
        {"name": name, "type": kind, "format": "name" if name == "Name" else "", "description": "", "priority": priority}
        for name, kind, priority, _ in columns
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": definitions if headers else [],
        "rows": rows,
    }
