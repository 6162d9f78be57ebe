"""Each mend of the overlay whose lack a cluster shows, left out: what does not come up then, and what it says.

The mends that are looked for in the built objects alone are not here; `core.kustomize.mends` says which those are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from kubeflow_installed import NAMESPACE, Installed, installed

from core.kustomize.mends import BUILT, DESTROYED, MENDS

Look = Callable[[Installed], Awaitable[str]]


async def test_with_every_mend_all_comes_up_and_hello_runs(kubeflow: Installed) -> None:
    await kubeflow.ready()
    assert all(not s["restartCount"] for pod in await kubeflow.pods() for s in pod["status"]["containerStatuses"])
    async with kubeflow.ui() as api:
        assert (await api.call("GET", "/apis/v2beta1/healthz"))[1]["apiServerReady"] is True
        run = await api.hello()
    assert run["state"] == "SUCCEEDED", run


def _pod(name: str) -> Look:
    async def look(kubeflow: Installed) -> str:
        reason, words = await kubeflow.fails(name)
        return f"{reason} {words}"

    return look


def _not_made(name: str) -> Look:
    async def look(kubeflow: Installed) -> str:
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"

        def refused(obj: dict[str, object]) -> bool:
            return "ReplicaFailure" in str(obj.get("status"))

        found = await kubeflow.served.until(path, refused, fieldSelector=f"metadata.name={name}")
        return str(found["status"])

    return look


def _not_mounted(name: str) -> Look:
    async def look(kubeflow: Installed) -> str:
        path = f"/api/v1/namespaces/{NAMESPACE}/events"

        def failed(event: dict[str, Any]) -> bool:
            return event["reason"] == "FailedMount" and event["involvedObject"]["name"].startswith(name)

        return str((await kubeflow.served.until(path, failed))["message"])

    return look


async def _hello(kubeflow: Installed) -> str:
    await kubeflow.ready()
    async with kubeflow.ui() as api:
        run = await api.hello()
    assert run["state"] == "FAILED"
    return str(run["error"]["message"])


async def _seaweedfs_is_missed(kubeflow: Installed) -> str:
    await kubeflow.ready()
    async with kubeflow.ui() as api:
        return str((await api.hello()).get("error"))


SHOWN: dict[str, tuple[Look, str]] = {
    "object-store": (_seaweedfs_is_missed, "seaweedfs: no such host"),
    "pipeline-root": (_hello, "the pipeline root is minio://mlpipeline/v2/artifacts"),
    "host-network": (_not_made("proxy-agent"), "host namespaces (hostNetwork=true)"),
    "no-application": (_pod("controller-manager"), "ImagePullBackOff"),
    "workload-identity": (_pod("cloudsqlproxy"), "cloudsql.instances.connect"),
    "artifact-repository": (_hello, "failed to resolve the artifact repository"),
    "metadata-writer-namespace": (_pod("metadata-writer"), "Failed to access the Metadata store"),
    "no-cache": (_not_mounted("cache-server"), 'secret "webhook-server-tls" not found'),
    "no-secrets": (_pod("metadata-grpc"), "Access denied for user 'root'"),
}
"""By the mend's name: where its lack shows, and what is said there."""


@pytest.mark.parametrize("name", SHOWN)
async def test_a_missing_mend_shows(name: str, tmp_path: Path) -> None:
    look, words = SHOWN[name]
    async with installed(tmp_path / "world", without=(name,)) as kubeflow:
        assert words in await look(kubeflow)


def test_every_mend_is_held_here_or_by_the_built_objects() -> None:
    elsewhere = {m.name for m in MENDS if m.seen_when in (BUILT, DESTROYED)}
    assert {m.name for m in MENDS} == elsewhere | set(SHOWN)
    assert not elsewhere & set(SHOWN)
