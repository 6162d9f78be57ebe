"""What every kind's checks stand on: a cause, how a value is shown, and what names look like."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from core.rehearsal.kubernetes.status import Obj

Cause = tuple[str, str, str]
"""(field, reason, message)"""

_END = "and must start and end with an alphanumeric character"
_LOWER = "must consist of lower case alphanumeric characters"
LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
SERVICE = "[a-z]([-a-z0-9]*[a-z0-9])?"
QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
LABEL_VALUE = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
CONFIG_KEY = "[-._a-zA-Z0-9]+"
LABEL_WORDS = (
    f"a lowercase RFC 1123 label {_LOWER} or '-', {_END} (e.g. 'my-name',  or '123-abc', "
    f"regex used for validation is '{LABEL}')"
)
SUBDOMAIN_WORDS = (
    f"a lowercase RFC 1123 subdomain {_LOWER}, '-' or '.', {_END} (e.g. 'example.com', "
    f"regex used for validation is '{SUBDOMAIN}')"
)
SERVICE_WORDS = (
    f"a DNS-1035 label {_LOWER} or '-', start with an alphabetic character, and end with an alphanumeric character "
    f"(e.g. 'my-name',  or 'abc-123', regex used for validation is '{SERVICE}')"
)
QUALIFIED_WORDS = (
    f"name part must consist of alphanumeric characters, '-', '_' or '.', {_END} (e.g. 'MyName',  or 'my.name',  or "
    f"'123-abc', regex used for validation is '{QUALIFIED}')"
)
LABEL_VALUE_WORDS = (
    f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', {_END} "
    f"(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '{LABEL_VALUE}')"
)
CONFIG_KEY_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    f"'key-name', regex used for validation is '{CONFIG_KEY}')"
)


def at(obj: Any, path: str) -> Any:
    """What stands at a dotted path; None where nothing does."""
    for part in path.split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj


def shown(value: Any) -> str:
    """A value as the real server writes it into a message."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def required(field: str, words: str = "") -> Cause:
    """A field that must be there."""
    return (field, "FieldValueRequired", "Required value" + (f": {words}" if words else ""))


def invalid(field: str, value: Any, words: str) -> Cause:
    """A value that is wrong."""
    return (field, "FieldValueInvalid", f"Invalid value: {shown(value)}: {words}")


def unsupported(field: str, value: Any, allowed: Iterable[str]) -> Cause:
    """A value that is not on the list."""
    listed = ", ".join(f'"{v}"' for v in allowed)
    return (field, "FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {listed}")


def forbidden(field: str, words: str) -> Cause:
    """What may not be there."""
    return (field, "FieldValueForbidden", f"Forbidden: {words}")


def duplicate(field: str, value: Any) -> Cause:
    """What is there already."""
    return (field, "FieldValueDuplicate", f"Duplicate value: {shown(value)}")


def not_found(field: str, value: Any) -> Cause:
    """What names something that is not there."""
    return (field, "FieldValueNotFound", f"Not found: {shown(value)}")


def between(field: str, value: Any, least: int = 1, most: int = 65535) -> list[Cause]:
    """A number within bounds."""
    fits = not isinstance(value, int) or least <= value <= most
    return [] if fits else [invalid(field, value, f"must be between {least} and {most}, inclusive")]


def named(field: str, value: str, pattern: str, words: str, longest: int, *, unit: str = "bytes") -> list[Cause]:
    """A name of some form."""
    causes = []
    if len(value) > longest:
        causes.append(invalid(field, value, f"must be no more than {longest} {unit}"))
    if not re.fullmatch(pattern, value):
        causes.append(invalid(field, value, words))
    return causes


def qualified(field: str, key: str) -> list[Cause]:
    """A key with or without a prefix, as labels, annotations and finalizers have them."""
    prefix, slash, name = key.rpartition("/")
    causes = []
    if slash and not re.fullmatch(SUBDOMAIN, prefix):
        causes.append(invalid(field, key, f"prefix part {SUBDOMAIN_WORDS}"))
    if not name:
        causes.append(invalid(field, key, "name part must be non-empty"))
    elif len(name) > 63:
        causes.append(invalid(field, key, "name part must be no more than 63 bytes"))
    if not re.fullmatch(QUALIFIED, name):
        causes.append(invalid(field, key, QUALIFIED_WORDS))
    return causes


def labels(field: str, given: Obj) -> list[Cause]:
    """Labels: their keys, and their values."""
    causes: list[Cause] = []
    for key, value in given.items():
        causes += qualified(field, key)
        causes += named(field, value, LABEL_VALUE, LABEL_VALUE_WORDS, 63)
    return causes
