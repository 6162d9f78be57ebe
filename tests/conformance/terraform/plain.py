"""What was seen, without what differs by chance: ids, times and tokens, the order of what has none, polls, repetitions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from core.rehearsal.provider.schema import Block, resource_types
from tests.conformance.terraform.cloud import Request
from tests.conformance.terraform.story import Seen, changes

CHANCE = {
    "create_time", "creation_time", "creation_timestamp", "etag", "fingerprint", "generated_id", "labelFingerprint",
    "label_fingerprint", "network_id", "numeric_id", "rootPassword", "settingsVersion", "settings_version",
    "sha1_fingerprint", "subnetwork_id", "time_created", "unique_id", "update_time", "updated", "version_expiration",
}  # fmt: skip
"""Names of fields whose values the cloud draws or counts; that there is one, and of what kind, is still compared."""
_SHAPES = (
    (re.compile(r"http://127\.0\.0\.1:\d+"), "CLOUD"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"operation-[0-9a-z-]+|operations/[0-9a-z.-]+"), "OPERATION"),
    (re.compile(r"\b[0-9a-f]{32}\b|\b\d{10,}\b"), "NUMBER"),
    (re.compile(r"-[0-9a-f]{8}-grp\b"), "-DRAWN-grp"),
    (re.compile(r"\bp(\d+|NUMBER)-[0-9a-f]{6}@gcp-sa-"), "pNUMBER-DRAWN@gcp-sa-"),
)
_TOGETHER = re.compile(r'Batch request and retried single request "(?:[^"\\]|\\.)*" both failed\. Final error: ')
_OPERATION = re.compile(r"/operations/[^/]+$")


def value(given: Any, name: str = "") -> Any:
    """A value of plan, state or body with what is drawn by chance made even."""
    if isinstance(given, dict):
        return {k: value(v, k) for k, v in sorted(given.items())}
    if isinstance(given, list):
        return [value(v, name) for v in given]
    if name in CHANCE and given not in (None, ""):
        return f"({type(given).__name__})"
    if isinstance(given, str):
        for shape, mark in _SHAPES:
            given = shape.sub(mark, given)
    return given


def planned(plan: dict[str, Any]) -> dict[str, Any]:
    """Every change of a plan, by address: what is done, why, to what, and what is open until then."""
    found = {}
    for item in changes(plan):
        change = item["change"]
        found[item["address"]] = {
            "actions": change["actions"],
            "importing": (change.get("importing") or {}).get("id"),
            "replace_paths": change.get("replace_paths", []),
            "after": value(offered(item["type"], change.get("after"))),
            "unknown": offered(item["type"], _true(change.get("after_unknown"))),
            "sensitive": offered(item["type"], _true(change.get("after_sensitive"))),
        }
    return found


def offered(type: str, given: Any) -> Any:
    """What a value says of the arguments that the stand-in has; those that it lacks are the schema's check alone."""
    kind = resource_types()[type]
    return _offered(kind.block, given, {"timeouts"} if kind.timeouts else set())


def _offered(block: Block, given: Any, more: set[str]) -> Any:
    if not isinstance(given, dict):
        return given
    found = {name: given[name] for name in given if name in block.attributes or name in more}
    for name, nested in block.blocks.items():
        if name in given:
            items = given[name]
            found[name] = [_offered(nested.block, i, set()) for i in items] if isinstance(items, list) else items
    return found


def kept(seen: Seen) -> dict[str, Any]:
    """Every resource of the state, by address."""
    return {
        address: {
            "attributes": value(offered(item["type"], item["attributes"])),
            "schema_version": item["schema_version"],
            "status": item.get("status"),
            "sensitive": sorted(json.dumps(path) for path in item.get("sensitive_attributes", [])),
        }
        for address, item in sorted(seen.state.items())
    }


def asked(requests: Iterable[Request]) -> dict[str, Any]:
    """What was asked, by method and path: the changes with all that they said, the reads once.

    Resources are worked on side by side, so the order says nothing. Where requests are tried again, or an
    operation is polled, how often is a matter of speed, and so is which members of one policy are written together: there
    the last word counts.
    """
    found: dict[str, list[Any]] = {}
    for request in requests:
        if request.method == "GET" and _OPERATION.search(request.path):
            continue
        entry = {
            "query": {k: v for k, v in request.query.items() if k not in ("alt", "prettyPrint")},
            "body": _body(request),
            "charged": bool(request.charged_to),
            "status": request.status,
        }
        said = found.setdefault(f"{request.method} {value(request.path)}", [])
        if request.path.endswith(":setIamPolicy") or (request.path.endswith("/iam") and request.method == "PUT"):
            said[:] = [entry]
        elif not _reads(request) or entry not in said:
            said.append(entry)
            said.sort(key=lambda e: json.dumps(e, sort_keys=True))
    return dict(sorted(found.items()))


def _reads(request: Request) -> bool:
    return request.method == "GET" or request.path.endswith(":getIamPolicy")


def words(told: str) -> str:
    """What Terraform said, without frames, the breaks of its width, and which changes of a policy were written together."""
    return str(value(_TOGETHER.sub("", " ".join(re.sub(r"[│╷╵]", " ", told).split()))))


def _body(request: Request) -> Any:
    body = value(request.body)
    if isinstance(body, dict) and isinstance(body.get("policy"), dict):
        bindings = body["policy"].get("bindings") or []
        body["policy"]["bindings"] = sorted(
            ({**b, "members": sorted(b.get("members", []))} for b in bindings), key=lambda b: json.dumps(b, sort_keys=True)
        )
    return body


def _true(given: Any) -> Any:
    """The parts of a tree of booleans that hold."""
    if isinstance(given, dict):
        return {k: v for k, v in ((k, _true(v)) for k, v in sorted(given.items())) if v not in (False, {}, [])}
    if isinstance(given, list):
        return [_true(v) for v in given]
    return given
