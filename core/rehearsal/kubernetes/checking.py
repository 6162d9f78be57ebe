"""Whether an object fits its shape: unknown fields, mistyped ones, missing ones, values that are not on the list.

What the real server does with each differs by the way it came: a create decodes (mistyped is 400; unknown is refused,
warned of or dropped by ``fieldValidation``), a server-side apply makes a typed value first (both are a bare 500, whatever
``fieldValidation`` says), and what is missing is 422 after either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.shapes import ANY, LIST, MAP, SCALAR, STRUCT, Shape
from core.rehearsal.kubernetes.status import Obj, bad_request

UNKNOWN, MISTYPED, MISSING, UNSUPPORTED = "unknown", "mistyped", "missing", "unsupported"
Problem = tuple[str, str, str]
"""(what, path, words)"""

_QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([EPTGMKk]i?|[numk]|[eE][+-]?\d+)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_NAMES = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}


def _scalar_fits(accepts: str, value: Any) -> bool:
    if accepts == "str":
        return isinstance(value, str)
    if accepts == "bool":
        return isinstance(value, bool)
    if accepts == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if accepts == "float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if accepts == "int-or-string":
        return isinstance(value, int | str) and not isinstance(value, bool)
    if accepts == "datetime":
        return isinstance(value, str) and bool(_TIME.fullmatch(value))
    if accepts == "quantity":
        return not isinstance(value, bool) and isinstance(value, int | float | str) and bool(_QUANTITY.fullmatch(str(value)))
    return True


def problems(shape: Shape, value: Any, path: str = "") -> Iterator[Problem]:
    """Everything about a value that does not fit its shape."""
    if value is None or shape.kind == ANY:
        return
    if shape.kind == SCALAR:
        yield from _scalar_problems(shape, value, path)
    elif shape.kind == LIST:
        if not isinstance(value, list):
            yield MISTYPED, path, f"expected list, got {_word(value)}"
            return
        for n, item in enumerate(value):
            yield from problems(shape.item, item, f"{path}[{n}]")
    elif not isinstance(value, dict):
        yield MISTYPED, path, f"expected map, got {_word(value)}"
    elif shape.kind == MAP:
        for name, item in value.items():
            yield from problems(shape.item, item, f"{path}.{name}" if path else name)
    elif shape.kind == STRUCT:
        yield from _struct_problems(shape, value, path)


def _scalar_problems(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    if not _scalar_fits(shape.accepts, value):
        wanted = {"str": "string", "int": "numeric (int or float)", "float": "numeric (int or float)", "bool": "bool"}
        yield MISTYPED, path, f"expected {wanted.get(shape.accepts, shape.accepts)}, got {_word(value)}"
    elif shape.enum and value not in shape.enum:
        allowed = ", ".join(f'"{v}"' for v in shape.enum)
        yield UNSUPPORTED, path, f'Unsupported value: "{value}": supported values: {allowed}'


def _struct_problems(shape: Shape, value: Obj, path: str) -> Iterator[Problem]:
    for name, item in value.items():
        below = f"{path}.{name}" if path else name
        child = shape.child(name)
        if child is None:
            yield UNKNOWN, below, "field not declared in schema"
        else:
            yield from problems(child, item, below)
    for name in shape.required:
        if value.get(name) is None:
            yield MISSING, f"{path}.{name}" if path else name, "Required value"


def _word(value: Any) -> str:
    return f"&value.valueUnstructured{{Value:{value}}}" if value is None else _NAMES.get(type(value), type(value).__name__)


def decoded(shape: Shape, resource: Resource, obj: Obj, directive: str) -> tuple[Obj, list[str]]:
    """A created or replaced object as the server decodes it, and the warnings that go with it.

    Raises `ApiError` (400) for a mistyped field always, for an unknown one with ``Strict``; otherwise drops what is
    unknown, with a warning unless ``Ignore``.
    """
    found = [p for p in problems(shape, obj) if p[0] in (UNKNOWN, MISTYPED)]
    mistyped = [p for p in found if p[0] == MISTYPED]
    if mistyped:
        _, path, words = mistyped[0]
        field = f"Go struct field {resource.kind}.{path}"
        raise bad_request(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
            f"json: cannot unmarshal into {field}: {words}"
        )
    unknown = [f'unknown field "{path}"' for kind, path, _ in found if kind == UNKNOWN]
    if not unknown:
        return obj, []
    if directive == "Strict":
        where = (
            ""
            if resource.custom
            else f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
        )
        raise bad_request(f"{where}strict decoding error: {', '.join(unknown)}")
    return pruned(shape, obj), [] if directive == "Ignore" else unknown


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
