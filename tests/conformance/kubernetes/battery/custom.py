"""CRDs and their objects: established, checked against their schema, and gone with it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.kubernetes.battery.lives import namespace
from tests.conformance.kubernetes.battery.samples import Obj, crd
from tests.conformance.kubernetes.side import APPLY, JSON_PATCH, MERGE, STRATEGIC, TABLE, Scenario, Side

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "/apis/battery.example.com/v1"
SCHEMA: Obj = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 9},
                "mode": {"type": "string", "enum": ["fast", "slow"], "default": "fast"},
                "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
                "when": {"type": "string", "format": "date-time"},
                "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "port": {"x-kubernetes-int-or-string": True},
                "maybe": {"type": "string", "nullable": True},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "parts": {
                    "type": "array",
                    "maxItems": 3,
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {"name": {"type": "string"}, "value": {"type": "number"}},
                    },
                },
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                "plain": {"type": "array", "items": {"type": "string"}},
            },
        },
        "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
    },
}
OPEN: Obj = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

_SPECS: tuple[tuple[str, object], ...] = (
    ("right", {"size": 3}),
    (
        "rich",
        {"size": 3, "name": "abc", "open": {"x": 1}, "port": "http", "parts": [{"name": "a", "value": 1.5}], "tags": ["a"]},
    ),
    ("no size", {}),
    ("a size of the wrong type", {"size": "3"}),
    ("a fraction", {"size": 3.5}),
    ("too small", {"size": 0}),
    ("too big", {"size": 10}),
    ("two wrongs", {"size": 0, "mode": "sideways"}),
    ("a mode that is none", {"size": 3, "mode": "sideways"}),
    ("a name of another pattern", {"size": 3, "name": "A"}),
    ("a name too long", {"size": 3, "name": "abcdefgh"}),
    ("a time that is none", {"size": 3, "when": "yesterday"}),
    ("too many parts", {"size": 3, "parts": [{"name": n} for n in "abcd"]}),
    ("a part twice", {"size": 3, "parts": [{"name": "a"}, {"name": "a"}]}),
    ("a part without a name", {"size": 3, "parts": [{"value": 1}]}),
    ("a tag twice", {"size": 3, "tags": ["a", "a"]}),
    ("a label that is no string", {"size": 3, "labels": {"a": 1}}),
    ("unknown", {"size": 3, "nonsense": 1}),
    ("deep unknown", {"size": 3, "parts": [{"name": "a", "nonsense": 1}]}),
    ("null where none may be", {"size": 3, "name": None}),
    ("null where one may be", {"size": 3, "maybe": None}),
    ("no object", "none"),
)


def scenarios() -> Iterator[tuple[str, Scenario]]:
    """Three scenarios."""
    yield "CRDs", _definitions
    yield "custom objects", _objects
    yield "custom objects of any shape", _open


async def established(side: Side, body: Obj) -> None:
    """Makes a CRD and waits until it is served."""
    await side.tell("POST", DEFINITIONS, body)
    one = f"{DEFINITIONS}/{body['metadata']['name']}"
    conditions = await side.until(one, lambda b: _is(b, "Established"))
    assert conditions
    await side.until(f"{GROUP}/{body['spec']['names']['plural']}", lambda b: isinstance(b, dict) and "items" in b)


def _is(body: Obj, kind: str) -> bool:
    conditions = (body.get("status") or {}).get("conditions") or []
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)


async def _definitions(side: Side) -> None:
    body = crd(
        "Widget",
        "widgets",
        SCHEMA,
        subresources={"status": {}},
        additionalPrinterColumns=[{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
    )
    one = f"{DEFINITIONS}/widgets.battery.example.com"
    await side.ask("before it is there", "GET", f"{GROUP}/namespaces/default/widgets")
    await side.ask("made as a dry run", "POST", DEFINITIONS, body, dryRun="All")
    await side.apply("applied", one, body, "one")
    await side.until(one, lambda b: _is(b, "Established"))
    await side.until(f"{GROUP}/widgets", lambda b: isinstance(b, dict) and "items" in b)
    await side.ask("established", "GET", one)
    await side.apply("applied again", one, body, "one")
    await side.apply("applied by another", one, body, "two")
    await side.ask("what it serves", "GET", GROUP)
    await side.ask("the group", "GET", "/apis/battery.example.com")
    await side.ask("a list of none", "GET", f"{GROUP}/widgets")
    await side.ask("a table of none", "GET", f"{GROUP}/widgets", accept=TABLE)
    await side.ask("another scope", "PATCH", one, {"spec": {"scope": "Cluster"}}, content=MERGE)
    await side.ask("an unknown field", "PATCH", one, {"spec": {"nonsense": 1}}, content=MERGE, fieldValidation="Strict")
    for what, change in (
        ("no schema", {"versions": [{"name": "v1", "served": True, "storage": True}]}),
        (
            "two storage versions",
            {
                "versions": [
                    {"name": v, "served": True, "storage": True, "schema": {"openAPIV3Schema": OPEN}} for v in ("v1", "v2")
                ]
            },
        ),
        ("no version", {"versions": []}),
        ("a scope that is none", {"scope": "Sideways"}),
    ):
        wrong = crd("Wrong", "wrongs", OPEN)
        wrong["spec"].update(change)
        await side.ask(what, "POST", DEFINITIONS, wrong)
    await side.ask(
        "a name that does not fit",
        "POST",
        DEFINITIONS,
        {**crd("Wrong", "wrongs", OPEN), "metadata": {"name": "others.battery.example.com"}},
    )
    await side.ask(
        "a schema that is not structural",
        "POST",
        DEFINITIONS,
        crd("Wrong", "wrongs", {"type": "object", "properties": {"a": {}}}),
    )
    await side.ask("deleted", "DELETE", one)
    await side.gone(one)
    await side.until(f"{GROUP}/widgets", lambda b: not isinstance(b, dict) or "items" not in b)
    await side.ask("gone with its objects", "GET", f"{GROUP}/widgets")


async def _objects(side: Side) -> None:
    home = await namespace(side, "custom")
    await established(side, crd("Gadget", "gadgets", SCHEMA, subresources={"status": {}}))
    path = f"{GROUP}/namespaces/{home}/gadgets"
    for what, spec in _SPECS:
        name = what.replace(" ", "-")
        body = {"apiVersion": "battery.example.com/v1", "kind": "Gadget", "metadata": {"name": name}, "spec": spec}
        await side.ask(f"{what}, made", "POST", path, body, fieldValidation="Strict")
        await side.tell("DELETE", f"{path}/{name}")
        await side.ask(
            f"{what}, applied", "PATCH", f"{path}/{name}", body, content=APPLY, fieldManager="a", fieldValidation="Strict"
        )
        await side.tell("DELETE", f"{path}/{name}")
    body = {
        "apiVersion": "battery.example.com/v1",
        "kind": "Gadget",
        "metadata": {"name": "one"},
        "spec": {"size": 1, "parts": [{"name": "a"}]},
    }
    await side.ask("an unknown field, with a warning", "POST", path, {**body, "nonsense": 1}, dryRun="All")
    await side.ask("no apiVersion", "POST", path, {k: v for k, v in body.items() if k != "apiVersion"})
    await side.ask("made", "POST", path, {**body, "status": {"phase": "given"}})
    one = f"{path}/one"
    await side.ask("a table", "GET", path, accept=TABLE)
    await side.ask("a strategic merge", "PATCH", one, {"spec": {"size": 2}}, content=STRATEGIC)
    await side.ask("a merge", "PATCH", one, {"spec": {"size": 2}}, content=MERGE, fieldManager="m")
    await side.ask("a wrong merge", "PATCH", one, {"spec": {"size": 200}}, content=MERGE)
    await side.ask(
        "a JSON patch", "PATCH", one, [{"op": "add", "path": "/spec/parts/-", "value": {"name": "b"}}], content=JSON_PATCH
    )
    await side.ask(
        "a status",
        "PATCH",
        f"{one}/status",
        {"status": {"phase": "x"}, "spec": {"size": 9}},
        content=MERGE,
        fieldManager="s",
    )
    await side.apply(
        "applied by one", one, {**body, "spec": {"size": 2, "parts": [{"name": "c", "value": 1}], "tags": ["a"]}}, "one"
    )
    await side.apply(
        "applied by two", one, {**body, "spec": {"size": 3, "parts": [{"name": "c", "value": 2}], "tags": ["b"]}}, "two"
    )
    await side.apply(
        "applied by two, by force",
        one,
        {**body, "spec": {"size": 3, "parts": [{"name": "c", "value": 2}], "tags": ["b"]}},
        "two",
        force="true",
    )
    await side.apply("let go by two", one, {**body, "spec": {"size": 3}}, "two")
    live = (await side.tell("GET", one)).body
    await side.ask("put without a version", "PUT", one, {**live, "metadata": {"name": "one", "namespace": home}})
    await side.ask(
        "put too late", "PUT", one, {**live, "spec": {"size": 5}, "metadata": {**live["metadata"], "resourceVersion": "1"}}
    )
    await side.ask("deleted", "DELETE", one)
    await side.ask("gone", "GET", one)


async def _open(side: Side) -> None:
    home = await namespace(side, "custom-open")
    await established(side, crd("Blob", "blobs", OPEN))
    path = f"{GROUP}/namespaces/{home}/blobs"
    body = {
        "apiVersion": "battery.example.com/v1",
        "kind": "Blob",
        "metadata": {"name": "one", "labels": {"a": "b"}},
        "anything": {"a": [1, {"b": None}]},
        "spec": {},
    }
    await side.ask("made", "POST", path, body, fieldValidation="Strict")
    await side.ask("made with a wrong label", "POST", path, {**body, "metadata": {"name": "two", "labels": {"a": 1}}})
    await side.ask(
        "made with an unknown metadata",
        "POST",
        path,
        {**body, "metadata": {"name": "two", "nonsense": 1}},
        fieldValidation="Strict",
    )
    await side.apply("applied", f"{path}/one", {**body, "anything": {"a": [2]}}, "one")
    await side.apply("applied by force", f"{path}/one", {**body, "anything": {"a": [2]}, "more": 1}, "one", force="true")
    await side.ask("a status that is none", "PATCH", f"{path}/one/status", {"status": {}}, content=MERGE)
    await side.ask("all deleted", "DELETE", path)
    await side.ask("none left", "GET", path)
