"""Changing a resource as the APIs do: a merge patch, or the fields that a mask names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from core.rehearsal.store import Document


def merged(old: Any, change: Document) -> Document:
    """The old value with a merge patch (RFC 7396) on top: null takes a field away, lists are replaced."""
    out: Document = dict(old) if isinstance(old, dict) else {}
    for key, value in change.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict):
            out[key] = merged(out.get(key), value)
        else:
            out[key] = value
    return out


def masked(old: Document, new: Document, mask: str) -> Document:
    """The old resource with the fields that the mask (``labels,cleanupPolicies``) names taken from the new one."""
    out = dict(old)
    for path in filter(None, (p.strip() for p in mask.split(","))):
        _put(out, new, [_camel(part) for part in path.split(".")])
    return out


def without(resource: Document, names: Iterable[str]) -> Document:
    """The resource without some of its fields."""
    gone = set(names)
    return {k: v for k, v in resource.items() if k not in gone}


def _put(out: Document, new: Document, parts: list[str]) -> None:
    head, rest = parts[0], parts[1:]
    if rest:
        inner = dict(out.get(head) or {})
        _put(inner, new.get(head) or {}, rest)
        out[head] = inner
    elif head in new:
        out[head] = new[head]
    else:
        out.pop(head, None)


def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda m: m[1].upper(), name)
