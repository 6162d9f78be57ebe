"""What a server says of itself, as far as kubectl, the official client and this program look."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from core.rehearsal.kubernetes.resources import BUILTIN
from tests.conformance.kubernetes.side import Scenario, Side

VERSIONS = sorted({r.api_version for r in BUILTIN.values()})


def scenarios() -> Iterator[tuple[str, Scenario]]:
    """One scenario."""
    yield "discovery", _discovery
    for version in VERSIONS:
        yield f"the resources of {version}", partial(_resources, version)


async def _discovery(side: Side) -> None:
    for path in ("/api", "/healthz", "/livez", "/readyz"):
        answer = await side.tell("GET", path)
        side.note(path, {"status": answer.status, "kind": _kind(answer.body)})
    version = await side.tell("GET", "/version")
    side.note("/version", {"status": version.status, "fields": sorted(version.body)[:0] or _present(version.body)})
    groups = (await side.tell("GET", "/apis")).body
    served = {g["name"]: g for g in groups["groups"]}
    for name in sorted({r.group for r in BUILTIN.values() if r.group}):
        side.note(f"the group {name}", served.get(name, {}).get("preferredVersion"))
    await side.ask("no such path", "GET", "/nonsense")
    await side.ask("no such group", "GET", "/apis/nonsense.example.com")
    await side.ask("no such version", "GET", "/apis/apps/v9")
    await side.ask("no such resource", "GET", "/api/v1/namespaces/default/nonsenses")
    await side.ask("no such resource in a group", "GET", "/apis/apps/v1/nonsenses")
    await side.ask("nobody's token", "GET", "/api/v1/namespaces", who="nobody's")
    await side.ask("a method that is not served", "POST", "/api/v1/namespaces/default", {})


def _kind(body: Any) -> Any:
    return body.get("kind") if isinstance(body, dict) else body


def _present(body: Any) -> list[str]:
    wanted = ("major", "minor", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform")
    return [name for name in wanted if name in body]


async def _resources(version: str, side: Side) -> None:
    path = f"/apis/{version}" if "/" in version else f"/api/{version}"
    found = (await side.tell("GET", path)).body
    entries = {entry["name"]: entry for entry in found["resources"]}
    ours = [r for r in BUILTIN.values() if r.api_version == version]
    for resource in ours:
        for name in (resource.plural, *(f"{resource.plural}/{below}" for below in resource.subresources)):
            entry = dict(entries.get(name, {}))
            for key in ("storageVersionHash", "categories"):
                entry.pop(key, None)
            side.note(name, {k: sorted(v) if k == "verbs" else v for k, v in entry.items()})
