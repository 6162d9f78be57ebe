"""Requests held against the discovery document: what the API doesn't document is refused as the service refuses it.

Names are also taken in their protocol-buffer spelling (``ip_allocation_policy``), as the real JSON front end does, and
are handed on in the documented one.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from core.rehearsal.google.discovery import Method
from core.rehearsal.google.errors import ApiError, bad_request
from core.rehearsal.store import Document

_TYPES = {"int32": "TYPE_INT32", "uint32": "TYPE_UINT32", "int64": "TYPE_INT64", "uint64": "TYPE_UINT64",
    "float": "TYPE_FLOAT",
          "double": "TYPE_DOUBLE", "byte": "TYPE_BYTES"}  # fmt: skip
_TRANSPORT = {"alt", "prettyPrint", "fields", "key", "access_token", "quotaUser", "uploadType", "upload_protocol",
    "callback",
              "oauth_token", "$.xgafv", "userIp", "upload_id", "$httpHeaders", "$prettyPrint", "$alt", "$fields",
              "userProject",
              "provisionalUserProject", "returnPartialSuccess", "name_only"}  # fmt: skip


_UNDOCUMENTED = {
    ("compute", "NetworkRoutingConfig"): frozenset({"deleteBgpAlwaysCompareMed"}),
    ("compute", "RouterNat"): frozenset({"initialNatIps"}),
}
"""Fields that no document has and the services take all the same, since Terraform's provider has always sent them."""


def query(method: Method, given: list[tuple[str, str]], path: dict[str, str]) -> dict[str, Any]:
    """The parameters of a call, path and query together, in their types; raises `ApiError` for what is unknown or wrong."""
    values: dict[str, Any] = dict(path)
    for raw, text in given:
        name = raw if raw in method.parameters else _camel(raw)
        spec = method.parameters.get(name)
        if spec is None:
            if raw in method.common or raw in _TRANSPORT:
                continue
            raise bad_request(
                f'Invalid JSON payload received. Unknown name "{raw}": Cannot bind query parameter. '
                f"Field '{raw}' could not be found in request message."
            )
        value = _scalar(method, spec, text, name, from_query=True)
        if spec.get("repeated"):
            values.setdefault(name, []).append(value)
        else:
            values[name] = value
    for name, spec in method.parameters.items():
        if spec.get("required") and name not in values:
            raise ApiError(400, f"Required parameter: {name}", reason="required")
    return values


def body(method: Method, given: Any) -> Document:
    """The request's body with every name in its documented spelling; raises `ApiError` for what the type doesn't have."""
    if given is None:
        return {}
    if method.request is None:
        if given == {}:
            return {}
        raise bad_request("Invalid JSON payload received. Unexpected token.\nThe method takes no body.")
    if not isinstance(given, dict):
        raise bad_request("Invalid JSON payload received. Root element must be a message.")
    return _message(method, method.schemas[method.request], given, "")


def _message(method: Method, schema: Document, given: dict[str, Any], at: str) -> Document:
    properties: dict[str, Document] = schema.get("properties", {})
    extra = schema.get("additionalProperties")
    untold = _UNDOCUMENTED.get((method.api, schema.get("id", "")), frozenset())
    out: Document = {}
    for raw, value in given.items():
        if raw in untold:
            continue
        name = raw if raw in properties else _camel(raw)
        where = f"{at}.{_snake(name)}" if at else _snake(name)
        if name in properties or extra is not None:
            if value is None:
                if method.verb == "PATCH":
                    out[name if name in properties else raw] = None
            elif name in properties:
                out[name] = _value(method, properties[name], value, where)
            elif extra is not None:
                out[raw] = _value(method, extra, value, f"{at}[{raw}]")
        else:
            place = f" at '{at}'" if at else ""
            raise bad_request(f'Invalid JSON payload received. Unknown name "{raw}"{place}: Cannot find field.', at)
    return out


def _value(method: Method, spec: Document, value: Any, at: str) -> Any:
    if "$ref" in spec:
        spec = method.schemas[spec["$ref"]]
    kind = spec.get("type")
    if kind == "array":
        if not isinstance(value, list):
            raise _wrong(at, "type.googleapis.com/google.protobuf.ListValue", value)
        return [_value(method, spec["items"], item, f"{at}[{i}]") for i, item in enumerate(value)]
    if kind == "object":
        if not isinstance(value, dict):
            raise _wrong(at, f"type.googleapis.com/{spec.get('id', 'google.protobuf.Struct')}", value)
        return _message(method, spec, value, at)
    if kind == "any":
        return value
    return _scalar(method, spec, value, at)


def _scalar(method: Method, spec: Document, value: Any, at: str, *, from_query: bool = False) -> Any:
    kind, form = spec.get("type"), spec.get("format", "")
    if kind == "boolean":
        if isinstance(value, bool):
            return value
        if value in ("true", "false", "True", "False") and (from_query or isinstance(value, str)):
            return value in ("true", "True")
        raise _wrong(at, "TYPE_BOOL", value)
    if kind in ("integer", "number") or form in ("int64", "uint64"):
        return _number(kind, form, value, at)
    if not isinstance(value, str):
        raise _wrong(at, "TYPE_STRING", value)
    if form == "byte":
        return _bytes(value, at)
    if "enum" in spec and value not in spec["enum"]:
        raise _wrong(at, f"type.googleapis.com/google.{method.api}.{method.version}.{_type_name(at)}", value)
    return value


def _number(kind: str | None, form: str, value: Any, at: str) -> Any:
    expected = _TYPES.get(form, "TYPE_INT32" if kind == "integer" else "TYPE_DOUBLE")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _wrong(at, expected, value)
    try:
        number = float(value) if kind == "number" else int(value)
    except ValueError:
        raise _wrong(at, expected, value) from None
    if isinstance(value, float) and kind != "number" and not value.is_integer():
        raise _wrong(at, expected, value)
    return str(number) if kind == "string" else number


def _bytes(value: str, at: str) -> str:
    try:
        base64.b64decode(value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise bad_request(f"Invalid value at '{at}' (TYPE_BYTES), Base64 decoding failed for \"{value[:40]}\"", at) from None
    return value


def _wrong(at: str, kind: str, value: Any) -> ApiError:
    shown = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return bad_request(f"Invalid value at '{at}' ({kind}), {shown}", at)


def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda m: m[1].upper(), name)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda m: "_" + m[1].lower(), name)


def _type_name(at: str) -> str:
    last = re.sub(r"\[[^\]]*\]", "", at.rpartition(".")[2])
    return _camel("_" + last)
