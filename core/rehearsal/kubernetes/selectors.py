"""Label and field selectors, as ``labelSelector`` and ``fieldSelector`` write them and as objects hold them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import Obj, bad_request

Match = Callable[[Obj], bool]
_IN = re.compile(r"(\S+)\s+(in|notin)\s+\(([^)]*)\)")
_EQUAL = re.compile(r"([^=!<>\s]+)\s*(!=|==|=)\s*([^\s,]*)")
_MORE = re.compile(r"([^=!<>\s]+)\s*([<>])\s*(\d+)")
_EXISTS = re.compile(r"(!?)\s*([^=!<>\s()]+)")
_FIELD = re.compile(r"([^=!\s]+)\s*(!=|==|=)\s*(.*)")

FIELDS: dict[str, tuple[str, ...]] = {
    "Pod": (
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
    ),
    "Event": (
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
        "reportingComponent", "source", "type",
    ),
    "Namespace": ("status.phase",),
    "Node": ("spec.unschedulable",),
    "Secret": ("type",),
    "ReplicaSet": ("status.replicas",),
    "ReplicationController": ("status.replicas",),
    "Job": ("status.successful",),
    "Service": ("spec.clusterIP", "spec.type"),
}  # fmt: skip
"""What a kind's lists can be asked by, beside name and namespace."""
_OWN_WORDS = ("Pod", "Event", "Namespace", "Node", "Secret", "Service", "ReplicationController", "Job", "ReplicaSet")
"""The kinds that refuse a field in words of their own."""


def labels_of(obj: Obj) -> Mapping[str, str]:
    """An object's labels."""
    return obj["metadata"].get("labels") or {}


def _label_term(term: str) -> Match:
    if term.count("/") > 1 and _IN.fullmatch(term) is None:
        raise bad_request(_unparsed(term))
    if m := _IN.fullmatch(term):
        values, key, within = {v.strip() for v in m[3].split(",")}, m[1], m[2] == "in"
        return lambda o: (labels_of(o).get(key) in values) == within
    if m := _EQUAL.fullmatch(term):
        key, value, equal = m[1], m[3], m[2] != "!="
        return lambda o: (labels_of(o).get(key) == value) == equal
    if m := _MORE.fullmatch(term):
        key, sign, bound = m[1], m[2], int(m[3])
        return lambda o: _beyond(labels_of(o).get(key), sign, bound)
    if m := _EXISTS.fullmatch(term):
        key, there = m[2], not m[1]
        return lambda o: (key in labels_of(o)) == there
    raise bad_request(_unparsed(term))


def _beyond(value: str | None, sign: str, bound: int) -> bool:
    if value is None or not value.isdecimal():
        return False
    return int(value) > bound if sign == ">" else int(value) < bound


def _unparsed(term: str) -> str:
    """Why a label selector can't be read, in the words of the real parser."""
    if "(" in term and ")" not in term:
        return "unable to parse requirement: found '', expected: ',' or ')'"
    if term[:1] in ("=", "<", ">", "(", ")"):
        return f"found '{term[0]}', expected: !, identifier, or 'end of string'"
    if m := re.match(r"([^=!\s]+\s*(?:!=|==|=)\s*\S+)\s+(\S+)", term):
        return f"found '{m[2]}', expected: ',' or 'end of string'"
    if term.count("/") > 1:
        key = re.split("[=!<>]", term, maxsplit=1)[0]
        words = (
            "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
            "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. "
            "'example.com/MyName')"
        )
        return f'unable to parse requirement: <nil>: Invalid value: "{key.strip("! ")}": {words}'
    return f"unable to parse requirement: found '{term}', expected: in, notin, =, ==, !=, gt, lt"


def _field_term(term: str, resource: Resource | None) -> Match:
    m = _FIELD.fullmatch(term)
    if m is None:
        raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    path, value, equal = m[1], m[3], m[2] != "!="
    _refuse_field(path, resource)

    def matches(obj: Obj) -> bool:
        found: Any = obj
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        text = "" if found is None else str(found).lower() if isinstance(found, bool) else str(found)
        return (text == value) == equal

    return matches


def _refuse_field(path: str, resource: Resource | None) -> None:
    if resource is None or path in ("metadata.name", "metadata.namespace"):
        return
    if not resource.custom and path in FIELDS.get(resource.kind, ()):
        return
    if not resource.custom and resource.kind in _OWN_WORDS:
        raise bad_request(f"field label not supported: {path}")
    words = 'only "metadata.name", "metadata.namespace"'
    raise bad_request(f'"{path}" is not a known field selector: {words}')


def _terms(text: str) -> list[str]:
    """The terms of a label selector; a comma within parentheses parts nothing."""
    terms, depth, start = [], 0, 0
    for n, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            terms.append(text[start:n])
            start = n + 1
    return [*terms, text[start:]]


def of_query(query: Mapping[str, str], resource: Resource | None = None) -> Match:
    """What a request's two selectors demand of a resource's objects."""
    tests = [_label_term(t.strip()) for t in _terms(query.get("labelSelector", "")) if t.strip()]
    tests += [_field_term(t.strip(), resource) for t in query.get("fieldSelector", "").split(",") if t.strip()]
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
