"""Patches: strategic merges by their keys and directives, JSON patches, and what they are refused for."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.kubernetes.battery.lives import namespace
from tests.conformance.kubernetes.battery.samples import RICH_DEPLOYMENT, Obj
from tests.conformance.kubernetes.side import JSON_PATCH, MERGE, STRATEGIC, Scenario, Side

_STRATEGIC: tuple[tuple[str, Obj], ...] = (
    ("an image", {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:2"}]}}}}),
    (
        "a variable",
        {"spec": {"template": {"spec": {"containers": [{"name": "main", "env": [{"name": "PLAIN", "value": "2"}]}]}}}},
    ),
    ("a container more", {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "side:1"}]}}}}),
    ("a container fewer", {"spec": {"template": {"spec": {"containers": [{"name": "side", "$patch": "delete"}]}}}}),
    (
        "a volume replaced",
        {
            "spec": {
                "template": {
                    "spec": {
                        "volumes": [{"name": "scratch", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}]
                    }
                }
            }
        },
    ),
    (
        "an order",
        {
            "spec": {
                "template": {
                    "spec": {
                        "$setElementOrder/volumes": [
                            {"name": "secret"},
                            {"name": "config"},
                            {"name": "data"},
                            {"name": "scratch"},
                        ],
                        "volumes": [{"name": "secret", "secret": {"secretName": "t"}}],
                    }
                }
            }
        },
    ),
    ("a list replaced", {"spec": {"template": {"spec": {"tolerations": [{"key": "a", "operator": "Exists"}]}}}}),
    ("a map replaced", {"spec": {"strategy": {"$patch": "replace", "type": "Recreate"}}}),
    ("a strategy with its keys", {"spec": {"strategy": {"$retainKeys": ["type"], "type": "RollingUpdate"}}}),
    ("a null", {"spec": {"template": {"spec": {"serviceAccountName": None, "serviceAccount": None}}}}),
    ("an item without its key", {"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}}),
    ("an unknown directive", {"spec": {"strategy": {"$patch": "nonsense"}}}),
    ("an unknown field", {"spec": {"nonsense": 1}}),
    ("a mistyped field", {"spec": {"replicas": "two"}}),
    ("finalizers", {"metadata": {"finalizers": ["battery.example.com/a", "battery.example.com/b"]}}),
    ("a finalizer fewer", {"metadata": {"$deleteFromPrimitiveList/finalizers": ["battery.example.com/a"]}}),
    ("no finalizer", {"metadata": {"finalizers": None}}),
    (
        "a restart",
        {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}}}}},
    ),
    ("a stale version", {"metadata": {"resourceVersion": "1"}}),
    ("another name", {"metadata": {"name": "other"}}),
    ("another uid", {"metadata": {"uid": "00000000-0000-0000-0000-000000000000"}}),
)

_JSON: tuple[tuple[str, list[Obj]], ...] = (
    ("an image", [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "nginx:3"}]),
    ("a label", [{"op": "add", "path": "/metadata/labels", "value": {"a/b": "c"}}]),
    ("a label with a slash", [{"op": "remove", "path": "/metadata/labels/a~1b"}]),
    ("an item at the end", [{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--more"}]),
    ("a copy", [{"op": "copy", "from": "/spec/replicas", "path": "/spec/minReadySeconds"}]),
    ("a move", [{"op": "move", "from": "/spec/minReadySeconds", "path": "/spec/revisionHistoryLimit"}]),
    ("a path that is not there", [{"op": "remove", "path": "/metadata/nonsense"}]),
    ("a parent that is not there", [{"op": "add", "path": "/metadata/nonsense/a", "value": 1}]),
    ("an index that is not there", [{"op": "replace", "path": "/spec/template/spec/containers/9/image", "value": "x"}]),
    ("a test that fails", [{"op": "test", "path": "/spec/replicas", "value": 99}]),
    ("an operation that is none", [{"op": "nonsense", "path": "/spec/replicas"}]),
    ("an unknown field", [{"op": "add", "path": "/spec/nonsense", "value": 1}]),
    ("a mistyped field", [{"op": "replace", "path": "/spec/replicas", "value": "two"}]),
    ("nothing", []),
)

_MERGES: tuple[tuple[str, Obj], ...] = (
    ("a list as a whole", {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:4"}]}}}}),
    ("a null", {"spec": {"template": {"spec": {"volumes": None}}}}),
    ("a stale version", {"metadata": {"resourceVersion": "1"}}),
    ("a mistyped field", {"spec": {"replicas": []}}),
    ("an empty merge", {}),
    ("another kind", {"kind": "Nonsense"}),
)


def scenarios() -> Iterator[tuple[str, Scenario]]:
    """Two scenarios."""
    yield "patches", _patches
    yield "finalizers and what is owned", _finalizers


async def _patches(side: Side) -> None:
    home = await namespace(side, "patches")
    path = RICH_DEPLOYMENT.path(home)
    one = f"{path}/web"
    await side.ask("made", "POST", path, RICH_DEPLOYMENT.object("web"), fieldManager="one")
    for what, patch in _STRATEGIC:
        await side.ask(
            f"strategic: {what}", "PATCH", one, patch, content=STRATEGIC, fieldManager="two", fieldValidation="Strict"
        )
    for what, operations in _JSON:
        await side.ask(
            f"JSON: {what}", "PATCH", one, operations, content=JSON_PATCH, fieldManager="two", fieldValidation="Strict"
        )
    for what, patch in _MERGES:
        await side.ask(f"merge: {what}", "PATCH", one, patch, content=MERGE, fieldManager="two", fieldValidation="Strict")
    await side.ask("of what is not there", "PATCH", f"{path}/none", {}, content=MERGE)
    await side.ask("an update of what is not there", "PUT", f"{path}/none", RICH_DEPLOYMENT.object("none"))


async def _finalizers(side: Side) -> None:
    home = await namespace(side, "finalizers")
    path = f"/api/v1/namespaces/{home}/configmaps"
    await side.ask("held", "POST", path, {"metadata": {"name": "held", "finalizers": ["battery.example.com/hold"]}})
    await side.ask("deleted", "DELETE", f"{path}/held")
    await side.ask("read while it goes", "GET", f"{path}/held")
    await side.ask("deleted again", "DELETE", f"{path}/held")
    await side.ask(
        "a finalizer more",
        "PATCH",
        f"{path}/held",
        {"metadata": {"finalizers": ["battery.example.com/hold", "battery.example.com/b"]}},
        content=MERGE,
    )
    await side.ask("let go", "PATCH", f"{path}/held", {"metadata": {"finalizers": None}}, content=MERGE)
    await side.ask("gone", "GET", f"{path}/held")
    await side.ask("a finalizer that is none", "POST", path, {"metadata": {"name": "wrong", "finalizers": ["a b"]}})
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner"}
    await side.ask("an owner without a uid", "POST", path, {"metadata": {"name": "owned", "ownerReferences": [owner]}})
    made = await side.tell("POST", path, {"metadata": {"generateName": "made-"}})
    side.note("a name made up", {"status": made.status, "length": len(made.body["metadata"]["name"])})
    body = {"metadata": {"name": "grace"}}
    await side.tell("POST", path, body)
    await side.ask("deleted at a stale version", "DELETE", f"{path}/grace", {"preconditions": {"resourceVersion": "1"}})
    await side.ask("deleted in a way that is none", "DELETE", f"{path}/grace", {"propagationPolicy": "Sideways"})
    await side.ask("deleted in the foreground", "DELETE", f"{path}/grace", {"propagationPolicy": "Foreground"})
    await side.ask("read in the foreground", "GET", f"{path}/grace")
    await side.ask("orphans left", "DELETE", f"{path}/grace", {"propagationPolicy": "Orphan"})
