"""The ways of changing an object: server-side apply's merge, strategic and JSON merge patches, and JSON patches."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from core.rehearsal.kubernetes.fields import element, keyed
from core.rehearsal.kubernetes.shapes import Shape
from core.rehearsal.kubernetes.status import ApiError, Obj, bad_request


def apply(shape: Shape | None, live: Any, new: Any) -> Any:
    """The live value with what is applied laid over it: maps merge, keyed lists merge by key, sets unite."""
    if isinstance(live, dict) and isinstance(new, dict) and not (shape is not None and shape.atomic):
        out = dict(live)
        for name, value in new.items():
            out[name] = apply(shape.child(name) if shape is not None else None, live.get(name), value)
        return out
    if isinstance(live, list) and isinstance(new, list) and shape is not None:
        if keys := keyed(shape, new):
            return _merge_items(shape, live, new, keys)
        if shape.is_set:
            return [*live, *(v for v in new if v not in live)]
    return new


def _merge_items(shape: Shape, live: list[Any], new: list[Any], keys: tuple[str, ...]) -> list[Any]:
    out = list(live)
    index = {element(item, keys): n for n, item in enumerate(live)}
    for item in new:
        if (at := index.get(element(item, keys))) is None:
            out.append(item)
        else:
            out[at] = apply(shape.item, out[at], item)
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
            out[name] = strategic(shape.child(name) if shape is not None else None, out.get(name), value)
    return out


def _strategic_list(shape: Shape, live: list[Any], patch: list[Any]) -> list[Any]:
    key = shape.keys[0]
    if any(isinstance(i, dict) and i.get("$patch") == "replace" for i in patch):
        return [i for i in patch if i.get("$patch") != "replace"]
    out = list(live)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"map: {item!r} does not contain declared merge key: {key}")
        at = next((n for n, i in enumerate(out) if i.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            out = [i for i in out if i.get(key) != item[key]]
        elif at is None:
            out.append(_strategic_map(shape.item, {}, item))
        else:
            out[at] = _strategic_map(shape.item, out[at], item)
    return out


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
                raise _unprocessable(f"testing path {operation['path']} failed")
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
        raise _unprocessable(f"the server rejected our request due to an error in our request: {error!r}") from error
    raise bad_request(f"Unexpected kind: {kind}")


def _unprocessable(message: str) -> ApiError:
    return ApiError(422, "Invalid", message)


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
