"""Server-side apply: who owns which field, who may change it, and what goes when nobody wants it any more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_cluster import Bench, Served, config_map, crd, deployment

from core.rehearsal.kubernetes import fields, shapes
from core.rehearsal.kubernetes.objects import Options
from core.rehearsal.kubernetes.resources import BUILTIN
from core.rehearsal.kubernetes.status import ApiError

APPS = "/apis/apps/v1/namespaces/default/deployments"
MAPS = "/api/v1/namespaces/default/configmaps"


async def test_what_is_applied_is_made_then_left_alone(served: Served) -> None:
    status, made = await served.apply(f"{APPS}/web", deployment())
    assert status == 201
    await served.until(APPS, lambda o: o.get("status", {}).get("readyReplicas") == 1)
    status, again = await served.apply(f"{APPS}/web", deployment())
    assert status == 200
    assert again["metadata"]["generation"] == made["metadata"]["generation"]
    _, before = await served.call("GET", f"{APPS}/web")
    _, after = await served.apply(f"{APPS}/web", deployment())
    assert before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]


async def test_another_managers_field_is_a_conflict_until_it_is_forced(served: Served) -> None:
    await served.apply(f"{APPS}/web", deployment(image="a"), manager="one")
    status, refused = await served.apply(f"{APPS}/web", deployment(image="b"), manager="two")
    assert (status, refused["reason"]) == (409, "Conflict")
    assert refused["details"]["causes"][0]["field"] == '.spec.template.spec.containers[name="main"].image'
    assert 'conflict with "one"' in refused["message"]
    status, forced = await served.apply(f"{APPS}/web", deployment(image="b"), manager="two", force="true")
    assert (status, forced["spec"]["template"]["spec"]["containers"][0]["image"]) == (200, "b")
    status, _ = await served.apply(f"{APPS}/web", deployment(image="c"), manager="one")
    assert status == 409


async def test_two_managers_may_own_the_same_value(served: Served) -> None:
    await served.apply(f"{MAPS}/a", config_map("a", {"k": "1"}), manager="one")
    status, _ = await served.apply(f"{MAPS}/a", config_map("a", {"k": "1"}), manager="two")
    assert status == 200
    _, left = await served.apply(f"{MAPS}/a", config_map("a", {}), manager="one")
    assert left["data"] == {"k": "1"}


async def test_what_is_no_longer_applied_goes(served: Served) -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    await served.apply(f"{APPS}/web", deployment(container={"env": env}))
    _, left = await served.apply(f"{APPS}/web", deployment(container={"env": env[:1]}))
    assert left["spec"]["template"]["spec"]["containers"][0]["env"] == env[:1]


async def test_what_another_client_added_stays(served: Served) -> None:
    await served.apply(f"{MAPS}/a", config_map("a", {"k": "1"}))
    patch = {"data": {"other": "2"}}
    await served.call("PATCH", f"{MAPS}/a", patch, content_type="application/merge-patch+json", fieldManager="hand")
    _, kept = await served.apply(f"{MAPS}/a", config_map("a", {"k": "3"}))
    assert kept["data"] == {"k": "3", "other": "2"}


async def test_a_status_is_no_part_of_what_is_applied(served: Served) -> None:
    body = {**deployment(), "status": {"readyReplicas": 9}}
    _, made = await served.apply(f"{APPS}/web", body)
    assert made["status"] == {}


async def test_a_manager_has_to_be_named(served: Served) -> None:
    kind = "application/apply-patch+yaml"
    status, answer = await served.call("PATCH", f"{MAPS}/a", config_map("a", {}), content_type=kind)
    assert (status, "fieldManager" in answer["message"]) == (422, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"replcas": 2}, ".spec.replcas: field not declared in schema"),
        ({"replicas": "two"}, ".spec.replicas: expected numeric (int or float), got string"),
    ],
)
async def test_what_makes_no_typed_value_is_a_bare_500(served: Served, change: dict[str, Any], words: str) -> None:
    for validation in ("Strict", "Ignore"):
        status, answer = await served.apply(f"{APPS}/web", deployment(**change), fieldValidation=validation)
        assert status == 500
        assert "reason" not in answer
        assert answer["message"] == f"failed to create typed patch object (default/web; apps/v1, Kind=Deployment): {words}"


def test_ports_merge_by_number_and_protocol(bench: Bench) -> None:
    first = deployment(container={"ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]})
    bench.put(first)
    ports = bench.get("apps/v1", "Deployment", "web")["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert ports == [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "UDP"}]
    bench.put(deployment(container={"ports": [{"containerPort": 80, "name": "http"}]}))
    ports = bench.get("apps/v1", "Deployment", "web")["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert ports == [{"containerPort": 80, "protocol": "TCP", "name": "http"}]


def test_an_atomic_part_has_one_owner(bench: Bench) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"selector": {"a": "1"}, "ports": [{"port": 80}]},
    }
    bench.put(service)
    service["spec"] = {"selector": {"b": "2"}, "ports": [{"port": 80}]}
    bench.put(service)
    assert bench.get("v1", "Service", "s")["spec"]["selector"] == {"b": "2"}


def test_a_custom_objects_lists_merge_as_its_crd_says(bench: Bench) -> None:
    item = {"type": "object", "properties": {"name": {"type": "string"}, "value": {"type": "string"}}}
    items = {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"items": items}}}}
    bench.put(crd("x.io", "Thing", "things", schema))
    resource = bench.kind("x.io/v1", "Thing")

    def apply(manager: str, *found: dict[str, str]) -> list[dict[str, str]]:
        body = {"apiVersion": "x.io/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": {"items": list(found)}}
        obj, _ = bench.cluster.apply(resource, "default", "t", body, Options(manager=manager))
        return list(obj["spec"]["items"])

    apply("one", {"name": "a", "value": "1"})
    assert apply("two", {"name": "b", "value": "2"}) == [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]
    with pytest.raises(ApiError, match="conflict"):
        apply("two", {"name": "a", "value": "other"})


def test_a_secrets_plain_data_is_stored_encoded(bench: Bench) -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "v"}}
    bench.put(body)
    bench.put({**body, "stringData": {"k": "w"}})
    found = bench.get("v1", "Secret", "s")
    assert found["data"] == {"k": "dw=="}
    assert "stringData" not in found


_NAME = st.text("abcde", min_size=1, max_size=3)
_ENV = st.dictionaries(_NAME, st.text(max_size=3), max_size=4)


@settings(deadline=None)
@given(first=_ENV, second=_ENV)
def test_field_sets_survive_their_written_form(first: dict[str, str], second: dict[str, str]) -> None:
    shape = shapes.of(BUILTIN["apps", "v1", "deployments"])
    body = deployment(container={"env": [{"name": k, "value": v} for k, v in first.items()]})
    body["metadata"]["labels"] = second
    for owned in (fields.field_set(shape, body), fields.compare(shape, {}, body).added):
        assert fields.read(fields.write(owned)) == owned


@settings(deadline=None)
@given(first=_ENV, second=_ENV)
def test_removing_what_one_owns_leaves_what_the_other_does(first: dict[str, str], second: dict[str, str]) -> None:
    shape = shapes.of(BUILTIN["", "v1", "configmaps"])
    body = config_map("m", {**first, **second})
    mine, others = (fields.field_set(shape, config_map("m", data)) for data in (first, second))
    left: Any = fields.remove(shape, body, mine - fields.with_named(shape, others))
    assert (left.get("data") or {}) == second


@settings(deadline=None)
@given(first=_ENV, second=_ENV)
def test_what_differs_is_added_removed_or_modified(first: dict[str, str], second: dict[str, str]) -> None:
    shape = shapes.of(BUILTIN["", "v1", "configmaps"])
    found = fields.compare(shape, {"data": first}, {"data": second})
    keys = [{path[1][2:] for path in paths if len(path) == 2} for paths in (found.added, found.removed, found.modified)]
    changed = {k for k in first.keys() & second.keys() if first[k] != second[k]}
    assert keys == [second.keys() - first.keys(), first.keys() - second.keys(), changed]
