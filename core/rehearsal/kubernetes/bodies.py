"""Request bodies: JSON, the YAML of an apply patch, and the few protobuf messages that kubectl's typed commands post.

kubectl speaks protobuf for the objects it makes itself (``create secret``, ``create namespace``, ``create token``), so a
small decoder of just those is here instead of Kubernetes' whole protobuf schema.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import yaml

from core.rehearsal.kubernetes.status import ApiError, Obj, bad_request

_MAGIC = b"k8s\0"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Value = int | bytes

_STRING, _BYTES = "string", "bytes"
_METADATA: dict[int, tuple[str, Any]] = {
    1: ("name", _STRING),
    2: ("generateName", _STRING),
    3: ("namespace", _STRING),
    11: ("labels", {"map": _STRING}),
    12: ("annotations", {"map": _STRING}),
}
_ATTRIBUTES: dict[int, tuple[str, Any]] = {
    n + 1: (name, _STRING)
    for n, name in enumerate(("namespace", "verb", "group", "version", "resource", "subresource", "name"))
}
_KINDS: dict[str, dict[int, tuple[str, Any]]] = {
    "Secret": {
        1: ("metadata", _METADATA),
        2: ("data", {"map": _BYTES}),
        3: ("type", _STRING),
        4: ("stringData", {"map": _STRING}),
    },
    "ConfigMap": {1: ("metadata", _METADATA), 2: ("data", {"map": _STRING}), 3: ("binaryData", {"map": _BYTES})},
    "Namespace": {1: ("metadata", _METADATA)},
    "ServiceAccount": {1: ("metadata", _METADATA)},
    "DeleteOptions": {4: ("propagationPolicy", _STRING)},
    "SelfSubjectAccessReview": {2: ("spec", {1: ("resourceAttributes", _ATTRIBUTES)})},
}


def documents(text: str | bytes) -> list[Any]:
    """The documents of a YAML text, by the fast parser where there is one; raises `yaml.YAMLError`."""
    return list(yaml.load_all(text, Loader=_LOADER))


def decode(body: bytes, content_type: str) -> Obj:
    """The object in a body; {} for an empty one. Raises `ApiError`."""
    if not body.strip():
        return {}
    try:
        if content_type == "application/vnd.kubernetes.protobuf":
            found: Any = _protobuf(body)
        elif content_type.endswith("yaml") and body.lstrip()[:1] not in (b"{", b"["):
            found = next(iter(documents(body)), None)
        else:
            found = json.loads(body)
    except (ValueError, KeyError, IndexError, yaml.YAMLError) as error:
        raise bad_request(f"the request's body can't be decoded: {error}") from error
    if not isinstance(found, dict):
        raise bad_request("the request's body is no object")
    return found


def decode_patch(body: bytes) -> Any:
    """The value of a JSON patch or merge patch."""
    try:
        return json.loads(body)
    except ValueError as error:
        raise bad_request(f"error decoding patch: {error}") from error


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _parts(data: bytes) -> Iterator[tuple[int, _Value]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif tag & 7 == 2:
            length, at = _varint(data, at)
            yield tag >> 3, data[at : at + length]
            at += length
        else:
            raise ValueError(f"wire type {tag & 7}")


def _text(value: _Value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _scalar(value: _Value, kind: str) -> str:
    return base64.b64encode(value).decode() if kind == _BYTES and isinstance(value, bytes) else _text(value)


def _message(data: bytes, schema: dict[int, tuple[str, Any]]) -> Obj:
    out: Obj = {}
    for number, value in _parts(data):
        if number not in schema or value in (b"", 0):
            continue
        name, kind = schema[number]
        if isinstance(kind, str):
            out[name] = _scalar(value, kind)
        elif "map" in kind and isinstance(value, bytes):
            entry = dict(_parts(value))
            out.setdefault(name, {})[_text(entry[1])] = _scalar(entry.get(2, b""), kind["map"])
        elif isinstance(value, bytes):
            out[name] = _message(value, kind)
    return out


def _protobuf(body: bytes) -> Obj:
    if body[:4] != _MAGIC:
        raise ValueError("not a Kubernetes protobuf body")
    envelope = dict(_parts(body[4:]))
    kind_of = envelope[1]
    raw = envelope.get(2, b"")
    if not isinstance(kind_of, bytes) or not isinstance(raw, bytes):
        raise ValueError("a malformed envelope")
    kind = {n: _text(v) for n, v in _parts(kind_of)}
    schema = _KINDS.get(kind[2])
    if schema is None:
        words = f"the body of the request was in an unknown format: protobuf of {kind[2]} is not simulated"
        raise ApiError(415, "UnsupportedMediaType", words)
    return {"apiVersion": kind[1], "kind": kind[2], **_message(raw, schema)}
