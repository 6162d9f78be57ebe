"""What admission does: it lets nothing into a namespace that goes, completes pods, and holds them to their level."""

from __future__ import annotations

import hashlib
from typing import Protocol

from core.rehearsal.kubernetes import pod_security
from core.rehearsal.kubernetes.resources import BUILTIN, Resource
from core.rehearsal.kubernetes.status import Obj, forbidden, invalid, not_found
from core.rehearsal.kubernetes.validation import at

NAMESPACES = BUILTIN["", "v1", "namespaces"]
ACCOUNTS = BUILTIN["", "v1", "serviceaccounts"]
PRIORITIES = BUILTIN["scheduling.k8s.io", "v1", "priorityclasses"]
CLASSES = BUILTIN["storage.k8s.io", "v1", "storageclasses"]
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
TEMPLATED = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController")
TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"
_EVERYBODY = {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}


class Objects(Protocol):
    """What is there already."""

    def find(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """An object, or None."""

    def list(self, resource: Resource) -> list[Obj]:
        """The objects of a kind."""


def refuse_absent_namespace(objects: Objects, resource: Resource, namespace: str, name: str) -> None:
    """Raises where an object would come into a namespace that is not there, or that goes."""
    if not resource.namespaced:
        return
    found = objects.find(NAMESPACES, "", namespace)
    if found is None:
        raise not_found("namespaces", "", namespace)
    if found["metadata"].get("deletionTimestamp"):
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        error = forbidden(resource.plural, resource.group, name, why)
        words = f"namespace {namespace} is being terminated"
        cause = {"reason": "NamespaceTerminating", "message": words, "field": "metadata.namespace"}
        error.details = {**(error.details or {}), "causes": [cause]}
        raise error


def completed(objects: Objects, resource: Resource, namespace: str, obj: Obj) -> Obj:
    """A new object with what admission puts into it; raises where it lets it not in."""
    if resource.kind == "PersistentVolumeClaim" and "storageClassName" not in obj["spec"]:
        marked = [c for c in objects.list(CLASSES) if (c["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"]
        return {**obj, "spec": {**obj["spec"], "storageClassName": marked[0]["metadata"]["name"]}} if marked else obj
    if resource.kind != "Pod" or resource.custom:
        return obj
    name = obj["metadata"].get("name", "")
    spec = _with_account(objects, namespace, name, obj["spec"])
    return {**obj, "spec": {**_with_priority(objects, name, spec), "tolerations": _tolerations(spec)}}


def _with_account(objects: Objects, namespace: str, name: str, spec: Obj) -> Obj:
    account = spec.get("serviceAccountName") or "default"
    found = objects.find(ACCOUNTS, namespace, account)
    if found is None:
        why = f'error looking up service account {namespace}/{account}: serviceaccount "{account}" not found'
        raise forbidden("pods", "", name, why)
    spec = {**spec, "serviceAccountName": account, "serviceAccount": account}
    mounts = spec.get("automountServiceAccountToken", found.get("automountServiceAccountToken"))
    return spec if mounts is False else _with_token(spec, f"{namespace}/{name}")


def _with_token(spec: Obj, seed: str) -> Obj:
    """The pod with its account's token, which the kubelet would bring."""
    letters = "bcdfghjklmnpqrstvwxz2456789"
    digest = hashlib.sha256(seed.encode()).digest()
    volume = "kube-api-access-" + "".join(letters[b % len(letters)] for b in digest[:5])
    field = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    token = {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}
    projected = {"defaultMode": 420, "sources": [token, _EVERYBODY, {"downwardAPI": {"items": [field]}}]}
    mount = {"name": volume, "readOnly": True, "mountPath": TOKENS}
    out = {**spec, "volumes": [*(spec.get("volumes") or ()), {"name": volume, "projected": projected}]}
    for kind in ("containers", "initContainers"):
        if spec.get(kind):
            out[kind] = [_mounted(container, mount) for container in spec[kind]]
    return out


def _mounted(container: Obj, mount: Obj) -> Obj:
    mounts = container.get("volumeMounts") or []
    taken = any(m.get("mountPath") == TOKENS for m in mounts)
    return container if taken else {**container, "volumeMounts": [*mounts, mount]}


def _with_priority(objects: Objects, name: str, spec: Obj) -> Obj:
    kind = spec.get("priorityClassName")
    if not kind:
        return {**spec, "priority": 0, "preemptionPolicy": "PreemptLowerPriority"}
    found = objects.find(PRIORITIES, "", kind)
    if found is None:
        raise forbidden("pods", "", name, f"no PriorityClass with name {kind} was found")
    return {**spec, "priority": found["value"], "preemptionPolicy": found["preemptionPolicy"]}


def _tolerations(spec: Obj) -> list[Obj]:
    given = spec.get("tolerations") or []
    keys = {t.get("key") for t in given if t.get("effect") in (None, "NoExecute")}
    more = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
    return [
        *given,
        *(
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for key in more
            if key not in keys
        ),
    ]


def _levels(objects: Objects, namespace: str) -> Obj:
    home = objects.find(NAMESPACES, "", namespace) or {"metadata": {}}
    return {k.removeprefix(pod_security.PREFIX): v for k, v in (home["metadata"].get("labels") or {}).items()}


def refusal(objects: Objects, namespace: str, spec: Obj) -> str:
    """Why a pod is not let into a namespace; empty where it is."""
    words = pod_security.violations(_levels(objects, namespace).get("enforce", ""), spec)
    return words.replace("violate", "violates", 1)


def warnings(objects: Objects, resource: Resource, namespace: str, obj: Obj) -> list[str]:
    """What is said of a pod that would be refused (of a template, also by the level that is enforced)."""
    levels = _levels(objects, namespace)
    if resource.custom or resource.kind not in (*TEMPLATED, "Pod"):
        return []
    templated = resource.kind != "Pod"
    level = levels.get("warn") or (levels.get("enforce", "") if templated else "")
    spec = at(obj, "spec.template.spec") if templated else obj.get("spec")
    words = pod_security.violations(level, spec or {})
    return [f"would {words}"] if words else []


def check(objects: Objects, resource: Resource, namespace: str, obj: Obj) -> None:
    """Raises where an object that is valid is not let in."""
    if resource.custom:
        return
    if resource.kind == "Pod" and (why := refusal(objects, namespace, obj["spec"])):
        raise forbidden("pods", "", obj["metadata"].get("name", ""), why)
    if resource.kind == "Namespace":
        _check_levels(obj)


def _check_levels(obj: Obj) -> None:
    words = "must be one of privileged, baseline, restricted"
    causes = [
        (f"metadata.labels[{key}]", "FieldValueInvalid", f'Invalid value: "{value}": {words}')
        for key, value in (obj["metadata"].get("labels") or {}).items()
        if key.startswith(pod_security.PREFIX) and not key.endswith("-version") and value not in pod_security.LEVELS
    ]
    if causes:
        raise invalid("Namespace", "", obj["metadata"]["name"], causes)
