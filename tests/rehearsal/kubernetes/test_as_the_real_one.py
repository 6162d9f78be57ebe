"""What a real control plane taught: each of these was seen there, and was otherwise here before."""

from __future__ import annotations

from typing import Any

import pytest
from simulated_cluster import Bench, Served, config_map, crd, deployment

MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
APPS = "/apis/apps/v1/namespaces/default/deployments"
MERGE = "application/merge-patch+json"


async def test_who_creates_owns_the_defaults_too(served: Served) -> None:
    _, made = await served.call("POST", APPS, deployment(), fieldManager="one")
    owned = made["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]
    assert {"f:progressDeadlineSeconds", "f:replicas", "f:strategy"} <= owned.keys()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},) * 2,
        ({"resources": {"requests": {"cpu": "0.5"}}},) * 2,
    ],
)
async def test_what_the_server_writes_otherwise_is_a_conflict_though_both_say_the_same(
    served: Served, first: dict[str, Any], second: dict[str, Any]
) -> None:
    await served.apply(f"{APPS}/web", deployment(container=first), "one")
    status, answer = await served.apply(f"{APPS}/web", deployment(container=second), "two")
    assert (status, answer["reason"]) == (409, "Conflict")
    assert answer["details"]["causes"][0]["message"] == 'conflict with "one"'


async def test_quantities_are_kept_in_one_form(served: Served) -> None:
    resources = {"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"cpu": "1000m"}}
    _, made = await served.call("POST", APPS, deployment(container={"resources": resources}))
    kept = made["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert kept == {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "1"}}


async def test_an_unknown_field_of_an_apply_is_a_bare_500(served: Served) -> None:
    status, answer = await served.apply(f"{MAPS}/c", {**config_map("c", {}), "nonsense": 1}, fieldValidation="Ignore")
    assert (status, "reason" in answer) == (500, False)
    assert answer["message"].endswith(".nonsense: field not declared in schema")


async def test_a_patch_that_can_not_be_decoded_is_422(served: Served) -> None:
    await served.call("POST", MAPS, config_map("c", {}))
    status, answer = await served.call("PATCH", f"{MAPS}/c", {"data": {"a": 1}}, content_type=MERGE)
    assert (status, answer["details"]["causes"][0]["field"]) == (422, "patch")


async def test_a_stateful_set_has_the_name_of_a_label(served: Served) -> None:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "m", "image": "a"}]}}
    spec = {"selector": {"matchLabels": {"app": "a"}}, "template": template}
    sets = "/apis/apps/v1/namespaces/default/statefulsets"
    for name, words in (("x" * 64, "must be no more than 63 characters"), ("a.b", "a lowercase RFC 1123 label must")):
        status, answer = await served.call("POST", sets, {"metadata": {"name": name}, "spec": spec})
        assert (status, words in answer["message"]) == (422, True)


async def test_a_pod_is_held_to_its_namespaces_level_and_a_template_is_warned_of(served: Served) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    await served.call("POST", "/api/v1/namespaces", {"metadata": {"name": "held", "labels": labels}})
    await served.until("/api/v1/namespaces/held/serviceaccounts", lambda a: a["metadata"]["name"] == "default")
    spec = {"containers": [{"name": "main", "image": "a"}], "hostNetwork": True}
    status, answer = await served.call("POST", "/api/v1/namespaces/held/pods", {"metadata": {"name": "p"}, "spec": spec})
    words = 'violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'
    assert (status, answer["message"]) == (403, f'pods "p" is forbidden: {words}')
    body = deployment(namespace="held", spec={"hostNetwork": True})
    url = f"{served.url}/apis/apps/v1/namespaces/held/deployments"
    async with served.session.post(url, json=body, headers={"Authorization": f"Bearer {served.token}"}) as made:
        assert (made.status, "would violate PodSecurity" in made.headers["Warning"]) == (201, True)


async def test_a_pod_gets_its_accounts_token_and_a_priority(served: Served) -> None:
    _, made = await served.call(
        "POST", PODS, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "m", "image": "a"}]}}
    )
    mounts = made["spec"]["containers"][0]["volumeMounts"]
    assert mounts[0]["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert (made["spec"]["priority"], made["status"]["qosClass"]) == (0, "BestEffort")


@pytest.mark.parametrize(("kind", "answered"), [("configmaps", "Status"), ("serviceaccounts", "ServiceAccount")])
async def test_some_kinds_are_given_back_when_they_are_deleted(served: Served, kind: str, answered: str) -> None:
    path = f"/api/v1/namespaces/default/{kind}"
    await served.call("POST", path, {"metadata": {"name": "x"}})
    assert (await served.call("DELETE", f"{path}/x"))[1]["kind"] == answered


async def test_a_selector_by_a_field_that_is_none_is_refused(served: Served) -> None:
    status, answer = await served.call("GET", PODS, fieldSelector="spec.nonsense=1")
    assert (status, answer["message"]) == (400, "field label not supported: spec.nonsense")


async def test_the_items_of_a_list_do_not_say_what_they_are(served: Served) -> None:
    await served.call("POST", MAPS, config_map("c", {}))
    _, found = await served.call("GET", MAPS, fieldSelector="metadata.name=c")
    assert "kind" not in found["items"][0]


def test_a_namespace_that_hangs_says_what_holds_it(bench: Bench) -> None:
    bench.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}})
    maps, namespaces = bench.kind("v1", "ConfigMap"), bench.kind("v1", "Namespace")
    bench.cluster.create(maps, "n", {"metadata": {"name": "held", "finalizers": ["x.io/hold"]}})
    bench.cluster.delete(namespaces, "", "n")
    bench.turn(60)
    conditions = {c["type"]: c for c in bench.get("v1", "Namespace", "n")["status"]["conditions"]}
    assert conditions["NamespaceFinalizersRemaining"]["message"].endswith("x.io/hold in 1 resource instances")


def test_a_template_that_is_wanted_again_is_the_newest_revision(bench: Bench) -> None:
    for image in ("a:1", "a:2", "a:1"):
        bench.put(deployment(image=image))
    annotations = bench.get("apps/v1", "Deployment", "web")["metadata"]["annotations"]
    assert annotations["deployment.kubernetes.io/revision"] == "3"


async def test_a_definition_is_held_to_the_versions_that_its_objects_are_stored_in(served: Served) -> None:
    wrong = crd("example.com", "Thing", "things")
    wrong["spec"]["versions"] = [{**wrong["spec"]["versions"][0], "name": name} for name in ("v1", "v2")]
    status, answer = await served.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", wrong)
    causes = [(cause["field"], cause["message"]) for cause in answer["details"]["causes"]]
    assert (status, causes[0][0]) == (422, "spec.versions")
    assert causes[1] == ("status.storedVersions", 'Invalid value: ["v1"]: must have the storage version v2')


async def test_a_schema_that_all_versions_have_is_named_where_it_once_stood(served: Served) -> None:
    wrong = crd("example.com", "Thing", "things", {"type": "object", "properties": {"a": {}}})
    _, answer = await served.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", wrong)
    (cause,) = answer["details"]["causes"]
    assert cause["field"] == "spec.validation.openAPIV3Schema.properties[a].type"


async def test_a_selector_by_a_label_that_is_none_is_refused(served: Served) -> None:
    status, answer = await served.call("GET", MAPS, labelSelector="a/b/c=d")
    assert (status, answer["reason"]) == (400, "BadRequest")
    assert 'Invalid value: "a/b/c": a valid label key must consist' in answer["message"]
