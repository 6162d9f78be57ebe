"""What the server demands of an object beyond its fields' types: names, required values, what must not change.

The causes are in the order and in the words of the real server, since a person reads the first of them.
"""

from __future__ import annotations

from core.rehearsal.kubernetes import structural
from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import Obj, invalid
from core.rehearsal.kubernetes.validation import changes, kinds, metadata
from core.rehearsal.kubernetes.validation.common import Cause, at


def check(resource: Resource, obj: Obj) -> None:
    """Raises `ApiError` (422) where the object is not valid."""
    if causes := _causes(resource, obj):
        raise invalid(resource.kind, resource.group, obj["metadata"].get("name", ""), causes)


def _causes(resource: Resource, obj: Obj) -> list[Cause]:
    found = metadata.check(resource, obj)
    if resource.custom:
        return [*found, *structural.causes(resource.schema or {}, obj)]
    of_kind = kinds.OF_KIND.get(resource.kind)
    return [*found, *(of_kind(obj) if of_kind is not None else [])]


def check_change(resource: Resource, live: Obj, new: Obj) -> None:
    """Raises `ApiError` (422) where a field changes that must not, or the object is not valid."""
    fixed = metadata.check_change(live, new)
    if not resource.custom:
        fixed += changes.causes(resource, live, new)
    valid = _causes(resource, new)
    causes = [*fixed, *valid] if resource.kind in ("Secret", "ConfigMap") else [*valid, *fixed]
    if causes:
        raise invalid(resource.kind, resource.group, live["metadata"]["name"], causes)


__all__ = ["at", "check", "check_change"]
