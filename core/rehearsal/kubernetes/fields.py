"""Who owns which field: sets of paths, in and out of the ``managedFields`` form, and how two objects differ in them.

A path is a tuple of FieldsV1 elements (``f:spec``, ``k:{"name":"main"}``, ``v:"a"``). A set holds leaves, a part that is
atomic being one leaf, and also what contains others where somebody made that: an item of a list by its keys, a map that
was not there before (the ``.`` of the written form). These are the rules of structured merge, which server-side apply and
every other write follow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from core.rehearsal.kubernetes.shapes import ANY, LIST, SCALAR, STRUCT, Shape
from core.rehearsal.kubernetes.status import Obj

Path = tuple[str, ...]
Paths = set[Path]
ZEROS: dict[str, Any] = {"protocol": "TCP", "containerPort": 0, "port": 0}
"""What stands for a key that an item of a built-in list lacks; of all others, nothing written down."""
ABSENT: Any = object()
"""Where nothing stands, which is not the same as null."""

UNOWNED = {("f:apiVersion",), ("f:kind",), ("f:metadata",)} | {
    ("f:metadata", f"f:{name}")
    for name in (
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
        "selfLink",
    )
}


def element(item: Any, keys: tuple[str, ...]) -> str:
    """The path element that names a list's item by its keys."""
    return "k:" + json.dumps({k: item.get(k, ZEROS.get(k, "")) for k in sorted(keys)}, separators=(",", ":"))


def elements(shape: Shape, items: list[Any]) -> list[str] | None:
    """The path elements of a list's items; None where an item lacks a key, so that they have none."""
    if shape.is_set:
        return ["v:" + json.dumps(item) for item in items]
    if all(isinstance(i, dict) and (shape.zero_keys or any(k in i for k in shape.keys)) for i in items):
        return [element(item, shape.keys) for item in items]
    return None


def _is_map(shape: Shape, value: Any) -> bool:
    return isinstance(value, dict) and shape.kind not in (LIST, SCALAR)


def _is_list(shape: Shape, value: Any) -> bool:
    """Whether a value is a list whose items have owners of their own."""
    return isinstance(value, list) and shape.kind == LIST and not shape.atomic


def below(shape: Shape, name: str) -> Shape:
    """The shape of a field."""
    return shape.child(name) or Shape(ANY)


def field_set(shape: Shape, value: Any, *, whole: bool = False) -> Paths:
    """What an applied configuration lays claim to; ``whole``: with what nobody owns, such as the name."""
    found = {path for path in _claimed(shape, value, ()) if path}
    return found if whole else found - UNOWNED


def _claimed(shape: Shape, value: Any, path: Path) -> Iterator[Path]:
    if _is_map(shape, value) and not shape.atomic:
        for name, item in value.items():
            inner, here = below(shape, name), (*path, f"f:{name}")
            yield from _claimed(inner, item, here)
            if item is None or item == {} or shape.kind != STRUCT or (shape.open and name not in shape.fields):
                yield here
    elif _is_list(shape, value) and (names := elements(shape, value)) is not None:
        for name, item in zip(names, value, strict=True):
            yield from _claimed(shape.item, item, (*path, name))
            yield (*path, name)
    else:
        yield path


@dataclass(slots=True)
class Difference:
    """How one object differs from another."""

    added: Paths = field(default_factory=set)
    removed: Paths = field(default_factory=set)
    modified: Paths = field(default_factory=set)

    def without(self, ignored: Iterable[Path]) -> Difference:
        """The difference, but for what stands at or below these paths."""
        prefixes = tuple(ignored)

        def kept(paths: Paths) -> Paths:
            return {p for p in paths if p not in UNOWNED and not any(p[: len(i)] == i for i in prefixes)}

        return Difference(kept(self.added), kept(self.removed), kept(self.modified))


def compare(shape: Shape, old: Any, new: Any) -> Difference:
    """What is in the new object and not in the old one, the other way, and what differs."""
    found = Difference()
    _compare(shape, old, new, (), found)
    return found


def _compare(shape: Shape, old: Any, new: Any, path: Path, found: Difference) -> None:
    if old is new:
        return
    maps = [v for v in (old, new) if _is_map(shape, v)]
    lists = [v for v in (old, new) if _is_list(shape, v)]
    whole = len(maps or lists) + sum(v is ABSENT or v is None for v in (old, new)) == 2
    if shape.atomic or not whole or not any(maps or lists):
        _leaf(old, new, path, found)
        return
    if maps:
        first, second = (v if isinstance(v, dict) else {} for v in (old, new))
        for name in first.keys() | second.keys():
            # what even an empty object holds is never made, and never goes
            lacking = [] if name in shape.solid else ABSENT
            pair = (first.get(name, lacking), second.get(name, lacking))
            _compare(below(shape, name), *pair, (*path, f"f:{name}"), found)
    elif not _compare_items(shape, old or [], new or [], path, found):
        _leaf(old, new, path, found)
        return
    if old is ABSENT:
        found.added.add(path)
    elif new is ABSENT:
        found.removed.add(path)


def _compare_items(shape: Shape, old: Any, new: Any, path: Path, found: Difference) -> bool:
    """Compares two lists item by item; False where the items can't be named."""
    sides = []
    for given in (old, new):
        items = given if isinstance(given, list) else []
        names = elements(shape, items)
        if names is None:
            return False
        sides.append(dict(zip(names, items, strict=True)))
    for name in sides[0].keys() | sides[1].keys():
        _compare(shape.item, sides[0].get(name, ABSENT), sides[1].get(name, ABSENT), (*path, name), found)
    return True


def _leaf(old: Any, new: Any, path: Path, found: Difference) -> None:
    if old is ABSENT:
        found.added.add(path)
    elif new is ABSENT:
        found.removed.add(path)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        found.modified.add(path)


def with_named(shape: Shape, paths: Paths) -> Paths:
    """The paths, and every field of a struct that one of them leads through."""
    out = set(paths)
    for path in paths:
        inner = shape
        for n, part in enumerate(path[:-1]):
            if part.startswith("f:") and inner.kind == STRUCT and part[2:] in inner.fields:
                out.add(path[: n + 1])
            inner = below(inner, part[2:]) if part.startswith("f:") else inner.item
    return out


def remove(shape: Shape, value: Any, paths: Paths) -> Any:
    """The value without what stands at the paths; None where nothing is left of it."""
    tree: Obj = {}
    for path in paths:
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[""] = True
    return _removed(shape, value, tree)


def _removed(shape: Shape, value: Any, tree: Obj) -> Any:
    if not value or shape.atomic:
        return None
    if _is_map(shape, value):
        kept = {}
        for name, item in value.items():
            node = tree.get(f"f:{name}", {})
            if "" in node:
                continue
            if (left := _removed(below(shape, name), item, node) if node else item) is not None or item is None:
                kept[name] = left
        return kept or None
    if _is_list(shape, value) and (names := elements(shape, value)) is not None:
        items = [(tree.get(name, {}), item) for name, item in zip(names, value, strict=True)]
        left_over = [_removed(shape.item, item, node) if node else item for node, item in items if "" not in node]
        return left_over or None
    return value


def write(paths: Iterable[Path]) -> Obj:
    """The FieldsV1 form of a set of paths."""
    root: Obj = {}
    every = set(paths)
    for path in sorted(every):
        node = root
        for n, part in enumerate(path):
            if part not in node:
                # what is a member itself and holds others says so; a leaf is empty
                inner: Obj = {".": {}} if n + 1 < len(path) and path[: n + 1] in every else {}
                node[part] = inner
            elif n + 1 < len(path) and path[: n + 1] in every:
                node[part].setdefault(".", {})
            node = node[part]
    return root


def read(node: Obj, path: Path = ()) -> Paths:
    """The set of paths of a FieldsV1 form."""
    found: Paths = set()
    for name, inner in node.items():
        if name == ".":
            found.add(path)
        elif inner:
            found |= read(inner, (*path, name))
        else:
            found.add((*path, name))
    return found


def shown(path: Path) -> str:
    """A path as error messages show it: ``.spec.template.spec.containers[name="main"].image``."""
    text = ""
    for part in path:
        if part.startswith("k:"):
            keys = json.loads(part[2:])
            text += "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in keys.items()) + "]"
        else:
            text += (
                "." + part[2:] if part.startswith("f:") else f"[{part[2:]}]" if part.startswith("i:") else f"[={part[2:]}]"
            )
    return text
