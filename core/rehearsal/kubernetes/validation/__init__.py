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
    causes: list[Cause] = metadata.check(resource, obj)
    if resource.custom:
        causes += structural.causes(resource.schema or {}, obj)
    elif (of_kind := kinds.OF_KIND.get(resource.kind)) is not None:
        causes += of_kind(obj)
    if causes:
        raise invalid(resource.kind, resource.group, obj["metadata"].get("name", ""), causes)


def check_change(resource: Resource, live: Obj, new: Obj) -> None:
    """Raises `ApiError` (422) where a field changes that must not, or the object is not valid."""
    causes = metadata.check_change(live, new)
    if not resource.custom:
        causes += changes.causes(resource, live, new)
    if causes:
        raise invalid(resource.kind, resource.group, live["metadata"]["name"], causes)


__all__ = ["at", "check", "check_change"]
