"""A run: what the hello pipeline leaves, why a run fails, and what happens when the process dies in between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from kubeflow_installed import ACCOUNT, HELLO, NAMES, NAMESPACE, PROJECT, Installed, installed

from core.rehearsal.google import iam_policy
from core.rehearsal.kubeflow import step

V2 = "/apis/v2beta1"


async def _object(kubeflow: Installed, name: str) -> Any:
    root = kubeflow.world.store.get("world", "endpoints")
    assert root is not None
    url = f"{root['google']}/storage/storage/v1/b/{NAMES.artifact_bucket}/o/{name}?alt=media"
    async with kubeflow.served.session.get(url, headers={"Authorization": f"Bearer {kubeflow.served.token}"}) as answer:
        return json.loads(await answer.read())


async def test_hello_leaves_its_report_as_the_pipelines_account(kubeflow: Installed) -> None:
    await kubeflow.ready()
    async with kubeflow.ui() as api:
        run = await api.hello()
    assert run["state"] == "SUCCEEDED"
    assert [s["state"] for s in run["state_history"]] == ["PENDING", "RUNNING", "SUCCEEDED"]
    report = await _object(kubeflow, "report.json")
    assert report["account"] == ACCOUNT
    assert report["checks"]["storage"]["ok"] is True
    # of the other services this world's account has no roles, and the report says so
    assert report["checks"]["bigquery"]["ok"] is False
    root = f"v2%2Fartifacts%2Fmlops-env-hello%2F{run['run_id']}%2Fhello%2Freport"
    assert (await _object(kubeflow, root))["account"] == ACCOUNT


async def test_a_run_is_a_workflow_that_kubectl_shows(kubeflow: Installed) -> None:
    await kubeflow.ready()
    async with kubeflow.ui() as api:
        await api.hello()
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/workflows"
    _, found = await kubeflow.served.call("GET", path)
    assert [w["status"]["phase"] for w in found["items"]] == ["Succeeded"]


async def test_no_code_but_the_checked_in_one_is_run(kubeflow: Installed) -> None:
    import yaml

    spec = next(d for d in yaml.safe_load_all(Path(str(HELLO)).read_text()) if isinstance(d, dict))
    container = spec["deploymentSpec"]["executors"]["exec-hello"]["container"]
    container["command"][-1] += "\n"
    await kubeflow.ready()
    async with kubeflow.ui() as api:
        run = await api.hello(spec)
    assert (run["state"], "runs no pipeline's code" in run["error"]["message"]) == ("FAILED", True)


def test_the_checked_in_pipeline_is_recognised() -> None:
    import yaml

    spec = next(d for d in yaml.safe_load_all(step.OWN.read_text()) if isinstance(d, dict))
    assert step.is_own(step.container_of(spec))
    assert not step.is_own(None)
    assert step.container_of({"deploymentSpec": {"executors": {}}}) is None


async def _failed(kubeflow: Installed) -> str:
    async with kubeflow.ui() as api:
        run = await api.hello()
    assert run["state"] == "FAILED", run
    assert run["run_details"]["task_details"][0]["error"]["message"] in run["error"]["message"]
    return str(run["error"]["message"])


async def _patch(kubeflow: Installed, kind: str, name: str, change: dict[str, Any]) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/{kind}/{name}"
    status, answer = await kubeflow.served.call("PATCH", path, change, content_type="application/merge-patch+json")
    assert status == 200, answer


def _repository(**s3: Any) -> dict[str, Any]:
    keys = {
        "accessKeySecret": {"name": "mlpipeline-minio-artifact", "key": "accesskey"},
        "secretKeySecret": {"name": "mlpipeline-minio-artifact", "key": "secretkey"},
    }
    whole = {"endpoint": "seaweedfs:9000", "bucket": "mlpipeline", "insecure": True, **keys, **s3}
    return {"data": {"artifactRepository": json.dumps({"archiveLogs": False, "s3": whole})}}


CONTROLLER = ("configmaps", "workflow-controller-configmap")
Change = tuple[str, str, dict[str, Any]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((*CONTROLLER, _repository(bucket="other")), "the bucket 'other' does not exist"),
        ((*CONTROLLER, _repository(endpoint="minio:9000")), "lookup minio: no such host"),
        ((*CONTROLLER, _repository(endpoint="x.$(ns).svc:9000")), "was never filled in"),
        (
            (*CONTROLLER, _repository(accessKeySecret={"name": "none", "key": "k"})),
            "secret none has no key k",
        ),
        (
            ("configmaps", "kfp-launcher", {"data": {"defaultPipelineRoot": "gs://none/x"}}),
            "bucket none of the pipeline root",
        ),
        (("configmaps", "kfp-launcher", {"data": {"defaultPipelineRoot": ""}}), "the pipeline root is minio://"),
        (
            ("serviceaccounts", "pipeline-runner", {"metadata": {"annotations": {"iam.gke.io/gcp-service-account": "x@y"}}}),
            "may not act as the Google account",
        ),
    ],
)
async def test_a_run_says_why_it_failed(kubeflow: Installed, change: Change, words: str) -> None:
    await kubeflow.ready()
    await _patch(kubeflow, *change)
    assert words in await _failed(kubeflow)


async def test_the_object_stores_keys_are_those_it_started_with(kubeflow: Installed) -> None:
    await kubeflow.ready()
    await _patch(kubeflow, "secrets", "mlpipeline-minio-artifact", {"data": {"accesskey": "b3RoZXI="}})
    assert "Access Key Id you provided does not exist" in await _failed(kubeflow)


def _no_role(kubeflow: Installed) -> None:
    resource = f"projects/{PROJECT}"
    policy = iam_policy.read(kubeflow.world, resource)
    kept = [b for b in policy["bindings"] if b["role"] != "roles/storage.objectUser"]
    iam_policy.replace(kubeflow.world, resource, {**policy, "bindings": kept})


async def test_an_account_without_its_role_can_leave_no_report(kubeflow: Installed) -> None:
    await kubeflow.ready()
    _no_role(kubeflow)
    assert "the report could not be left in" in await _failed(kubeflow)


async def test_a_step_without_rbac_can_not_report_to_argo(kubeflow: Installed) -> None:
    await kubeflow.ready()
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/rolebindings/pipeline-runner-binding"
    status, _ = await kubeflow.served.call("DELETE", path)
    assert status == 200
    assert 'cannot create resource "workflowtaskresults"' in await _failed(kubeflow)


async def test_a_strict_namespace_refuses_the_pods_that_argo_makes(kubeflow: Installed) -> None:
    await kubeflow.ready()
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    kind = "application/merge-patch+json"
    await kubeflow.served.call("PATCH", f"/api/v1/namespaces/{NAMESPACE}", labels, content_type=kind)
    await _patch(kubeflow, *CONTROLLER, {"data": {"executor": "{}"}})
    assert 'violates PodSecurity "restricted:latest"' in await _failed(kubeflow)


async def test_a_scenario_may_fail_a_run(tmp_path: Path) -> None:
    fault = [{"call": "kfp:run", "operation": "FAILED", "message": "no luck today"}]
    async with installed(tmp_path / "world", given={"fault": fault}) as kubeflow:
        await kubeflow.ready()
        assert "no luck today" in await _failed(kubeflow)


async def test_records_outlive_the_cluster_and_go_with_the_instance(kubeflow: Installed) -> None:
    from core.rehearsal.kubeflow import records

    await kubeflow.ready()
    async with kubeflow.ui() as api:
        await api.hello()
    store = kubeflow.world.store
    for name, _ in store.items("container.clusters"):
        store.delete("container.clusters", name)
    records.forget(kubeflow.world)
    assert store.items("kubeflow.runs")
    for name, _ in store.items("sql.instances"):
        store.delete("sql.instances", name)
    records.forget(kubeflow.world)
    assert [k for k in store.kinds() if k.startswith(("kubeflow.", "mysql."))] == []
