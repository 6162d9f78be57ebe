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
_TEXTS = [_STRING]
_RULE: dict[int, tuple[str, Any]] = {
    n + 1: (name, _TEXTS) for n, name in enumerate(("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs"))
}
_SUBJECT: dict[int, tuple[str, Any]] = {
    n + 1: (name, _STRING) for n, name in enumerate(("kind", "apiGroup", "name", "namespace"))
}
_REFERENCE: dict[int, tuple[str, Any]] = {n + 1: (name, _STRING) for n, name in enumerate(("apiGroup", "kind", "name"))}
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
    "Role": {1: ("metadata", _METADATA), 2: ("rules", [_RULE])},
    "ClusterRole": {1: ("metadata", _METADATA), 2: ("rules", [_RULE])},
    "RoleBinding": {1: ("metadata", _METADATA), 2: ("subjects", [_SUBJECT]), 3: ("roleRef", _REFERENCE)},
    "ClusterRoleBinding": {1: ("metadata", _METADATA), 2: ("subjects", [_SUBJECT]), 3: ("roleRef", _REFERENCE)},
    "SelfSubjectReview": {1: ("metadata", _METADATA)},
    "DeleteOptions": {4: ("propagationPolicy", _STRING)},
    "SelfSubjectAccessReview": {2: ("spec", {1: ("resourceAttributes", _ATTRIBUTES)})},
}


def documents(text: str | bytes) -> list[Any]:
    """The documents of a YAML text, by the fast parser where there is one; raises `yaml.YAMLError`."""
    return list(yaml.load_all(text, Loader=_LOADER))


def decode(body: bytes, content_type: str, kind: str) -> Obj:
    """The object of a kind in a body; {} for no options. Raises `ApiError`."""
    if not body.strip() and kind == "DeleteOptions":
        return {}
    if content_type == "application/vnd.kubernetes.protobuf":
        try:
            return _protobuf(body)
        except (ValueError, KeyError, IndexError) as error:
            raise bad_request(f"the request's body can't be decoded: {error}") from error
    return _json(body, kind)


_IDENTITY = r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'


def _json(body: bytes, kind: str) -> Obj:
    head = f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: "
    try:
        found = json.loads(body)
    except ValueError as error:
        raise bad_request(f"{head}{_unreadable(body, error)} ({_excerpt(body)})") from error
    if not isinstance(found, dict):
        what = {list: "array", str: "string", bool: "bool"}.get(type(found), "number")
        raise bad_request(f"{head}json: cannot unmarshal {what} into Go value of type {_IDENTITY} ({body.hex()})")
    return found


def _unreadable(body: bytes, error: ValueError) -> str:
    """Why a text is no JSON, as the real server says it."""
    if isinstance(error, json.JSONDecodeError) and error.pos < len(error.doc):
        return f"invalid character {error.doc[error.pos]!r} looking for beginning of value"
    return "unexpected end of JSON input"


def _excerpt(body: bytes) -> str:
    return body.decode(errors="replace") if body else "<empty>"


def decode_applied(body: bytes) -> Obj:
    """The configuration of an apply, in JSON or YAML."""
    try:
        if body.lstrip()[:1] in (b"{", b"["):
            found: Any = json.loads(body)
        else:
            found = next(iter(documents(body)), None)
    except ValueError as error:
        raise bad_request(f"error decoding YAML: {_unreadable(body, error)}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        why = getattr(error, "problem", error)
        raise bad_request(f"error decoding YAML: error converting YAML to JSON: yaml: line {line}: {why}") from error
    return found if isinstance(found, dict) else {}


def decode_patch(body: bytes, kind: str) -> Any:
    """The value of a patch of a kind (``json``, ``merge``, ``strategic``)."""
    try:
        found = json.loads(body)
    except ValueError as error:
        raise bad_request(f"error decoding patch: {_unreadable(body, error)}") from error
    if kind == "strategic" and not isinstance(found, dict):
        raise bad_request("json: cannot unmarshal array into Go value of type map[string]interface {}")
    return found


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
        if number not in schema:
            continue
        name, kind = schema[number]
        if isinstance(kind, list):
            inner = kind[0]
            item = (
                _scalar(value, inner)
                if isinstance(inner, str)
                else _message(value, inner)
                if isinstance(value, bytes)
                else {}
            )
            out.setdefault(name, []).append(item)
        elif value in (b"", 0):
            continue
        elif isinstance(kind, str):
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
