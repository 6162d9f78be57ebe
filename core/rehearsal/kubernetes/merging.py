"""The ways of changing an object: server-side apply's merge, strategic and JSON merge patches, and JSON patches."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from core.rehearsal.kubernetes.fields import elements
from core.rehearsal.kubernetes.shapes import LIST, Shape
from core.rehearsal.kubernetes.status import ApiError, Obj, bad_request


def apply(shape: Shape | None, live: Any, new: Any) -> Any:
    """The live value with what is applied laid over it: maps merge, lists merge item by item, what is atomic is replaced."""
    if shape is not None and shape.atomic:
        return new
    if isinstance(new, dict) and isinstance(live, dict):
        out = dict(live)
        for name, value in new.items():
            out[name] = apply(shape.child(name) if shape is not None else None, live.get(name), value)
        return out
    if isinstance(new, list) and isinstance(live, list) and shape is not None and shape.kind == LIST:
        return _merged_items(shape, live, new)
    # null says nothing of a map or a list that has owners of its own
    return live if new is None and isinstance(live, dict | list) else new


def _merged_items(shape: Shape, live: list[Any], new: list[Any]) -> list[Any]:
    """Two lists of named items as one: what both have in the order of the new one, the rest where it stood."""
    lefts, rights = elements(shape, live), elements(shape, new)
    if lefts is None or rights is None:
        return new
    left, right = dict(zip(lefts, live, strict=True)), dict(zip(rights, new, strict=True))
    shared = [name for name in rights if name in left]
    out: list[Any] = []
    merged: set[str] = set()
    at = of = 0
    while at < len(lefts) or of < len(rights):
        name = lefts[at] if at < len(lefts) else None
        if name is not None and (name in merged or (name in right and of < len(rights) and shared[:1] != [name])):
            # it comes where the new list has it
            at += 1
        elif name is not None and name not in right:
            out.append(live[at])
            at += 1
        elif of < len(rights):
            taken = rights[of]
            merged.add(taken)
            out.append(apply(shape.item, left[taken], right[taken]) if taken in left else right[taken])
            shared = [s for s in shared if s != taken]
            of += 1
    return out


def merge_patch(live: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    out = dict(live) if isinstance(live, dict) else {}
    for name, value in patch.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = merge_patch(out.get(name), value)
    return out


def strategic(shape: Shape | None, live: Any, patch: Any) -> Any:
    """Kubernetes' strategic merge patch, with its ``$patch``, ``$retainKeys``, ``$setElementOrder`` and ``$deleteFrom…``."""
    if isinstance(patch, dict):
        return _strategic_map(shape, live if isinstance(live, dict) else {}, patch)
    if isinstance(patch, list) and shape is not None:
        if shape.is_set and isinstance(live, list):
            return [*live, *(v for v in patch if v not in live)]
        if shape.keys:
            return _strategic_list(shape, live if isinstance(live, list) else [], patch)
    return patch


def _strategic_map(shape: Shape | None, live: Obj, patch: Obj) -> Obj:
    directive = patch.get("$patch")
    if directive == "replace":
        return {k: v for k, v in patch.items() if k != "$patch"}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise ApiError(500, "", f"unknown patch type: {directive} in map: map[$patch:{directive}]")
    retained = patch.get("$retainKeys")
    out = {k: v for k, v in live.items() if retained is None or k in retained}
    for name, value in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            target = name.partition("/")[2]
            out[target] = [v for v in out.get(target, []) if v not in value]
        elif name.startswith("$"):
            continue
        elif value is None:
            out.pop(name, None)
        else:
            out[name] = _strategic_field(shape, name, out.get(name), value, patch.get(f"$setElementOrder/{name}"))
    for name in patch:
        if name.startswith("$setElementOrder/") and (target := name.partition("/")[2]) not in patch and target in out:
            out[target] = _strategic_field(shape, target, out[target], [], patch[name])
    return out


def _strategic_field(shape: Shape | None, name: str, live: Any, value: Any, order: Any) -> Any:
    child = shape.child(name) if shape is not None else None
    if isinstance(value, list) and isinstance(order, list) and child is not None and child.keys:
        keys = [i.get(child.keys[0]) if isinstance(i, dict) else i for i in order]
        return _strategic_list(child, live if isinstance(live, list) else [], value, keys)
    return strategic(child, live, value)


def _ordered(key: str, live: list[Any], merged: list[Any], order: list[Any]) -> list[Any]:
    """The items of a merged list: those that the patch names in its order, the others where they stood before them."""
    before = [i.get(key) for i in live]
    named = sorted((i for i in merged if i.get(key) in order), key=lambda i: order.index(i.get(key)))
    others = [i for i in merged if i.get(key) not in order]
    out: list[Any] = []
    while named or others:
        first, second = (others[0].get(key) if others else None), (named[0].get(key) if named else None)
        earlier = first in before and second in before and before.index(first) < before.index(second)
        out.append((others if not named or (others and earlier) else named).pop(0))
    return out


def _strategic_list(shape: Shape, live: list[Any], patch: list[Any], order: list[Any] | None = None) -> list[Any]:
    key = shape.keys[0]
    if any(isinstance(i, dict) and i.get("$patch") == "replace" for i in patch):
        return [i for i in patch if i.get("$patch") != "replace"]
    out = list(live)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            shown = " ".join(f"{k}:{v}" for k, v in item.items()) if isinstance(item, dict) else item
            raise ApiError(500, "", f"map: map[{shown}] does not contain declared merge key: {key}")
        at = next((n for n, i in enumerate(out) if i.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            out = [i for i in out if i.get(key) != item[key]]
        elif at is None:
            out.append(_strategic_map(shape.item, {}, item))
        else:
            out[at] = _strategic_map(shape.item, out[at], item)
    return _ordered(key, live, out, order or [i[key] for i in patch])


def json_patch(live: Obj, operations: Any) -> Obj:
    """RFC 6902."""
    if not isinstance(operations, list):
        raise bad_request("a JSON patch is a list of operations")
    document: Any = copy.deepcopy(live)
    for operation in operations:
        document = _operate(document, operation)
    if not isinstance(document, dict):
        raise bad_request("the patch leaves no object")
    return document


def _operate(document: Any, operation: Obj) -> Any:
    kind, path = operation.get("op"), _pointer(operation.get("path", ""))
    try:
        if kind == "test":
            if _at(document, path) != operation.get("value"):
                raise _unprocessable()
            return document
        if kind in ("move", "copy"):
            value = copy.deepcopy(_at(document, _pointer(operation["from"])))
            if kind == "move":
                document = _drop(document, _pointer(operation["from"]))
            return _put(document, path, value, add=True)
        if kind == "remove":
            return _drop(document, path)
        if kind in ("add", "replace"):
            if kind == "replace":
                _at(document, path)
            return _put(document, path, operation.get("value"), add=kind == "add")
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _unprocessable() from error
    raise _unprocessable()


def _unprocessable() -> ApiError:
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def _pointer(text: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _step(node: Any, part: str) -> Any:
    return node[int(part)] if isinstance(node, list) else node[part]


def _at(document: Any, path: Sequence[str]) -> Any:
    for part in path:
        document = _step(document, part)
    return document


def _put(document: Any, path: Sequence[str], value: Any, *, add: bool) -> Any:
    if not path:
        return value
    parent = _at(document, path[:-1])
    if isinstance(parent, list):
        if add:
            parent.insert(len(parent) if path[-1] == "-" else int(path[-1]), value)
        else:
            parent[int(path[-1])] = value
    else:
        parent[path[-1]] = value
    return document


def _drop(document: Any, path: Sequence[str]) -> Any:
    parent = _at(document, path[:-1])
    if isinstance(parent, list):
        del parent[int(path[-1])]
    else:
        del parent[path[-1]]
    return document
