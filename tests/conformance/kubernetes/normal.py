"""What is compared of an answer: all of it, with what is made anew each time put into words.

Identities, versions, times and addresses can't agree between two servers; that they are there, and where, can.
"""

from __future__ import annotations

import re
from typing import Any

_WORDS = {
    "uid": "<uid>",
    "resourceVersion": "<version>",
    "continue": "<token>",
    "clusterIP": "<address>",
    "nodePort": "<port>",
}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_ADDRESS = re.compile(r"\b10\.8\.\d+\.\d+\b")


_UNREAD = {"description", "storageVersionHash"}
"""What neither kubectl nor this program reads: the words of a table's columns, and a mark for migrations."""
_PATCHED = re.compile(r'Invalid value: "(\{|map\[).*": ')
_VERSIONS = re.compile(r"Invalid value: \[\{.*\}\]: ")
"""A list of objects that a refusal holds in the names of the real server's own code."""
_SPEC_DIFF = re.compile(r"\n@@ .*", re.DOTALL)
"""The difference of two specs that the real server adds to a refusal, in the names of its own code."""
_LACKED = re.compile(r': requires one of \["container\.[A-Za-z.]+"\] permission\(s\)\.(?=$|\n)')
"""What GKE adds to a refusal: the IAM permission that would give the right. A control plane without IAM has none to name."""
_NUMBERED = re.compile(r"(?<=scheme\.go:)\d+|(?<=current: )\d+|(?<=in record \()\d+|(?<=mlops-env-time-)[a-z0-9]{5}")
_CELL = re.compile(r"(\d+[smhd])+")
_TOKEN_VOLUME = re.compile(r"kube-api-access-[a-z0-9]{5}")


CUSTOM = "battery.example.com"
"""The group of the battery's own kinds: the real server goes through a schema in an order of its own each time."""


def normal(value: Any, key: str = "") -> Any:
    """The value in the form in which two servers' answers are compared."""
    if isinstance(value, dict):
        kept = {k: normal(v, k) for k, v in value.items() if v is not None and (k not in _UNREAD or isinstance(v, dict))}
        return _once(kept) if kept.get("kind") == "Status" else kept
    if isinstance(value, list):
        if key == "managedFields":
            value = sorted(value, key=lambda e: [str(e.get(k)) for k in ("operation", "manager", "subresource")])
        if key == "cells":
            return ["<age>" if isinstance(v, str) and _CELL.fullmatch(v) else normal(v) for v in value]
        return [normal(v) for v in (sorted(value) if key in ("verbs", "categories") else value)]
    if key in _WORDS and value not in ("", None, "None") and not isinstance(value, dict | list):
        return _WORDS[key]
    return words(value) if isinstance(value, str) else value


def _once(status: Any) -> Any:
    """A refusal without repetitions: the real server says some causes as often as it came across them."""
    causes = (status.get("details") or {}).get("causes") or []
    once = [c for n, c in enumerate(causes) if c not in causes[:n]]
    if causes and causes[0].get("reason") == "FieldManagerConflict":
        # in an order of their own each time
        once = sorted(once, key=str)
        head, _, rest = status["message"].partition(": ")
        status = {**status, "message": f"{head}: " + "\n".join(sorted(rest.split("\n")))}
    if (status["details"] if causes else {}).get("group") == CUSTOM:
        once = sorted(once, key=str)
    if causes and once != causes and causes[0].get("reason") != "FieldManagerConflict":
        head, _, _ = status["message"].partition(" is invalid: ")
        texts = [f"{c['field']}: {c['message']}" for c in once]
        status = {**status, "message": f"{head} is invalid: {texts[0] if len(texts) == 1 else '[' + ', '.join(texts) + ']'}"}
    return {**status, "details": {**status["details"], "causes": once}} if causes else status


def words(text: str) -> str:
    """A text without identities, times and addresses."""
    text = _PATCHED.sub("Invalid value: <the object>: ", _UUID.sub("<uid>", text))
    text = _VERSIONS.sub("Invalid value: <the objects>: ", text)
    text = _LACKED.sub("", text)
    text = _TOKEN_VOLUME.sub("kube-api-access-<name>", _SPEC_DIFF.sub("", text))
    text = _NUMBERED.sub("<made up>", _TIME.sub("<time>", text))
    return _ADDRESS.sub("<address>", text)


_HASHED = re.compile(r"\b(web|rich)-[a-z0-9]{7,10}(-[a-z0-9]{5})?\b")


def generated(value: Any) -> Any:
    """The normal form of what a controller made, without the hashes in its names."""
    if isinstance(value, dict):
        kept = {k: v for k, v in normal(value).items() if k not in ("managedFields", "terminatingReplicas")}
        return {k: "<hash>" if k == "pod-template-hash" else generated(v) for k, v in kept.items()}
    if isinstance(value, list):
        return [generated(v) for v in value]
    return _HASHED.sub(r"\1-<hash>", value) if isinstance(value, str) else value
