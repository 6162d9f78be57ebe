"""What an object's fields may be, and how its lists and maps are merged: the same for built-in types and custom ones.

A built-in type's shape comes from the client's models, with what `marks` says of it; a custom one's comes from its CRD.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.rehearsal.kubernetes import models
from core.rehearsal.kubernetes.marks import ATOMIC_FIELDS, ATOMIC_TYPES, LIST_KEYS, NEWER, SETS, SOLID, UNKEYED, ZEROS
from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import Obj

QUANTITIES = {"requests", "limits", "capacity", "allocatable", "hard", "used", "overhead", "allocatedResources"}
INT_OR_STRING = {"port", "targetPort", "maxSurge", "maxUnavailable", "minAvailable"}

MAP, LIST, STRUCT, SCALAR, ANY = "map", "list", "struct", "scalar", "any"


@dataclass(frozen=True, slots=True)
class Shape:
    """One place in an object; ``fields`` of a struct and ``item`` of a list or map are worked out when asked for."""

    kind: str
    name: str = ""
    """Of a struct: the name of its type."""
    accepts: str = ""
    keys: tuple[str, ...] = ()
    is_set: bool = False
    zero_keys: bool = False
    """Of a list: whether an item that lacks a key has the key's zero, as it has in built-in types."""
    atomic: bool = False
    required: tuple[str, ...] = ()
    enum: tuple[Any, ...] = ()
    open: bool = False
    solid: tuple[str, ...] = ()
    """Of a struct: the fields that even an empty one holds."""
    zeros: Mapping[str, int | str] = field(default_factory=dict, compare=False)
    """Of a struct: the zeros that it shows even where nobody wrote them."""
    _fields: Callable[[], Mapping[str, Shape]] = field(default=dict, compare=False)
    _item: Callable[[], Shape] | None = field(default=None, compare=False)

    @property
    def fields(self) -> Mapping[str, Shape]:
        """A struct's fields by name."""
        return self._fields()

    @property
    def item(self) -> Shape:
        """What a list's or a map's elements are."""
        return ANYTHING if self._item is None else self._item()

    def child(self, name: str) -> Shape | None:
        """The shape of a field; None where there is no such field."""
        if self.kind == STRUCT:
            found = self.fields.get(name)
            return found if found is not None or not self.open else ANYTHING
        return self.item if self.kind == MAP else ANYTHING if self.kind == ANY else None


ANYTHING = Shape(ANY)


def known(name: str) -> None:
    """Has everything that a built-in type holds worked out."""
    seen: set[str] = set()
    left = [of_model(name)]
    while left:
        shape = left.pop()
        if shape.kind == STRUCT and shape.name not in seen:
            seen.add(shape.name)
            left += shape.fields.values()
        elif shape.kind in (LIST, MAP):
            left.append(shape.item)


@functools.cache
def of_model(name: str) -> Shape:
    """The shape of a built-in type."""
    found = models.model(name)
    if found is None:
        return ANYTHING
    types = found.fields

    @functools.cache
    def fields() -> Mapping[str, Shape]:
        return {key: _of_field(name, key, word) for key, word in types.items() if (name, key) not in NEWER}

    solid = SOLID.get(name, ())
    if "apiVersion" in types:
        solid += tuple(key for key in ("metadata", "spec", "status") if key in types)
    atomic, zeros = name in ATOMIC_TYPES, ZEROS.get(name, {})
    plain = re.sub(
        r"^(Core|Discovery|Rbac|Apiextensions|Admissionregistration|Apiregistration|Events)?V\d+((alpha|beta)\d+)?", "", name
    )
    return Shape(STRUCT, plain, required=found.required, atomic=atomic, solid=solid, zeros=zeros, _fields=fields)


def _of_field(owner: str, key: str, word: str) -> Shape:
    if owner == "V1ObjectMeta" and key == "managedFields":
        return Shape(LIST, atomic=True)
    if m := re.fullmatch(r"List\[(.+)\]", word):
        by_type = key == "conditions" and (owner, key) not in UNKEYED
        keys = LIST_KEYS.get((owner, key), ("type",) if by_type else ())
        is_set = (owner, key) in SETS
        return Shape(
            LIST,
            zero_keys=True,
            keys=keys,
            is_set=is_set,
            atomic=not keys and not is_set,
            _item=functools.partial(_of_word, m[1], key),
        )
    if m := re.fullmatch(r"Dict\[str, (.+)\]", word):
        accepts = "quantity" if key in QUANTITIES else m[1]
        return Shape(MAP, atomic=(owner, key) in ATOMIC_FIELDS, _item=lambda: _of_word(accepts, key))
    if word == "object" and key in INT_OR_STRING:
        return Shape(SCALAR, accepts="int-or-string")
    if owner == "CoreV1Event" and word == "V1ObjectMeta":
        return of_model("V1ObjectMeta")
    return _of_word(word, key)


@functools.cache
def _of_word(word: str, key: str) -> Shape:
    if word in ("str", "int", "bool", "float", "datetime", "quantity", "bytes"):
        return Shape(SCALAR, accepts=word)
    if m := re.fullmatch(r"List\[(.+)\]", word):
        return Shape(LIST, atomic=True, _item=functools.partial(_of_word, m[1], key))
    return ANYTHING if word == "object" else of_model(word)


METADATA = of_model("V1ObjectMeta")


def skeleton(shape: Shape, *, lists: bool = True) -> Obj:
    """An empty object of a shape, as the server begins with one; its lists are there, but never shown."""
    out: Obj = dict(shape.zeros)
    for name in shape.solid:
        child = shape.child(name)
        if child is not None and child.kind == STRUCT:
            out[name] = skeleton(child, lists=lists)
        elif lists:
            out[name] = []
    return out


def of(resource: Resource) -> Shape:
    """The shape of a resource's objects."""
    if resource.schema is None:
        name = models.name_of(resource.api_version, resource.kind)
        return ANYTHING if name is None else of_model(name)
    return _of_custom(resource.key, resource.version, _Schema(resource.schema))


class _Schema:
    """A CRD's schema as a cache key: the same object is the same schema."""

    def __init__(self, value: Obj) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Schema) and other.value is self.value


@functools.lru_cache(maxsize=64)
def _of_custom(key: str, version: str, schema: _Schema) -> Shape:
    body = of_schema(schema.value)
    if body.kind != STRUCT:
        body = Shape(STRUCT, open=True)
    common = {"apiVersion": Shape(SCALAR, accepts="str"), "kind": Shape(SCALAR, accepts="str"), "metadata": METADATA}
    return Shape(STRUCT, required=body.required, open=body.open, _fields=lambda: {**body.fields, **common})


def of_schema(schema: Obj) -> Shape:
    """The shape that a structural OpenAPI v3 schema describes."""
    kind = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        return Shape(SCALAR, accepts="int-or-string")
    if kind == "object":
        return _of_object(schema)
    if kind == "array":
        keys = tuple(schema.get("x-kubernetes-list-map-keys", ()))
        style = schema.get("x-kubernetes-list-type", "atomic")
        item = schema.get("items") or {}
        return Shape(LIST, keys=keys, is_set=style == "set", atomic=style == "atomic", _item=lambda: of_schema(item))
    words = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
    if kind in words:
        return Shape(SCALAR, accepts=words[kind], enum=tuple(schema.get("enum", ())))
    return ANYTHING


def _of_object(schema: Obj) -> Shape:
    properties: Obj = schema.get("properties") or {}
    more = schema.get("additionalProperties")
    is_open = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    atomic = schema.get("x-kubernetes-map-type") == "atomic"
    if not properties and isinstance(more, dict):
        return Shape(MAP, atomic=atomic, _item=lambda: of_schema(more))
    if not properties and (is_open or more is True):
        return ANYTHING

    @functools.cache
    def fields() -> Mapping[str, Shape]:
        return {name: of_schema(s) for name, s in properties.items()}

    return Shape(STRUCT, required=tuple(schema.get("required", ())), open=is_open, atomic=atomic, _fields=fields)
