"""What the real server publishes of its types, beside what the simulator knows of them: each field, and how it merges.

Server-side apply, strict validation and patches all stand on this, so it is compared type by type and not only where a
request happens to touch it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.rehearsal.kubernetes import shapes
from core.rehearsal.kubernetes.resources import BUILTIN
from core.rehearsal.kubernetes.shapes import ANY, LIST, MAP, STRUCT, Shape
from tests.conformance.frame import Check
from tests.conformance.kubernetes.side import Obj, Side

_LEAVES = {"string", "integer", "boolean", "number"}
_OPEN = {"JSON", "JSONSchemaProps", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrArray", "RawExtension", "FieldsV1"}
"""Types whose content is any."""


async def compared(real: Side) -> list[Check]:
    """A check for each type that a resource of the simulator is made of."""
    found: dict[str, Check] = {}
    for version in sorted({r.api_version for r in BUILTIN.values()}):
        base = f"apis/{version}" if "/" in version else f"api/{version}"
        document = (await real.tell("GET", f"/openapi/v3/{base}")).body
        schemas = document["components"]["schemas"]
        for resource in BUILTIN.values():
            if resource.api_version == version:
                name = _root(schemas, resource.group, resource.version, resource.kind)
                _walk(schemas, name, shapes.of(resource), found)
    return list(found.values())


def _root(schemas: Obj, group: str, version: str, kind: str) -> str:
    wanted = {"group": group, "version": version, "kind": kind}
    return next(n for n, s in schemas.items() if wanted in s.get("x-kubernetes-group-version-kind", ()))


def _walk(schemas: Obj, name: str, shape: Shape, found: dict[str, Check]) -> None:
    short = name.removeprefix("io.k8s.")
    key = f"type {short}"
    if key in found or name.rpartition(".")[2] in _OPEN:
        return
    schema = schemas[name]
    properties: Obj = schema.get("properties") or {}
    real = {"": _itself(schema), **{n: _word(schemas, s) for n, s in properties.items()}}
    ours = {"": "atomic" if shape.atomic else ""}
    ours |= {n: _ours(s, schemas, properties.get(n, {})) for n, s in shape.fields.items()} if shape.kind == STRUCT else {}
    found[key] = Check(key, real, ours)
    for field, sub in properties.items():
        child = shape.child(field)
        for below, inner in _below(schemas, sub, child):
            _walk(schemas, below, inner, found)


def _below(schemas: Obj, schema: Obj, shape: Shape | None) -> Iterator[tuple[str, Shape]]:
    """The types that a field leads to."""
    if shape is None or shape.kind == ANY:
        return
    schema = _plain(schema)
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if schemas[name].get("properties") and shape.kind == STRUCT:
            yield name, shape
    elif schema.get("type") == "array" and shape.kind == LIST:
        yield from _below(schemas, schema["items"], shape.item)
    elif "additionalProperties" in schema and shape.kind == MAP:
        yield from _below(schemas, schema["additionalProperties"], shape.item)


def _plain(schema: Obj) -> Obj:
    """A schema without the ``allOf`` that only adds a default."""
    if len(parts := schema.get("allOf", ())) == 1:
        return {**{k: v for k, v in schema.items() if k != "allOf"}, **parts[0]}
    return schema


def _itself(schema: Obj) -> str:
    return "atomic" if schema.get("x-kubernetes-map-type") == "atomic" else ""


def _word(schemas: Obj, schema: Any) -> str:
    """How a field merges: ``value``, ``struct``, ``map``, or a list of its kind."""
    schema = _plain(schema)
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        target = schemas[name]
        if not target.get("properties"):
            return "value" if target.get("type") in _LEAVES or "oneOf" in target else "any"
        return "atomic struct" if "atomic" in (_itself(schema), _itself(target)) else "struct"
    if schema.get("type") == "array":
        return _list(schema.get("x-kubernetes-list-type", "atomic"), schema.get("x-kubernetes-list-map-keys", ()))
    if "additionalProperties" in schema:
        return "atomic map" if _itself(schema) else "map"
    return "value" if schema.get("type") in _LEAVES or "oneOf" in schema else "any"


def _list(kind: str, keys: Any) -> str:
    return f"list by {','.join(sorted(keys))}" if kind == "map" else "set" if kind == "set" else "list"


def _ours(shape: Shape, schemas: Obj, schema: Obj) -> str:
    if shape.kind == LIST:
        return _list("map" if shape.keys else "set" if shape.is_set else "atomic", shape.keys)
    if shape.kind in (MAP, STRUCT):
        return f"atomic {shape.kind}" if shape.atomic else shape.kind
    return "any" if shape.kind == ANY else "value"
