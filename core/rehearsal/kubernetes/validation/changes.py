"""What must not change in an object that is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.kubernetes.validation.common import Cause, at, forbidden, invalid

_FIXED: dict[str, tuple[str, ...]] = {
    "Deployment": ("spec.selector",),
    "ReplicaSet": ("spec.selector",),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    "Secret": ("type",),
    "CustomResourceDefinition": ("spec.scope", "spec.group"),
}
_CLAIM = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
_POD = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_POD_MAY = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
_SET = "replicas ordinals template updateStrategy revisionHistoryLimit persistentVolumeClaimRetentionPolicy minReadySeconds"
_SET_WORDS = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


def causes(resource: Resource, live: Obj, new: Obj) -> list[Cause]:
    """What a change of a built-in object does that it must not."""
    found: list[Cause] = []
    for path in _FIXED.get(resource.kind, ()):
        before, after = at(live, path), at(new, path)
        if before is not None and before != after:
            found.append(invalid(path, after, "field is immutable"))
    extra = _OF_KIND.get(resource.kind)
    return [*found, *(extra(live, new) if extra else [])]


def _binding(live: Obj, new: Obj) -> list[Cause]:
    after = new.get("roleRef") or {}
    if live.get("roleRef") == after:
        return []
    shown = {"APIGroup": after.get("apiGroup", ""), "Kind": after.get("kind", ""), "Name": after.get("name", "")}
    return [invalid("roleRef", shown, "cannot change roleRef")]


def _config(live: Obj, new: Obj) -> list[Cause]:
    if not live.get("immutable"):
        return []
    words = "field is immutable when `immutable` is set"
    changed = [k for k in ("immutable", "data", "binaryData") if live.get(k) != new.get(k)]
    return [forbidden(k, words) for k in changed]


def _priority(live: Obj, new: Obj) -> list[Cause]:
    return [] if live.get("value") == new.get("value") else [forbidden("value", "may not be changed in an update.")]


def _set(live: Obj, new: Obj) -> list[Cause]:
    return [] if _without(live, *_SET.split()) == _without(new, *_SET.split()) else [forbidden("spec", _SET_WORDS)]


def _claim(live: Obj, new: Obj) -> list[Cause]:
    bound = at(live, "status.phase") == "Bound"
    may = ("resources", "volumeAttributesClassName") if bound else ()
    mays = (*may, "storageClassName") if at(live, "spec.storageClassName") is None else may
    # the binding itself is written by the controllers
    same = _without(live, *mays, "volumeName") == _without(new, *mays, "volumeName")
    return [] if same else [forbidden("spec", _CLAIM)]


def _pod(live: Obj, new: Obj) -> list[Cause]:
    def fixed(obj: Obj) -> Any:
        spec = _without(obj, *_POD_MAY)
        for kind in ("containers", "initContainers"):
            if kind in spec:
                spec[kind] = [{k: v for k, v in c.items() if k != "image"} for c in spec[kind]]
        return spec

    return [] if fixed(live) == fixed(new) else [forbidden("spec", _POD)]


def _service(live: Obj, new: Obj) -> list[Cause]:
    before, after = at(live, "spec.clusterIP"), at(new, "spec.clusterIP")
    if not before or before == after or "ExternalName" in (at(live, "spec.type"), at(new, "spec.type")):
        return []
    return [invalid("spec.clusterIPs[0]", [after], "may not change once set")]


def _without(obj: Obj, *names: str) -> Obj:
    return {k: v for k, v in (obj.get("spec") or {}).items() if k not in names}


_OF_KIND: dict[str, Callable[[Obj, Obj], list[Cause]]] = {
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
    "ConfigMap": _config,
    "Secret": _config,
    "PriorityClass": _priority,
    "StatefulSet": _set,
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
    "Service": _service,
}
