"""References to other resources: full links, paths relative to a service, and bare names."""

from __future__ import annotations

import re

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def relative(link: str) -> str:
    """The path from ``projects/`` on; what has none stays as it is."""
    found = re.search(r"projects/.*", link)
    return found.group(0) if found else link


def last_part(link: str) -> str:
    """The name at the end of a link."""
    return link.rstrip("/").rpartition("/")[2]


def completed(given: str, kind: str, *, parent: str = "") -> str:
    """A reference as it is sent: relative; a bare name below ``parent``, where that is given, and its collection."""
    if "/" not in given and parent:
        return f"{parent}/{kind}/{given}"
    return relative(given)


def same_resource(one: str, other: str) -> bool:
    """Whether two references name the same resource; a bare name is held against the other's name alone."""
    if "/" in one and "/" in other:
        return relative(one) == relative(other)
    return last_part(one) == last_part(other)


def seconds(text: str) -> float | None:
    """A duration such as ``30d``, ``720h`` or ``2592000s`` in seconds; None where it is none."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([dhms])", text)
    if not parts or "".join(n + u for n, u in parts) != text:
        return None
    return float(sum(float(number) * _UNITS[unit] for number, unit in parts))
