"""What the server fills in where a field is left out, as far as a client or a controller would miss it.

In two steps, since who wrote an object owns the defaults of its fields, but not what is given to it afterwards: addresses,
phases, what admission adds.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import Obj


def _with(obj: Obj | None, **values: Any) -> Obj:
    return {**values, **(obj or {})}


def _probe(probe: Obj) -> Obj:
    out = _with(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if isinstance(get := out.get("httpGet"), dict):
        out["httpGet"] = _with(get, path="/", scheme="HTTP")
    return out


def _env(item: Obj) -> Obj:
    source = item.get("valueFrom")
    if isinstance(source, dict) and isinstance(ref := source.get("fieldRef"), dict):
        return {**item, "valueFrom": {**source, "fieldRef": _with(ref, apiVersion="v1")}}
    return item


def _container(container: Obj) -> Obj:
    image = str(container.get("image", ""))
    latest = image.endswith(":latest") or (":" not in image.rpartition("/")[2] and "@" not in image)
    out = _with(
        container,
        imagePullPolicy="Always" if latest else "IfNotPresent",
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        resources={},
    )
    if out.get("ports"):
        out["ports"] = [_with(p, protocol="TCP") for p in out["ports"]]
    if out.get("env"):
        out["env"] = [_env(e) for e in out["env"]]
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if isinstance(out.get(probe), dict):
            out[probe] = _probe(out[probe])
    return out


def _volume(volume: Obj) -> Obj:
    for kind in ("configMap", "secret", "projected"):
        if isinstance(volume.get(kind), dict):
            return {**volume, kind: _with(volume[kind], defaultMode=420)}
    if isinstance(volume.get("hostPath"), dict):
        return {**volume, "hostPath": _with(volume["hostPath"], type="")}
    return volume if set(volume) - {"name"} else {**volume, "emptyDir": {}}


def pod_spec(spec: Obj) -> Obj:
    """A pod's spec with its defaults."""
    out = _with(
        spec,
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        terminationGracePeriodSeconds=30,
        schedulerName="default-scheduler",
        securityContext={},
    )
    for kind in ("initContainers", "containers"):
        if out.get(kind):
            out[kind] = [_container(c) for c in out[kind]]
    if out.get("volumes"):
        out["volumes"] = [_volume(v) for v in out["volumes"]]
    if "serviceAccountName" in out:
        out["serviceAccount"] = out["serviceAccountName"]
    return out


def _pod(obj: Obj) -> Obj:
    return {**obj, "spec": pod_spec(_with(obj.get("spec"), enableServiceLinks=True))}


def _given_pod(obj: Obj) -> Obj:
    return {**obj, "status": obj.get("status") or {"phase": "Pending", "qosClass": _quality(obj["spec"])}}


def _quality(spec: Obj) -> str:
    """How well a pod is served when there is little: by its containers' requests and limits."""
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    resources = [c.get("resources") or {} for c in containers]
    if not any(r.get(k) for r in resources for k in ("requests", "limits")):
        return "BestEffort"
    sure = all(
        (r.get("limits") or {}).keys() >= {"cpu", "memory"} and (r.get("requests") or r["limits"]) == r["limits"]
        for r in resources
    )
    return "Guaranteed" if sure else "Burstable"


def _template(spec: Obj) -> Obj:
    template = spec.get("template") or {}
    if not isinstance(template.get("spec"), dict):
        return spec
    return {**spec, "template": {**template, "spec": pod_spec(template["spec"])}}


def _deployment(obj: Obj) -> Obj:
    spec = _with(obj.get("spec"), replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = _with(spec.get("strategy"), type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = _with(strategy.get("rollingUpdate"), maxUnavailable="25%", maxSurge="25%")
    return {**obj, "spec": _template({**spec, "strategy": strategy})}


def _stateful_set(obj: Obj) -> Obj:
    spec = _with(obj.get("spec"), replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    strategy = _with(spec.get("updateStrategy"), type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = _with(strategy.get("rollingUpdate"), partition=0)
    kept = {"whenDeleted": "Retain", "whenScaled": "Retain"}
    spec = _with(spec, persistentVolumeClaimRetentionPolicy=kept)
    return {**obj, "spec": _template({**spec, "updateStrategy": strategy})}


def _daemon_set(obj: Obj) -> Obj:
    spec = _with(obj.get("spec"), revisionHistoryLimit=10)
    strategy = _with(spec.get("updateStrategy"), type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = _with(strategy.get("rollingUpdate"), maxUnavailable=1, maxSurge=0)
    return {**obj, "spec": _template({**spec, "updateStrategy": strategy})}


def _network_policy(obj: Obj) -> Obj:
    spec = obj.get("spec") or {}
    kinds = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    spec = _with(spec, policyTypes=kinds)
    for way in ("ingress", "egress"):
        if spec.get(way):
            spec[way] = [_ported(rule) for rule in spec[way]]
    return {**obj, "spec": spec}


def _ported(rule: Obj) -> Obj:
    return {**rule, "ports": [_with(p, protocol="TCP") for p in rule["ports"]]} if rule.get("ports") else rule


def _replica_set(obj: Obj) -> Obj:
    return {**obj, "spec": _template(_with(obj.get("spec"), replicas=1))}


def _service(obj: Obj) -> Obj:
    spec = _with(obj.get("spec"), type="ClusterIP", sessionAffinity="None", internalTrafficPolicy="Cluster")
    ports = [_with(p, protocol="TCP", targetPort=p.get("port")) for p in spec.get("ports") or ()]
    return {**obj, "spec": {**spec, "ports": ports} if ports else spec}


def _given_service(obj: Obj) -> Obj:
    metadata, spec = obj["metadata"], obj["spec"]
    number = zlib.crc32(f"{metadata.get('namespace')}/{metadata.get('name')}".encode()) % 4000
    address = f"10.8.{number // 250}.{number % 250 + 2}"
    if spec["type"] != "ExternalName":
        spec = _with(spec, clusterIP=address, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
        spec = _with(spec, clusterIPs=[spec["clusterIP"]])
    return {**obj, "spec": spec, "status": obj.get("status") or {"loadBalancer": {}}}


def _claim(obj: Obj) -> Obj:
    return {**obj, "spec": _with(obj.get("spec"), volumeMode="Filesystem")}


def _given_claim(obj: Obj) -> Obj:
    held = [*(obj["metadata"].get("finalizers") or ()), "kubernetes.io/pvc-protection"]
    metadata = {**obj["metadata"], "finalizers": list(dict.fromkeys(held))}
    return {**obj, "metadata": metadata, "status": obj.get("status") or {"phase": "Pending"}}


def _secret(obj: Obj) -> Obj:
    obj = _with(obj, type="Opaque")
    if given := obj.pop("stringData", None):
        encoded = {k: base64.b64encode(str(v).encode()).decode() for k, v in given.items()}
        obj["data"] = {**(obj.get("data") or {}), **encoded}
    return obj


def _binding(obj: Obj) -> Obj:
    group = "rbac.authorization.k8s.io"
    subjects = [s if s.get("kind") == "ServiceAccount" else _with(s, apiGroup=group) for s in obj.get("subjects") or ()]
    out = {**obj, "roleRef": _with(obj.get("roleRef"), apiGroup=group)}
    return {**out, "subjects": subjects} if subjects else out


def _namespace(obj: Obj) -> Obj:
    metadata = obj["metadata"]
    if not metadata.get("name"):
        return obj
    labels = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}
    return {**obj, "metadata": {**metadata, "labels": labels}}


def _given_namespace(obj: Obj) -> Obj:
    return {**obj, "spec": _with(obj.get("spec"), finalizers=["kubernetes"]), "status": {"phase": "Active"}}


def _storage_class(obj: Obj) -> Obj:
    return _with(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _priority(obj: Obj) -> Obj:
    return _with(obj, preemptionPolicy="PreemptLowerPriority")


def _definition(obj: Obj) -> Obj:
    spec = _with(obj.get("spec"), conversion={"strategy": "None"})
    names = spec.get("names") or {}
    if kind := names.get("kind"):
        spec["names"] = _with(names, listKind=f"{kind}List", singular=str(kind).lower())
    return {**obj, "spec": spec}


_OF_KIND = {
    "Pod": _pod,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "NetworkPolicy": _network_policy,
    "Service": _service,
    "PersistentVolumeClaim": _claim,
    "Secret": _secret,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
    "Namespace": _namespace,
    "StorageClass": _storage_class,
    "PriorityClass": _priority,
    "CustomResourceDefinition": _definition,
}


def _given_definition(obj: Obj) -> Obj:
    stored = [v["name"] for v in obj["spec"].get("versions") or () if v.get("storage")][:1]
    return {**obj, "status": {**(obj.get("status") or {}), "storedVersions": stored}}


_GIVEN = {
    "CustomResourceDefinition": _given_definition,
    "Pod": _given_pod,
    "Service": _given_service,
    "PersistentVolumeClaim": _given_claim,
    "Namespace": _given_namespace,
}
_COUNTED = {
    "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job", "CronJob", "NetworkPolicy",
    "Ingress", "PodDisruptionBudget", "PriorityClass", "CustomResourceDefinition", "EndpointSlice", "Pod",
    "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration",
}  # fmt: skip


def fill(resource: Resource, obj: Obj) -> Obj:
    """The object with the defaults of its fields, which belong to who wrote it."""
    how = None if resource.custom else _OF_KIND.get(resource.kind)
    return how(obj) if how else obj


def prepared(resource: Resource, obj: Obj) -> Obj:
    """A new object with what the server gives it, which belongs to nobody."""
    how = None if resource.custom else _GIVEN.get(resource.kind)
    return how(obj) if how else obj


def counted(resource: Resource) -> bool:
    """Whether the server counts the generations of a kind's specs."""
    return resource.custom or resource.kind in _COUNTED
