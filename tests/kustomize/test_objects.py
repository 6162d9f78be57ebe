"""What holds of all built objects together, in two namespaces, from both sources."""

from __future__ import annotations

import re

import pytest
from kustomize_built import (
    NAMESPACES,
    SOURCES,
    built,
    container,
    deployments,
    find,
    has,
    names,
    pods,
    settings,
    strings,
)

from core.kustomize import Manifests, Object
from core.kustomize.checksums import references
from core.rehearsal.kubernetes import checking, resources, shapes

DEPLOYMENTS = [
    "cloudsqlproxy", "metadata-envoy-deployment", "metadata-grpc-deployment", "metadata-writer", "ml-pipeline",
    "ml-pipeline-persistenceagent", "ml-pipeline-scheduledworkflow", "ml-pipeline-ui", "ml-pipeline-viewer-crd",
    "ml-pipeline-visualizationserver", "seaweedfs", "workflow-controller",
]  # fmt: skip
IMAGES = {
    *(f"ghcr.io/kubeflow/kfp-{part}:2.17.0" for part in (
        "api-server", "frontend", "persistence-agent", "scheduled-workflow-controller", "viewer-crd-controller",
        "visualization-server", "metadata-envoy", "metadata-writer")),
    "gcr.io/tfx-oss-public/ml_metadata_store_server:1.14.0", "quay.io/argoproj/workflow-controller:v4.0.5",
    "docker.io/alpine:3.23", "ghcr.io/chrislusf/seaweedfs:4.34", "gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.21.3",
}  # fmt: skip
SECRET_KEYS = {
    ("mysql-secret", "username"),
    ("mysql-secret", "password"),
    ("mlpipeline-minio-artifact", "accesskey"),
    ("mlpipeline-minio-artifact", "secretkey"),
    ("mlpipeline-minio-artifact", "signingkey"),
    ("mlpipeline-minio-artifact", ""),
}
CLUSTER_WIDE = {
    "Namespace",
    "CustomResourceDefinition",
    "PriorityClass",
    "StorageClass",
    "ClusterRole",
    "ClusterRoleBinding",
}


@pytest.fixture(params=[(s, n) for s in SOURCES for n in NAMESPACES], ids=lambda p: f"{p[0].values[0]}-{p[1]}")
def where(request: pytest.FixtureRequest) -> tuple[str, str]:
    parameter, namespace = request.param
    for mark in parameter.marks:
        if mark.args[0]:
            pytest.skip(mark.kwargs["reason"])
    return parameter.values[0], namespace


@pytest.fixture
def manifests(where: tuple[str, str]) -> Manifests:
    return built(*where)


def test_counts(manifests: Manifests) -> None:
    # 86 in the release's own folders, less two Secrets and eleven parts of the cache, and two that the mends bring.
    assert sum(1 for _ in manifests) == 86 - 2 - 11 + 2
    assert sum(1 for o in manifests if o["kind"] == "CustomResourceDefinition") == 10


def test_the_deployments(manifests: Manifests) -> None:
    assert deployments(manifests) == DEPLOYMENTS


def test_everything_lives_in_the_namespace(manifests: Manifests, where: tuple[str, str]) -> None:
    for each in manifests:
        wanted = None if each["kind"] in CLUSTER_WIDE else where[1]
        assert each["metadata"].get("namespace") == wanted, each["metadata"]["name"]
    assert manifests.namespace["metadata"]["name"] == where[1]


def test_no_word_of_another_namespace(manifests: Manifests, where: tuple[str, str]) -> None:
    if where[1] == "kubeflow":
        pytest.skip("the release's own namespace")
    for each in manifests:
        if each["kind"] != "CustomResourceDefinition":
            for text in strings(each):
                assert not re.search(r"\.kubeflow(\.svc|:|$)|^kubeflow$", text), (each["metadata"]["name"], text)


def test_bindings_name_their_own_accounts(manifests: Manifests, where: tuple[str, str]) -> None:
    accounts = {o["metadata"]["name"] for o in manifests if o["kind"] == "ServiceAccount"}
    roles = {o["metadata"]["name"] for o in manifests if o["kind"] == "Role"}
    for each in (o for o in manifests if o["kind"] == "RoleBinding"):
        assert each["roleRef"]["name"] in roles
        for subject in each["subjects"]:
            if subject["kind"] == "ServiceAccount":
                assert subject["name"] in accounts
                assert subject.get("namespace", where[1]) == where[1]


def test_every_account_of_a_pod_is_there(manifests: Manifests) -> None:
    for name, pod in pods(manifests):
        account = pod.get("serviceAccountName", "default")
        assert account == "default" or has(manifests, "ServiceAccount", account), name


def test_labels_say_whose_it_is(manifests: Manifests) -> None:
    for each in manifests:
        assert names().labels.items() <= each["metadata"]["labels"].items(), each["metadata"]["name"]


def test_labels_stay_out_of_selectors_and_pods(manifests: Manifests) -> None:
    for each in manifests:
        if each["kind"] == "Deployment":
            spec = each["spec"]
            assert not names().labels.keys() & {*spec["selector"]["matchLabels"], *spec["template"]["metadata"]["labels"]}


def test_no_placeholder_is_left(manifests: Manifests) -> None:
    for each in manifests:
        if each["kind"] == "CustomResourceDefinition":
            continue
        known = {v["name"] for c in _containers(each) for v in c.get("env") or ()}
        for text in strings(each):
            assert not re.search(r"\byour[A-Z]", text), each["metadata"]["name"]
            for variable in re.findall(r"\$\(([A-Za-z_-]+)\)", text):
                assert variable in known, (each["metadata"]["name"], variable)


def test_no_secret_and_no_default_of_one(manifests: Manifests) -> None:
    assert not [o for o in manifests if o["kind"] == "Secret"]
    assert "minio123" not in {text for each in manifests for text in strings(each)}


def test_the_images(manifests: Manifests) -> None:
    found = {c["image"] for each in manifests for c in _containers(each)}
    assert found == IMAGES
    variables = {v["name"]: v.get("value") for v in container(manifests, "ml-pipeline")["env"]}
    assert variables["V2_DRIVER_IMAGE"] == "ghcr.io/kubeflow/kfp-driver:2.17.0"
    assert variables["V2_LAUNCHER_IMAGE"] == "ghcr.io/kubeflow/kfp-launcher:2.17.0"
    assert "quay.io/argoproj/argoexec:v4.0.5" in container(manifests, "workflow-controller")["args"]


def test_pods_read_settings_that_are_there(manifests: Manifests) -> None:
    for name, pod in pods(manifests):
        for each in [*(pod.get("initContainers") or ()), *pod["containers"]]:
            for variable in each.get("env") or ():
                reference = (variable.get("valueFrom") or {}).get("configMapKeyRef")
                if reference and not reference.get("optional"):
                    assert reference["key"] in settings(manifests, reference["name"]), (name, variable["name"])


def test_pods_read_the_secrets_that_the_steps_make(manifests: Manifests) -> None:
    read = {(n, k) for _, pod in pods(manifests) for kind, n, k in references(pod) if kind == "Secret"}
    assert read <= SECRET_KEYS


def test_every_host_is_a_service(manifests: Manifests) -> None:
    services = {o["metadata"]["name"] for o in manifests if o["kind"] == "Service"}
    hosts = {settings(manifests)["mysqlHost"], settings(manifests, "metadata-grpc-configmap")["METADATA_GRPC_SERVICE_HOST"]}
    for _, pod in pods(manifests):
        for each in [*(pod.get("initContainers") or ()), *pod["containers"]]:
            hosts |= {
                v["value"]
                for v in each.get("env") or ()
                if v["name"] in ("WAIT_HOST", "OBJECTSTORECONFIG_HOST") and "value" in v
            }
    assert hosts == {"mysql", "metadata-grpc-service", "ml-pipeline", "seaweedfs"}
    assert hosts <= services


def test_services_select_pods(manifests: Manifests) -> None:
    labels = [o["spec"]["template"]["metadata"]["labels"] for o in manifests if o["kind"] == "Deployment"]
    for each in (o for o in manifests if o["kind"] == "Service"):
        assert any(each["spec"]["selector"].items() <= found.items() for found in labels), each["metadata"]["name"]


def test_no_pod_needs_more_than_the_namespace_allows(manifests: Manifests) -> None:
    assert manifests.namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"
    for name, pod in pods(manifests):
        assert not pod.get("hostNetwork"), name
        assert not any("hostPath" in volume for volume in pod.get("volumes") or ()), name


def test_kubernetes_knows_every_field(manifests: Manifests) -> None:
    known = {(r.api_version, r.kind): r for r in resources.builtin()}
    for each in manifests:
        shape = shapes.of(known[each["apiVersion"], each["kind"]])
        assert [*checking.unknown(shape, each), *checking.missing(shape, each)] == [], each["metadata"]["name"]
        assert not checking.mistyped(shape, each, each["kind"]), each["metadata"]["name"]


@pytest.mark.parametrize("source", SOURCES)
def test_the_inverse_proxy_on_being_asked_for(source: str) -> None:
    asked = built(source, "kubeflow", (), True)
    assert deployments(asked) == sorted([*DEPLOYMENTS, "proxy-agent"])
    assert asked.namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert find(asked, "Deployment", "proxy-agent")["spec"]["template"]["spec"]["hostNetwork"] is True
    assert "data" not in find(asked, "ConfigMap", "inverse-proxy-config")  # the agent writes it, and nobody takes it back


@pytest.mark.parametrize("source", SOURCES)
def test_the_inverse_proxy_without_its_mend_is_refused_by_the_namespace(source: str) -> None:
    refused = built(source, "kubeflow", ("M3",), True)
    assert deployments(refused).count("proxy-agent") == 1
    assert refused.namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"


def _containers(each: Object) -> list[Object]:
    if each["kind"] != "Deployment":
        return []
    pod = each["spec"]["template"]["spec"]
    return [*(pod.get("initContainers") or ()), *pod["containers"]]
