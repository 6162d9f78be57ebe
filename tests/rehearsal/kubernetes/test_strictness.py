"""What the server refuses: unknown and mistyped fields, missing ones, names, values, and what must not change."""

from __future__ import annotations

from typing import Any

import pytest
from simulated_cluster import Bench, Served, config_map, crd, deployment

from core.rehearsal.kubernetes import models, resources
from core.rehearsal.kubernetes.objects import Options
from core.rehearsal.kubernetes.status import ApiError

APPS = "/apis/apps/v1/namespaces/default/deployments"
MAPS = "/api/v1/namespaces/default/configmaps"


def test_every_built_in_kind_has_its_fields() -> None:
    for resource in resources.BUILTIN.values():
        name = models.name_of(resource.api_version, resource.kind)
        assert name is not None, resource.kind
        model = models.model(name)
        assert model is not None
        assert "metadata" in model.fields, resource.kind


def test_models_know_types_and_what_is_required() -> None:
    found = models.model("V1ContainerPort")
    assert found is not None
    assert found.fields["containerPort"] == "int"
    assert found.required == ("containerPort",)


async def test_an_unknown_field_is_refused_warned_of_or_dropped(served: Served) -> None:
    body = deployment(replcas=2)
    status, answer = await served.call("POST", APPS, body, fieldValidation="Strict")
    assert (status, 'strict decoding error: unknown field "spec.replcas"' in answer["message"]) == (400, True)
    headers = {"Authorization": f"Bearer {served.token}"}
    async with served.session.post(
        served.url + APPS, json=body, params={"fieldValidation": "Warn"}, headers=headers
    ) as reply:
        assert reply.status == 201
        assert 'unknown field \\"spec.replcas\\"' in reply.headers["Warning"]
        assert "replcas" not in (await reply.json())["spec"]
    body["metadata"]["name"] = "quiet"
    async with served.session.post(
        served.url + APPS, json=body, params={"fieldValidation": "Ignore"}, headers=headers
    ) as reply:
        assert reply.status == 201
        assert "Warning" not in reply.headers


@pytest.mark.parametrize(
    "change",
    [
        {"replicas": "2"},
        {"template": []},
        {"container": {"ports": [{"containerPort": "80"}]}},
        {"container": {"env": {"A": "1"}}},
        {"container": {"resources": {"requests": {"cpu": "much"}}}},
        {"container": {"command": "sleep"}},
        {"spec": {"hostNetwork": "yes"}},
    ],
)
async def test_a_mistyped_field_is_always_refused(served: Served, change: dict[str, Any]) -> None:
    template = change.pop("template", None)
    body = deployment(**change)
    if template is not None:
        body["spec"]["template"] = template
    status, answer = await served.call("POST", APPS, body, fieldValidation="Ignore")
    assert (status, answer["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize("quantity", ["100m", "1.5", "2Gi", 3, "1e3", "500k"])
def test_quantities_are_taken_as_they_may_be_written(bench: Bench, quantity: object) -> None:
    bench.put(deployment(container={"resources": {"requests": {"memory": quantity}}}))
    assert bench.get("apps/v1", "Deployment", "web")


def _create(bench: Bench, body: dict[str, Any], validation: str = "Strict") -> None:
    resource = bench.kind(body["apiVersion"], body["kind"])
    namespace = "default" if resource.namespaced else ""
    bench.cluster.create(resource, namespace, body, Options(manager="test", validation=validation))


def _edited(body: dict[str, Any], *path: str, value: Any) -> dict[str, Any]:
    node = body
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    return body


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (config_map("Upper", {}), "metadata.name"),
        (config_map("", {}), "metadata.name"),
        (config_map("m", {"a b": "1"}), "data[a b]"),
        (_edited(config_map("m", {}), "metadata", "labels", value={"k": "a b"}), "metadata.labels"),
        (_edited(config_map("m", {}), "metadata", "annotations", value={"k": "x" * 262144}), "metadata.annotations"),
        (
            _edited(deployment(), "spec", "selector", value={"matchLabels": {"app": "other"}}),
            "spec.template.metadata.labels",
        ),
        (_edited(deployment(), "spec", "selector", value=None), "spec.selector"),
        (deployment(container={"image": ""}), "spec.template.spec.containers[0].image"),
        (
            deployment(container={"volumeMounts": [{"name": "none", "mountPath": "/x"}]}),
            "spec.template.spec.containers[0].volumeMounts[0].name",
        ),
        (
            deployment(container={"lifecycle": {"preStop": {"exec": {"command": ["x"]}, "sleep": {"seconds": 1}}}}),
            "spec.template.spec.containers[0].lifecycle.preStop.sleep",
        ),
        (deployment(container={"livenessProbe": {}}), "spec.template.spec.containers[0].livenessProbe"),
        (deployment(spec={"restartPolicy": "Never"}), "spec.template.spec.restartPolicy"),
        ({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {}}, "spec.ports"),
        (
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "s"},
                "spec": {"ports": [{"port": 1}, {"port": 2}]},
            },
            "spec.ports[0].name",
        ),
        (
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"}, "spec": {}},
            "spec.accessModes",
        ),
        (_edited(crd("x.io", "Thing", "things"), "metadata", "name", value="wrong.x.io"), "metadata.name"),
        (
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": "b"},
                "roleRef": {"kind": "ClusterRole", "name": "r"},
                "subjects": [{"kind": "ServiceAccount", "name": "s"}],
            },
            "subjects[0].namespace",
        ),
    ],
)
def test_an_invalid_object_is_422_with_its_field(bench: Bench, body: dict[str, Any], field: str) -> None:
    with pytest.raises(ApiError) as caught:
        _create(bench, body)
    assert caught.value.code == 422
    assert field in [cause["field"] for cause in caught.value.details["causes"]]


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        (
            deployment(),
            _edited(
                _edited(deployment(), "spec", "selector", value={"matchLabels": {"app": "web", "x": "1"}}),
                "spec", "template", "metadata", "labels", value={"app": "web", "x": "1"},
            ),
            "spec.selector",
        ),
        (
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "type": "Opaque"},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "type": "example.com/other"},
            "type",
        ),
    ],
)  # fmt: skip
def test_what_must_not_change_is_held(bench: Bench, before: dict[str, Any], after: dict[str, Any], field: str) -> None:
    bench.put(before)
    with pytest.raises(ApiError, match="field is immutable") as caught:
        bench.put(after)
    assert caught.value.details["causes"][0]["field"] == field


THING = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer"},
                "mode": {"type": "string", "enum": ["fast", "slow"]},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        }
    },
}


def _thing(spec: Any) -> dict[str, Any]:
    return {"apiVersion": "x.io/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "code"),
    [({"size": "big"}, 422), ({"size": 1, "colour": "red"}, 400), ({}, 422), ({"size": 1, "mode": "odd"}, 422)],
)
def test_a_custom_object_is_held_against_its_crd(bench: Bench, spec: Any, code: int) -> None:
    bench.put(crd("x.io", "Thing", "things", THING))
    with pytest.raises(ApiError) as caught:
        _create(bench, _thing(spec))
    assert caught.value.code == code
    _create(bench, _thing({"size": 1, "mode": "fast", "free": {"anything": [1]}}))


def test_a_custom_object_needs_its_crd(bench: Bench) -> None:
    with pytest.raises(ApiError) as caught:
        bench.cluster.resource("x.io", "v1", "things")
    assert caught.value.code == 404
    bench.put(crd("x.io", "Thing", "things", THING))
    assert bench.cluster.resource("x.io", "v1", "things").custom
    conditions = bench.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "things.x.io")["status"]["conditions"]
    assert {"Established", "NamesAccepted"} == {c["type"] for c in conditions if c["status"] == "True"}
    _create(bench, _thing({"size": 1}))
    bench.cluster.delete(bench.kind("apiextensions.k8s.io/v1", "CustomResourceDefinition"), "", "things.x.io")
    with pytest.raises(ApiError):
        bench.cluster.resource("x.io", "v1", "things")
