"""Who owns which field: sets of paths, in and out of the ``managedFields`` form, and what an object's own set is.

A path is a tuple of FieldsV1 elements (``f:spec``, ``k:{"name":"main"}``, ``v:"a"``); only leaves are members, a part
that is atomic being one leaf.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from core.rehearsal.kubernetes.shapes import LIST, Shape
from core.rehearsal.kubernetes.status import Obj

Path = tuple[str, ...]
DEFAULT_KEYS = {"protocol": "TCP"}

UNOWNED = {("f:apiVersion",), ("f:kind",)} | {
    ("f:metadata", f"f:{name}")
    for name in (
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "managedFields",
        "selfLink",
        "generateName",
    )
}


def element(item: Any, keys: tuple[str, ...]) -> str:
    """The path element that names a list's item by its keys."""
    return "k:" + json.dumps({k: item.get(k, DEFAULT_KEYS.get(k)) for k in sorted(keys)}, separators=(",", ":"))


def keyed(shape: Shape | None, value: Any) -> tuple[str, ...]:
    """The keys by which this list merges; () where it is atomic or a set, or an item lacks a key."""
    if shape is None or shape.kind != LIST or not shape.keys or not value:
        return ()
    usable = all(isinstance(i, dict) and all(k in i or k in DEFAULT_KEYS for k in shape.keys) for i in value)
    return shape.keys if usable else ()


def leaves(shape: Shape | None, value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf of a value with its path."""
    if isinstance(value, dict) and value and not (shape is not None and shape.atomic):
        for name, item in value.items():
            below = (*path, f"f:{name}")
            if below not in UNOWNED:
                yield from leaves(shape.child(name) if shape is not None else None, item, below)
    elif isinstance(value, list) and (keys := keyed(shape, value)):
        assert shape is not None
        for item in value:
            yield from leaves(shape.item, item, (*path, element(item, keys)))
    elif isinstance(value, list) and shape is not None and shape.is_set:
        for item in value:
            yield (*path, "v:" + json.dumps(item)), item
    else:
        yield path, value


def owned(shape: Shape, obj: Obj, *, status: bool = False) -> dict[Path, Any]:
    """The leaves of an object, its status alone or all but its status."""
    part = {k: v for k, v in obj.items() if (k == "status") == status}
    return {path: value for path, value in leaves(shape, part) if path and path != ("f:metadata",)}


def write(paths: Iterable[Path]) -> Obj:
    """The FieldsV1 form of a set of paths."""
    root: Obj = {}
    for path in paths:
        node = root
        for part in path:
            node = node.setdefault(part, {".": {}} if part.startswith("k:") else {})
    return root


def read(node: Obj, path: Path = ()) -> set[Path]:
    """The set of paths of a FieldsV1 form."""
    found: set[Path] = set()
    for name, below in node.items():
        if name != ".":
            here = (*path, name)
            found |= read(below, here) or {here}
    return found


def dropped(before: set[Path], kept: set[Path]) -> set[Path]:
    """The paths that nobody owns any more; a map that was empty, and in which somebody owns something now, stays."""
    return {path for path in before - kept if not any(other[: len(path)] == path for other in kept)}


def remove(shape: Shape | None, value: Any, path: Path) -> Any:
    """The value without what stands at the path; a map or an item that has nothing else left goes too."""
    head, rest = path[0], path[1:]
    if head.startswith("k:"):
        return _remove_item(shape, value, head, rest)
    if head.startswith("v:"):
        gone = json.loads(head[2:])
        return [v for v in value if v != gone] if isinstance(value, list) else value
    name = head[2:]
    if not isinstance(value, dict) or name not in value:
        return value
    out = dict(value)
    if not rest:
        del out[name]
        return out
    out[name] = remove(shape.child(name) if shape is not None else None, value[name], rest)
    if out[name] in ({}, []) and value[name]:
        del out[name]
    return out


def _remove_item(shape: Shape | None, value: Any, head: str, rest: Path) -> Any:
    if not isinstance(value, list) or shape is None or not shape.keys:
        return value
    out = []
    for item in value:
        if element(item, shape.keys) != head:
            out.append(item)
            continue
        is_key = bool(rest) and rest[0].removeprefix("f:") in shape.keys
        left = item if is_key else remove(shape.item, item, rest) if rest else {}
        if set(left) - set(shape.keys):
            out.append(left)
    return out


def shown(path: Path) -> str:
    """A path as error messages show it: ``.spec.template.spec.containers[name="main"].image``."""
    text = ""
    for part in path:
        if part.startswith("k:"):
            keys = json.loads(part[2:])
            text += "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in keys.items()) + "]"
        else:
            text += ("." + part[2:]) if part.startswith("f:") else f"[={part[2:]}]"
    return text
