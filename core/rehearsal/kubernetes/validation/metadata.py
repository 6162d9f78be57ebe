"""An object's name, labels, annotations, finalizers and owners."""

from __future__ import annotations

from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.kubernetes.validation import common
from core.rehearsal.kubernetes.validation.common import Cause, forbidden, invalid, required

ANNOTATIONS_LIMIT = 262144


def check(resource: Resource, obj: Obj) -> list[Cause]:
    """What is wrong with an object's metadata."""
    metadata = obj["metadata"]
    causes = _name(resource, metadata.get("name") or "")
    causes += common.labels("metadata.labels", metadata.get("labels") or {})
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        causes += common.qualified("metadata.annotations", key.lower())
    if sum(len(k) + len(str(v)) for k, v in annotations.items()) > ANNOTATIONS_LIMIT:
        words = f"Too long: may not be more than {ANNOTATIONS_LIMIT} bytes"
        causes.append(("metadata.annotations", "FieldValueTooLong", words))
    return [*causes, *_owners(metadata), *_finalizers(metadata)]


def _name(resource: Resource, name: str) -> list[Cause]:
    if not name:
        return [required("metadata.name", "name or generateName is required")]
    field = "metadata.name"
    if resource.group == "rbac.authorization.k8s.io":
        return [] if "/" not in name and "%" not in name else [invalid(field, name, "may not contain '/'")]
    if resource.kind in ("Namespace", "StatefulSet"):
        return common.named(field, name, common.LABEL, common.LABEL_WORDS, 63, unit="characters")
    if resource.kind == "Service":
        return common.named(field, name, common.SERVICE, common.SERVICE_WORDS, 63, unit="characters")
    longest = 52 if resource.kind == "CronJob" else 253
    if resource.kind == "CronJob" and len(name) > longest:
        return [invalid(field, name, "must be no more than 52 characters")]
    return common.named(field, name, common.SUBDOMAIN, common.SUBDOMAIN_WORDS, longest, unit="characters")


def _owners(metadata: Obj) -> list[Cause]:
    causes: list[Cause] = []
    field = "metadata.ownerReferences"
    for owner in metadata.get("ownerReferences") or ():
        causes += [invalid(f"{field}.{k}", "", "must not be empty") for k in ("kind", "name", "uid") if not owner.get(k)]
    if sum(bool(owner.get("controller")) for owner in metadata.get("ownerReferences") or ()) > 1:
        causes.append(invalid(field, metadata["ownerReferences"], "Only one reference can have Controller set to true"))
    return causes


def _finalizers(metadata: Obj) -> list[Cause]:
    causes: list[Cause] = []
    known = ("orphan", "foregroundDeletion")
    for n, name in enumerate(metadata.get("finalizers") or ()):
        causes += common.qualified("metadata.finalizers", name)
        if "/" not in name and name not in (*known, "kubernetes"):
            words = "name is neither a standard finalizer name nor is it fully qualified"
            causes.append(invalid(f"metadata.finalizers[{n}]", name, words))
    return causes


def check_change(live: Obj, new: Obj) -> list[Cause]:
    """What may not change in the metadata of an object that goes."""
    if not live["metadata"].get("deletionTimestamp"):
        return []
    more = [f for f in new["metadata"].get("finalizers") or () if f not in (live["metadata"].get("finalizers") or ())]
    if not more:
        return []
    listed = "[]string{" + ", ".join(common.shown(f) for f in more) + "}"
    words = f"no new finalizers can be added if the object is being deleted, found new finalizers {listed}"
    return [forbidden("metadata.finalizers", words)]
