"""Every mend: what is there with it, and what is missing without it, in the built objects.

Those whose lack only a real cluster would show (`seen_when` is ``the built objects``) are held by these tests alone.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kustomize_built import (
    NAMESPACES,
    SOURCES,
    built,
    container,
    deployments,
    find,
    has,
    inner,
    settings,
    variables,
)

from core.kustomize import MENDS, Manifests, mends

NAMESPACE = "ml-team"
PROXY, API, UI = "cloudsqlproxy", "ml-pipeline", "ml-pipeline-ui"
CALLERS = {"pipeline-runner", "ml-pipeline-ui", "kubeflow-pipelines-viewer", "kubeflow-pipelines-cloudsql-proxy"}


def object_store(m: Manifests) -> bool:
    """M1: the store, its Service and its disk are there, and the API server is sent to it in its own namespace."""
    there = (
        has(m, "Deployment", "seaweedfs")
        and has(m, "Service", "seaweedfs")
        and has(m, "PersistentVolumeClaim", "seaweedfs-pvc")
    )
    return there and variables(m, API)["OBJECTSTORECONFIG_HOST"] == "seaweedfs"


def pipeline_root(m: Manifests) -> bool:
    """M2: the launcher's own root is in the environment's bucket, not only the release's setting for it."""
    wanted = "gs://demo-artifacts-abcdef/v2/artifacts"
    assert settings(m)["defaultPipelineRoot"] == wanted
    return settings(m, "kfp-launcher")["defaultPipelineRoot"] == wanted


def no_inverse_proxy(m: Manifests) -> bool:
    """M3: the agent, whose pods a namespace of level baseline refuses, is left out."""
    assert m.namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"
    return "proxy-agent" not in deployments(m)


def proxy_v2(m: Manifests) -> bool:
    """M4: the proxy of today with its arguments, probed where it answers."""
    proxy = container(m, PROXY)
    if proxy["image"] != "gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.21.3" or "command" in proxy:
        return False
    probes = [proxy[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")]
    assert [(p["path"], p["port"]) for p in probes] == [("/startup", 9090), ("/readiness", 9090), ("/liveness", 9090)]
    assert {"--health-check", "--http-port=9090", "--address=0.0.0.0", "--port=3306", "--private-ip"} <= set(proxy["args"])
    assert proxy["args"][-1] == "$(GCP_CLOUDSQL_INSTANCE_NAME)"
    assert settings(m)["gcsCloudSqlInstanceName"] == "my-project:us-central1:demo-sql-abcdef"
    return True


def no_application(m: Manifests) -> bool:
    """M6: no controller whose image is gone, no Application, and no CRD of it."""
    gone = "controller-manager" not in deployments(m) and not has(m, "Application", "pipeline")
    return gone and not has(m, "CustomResourceDefinition", "applications.app.k8s.io")


def identities(m: Manifests) -> bool:
    """M7, M25: the accounts that call Google stand for the pipelines' account, and no others do."""
    annotation = "iam.gke.io/gcp-service-account"
    accounts = [o["metadata"] for o in m if o["kind"] == "ServiceAccount"]
    given = {a["name"]: a["annotations"][annotation] for a in accounts if annotation in a.get("annotations", {})}
    return given == dict.fromkeys(CALLERS, "demo-kfp-abcdef@my-project.iam.gserviceaccount.com")


def artifact_repository(m: Manifests) -> bool:
    """M8: Argo finds the object store, and the bucket that the object store makes."""
    s3 = inner(m, "workflow-controller-configmap", "artifactRepository")["s3"]
    if s3["endpoint"] != "seaweedfs:9000":
        return False
    assert s3["bucket"] == settings(m)["bucketName"] == "mlpipeline"
    assert s3["insecure"] is True
    assert s3["accessKeySecret"] == {"name": "mlpipeline-minio-artifact", "key": "accesskey"}
    assert s3["secretKeySecret"] == {"name": "mlpipeline-minio-artifact", "key": "secretkey"}
    assert s3["keyFormat"].endswith("{{pod.name}}")
    return True


def no_log_archive(m: Manifests) -> bool:
    """M9: no logs go to the object store, and the UI looks for none there."""
    off = inner(m, "workflow-controller-configmap", "artifactRepository")["archiveLogs"] is False
    return off and variables(m, UI)["ARGO_ARCHIVE_LOGS"] == "false"


def metadata_writer(m: Manifests) -> bool:
    """M10: the metadata writer knows its namespace."""
    return variables(m, "metadata-writer").get("POD_NAMESPACE") == {"fieldRef": {"fieldPath": "metadata.namespace"}}


def no_secrets(m: Manifests) -> bool:
    """M11: no Secret is applied with the objects."""
    return not any(o["kind"] == "Secret" for o in m)


def api_server_startup(m: Manifests) -> bool:
    """M12: the API server may take as long as it tries the database."""
    probe = container(m, API)["startupProbe"]
    return int(probe["failureThreshold"]) * int(probe["periodSeconds"]) >= 360 + 60


def database_path(m: Manifests) -> bool:
    """M13: two proxies, and room kept for them and the metadata store."""
    proxy = find(m, "Deployment", PROXY)["spec"]
    kept = container(m, PROXY).get("resources", {}).get("requests")
    store = container(m, "metadata-grpc-deployment").get("resources", {}).get("requests")
    return proxy["replicas"] == 2 and kept == {"cpu": "50m", "memory": "64Mi"} and bool(store)


def workflow_lifetime(m: Manifests) -> bool:
    """M14: three days, longer than the agent keeps a workflow."""
    ttl = inner(m, "workflow-controller-configmap", "workflowDefaults")["spec"]["ttlStrategy"]
    assert set(ttl) == {"secondsAfterCompletion", "secondsAfterSuccess", "secondsAfterFailure"}
    kept = int(variables(m, "ml-pipeline-persistenceagent")["TTL_SECONDS_AFTER_WORKFLOW_FINISH"])
    return set(ttl.values()) == {259200} and kept < 259200


def workflow_survival(m: Manifests) -> bool:
    """M15: nobody evicts a workflow's pods, and a step whose node is lost runs again, twice at most."""
    spec = inner(m, "workflow-controller-configmap", "workflowDefaults")["spec"]
    if "podDisruptionBudget" not in spec:
        return False
    assert spec["podDisruptionBudget"] == {"minAvailable": 9999}
    assert spec["podMetadata"]["annotations"] == {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
    retry = spec["templateDefaults"]["retryStrategy"]
    assert retry["limit"] == "2"
    assert "(?i)(node shutdown|preempt|evict)" in retry["expression"]
    return True


def ui_signing(m: Manifests) -> bool:
    """M16: the UI signs with a key of its own."""
    source = variables(m, UI).get("TENSORBOARD_PROXY_SIGNING_SECRET")
    return source == {"secretKeyRef": {"name": "mlpipeline-minio-artifact", "key": "signingkey"}}


def distroless(m: Manifests) -> bool:
    """M17: no hook that needs a shell, no folder without a source, and a connection that is proven at the start."""
    proxy, pod = container(m, PROXY), find(m, "Deployment", PROXY)["spec"]["template"]["spec"]
    hook = proxy["lifecycle"]["preStop"] == {"sleep": {"seconds": 10}}
    return hook and not pod.get("volumes") and not proxy.get("volumeMounts") and (
        variables(m, PROXY).get("CSQL_PROXY_RUN_CONNECTION_TEST") == "true"
    )  # fmt: skip


def no_cache(m: Manifests) -> bool:
    """M18: nothing of the first version's cache is left, and its pipelines are refused."""
    left = [o["metadata"]["name"] for o in m if "cache" in o["metadata"]["name"]]
    return not left and settings(m)["BLOCK_V1_PIPELINES"] == "true"


def public_configuration(m: Manifests) -> bool:
    """M19: the accounts of this namespace, and not every Google account."""
    group = "rbac.authorization.k8s.io"
    wanted = [{"kind": "Group", "apiGroup": group, "name": f"system:serviceaccounts:{NAMESPACE}"}]
    found: list[object] = find(m, "RoleBinding", "kubeflow-pipelines-public")["subjects"]
    return found == wanted


def launcher_providers(m: Manifests) -> bool:
    """M20: the launcher knows where minio:// is."""
    if "providers" not in settings(m, "kfp-launcher"):
        return False
    provider = inner(m, "kfp-launcher", "providers")["minio"]["default"]
    assert (provider["endpoint"], provider["disableSSL"]) == ("seaweedfs:9000", True)
    assert provider["credentials"]["secretRef"]["secretName"] == "mlpipeline-minio-artifact"
    return True


def no_mlflow(m: Manifests) -> bool:
    """M22: the API server reads a configuration without plugins, and without anything secret."""
    mounts = {mount["mountPath"]: mount for mount in container(m, API)["volumeMounts"]}
    if "/config/config.json" not in mounts:
        return False
    configuration = inner(m, "ml-pipeline-configuration", "config.json")
    assert "plugins" not in {key.lower() for key in configuration}
    assert set(configuration["ObjectStoreConfig"]) == {"BucketName", "PipelinePath"}
    assert mounts["/config/config.json"]["subPath"] == "config.json"
    return True


def utf8mb4(m: Manifests) -> bool:
    """M23: the connection's character set."""
    return variables(m, API).get("DBCONFIG_MYSQLCONFIG_EXTRAPARAMS") == '{"charset":"utf8mb4"}'


def checksums(m: Manifests) -> bool:
    """M24: every Deployment that reads a ConfigMap of ours is restarted when that changes."""
    annotations = find(m, "Deployment", API)["spec"]["template"]["metadata"].get("annotations", {})
    return "checksum/configuration" in annotations


def disk_labels(m: Manifests) -> bool:
    """The object store's disk can be told from others by the environment's id."""
    claim = find(m, "PersistentVolumeClaim", "seaweedfs-pvc")["spec"]
    if claim.get("storageClassName") != "mlops-env-abcdef":
        return False
    kind = find(m, "StorageClass", "mlops-env-abcdef")
    assert kind["provisioner"] == "pd.csi.storage.gke.io"
    assert kind["parameters"] == {"type": "pd-balanced", "labels": "mlops-env-id=abcdef"}
    return True


CHECKS: dict[str, Callable[[Manifests], bool]] = {
    "object-store": object_store, "pipeline-root": pipeline_root, "host-network": no_inverse_proxy, "sql-proxy-v2": proxy_v2,
    "no-application": no_application, "workload-identity": identities, "artifact-repository": artifact_repository,
    "no-log-archive": no_log_archive, "metadata-writer-namespace": metadata_writer, "no-secrets": no_secrets,
    "api-server-startup": api_server_startup, "database-path": database_path, "workflow-survival": workflow_survival,
    "workflow-lifetime": workflow_lifetime, "ui-signing-secret": ui_signing, "sql-proxy-distroless": distroless,
    "no-cache": no_cache, "public-configuration": public_configuration, "launcher-providers": launcher_providers,
    "no-mlflow": no_mlflow, "utf8mb4": utf8mb4, "checksums": checksums, "disk-labels": disk_labels,
}  # fmt: skip
SAME_AS_THE_RELEASE = "database-names"
"""The names it sets are those of the release's base: it holds them against an overlay that has others."""


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", CHECKS)
def test_with_a_mend_and_without(source: str, name: str) -> None:
    assert CHECKS[name](built(source, NAMESPACE))
    less = built(source, NAMESPACE, (name,))
    assert not CHECKS[name](less)
    # Without an object store there is no disk of it; nothing else goes with the mend that is left out.
    gone = {"object-store": {"disk-labels"}}.get(name, set())
    assert [other for other in CHECKS if other != name and other not in gone and not CHECKS[other](less)] == []


def test_every_mend_has_a_check() -> None:
    assert {mend.name for mend in MENDS} == {*CHECKS, SAME_AS_THE_RELEASE}


def test_the_numbers_are_those_of_the_documentation() -> None:
    numbers = [number for mend in MENDS for number in mend.ids]
    assert len(numbers) == len(set(numbers))
    # M5 is no part of the built objects: the Secret and the database's user are made by steps.
    assert set(numbers) == {f"M{n}" for n in range(1, 26) if n != 5}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("namespace", NAMESPACES)
def test_the_databases_have_their_names(source: str, namespace: str) -> None:
    data = settings(built(source, namespace))
    assert {key: data[key] for key in ("pipelineDb", "mlmdDb", "cacheDb")} == {
        "pipelineDb": "mlpipeline",
        "mlmdDb": "metadb",
        "cacheDb": "cachedb",
    }


def test_an_unknown_mend_is_no_mend() -> None:
    with pytest.raises(KeyError):
        mends.without(["M99"])
    assert mends.without(["M7", "M25"]) == {"workload-identity"}
