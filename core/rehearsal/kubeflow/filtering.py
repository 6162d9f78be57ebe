"""Which of a list's items a request asks for: the filter that Kubeflow's clients send as JSON, and the order.

A filter's operations have numbers, which the SDK sends, and names; its fields are spelt in camel case or with underlines.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from typing import Any

from core.rehearsal.kubeflow.records import Record

_OPERATIONS: dict[str, tuple[int, Callable[[Any, Any], bool]]] = {
    "EQUALS": (1, operator.eq),
    "NOT_EQUALS": (2, operator.ne),
    "GREATER_THAN": (3, operator.gt),
    "GREATER_THAN_EQUALS": (5, operator.ge),
    "LESS_THAN": (6, operator.lt),
    "LESS_THAN_EQUALS": (7, operator.le),
    "IN": (8, lambda value, allowed: value in allowed),
    "IS_SUBSTRING": (9, lambda value, part: str(part).lower() in str(value).lower()),
}
_VALUES = ("string_value", "int_value", "long_value", "timestamp_value")
_LISTS = ("string_values", "int_values", "long_values")
_ALIASES = {"id": "_id", "status": "state"}


class Unusable(Exception):
    """Raised where a filter or an order makes no sense; reads as the API server words it."""


def chosen(items: list[Record], text: str) -> list[Record]:
    """The items that a filter lets through; all without one."""
    if not text:
        return items
    try:
        predicates = json.loads(text).get("predicates", [])
        tests = [_test(p) for p in predicates]
    except (ValueError, AttributeError, TypeError) as error:
        raise Unusable(f"failed to parse the filter {text!r}: {error}") from error
    return [item for item in items if all(test(item) for test in tests)]


def ordered(items: list[Record], text: str) -> list[Record]:
    """The items in the order that is asked for; the oldest first without one."""
    field, _, direction = text.partition(" ")
    if field and items and field not in ("created_at", "id"):
        items = sorted(items, key=lambda item: str(_read(item, field)))
    return items[::-1] if direction.strip() == "desc" else items


def _test(predicate: dict[str, Any]) -> Callable[[Record], bool]:
    given = {_snake(k): v for k, v in predicate.items()}
    wanted = given.get("operation", given.get("op"))
    compare = next((f for name, (number, f) in _OPERATIONS.items() if wanted in (name, number)), None)
    key = str(given.get("key", ""))
    if compare is None or not key:
        raise Unusable(f"the filter's operation {wanted!r} is unknown, or it names no key")
    value = next((given[n] for n in _VALUES if n in given), None)
    for name in _LISTS:
        if name in given:
            value = given[name].get("values", [])
    return lambda item: compare(_read(item, key), value)


def _read(item: Record, key: str) -> Any:
    name = _ALIASES.get(key, key)
    found = next((k for k in item if k == name or (name == "_id" and k.endswith("_id"))), None)
    if found is None:
        raise Unusable(f'no support for filtering on unrecognized field "{key}"')
    return item[found]


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
