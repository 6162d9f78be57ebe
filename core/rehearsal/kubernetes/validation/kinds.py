"""What each kind demands beyond the types of its fields."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.kubernetes.validation import common, pods
from core.rehearsal.kubernetes.validation.common import Cause, at, between, duplicate, forbidden, invalid, required
from core.rehearsal.kubernetes.validation.common import unsupported as not_supported

_LIMIT = 1 << 20
_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_HIGHEST_PRIORITY = 1_000_000_000


def _not_negative(obj: Obj, *paths: str) -> list[Cause]:
    found = [(path, at(obj, path)) for path in paths]
    return [
        invalid(path, value, "must be greater than or equal to 0")
        for path, value in found
        if isinstance(value, int) and value < 0
    ]


def _workload(obj: Obj) -> list[Cause]:
    spec = obj["spec"]
    causes = _not_negative(obj, "spec.replicas", "spec.minReadySeconds")
    selector = spec.get("selector")
    labels = at(spec, "template.metadata.labels") or None
    if selector is None:
        causes.append(required("spec.selector"))
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        word = obj["kind"].lower()
        causes.append(invalid("spec.selector", selector, f"empty selector is invalid for {word}"))
    wanted = (selector or {}).get("matchLabels") or {}
    if selector is None or any((labels or {}).get(k) != v for k, v in wanted.items()):
        causes.append(invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"))
    causes += common.labels("spec.template.labels", labels or {})
    causes += pods.check(at(spec, "template.spec") or {}, "spec.template.spec")
    policy = at(spec, "template.spec.restartPolicy")
    if policy and policy != "Always":
        causes.append(not_supported("spec.template.spec.restartPolicy", policy, ("Always",)))
    return causes


def _deployment(obj: Obj) -> list[Cause]:
    causes = _workload(obj)
    spec = obj["spec"]
    kind = at(spec, "strategy.type")
    if kind not in ("Recreate", "RollingUpdate"):
        shown = {"Type": kind, "RollingUpdate": at(spec, "strategy.rollingUpdate")}
        causes.append(not_supported("spec.strategy", shown, ("Recreate", "RollingUpdate")))
    elif kind == "Recreate" and at(spec, "strategy.rollingUpdate") is not None:
        words = "may not be specified when strategy `type` is 'Recreate'"
        causes.append(forbidden("spec.strategy.rollingUpdate", words))
    budget = spec.get("progressDeadlineSeconds")
    if budget is not None and budget <= (spec.get("minReadySeconds") or 0):
        causes.append(invalid("spec.progressDeadlineSeconds", budget, "must be greater than minReadySeconds"))
    return causes


def _pod(obj: Obj) -> list[Cause]:
    return pods.check(obj.get("spec") or {}, "spec")


def _job(obj: Obj, path: str = "spec") -> list[Cause]:
    spec = at(obj, path) or {}
    causes = _not_negative(obj, f"{path}.parallelism", f"{path}.completions", f"{path}.backoffLimit")
    causes += pods.check(at(spec, "template.spec") or {}, f"{path}.template.spec")
    policy = at(spec, "template.spec.restartPolicy")
    if policy == "Always":
        causes.append(required(f"{path}.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"'))
    return causes


def _config(obj: Obj) -> list[Cause]:
    binary = obj.get("binaryData") or {}
    causes: list[Cause] = []
    for key in obj.get("data") or {}:
        causes += common.named(f"data[{key}]", key, common.CONFIG_KEY, common.CONFIG_KEY_WORDS, 253)
        if key in binary:
            causes.append(invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
    for key in binary:
        causes += common.named(f"binaryData[{key}]", key, common.CONFIG_KEY, common.CONFIG_KEY_WORDS, 253)
    if sum(len(str(v).encode()) for v in {**(obj.get("data") or {}), **binary}.values()) > _LIMIT:
        causes.append(("", "FieldValueTooLong", f"Too long: may not be more than {_LIMIT} bytes"))
    return causes


_WANTED = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


def _secret(obj: Obj) -> list[Cause]:
    missing = [k for k in _WANTED.get(obj.get("type", ""), ()) if k not in (obj.get("data") or {})]
    return [*_config({"data": obj.get("data")}), *(required(f"data[{k}]") for k in missing)]


def _service(obj: Obj) -> list[Cause]:
    spec = obj.get("spec") or {}
    kinds = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
    causes: list[Cause] = []
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        causes.append(required("spec.ports"))
    seen: list[tuple[object, object]] = []
    for n, port in enumerate(ports):
        here = f"spec.ports[{n}]"
        if not port.get("name") and len(ports) > 1:
            causes.append(required(f"{here}.name"))
        causes += between(f"{here}.port", port.get("port"))
        target = port.get("targetPort")
        causes += between(f"{here}.targetPort", target)
        if isinstance(target, str) and not re.fullmatch("[a-z0-9-]*", target, re.IGNORECASE):
            words = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
            causes.append(invalid(f"{here}.targetPort", target, words))
    if spec.get("type") not in kinds:
        causes.append(not_supported("spec.type", spec.get("type"), kinds))
    for n, port in enumerate(ports):
        key = (port.get("protocol"), port.get("port"))
        if key in seen:
            shown = {"Name": "", "Protocol": key[0], "AppProtocol": None, "Port": key[1], "TargetPort": 0, "NodePort": 0}
            causes.append(duplicate(f"spec.ports[{n}]", shown))
        seen.append(key)
    return causes


def _claim(obj: Obj) -> list[Cause]:
    causes: list[Cause] = []
    modes = at(obj, "spec.accessModes") or []
    if not modes:
        causes.append(required("spec.accessModes", "at least 1 access mode is required"))
    causes += [not_supported("spec.accessModes", mode, _MODES) for mode in modes if mode not in _MODES]
    if not at(obj, "spec.resources.requests.storage"):
        causes.append(required("spec.resources[storage]"))
    return causes


def _definition(obj: Obj) -> list[Cause]:
    spec, name = obj["spec"], obj["metadata"].get("name")
    causes: list[Cause] = []
    if name != f"{at(spec, 'names.plural')}.{spec.get('group')}":
        causes.append(invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    if (scope := spec.get("scope")) not in ("Cluster", "Namespaced"):
        causes.append(not_supported("spec.scope", scope, ("Cluster", "Namespaced")))
    versions = spec.get("versions") or []
    if sum(1 for v in versions if v.get("storage")) != 1:
        causes.append(invalid("spec.versions", versions, "must have exactly one version marked as storage version"))
    return [*causes, *_schemas(versions), *_stored(obj, versions)]


def _schemas(versions: list[Obj]) -> list[Cause]:
    """What is wrong in the versions' schemas; one that all of them have is looked at once, where it stood in v1beta1."""
    schemas = [at(version, "schema.openAPIV3Schema") for version in versions]
    places = [f"spec.versions[{n}].schema.openAPIV3Schema" for n in range(len(versions))]
    if schemas and schemas[0] and all(schema == schemas[0] for schema in schemas):
        schemas, places = schemas[:1], ["spec.validation.openAPIV3Schema"]
    causes: list[Cause] = []
    for schema, place in zip(schemas, places, strict=True):
        causes += _structural(schema, place) if schema else [required(place)]
    return causes


def _stored(obj: Obj, versions: list[Obj]) -> list[Cause]:
    """What is wrong in the versions that objects are said to be stored in."""
    field, stored = "status.storedVersions", at(obj, "status.storedVersions") or None
    if stored is None:
        return [invalid(field, None, "must have at least one stored version")]
    storage = [version.get("name") for version in versions if version.get("storage")]
    if storage and storage[-1] not in stored:
        return [invalid(field, stored, f"must have the storage version {storage[-1]}")]
    return []


def _structural(schema: Obj, path: str) -> list[Cause]:
    loose = ("x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields")
    causes: list[Cause] = []
    if not schema.get("type") and not any(schema.get(k) for k in loose):
        words = (
            "must not be empty for specified object fields" if ".properties[" in path else "must not be empty at the root"
        )
        causes.append(required(f"{path}.type", words))
    for name, below in (schema.get("properties") or {}).items():
        causes += _structural(below, f"{path}.properties[{name}]")
    if isinstance(items := schema.get("items"), dict):
        causes += _structural(items, f"{path}.items")
    return causes


def _binding(obj: Obj) -> list[Cause]:
    reference = obj.get("roleRef") or {}
    kinds = ("Role", "ClusterRole") if obj["kind"] == "RoleBinding" else ("ClusterRole",)
    causes: list[Cause] = []
    if reference.get("kind", "") not in kinds:
        causes.append(not_supported("roleRef.kind", reference.get("kind", ""), kinds))
    if not reference.get("name"):
        causes.append(required("roleRef.name"))
    for n, subject in enumerate(obj.get("subjects") or ()):
        kind = subject.get("kind")
        if not subject.get("name"):
            causes.append(required(f"subjects[{n}].name"))
        if kind not in ("User", "Group", "ServiceAccount"):
            causes.append(not_supported(f"subjects[{n}].kind", kind, ("ServiceAccount", "User", "Group")))
        if obj["kind"] == "ClusterRoleBinding" and kind == "ServiceAccount" and not subject.get("namespace"):
            causes.append(required(f"subjects[{n}].namespace"))
    return causes


def _rules(obj: Obj) -> list[Cause]:
    causes: list[Cause] = []
    for n, rule in enumerate(obj.get("rules") or ()):
        here = f"rules[{n}]"
        if not rule.get("verbs"):
            causes.append(required(f"{here}.verbs", "verbs must contain at least one value"))
        if rule.get("nonResourceURLs"):
            continue
        if not rule.get("apiGroups"):
            causes.append(required(f"{here}.apiGroups", "resource rules must supply at least one api group"))
        if not rule.get("resources"):
            causes.append(required(f"{here}.resources", "resource rules must supply at least one resource"))
    return causes


def _network_policy(obj: Obj) -> list[Cause]:
    kinds = ("Ingress", "Egress")
    return [
        not_supported(f"spec.policyTypes[{n}]", kind, kinds)
        for n, kind in enumerate(at(obj, "spec.policyTypes") or ())
        if kind not in kinds
    ]


def _budget(obj: Obj) -> list[Cause]:
    spec = obj.get("spec") or {}
    if spec.get("minAvailable") is None or spec.get("maxUnavailable") is None:
        return []
    shown = {
        "MinAvailable": spec["minAvailable"],
        "Selector": spec.get("selector"),
        "MaxUnavailable": spec["maxUnavailable"],
        "UnhealthyPodEvictionPolicy": spec.get("unhealthyPodEvictionPolicy"),
    }
    return [invalid("spec", json.loads(json.dumps(shown)), "minAvailable and maxUnavailable cannot be both set")]


def _priority(obj: Obj) -> list[Cause]:
    if obj["metadata"].get("name", "").startswith("system-") or (obj.get("value") or 0) <= _HIGHEST_PRIORITY:
        return []
    return [forbidden("value", f"maximum allowed value of a user defined priority is {_HIGHEST_PRIORITY}")]


def _storage_class(obj: Obj) -> list[Cause]:
    causes = [] if obj.get("provisioner") else [required("provisioner")]
    modes = ("Immediate", "WaitForFirstConsumer")
    if obj.get("volumeBindingMode") not in modes:
        causes.append(not_supported("volumeBindingMode", obj.get("volumeBindingMode"), modes))
    return causes


def _event(obj: Obj) -> list[Cause]:
    home, about = obj["metadata"].get("namespace"), at(obj, "involvedObject.namespace") or ""
    fits = about == home or (not about and home == "default")
    return [] if fits else [invalid("involvedObject.namespace", about, "does not match event.namespace")]


OF_KIND: dict[str, Callable[[Obj], list[Cause]]] = {
    "Deployment": _deployment,
    "ReplicaSet": _workload,
    "StatefulSet": _workload,
    "DaemonSet": _workload,
    "Pod": _pod,
    "Job": _job,
    "Event": _event,
    "ConfigMap": _config,
    "Secret": _secret,
    "Service": _service,
    "PersistentVolumeClaim": _claim,
    "CustomResourceDefinition": _definition,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
    "Role": _rules,
    "ClusterRole": _rules,
    "NetworkPolicy": _network_policy,
    "PodDisruptionBudget": _budget,
    "PriorityClass": _priority,
    "StorageClass": _storage_class,
}
