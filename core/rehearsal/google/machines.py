"""The sizes of Compute's machine types, by their names."""

from __future__ import annotations

import re

_FAMILIES: dict[str, tuple[float, tuple[int, ...]]] = {
    "e2-standard": (4, (2, 4, 8, 16, 32)), "e2-highmem": (8, (2, 4, 8, 16)), "e2-highcpu": (1, (2, 4, 8, 16, 32)),
    "n1-standard": (3.75, (1, 2, 4, 8, 16, 32)), "n2-standard": (4, (2, 4, 8, 16, 32, 48)), "n2-highmem": (8, (2, 4,
        8, 16, 32)),
    "n2d-standard": (4, (2, 4, 8, 16, 32)), "c3-standard": (4, (4, 8, 22)), "c2-standard": (4, (4, 8, 16)),
    "n4-standard": (4, (2, 4, 8, 16)),
}  # fmt: skip
_SHARED = {"e2-micro": (2, 1024), "e2-small": (2, 2048), "e2-medium": (2, 4096), "f1-micro": (1, 614), "g1-small": (1, 1740)}


def size(name: str) -> tuple[float, int] | None:
    """vCPUs and megabytes of a machine type, or None where there is none of that name."""
    if name in _SHARED:
        cpus, memory = _SHARED[name]
        return cpus, memory
    family, _, size = name.rpartition("-")
    known = _FAMILIES.get(family)
    if known is not None and size.isdigit() and int(size) in known[1]:
        return int(size), int(int(size) * known[0] * 1024)
    custom = re.fullmatch(r"(?:(e2|n2|n2d|n4)-)?custom-(\d+)-(\d+)", name)
    return (int(custom[2]), int(custom[3])) if custom else None


def names() -> list[str]:
    """The types that a zone lists; sizes of one's own are not among them."""
    return [*_SHARED, *(f"{family}-{size}" for family, (_, sizes) in _FAMILIES.items() for size in sizes)]


def is_shared(name: str) -> bool:
    """Whether a type's vCPUs are shared with others."""
    return name in _SHARED
