"""Whether an object fits its shape: unknown fields, mistyped ones, missing ones.

What the real server does with each differs by the way it came: a create decodes (mistyped is 400; unknown is refused,
warned of or dropped by ``fieldValidation``), a server-side apply makes a typed value first (both are a bare 500, whatever
``fieldValidation`` says), and what is missing is 422 after either. The words are those of the real server's decoders.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from core.rehearsal.kubernetes.fields import elements, shown
from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.shapes import ANY, LIST, MAP, SCALAR, STRUCT, Shape
from core.rehearsal.kubernetes.status import ApiError, Obj, bad_request

_QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([EPTGMKk]i?|[numk]|[eE][+-]?\d+)?")
_QUANTITY_WORDS = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_JSON_NAMES = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}
_GO_NAMES = {
    dict: "map[string]interface {}",
    list: "[]interface {}",
    str: "string",
    bool: "bool",
    int: "int64",
    float: "float64",
}
_GO_TYPES = {
    "str": "string",
    "int": "int32",
    "bool": "bool",
    "float": "float64",
    "bytes": "[]uint8",
    "quantity": "resource.Quantity",
}
_GO_TYPES |= {"int-or-string": "int32", "datetime": "string"}


def unknown(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """The paths of the fields that a shape does not have."""
    if shape.kind == STRUCT and isinstance(value, dict):
        for name, item in value.items():
            below = f"{path}.{name}" if path else name
            child = shape.child(name)
            if child is None:
                yield below
            else:
                yield from unknown(child, item, below)
    elif shape.kind == MAP and isinstance(value, dict):
        for name, item in value.items():
            yield from unknown(shape.item, item, f"{path}.{name}")
    elif shape.kind == LIST and isinstance(value, list):
        for n, item in enumerate(value):
            yield from unknown(shape.item, item, f"{path}[{n}]")


def missing(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """The paths of the fields that must be there and are not."""
    if shape.kind == STRUCT and isinstance(value, dict):
        for name in shape.required:
            if value.get(name) is None:
                yield f"{path}.{name}" if path else name
        for name, item in value.items():
            if (child := shape.child(name)) is not None:
                yield from missing(child, item, f"{path}.{name}" if path else name)
    elif shape.kind == LIST and isinstance(value, list):
        for n, item in enumerate(value):
            yield from missing(shape.item, item, f"{path}[{n}]")


# -- as the JSON decoder of a create or an update sees it


def mistyped(shape: Shape, value: Any, owner: str, path: str = "") -> str:
    """Why the decoder can't take a value into its type; empty where it can. ``owner`` is the type that holds the field."""
    if value is None or shape.kind == ANY:
        return ""
    if shape.kind == STRUCT and isinstance(value, dict):
        found = (
            mistyped(child, item, shape.name or owner, f"{path}.{name}" if path else name)
            for name, item in value.items()
            if (child := shape.child(name)) is not None
        )
    elif shape.kind == MAP and isinstance(value, dict):
        found = (mistyped(shape.item, item, owner, path) for item in value.values())
    elif shape.kind == LIST and isinstance(value, list):
        found = (mistyped(shape.item, item, owner, path) for item in value)
    elif shape.kind == SCALAR:
        return _scalar(shape.accepts, value, owner, path)
    else:
        return _unmarshal(value, owner, path, go_type(shape))
    return next((words for words in found if words), "")


def _unmarshal(value: Any, owner: str, path: str, wanted: str) -> str:
    return f"json: cannot unmarshal {_JSON_NAMES[type(value)]} into Go struct field {owner}.{path} of type {wanted}"


def _scalar(accepts: str, value: Any, owner: str, path: str) -> str:
    if accepts == "quantity" and isinstance(value, int | float | str) and not isinstance(value, bool):
        return "" if _QUANTITY.fullmatch(str(value)) else _QUANTITY_WORDS
    if accepts == "bytes" and isinstance(value, str):
        return _not_base64(value)
    if accepts == "datetime" and isinstance(value, str):
        layout = "2006-01-02T15:04:05Z07:00"
        fits = _TIME.fullmatch(value)
        return "" if fits else f'parsing time "{value}" as "{layout}": cannot parse "{value}" as "2006"'
    fits_type = {
        "str": isinstance(value, str),
        "bool": isinstance(value, bool),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, int | float) and not isinstance(value, bool),
        "int-or-string": isinstance(value, int | str) and not isinstance(value, bool),
    }
    return "" if fits_type.get(accepts, False) else _unmarshal(value, owner, path, _GO_TYPES[accepts])


def _not_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        m = re.match(r"[A-Za-z0-9+/]*", text)
        return f"illegal base64 data at input byte {m.end() if m and m.end() < len(text) else max(len(text) - 1, 0)}"
    return ""


def go_type(shape: Shape) -> str:
    """The type of a field in the decoder's words."""
    if shape.kind == LIST:
        return f"[]{go_type(shape.item)}"
    if shape.kind == MAP:
        return "v1.ResourceList" if shape.item.accepts == "quantity" else f"map[string]{go_type(shape.item)}"
    return _GO_TYPES.get(shape.accepts, "") if shape.kind == SCALAR else f"v1.{shape.name}"


def decoded(shape: Shape, resource: Resource, obj: Obj, directive: str, *, patched: bool = False) -> tuple[Obj, list[str]]:
    """A created or replaced object as the server decodes it, and the warnings that go with it.

    Raises `ApiError` (400) for a mistyped field always, for an unknown one with ``Strict``; otherwise drops what is
    unknown, with a warning unless ``Ignore``. Of a custom object only the metadata has types; the rest has a schema.
    """
    head = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
    if resource.custom:
        words = mistyped(shape.child("metadata") or shape, obj.get("metadata"), "ObjectMeta", "")
        words = words.replace("Go struct field ObjectMeta.metadata.", "Go struct field ObjectMeta.")
    else:
        words = mistyped(shape, obj, resource.kind)
    if words:
        raise refused_patch(obj, words) if patched else bad_request(head + words)
    found = [f'unknown field "{path}"' for path in unknown(shape, obj)]
    if not found:
        return obj, []
    if directive == "Strict":
        words = f"strict decoding error: {', '.join(found)}"
        raise refused_patch(obj, words) if patched else bad_request(head + words)
    return pruned(shape, obj), [] if directive == "Ignore" else found


def refused_patch(obj: Obj, words: str) -> ApiError:
    """422 for a patch whose outcome can't be decoded."""
    words = f"Invalid value: {json.dumps(json.dumps(obj, separators=(',', ':')))}: {words}"
    cause = {"reason": "FieldValueInvalid", "message": words, "field": "patch"}
    return ApiError(422, "Invalid", f' "" is invalid: patch: {words}', {"causes": [cause]})


def pruned(shape: Shape, value: Any) -> Any:
    """The value without the fields that its shape does not have."""
    if shape.kind == STRUCT and isinstance(value, dict):
        kept = ((k, v, shape.child(k)) for k, v in value.items())
        return {k: pruned(child, v) for k, v, child in kept if child is not None}
    if shape.kind == MAP and isinstance(value, dict):
        return {k: pruned(shape.item, v) for k, v in value.items()}
    if shape.kind == LIST and isinstance(value, list):
        return [pruned(shape.item, v) for v in value]
    return value


# -- as the typed value of an apply sees it


def typed(resource: Resource, shape: Shape, obj: Obj, given: Obj) -> None:
    """Refuses what can't be made a typed value, as a bare 500; ``given`` is the object as it was sent."""
    metadata = given.get("metadata") or {}
    group = f"{resource.group}/{resource.version}"
    what = f"{metadata.get('namespace', '')}/{obj['metadata'].get('name')}; {group}, Kind={resource.kind}"
    if bad := list(_untypable(shape, obj, ())):
        text = bad[0] if len(bad) == 1 else "errors:\n" + "\n".join(f"  {b}" for b in sorted(bad))
        raise ApiError(500, "", f"failed to create typed patch object ({what}): {text}")
    if resource.custom:
        return
    if words := mistyped(shape, obj, resource.kind):
        kind = f"{group.lstrip('/') if resource.group else '/' + resource.version}, Kind={resource.kind}"
        how = "error decoding from json: " if words.startswith("illegal") else ""
        words = f"to proper version: unable to convert unstructured object to {kind}: {how}{words}"
        raise ApiError(500, "", f"failed to convert new object ({what}) {words}")


def _untypable(shape: Shape, value: Any, path: tuple[str, ...]) -> Iterator[str]:
    if value is None or shape.kind == ANY:
        return
    if shape.kind == SCALAR:
        if words := _no_scalar(shape.accepts, value):
            yield f"{shown(path)}: {words}"
    elif shape.kind == LIST:
        yield from _untypable_items(shape, value, path)
    elif not isinstance(value, dict):
        yield f"{shown(path)}: expected map, got &{{{_go(value)}}}"
    else:
        for name, item in value.items():
            child = shape.child(name)
            if child is None:
                # the first of them is all that is said
                yield f"{shown((*path, f'f:{name}'))}: field not declared in schema"
                return
            yield from _untypable(child, item, (*path, f"f:{name}"))


def _untypable_items(shape: Shape, value: Any, path: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{shown(path)}: expected list, got &{{{_go(value)}}}"
        return
    if shape.atomic:
        for n, item in enumerate(value):
            yield from _untypable(shape.item, item, (*path, f"i:{n}"))
        return
    names = elements(shape, value)
    if names is None:
        keys = json.dumps(list(shape.keys)).replace(", ", " ")
        for n, item in enumerate(value):
            if elements(shape, [item]) is None:
                words = f"associative list with keys has an element that omits all key fields {keys}"
                yield f"{shown(path)}: element {n}: {words} (and doesn't have default values for any key fields)"
        return
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        yield f"{shown(path)}: duplicate entries for key {shown((name,))}"
    for name, item in zip(names, value, strict=True):
        yield from _untypable(shape.item, item, (*path, name))


def _no_scalar(accepts: str, value: Any) -> str:
    if accepts in ("str", "bytes", "datetime") and not isinstance(value, str):
        return f"expected string, got &value.valueUnstructured{{Value:{_go_syntax(value)}}}"
    if accepts in ("int", "float") and (isinstance(value, bool) or not isinstance(value, int | float)):
        return f"expected numeric (int or float), got {_GO_NAMES[type(value)]}"
    if accepts == "bool" and not isinstance(value, bool):
        return f"expected boolean, got &{{{_go(value)}}}"
    if isinstance(value, dict | list):
        return f"expected any scalar, got &{{{_go(value)}}}"
    return ""


def _go(value: Any) -> str:
    """A value as Go prints it."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{k}:{_go(v)}" for k, v in sorted(value.items())) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(_go, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else "<nil>" if value is None else str(value)


def _go_syntax(value: Any) -> str:
    if isinstance(value, dict | list):
        braces = "{}" if not value else "{…}"
        return _GO_NAMES[type(value)] + braces
    return _go(value)
