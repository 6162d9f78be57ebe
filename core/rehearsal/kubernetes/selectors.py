"""Label and field selectors, as ``labelSelector`` and ``fieldSelector`` write them and as objects hold them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from core.rehearsal.kubernetes.status import Obj, bad_request

Match = Callable[[Obj], bool]
_TERM = re.compile(r",(?![^()]*\))")
_IN = re.compile(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)")
_EQUAL = re.compile(r"([^=!\s]+)\s*(!=|==|=)\s*(.*)")
_EXISTS = re.compile(r"(!?)\s*([^=!\s]+)")


def labels_of(obj: Obj) -> Mapping[str, str]:
    """An object's labels."""
    return obj["metadata"].get("labels") or {}


def _label_term(term: str) -> Match:
    if m := _IN.fullmatch(term):
        values, key, within = {v.strip() for v in m[3].split(",")}, m[1], m[2] == "in"
        return lambda o: (labels_of(o).get(key) in values) == within
    if m := _EQUAL.fullmatch(term):
        key, value, equal = m[1], m[3], m[2] != "!="
        return lambda o: (labels_of(o).get(key) == value) == equal
    if m := _EXISTS.fullmatch(term):
        key, there = m[2], not m[1]
        return lambda o: (key in labels_of(o)) == there
    raise bad_request(f'unable to parse requirement: found "{term}"')


def _field_term(term: str) -> Match:
    m = _EQUAL.fullmatch(term)
    if m is None:
        raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    path, value, equal = m[1].split("."), m[3], m[2] != "!="

    def matches(obj: Obj) -> bool:
        found: Any = obj
        for part in path:
            found = found.get(part) if isinstance(found, dict) else None
        text = "" if found is None else str(found).lower() if isinstance(found, bool) else str(found)
        return (text == value) == equal

    return matches


def of_query(query: Mapping[str, str]) -> Match:
    """What a request's two selectors demand."""
    tests = [_label_term(t.strip()) for t in _TERM.split(query.get("labelSelector", "")) if t.strip()]
    tests += [_field_term(t.strip()) for t in query.get("fieldSelector", "").split(",") if t.strip()]
    return lambda obj: all(test(obj) for test in tests)


def of_labels(selector: Obj | None) -> Match:
    """What a ``LabelSelector`` object demands; an empty one matches everything, none nothing."""
    if selector is None:
        return lambda obj: False
    wanted = selector.get("matchLabels") or {}
    expressions = selector.get("matchExpressions") or ()

    def matches(obj: Obj) -> bool:
        labels = labels_of(obj)
        return all(labels.get(k) == v for k, v in wanted.items()) and all(_expression(labels, e) for e in expressions)

    return matches


def _expression(labels: Mapping[str, str], expression: Obj) -> bool:
    key, operator, values = expression["key"], expression["operator"], expression.get("values") or ()
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    return (key in labels) is (operator == "Exists")
