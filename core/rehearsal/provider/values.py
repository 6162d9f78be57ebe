"""Terraform's values as Python's: null is None, what is not known yet is `UNKNOWN`, a set is a list in any order."""

from __future__ import annotations

import json
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]

from core.rehearsal.provider import tfplugin5_pb2 as pb

State = dict[str, Any]


class _Unknown:
    """The one value that stands for every value that is known only after the apply."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        return False


UNKNOWN: Final = _Unknown()
_ENCODED: Final = msgpack.ExtType(0, b"\x00")


def decode(value: pb.DynamicValue) -> Any:
    """The Python value of one on the wire; None where there is none."""
    if value.msgpack:
        return msgpack.unpackb(value.msgpack, ext_hook=lambda code, data: UNKNOWN, strict_map_key=False)
    return json.loads(value.json) if value.json else None


def encode(value: Any) -> pb.DynamicValue:
    """The value for the wire."""
    return pb.DynamicValue(msgpack=msgpack.packb(value, default=_encode))


def _encode(value: Any) -> Any:
    if value is UNKNOWN:
        return _ENCODED
    raise TypeError(f"{value!r} is no value of Terraform's")


def known(value: Any) -> bool:
    """Whether nothing in the value is still unknown."""
    if value is UNKNOWN:
        return False
    if isinstance(value, dict):
        return all(known(v) for v in value.values())
    return all(known(v) for v in value) if isinstance(value, list) else True


def vacant(value: Any) -> bool:
    """Whether the value is null or its type's zero, which the real provider does not tell apart."""
    return value is None or (value is not UNKNOWN and value in ("", 0, False, [], {}))


def same(one: Any, other: Any, *, unordered: bool = False) -> bool:
    """Whether two values are equal; ``unordered`` compares two sets."""
    if not unordered or not isinstance(one, list) or not isinstance(other, list):
        return bool(one == other)
    return len(one) == len(other) and sorted(map(_key, one)) == sorted(map(_key, other))


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)
