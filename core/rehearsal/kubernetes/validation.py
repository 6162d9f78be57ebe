"""What the server demands of an object beyond its fields' types: names, required values, what must not change."""

from __future__ import annotations

import re
from typing import Any

from core.rehearsal.kubernetes import checking
from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.shapes import Shape
from core.rehearsal.kubernetes.status import Obj, invalid

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SERVICE = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
LABEL_KINDS = {"Namespace", "Service"}
ANNOTATIONS_LIMIT = 262144

Cause = tuple[str, str, str]

ENUMS: dict[str, dict[str, tuple[str, ...]]] = {
    "spec.template.spec.restartPolicy": {"Deployment": ("Always",), "ReplicaSet": ("Always",)},
    "spec.type": {"Service": ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")},
    "spec.strategy.type": {"Deployment": ("Recreate", "RollingUpdate")},
    "volumeBindingMode": {"StorageClass": ("Immediate", "WaitForFirstConsumer")},
}

IMMUTABLE: dict[str, tuple[str, ...]] = {
    "Deployment": ("spec.selector",),
    "ReplicaSet": ("spec.selector",),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    "PriorityClass": ("value",),
    "Secret": ("type",),
    "PersistentVolumeClaim": ("spec.storageClassName", "spec.accessModes", "spec.volumeMode"),
}


def at(obj: Any, path: str) -> Any:
    """What stands at a dotted path; None where nothing does."""
    for part in path.split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj


def check(shape: Shape, resource: Resource, obj: Obj) -> None:
    """Raises `ApiError` (422) where the object is not valid."""
    causes = [*_name(resource, obj), *_labels(obj), *_values(shape, obj), *_kind(resource, obj)]
    if causes:
        raise invalid(resource.kind, resource.group, obj["metadata"].get("name", ""), causes)


def _name(resource: Resource, obj: Obj) -> list[Cause]:
    name = obj["metadata"].get("name") or ""
    if not name:
        return [("metadata.name", "FieldValueRequired", "Required value: name or generateName is required")]
    if resource.group == "rbac.authorization.k8s.io":
        fits, rule = "/" not in name and "%" not in name, "may not contain '/' or '%'"
    elif resource.kind in LABEL_KINDS:
        pattern = _SERVICE if resource.kind == "Service" else _LABEL
        fits = bool(pattern.fullmatch(name)) and len(name) <= 63
        rule = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'"
    else:
        fits = bool(_SUBDOMAIN.fullmatch(name)) and len(name) <= 253
        rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
    return [] if fits else [("metadata.name", "FieldValueInvalid", f'Invalid value: "{name}": {rule}')]


def _labels(obj: Obj) -> list[Cause]:
    metadata, causes = obj["metadata"], []
    for key, value in (metadata.get("labels") or {}).items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value) or len(value) > 63:
            causes.append(("metadata.labels", "FieldValueInvalid", f'Invalid value: "{key}={value}": not a valid label'))
    annotations = metadata.get("annotations") or {}
    if sum(len(k) + len(str(v)) for k, v in annotations.items()) > ANNOTATIONS_LIMIT:
        words = f"Too long: may not be more than {ANNOTATIONS_LIMIT} bytes"
        causes.append(("metadata.annotations", "FieldValueTooLong", words))
    return causes


def _values(shape: Shape, obj: Obj) -> list[Cause]:
    reasons = {checking.MISSING: "FieldValueRequired", checking.UNSUPPORTED: "FieldValueNotSupported"}
    return [(path, reasons[kind], words) for kind, path, words in checking.problems(shape, obj) if kind in reasons]


def _kind(resource: Resource, obj: Obj) -> list[Cause]:
    causes = []
    for path, kinds in ENUMS.items():
        value = at(obj, path)
        if value is not None and resource.kind in kinds and value not in kinds[resource.kind]:
            allowed = ", ".join(f'"{v}"' for v in kinds[resource.kind])
            causes.append((path, "FieldValueNotSupported", f'Unsupported value: "{value}": supported values: {allowed}'))
    extra = _OF_KIND.get(resource.kind)
    return [*causes, *(extra(obj) if extra else [])]


def _workload(obj: Obj) -> list[Cause]:
    spec = obj["spec"]
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    labels = at(spec, "template.metadata.labels") or {}
    causes: list[Cause] = []
    if not wanted and not (spec.get("selector") or {}).get("matchExpressions"):
        causes.append(("spec.selector", "FieldValueInvalid", "Invalid value: empty selector is invalid for deployment"))
    elif any(labels.get(k) != v for k, v in wanted.items()):
        words = f"Invalid value: {labels}: `selector` does not match template `labels`"
        causes.append(("spec.template.metadata.labels", "FieldValueInvalid", words))
    return [*causes, *_pod_spec(at(spec, "template.spec") or {}, "spec.template.spec")]


def _pod(obj: Obj) -> list[Cause]:
    return _pod_spec(obj.get("spec") or {}, "spec")


def _pod_spec(spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    volumes = {v.get("name") for v in spec.get("volumes") or ()}
    for n, volume in enumerate(spec.get("volumes") or ()):
        if not set(volume) - {"name"}:
            causes.append((f"{path}.volumes[{n}]", "FieldValueRequired", "Required value: must specify a volume type"))
    if not spec.get("containers"):
        causes.append((f"{path}.containers", "FieldValueRequired", "Required value"))
    for kind in ("initContainers", "containers"):
        for n, container in enumerate(spec.get(kind) or ()):
            causes += _container(container, f"{path}.{kind}[{n}]", volumes)
    return causes


def _container(container: Obj, path: str, volumes: set[Any]) -> list[Cause]:
    causes: list[Cause] = []
    if not container.get("image"):
        causes.append((f"{path}.image", "FieldValueRequired", "Required value"))
    for n, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            causes.append((f"{path}.volumeMounts[{n}].name", "FieldValueNotFound", f'Not found: "{mount.get("name")}"'))
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        causes += _handlers(container.get(probe), f"{path}.{probe}")
    for hook in ("preStop", "postStart"):
        causes += _handlers(at(container, f"lifecycle.{hook}"), f"{path}.lifecycle.{hook}")
    for n, item in enumerate(container.get("env") or ()):
        if item.get("value") and item.get("valueFrom"):
            words = 'Invalid value: "": may not be specified when `value` is not empty'
            causes.append((f"{path}.env[{n}].valueFrom", "FieldValueInvalid", words))
    return causes


def _handlers(holder: Obj | None, path: str) -> list[Cause]:
    if holder is None:
        return []
    given = [k for k in ("exec", "httpGet", "tcpSocket", "grpc", "sleep") if holder.get(k) is not None]
    if len(given) > 1:
        return [(f"{path}.{given[1]}", "FieldValueForbidden", "Forbidden: may not specify more than 1 handler type")]
    return [] if given else [(path, "FieldValueRequired", "Required value: must specify a handler type")]


def _config(obj: Obj) -> list[Cause]:
    keys = [*(obj.get("data") or {}), *(obj.get("binaryData") or {})]
    return [(f"data[{k}]", "FieldValueInvalid", f'Invalid value: "{k}"') for k in keys if not _CONFIG_KEY.fullmatch(k)]


def _service(obj: Obj) -> list[Cause]:
    spec = obj.get("spec") or {}
    if not spec.get("ports") and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        return [("spec.ports", "FieldValueRequired", "Required value")]
    unnamed = [n for n, port in enumerate(spec.get("ports") or ()) if not port.get("name")]
    if len(spec.get("ports") or ()) > 1 and unnamed:
        return [(f"spec.ports[{unnamed[0]}].name", "FieldValueRequired", "Required value")]
    return []


def _claim(obj: Obj) -> list[Cause]:
    causes: list[Cause] = []
    if not at(obj, "spec.accessModes"):
        causes.append(("spec.accessModes", "FieldValueRequired", "Required value: at least 1 access mode is required"))
    if not at(obj, "spec.resources.requests.storage"):
        causes.append(("spec.resources[storage]", "FieldValueRequired", "Required value"))
    return causes


def _definition(obj: Obj) -> list[Cause]:
    spec = obj["spec"]
    wanted = f"{at(spec, 'names.plural')}.{spec.get('group')}"
    causes: list[Cause] = []
    if obj["metadata"].get("name") != wanted:
        words = f'Invalid value: "{obj["metadata"].get("name")}": must be spec.names.plural+"."+spec.group'
        causes.append(("metadata.name", "FieldValueInvalid", words))
    if sum(1 for v in spec.get("versions") or () if v.get("storage")) != 1:
        words = "Invalid value: must have exactly one version marked as storage version"
        causes.append(("spec.versions", "FieldValueInvalid", words))
    for n, version in enumerate(spec.get("versions") or ()):
        if not at(version, "schema.openAPIV3Schema"):
            words = "Required value: schemas are required"
            causes.append((f"spec.versions[{n}].schema.openAPIV3Schema", "FieldValueRequired", words))
    return causes


def _subjects(obj: Obj) -> list[Cause]:
    causes: list[Cause] = []
    for n, subject in enumerate(obj.get("subjects") or ()):
        if subject.get("kind") not in ("User", "Group", "ServiceAccount"):
            words = 'Unsupported value: supported values: "ServiceAccount", "User", "Group"'
            causes.append((f"subjects[{n}].kind", "FieldValueNotSupported", words))
        if obj["kind"] == "ClusterRoleBinding" and subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
            causes.append((f"subjects[{n}].namespace", "FieldValueRequired", "Required value"))
    return causes


def _rules(obj: Obj) -> list[Cause]:
    causes: list[Cause] = []
    for n, rule in enumerate(obj.get("rules") or ()):
        if not rule.get("verbs"):
            causes.append(
                (f"rules[{n}].verbs", "FieldValueRequired", "Required value: verbs must contain at least one value")
            )
        if not rule.get("nonResourceURLs") and not rule.get("resources"):
            words = "Required value: resource rules must supply at least one resource"
            causes.append((f"rules[{n}].resources", "FieldValueRequired", words))
    return causes


_OF_KIND = {
    "Deployment": _workload,
    "ReplicaSet": _workload,
    "StatefulSet": _workload,
    "DaemonSet": _workload,
    "Pod": _pod,
    "ConfigMap": _config,
    "Secret": _config,
    "Service": _service,
    "PersistentVolumeClaim": _claim,
    "CustomResourceDefinition": _definition,
    "RoleBinding": _subjects,
    "ClusterRoleBinding": _subjects,
    "Role": _rules,
    "ClusterRole": _rules,
}


def check_change(resource: Resource, live: Obj, new: Obj) -> None:
    """Raises `ApiError` (422) where a field changes that must not."""
    causes: list[Cause] = []
    for path in IMMUTABLE.get(resource.kind, ()):
        before, after = at(live, path), at(new, path)
        if before is not None and before != after:
            causes.append((path, "FieldValueInvalid", f"Invalid value: {after!r}: field is immutable"))
    if live.get("immutable") and resource.kind in ("ConfigMap", "Secret") and live.get("data") != new.get("data"):
        causes.append(("data", "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set"))
    if causes:
        raise invalid(resource.kind, resource.group, live["metadata"]["name"], causes)
