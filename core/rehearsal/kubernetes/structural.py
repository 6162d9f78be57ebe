"""Custom objects against the schema of their CRD: its defaults, and what it refuses, in the words of the real validator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from core.rehearsal.kubernetes.status import Obj

Cause = tuple[str, str, str]
INVALID, UNSUPPORTED, REQUIRED = "FieldValueInvalid", "FieldValueNotSupported", "FieldValueRequired"
MISTYPED = "FieldValueTypeInvalid"
_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def defaulted(schema: Obj, value: Any) -> Any:
    """The value with the defaults of its schema; a null that may not be one is gone."""
    if isinstance(value, dict):
        properties: Obj = schema.get("properties") or {}
        more = schema.get("additionalProperties")
        out = {k: v for k, v in value.items() if not (v is None and "default" in properties.get(k, {}))}
        for name, below in properties.items():
            if name not in out and "default" in below:
                out[name] = below["default"]
        inner = {**dict.fromkeys(out, more if isinstance(more, dict) else {}), **properties}
        return {k: defaulted(inner[k], v) for k, v in out.items()}
    if isinstance(value, list):
        return [defaulted(schema.get("items") or {}, item) for item in value]
    return value


def without_nulls(schema: Obj, value: Any) -> Any:
    """The value of a create or an update without the nulls that may not be; an apply keeps them, and is refused."""
    if isinstance(value, dict):
        properties: Obj = schema.get("properties") or {}
        kept = {k: v for k, v in value.items() if v is not None or k not in properties or properties[k].get("nullable")}
        return {k: without_nulls(properties.get(k) or {}, v) for k, v in kept.items()}
    if isinstance(value, list):
        return [without_nulls(schema.get("items") or {}, item) for item in value]
    return value


def causes(schema: Obj, obj: Obj) -> list[Cause]:
    """What a schema refuses of a custom object."""
    return [*_typed(schema, obj, ""), *_listed(schema, obj, "")]


def _typed(schema: Obj, value: Any, path: str) -> Iterator[Cause]:
    if value is None and schema.get("nullable"):
        return
    wanted = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        if isinstance(value, bool) or not isinstance(value, int | str):
            yield _mistyped(path, "integer,string", value)
        return
    if wanted and not _is(wanted, value):
        yield _mistyped(path, wanted, value)
        if wanted == "integer" and isinstance(value, float):
            words = f'Invalid value: "": Checked value must be of type integer (default format) in {path}'
            yield ("<nil>", INVALID, words)
        return
    yield from _bounds(schema, value, path)
    if (allowed := schema.get("enum")) and value not in allowed:
        shown = ", ".join(json.dumps(v) for v in allowed)
        yield (path, UNSUPPORTED, f"Unsupported value: {json.dumps(value)}: supported values: {shown}")
    if isinstance(value, dict):
        yield from _object(schema, value, path)
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from _typed(schema.get("items") or {}, item, f"{path}[{n}]")


def _is(wanted: str, value: Any) -> bool:
    if wanted == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if wanted == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return {"string": str, "boolean": bool, "object": dict, "array": list}.get(wanted, object) in (type(value), object)


def _mistyped(path: str, wanted: str, value: Any) -> Cause:
    name = _NAMES[type(value)]
    return (path, MISTYPED, f'Invalid value: "{name}": {path} in body must be of type {wanted}: "{name}"')


def _object(schema: Obj, value: Obj, path: str) -> Iterator[Cause]:
    properties: Obj = schema.get("properties") or {}
    more = schema.get("additionalProperties")
    for name in schema.get("required") or ():
        if name not in value:
            yield (f"{path}.{name}" if path else name, REQUIRED, "Required value")
    for name, item in sorted(value.items()):
        below = f"{path}.{name}" if path else name
        if name in properties:
            yield from _typed(properties[name], item, below)
        elif isinstance(more, dict):
            yield from _typed(more, item, below)


def _bounds(schema: Obj, value: Any, path: str) -> Iterator[Cause]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if (least := schema.get("minimum")) is not None and value < least:
            yield (path, INVALID, f"Invalid value: {value}: {path} in body should be greater than or equal to {least}")
        if (most := schema.get("maximum")) is not None and value > most:
            yield (path, INVALID, f"Invalid value: {value}: {path} in body should be less than or equal to {most}")
    elif isinstance(value, str):
        yield from _text(schema, value, path)
    elif isinstance(value, list):
        if (most := schema.get("maxItems")) is not None and len(value) > most:
            words = f"Too many: {len(value)}: must have at most {most} items"
            yield (path, "FieldValueTooMany", words)
        if (least := schema.get("minItems")) is not None and len(value) < least:
            words = f"Invalid value: {len(value)}: {path} in body should have at least {least} items"
            yield (path, INVALID, words)


def _text(schema: Obj, value: str, path: str) -> Iterator[Cause]:
    quoted = json.dumps(value)
    if (most := schema.get("maxLength")) is not None and len(value) > most:
        yield (path, "FieldValueTooLong", f"Too long: may not be more than {most} bytes")
    if (least := schema.get("minLength")) is not None and len(value) < least:
        yield (path, INVALID, f"Invalid value: {quoted}: {path} in body should be at least {least} chars long")
    if (pattern := schema.get("pattern")) and not re.search(pattern, value):
        yield (path, INVALID, f"Invalid value: {quoted}: {path} in body should match '{pattern}'")
    if schema.get("format") == "date-time" and not _TIME.fullmatch(value):
        yield (path, MISTYPED, f"Invalid value: {quoted}: {path} in body must be of type date-time: {quoted}")


def _listed(schema: Obj, value: Any, path: str) -> Iterator[Cause]:
    """What is twice in a list whose items have keys, or that is a set."""
    if isinstance(value, dict):
        for name, item in value.items():
            if (below := (schema.get("properties") or {}).get(name)) is not None:
                yield from _listed(below, item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        kind, seen = schema.get("x-kubernetes-list-type"), []
        keys = schema.get("x-kubernetes-list-map-keys") or ()
        for n, item in enumerate(value):
            key = {k: item[k] for k in keys if k in item} if kind == "map" and isinstance(item, dict) else item
            if kind in ("map", "set") and key in seen:
                yield (f"{path}[{n}]", "FieldValueDuplicate", f"Duplicate value: {json.dumps(key, separators=(',', ':'))}")
            seen.append(key)
            yield from _listed(schema.get("items") or {}, item, f"{path}[{n}]")
