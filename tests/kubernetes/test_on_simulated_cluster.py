"""The adapter on the simulated cluster, which refuses what the real one refuses and runs what it runs."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import Recorder

from core.errors import PermanentError
from core.kubernetes.apply import apply_all, same
from core.kubernetes.client import Cluster
from core.kubernetes.errors import Refused
from core.kubernetes.rollouts import rollouts, settled
from core.run.clock import Clock

sys.path.insert(0, str(Path(__file__).parents[1] / "rehearsal" / "kubernetes"))

from simulated_cluster import Served, serving, world_in

NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.dev"},
    "spec": {
        "group": "example.dev",
        "names": {"kind": "Thing", "plural": "things", "singular": "thing"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}},
            }
        ],
    },
}
THING = {"apiVersion": "example.dev/v1", "kind": "Thing", "metadata": {"name": "t", "namespace": "team"}, "spec": {}}


def workload(name: str, **container: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": "docker.io/library/busybox:1.37", **container}]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "team"}, "spec": spec}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(world_in(tmp_path / "world")) as simulated:
        yield simulated


@pytest.fixture
async def cluster(served: Served) -> AsyncIterator[Cluster]:
    async def token() -> str:
        return served.token

    trust = ssl.create_default_context(cafile=str(served.world.folder / "ca.pem"))
    async with Cluster(served.url, token=token, clock=Clock(0), trust=trust) as connection:
        yield connection


async def test_a_set_comes_up_and_is_left_alone_the_second_time(cluster: Cluster, reporter: Recorder) -> None:
    objects = [workload("web"), THING, CRD, NAMESPACE]
    first = await apply_all(cluster, objects, reporter)
    assert {a.action for a in first} == {"create"}
    await rollouts(cluster, "team", ["web"], reporter)
    await settled(cluster, "team", 1)
    assert {a.action for a in await apply_all(cluster, objects, reporter)} == {"unchanged"}
    assert [await same(cluster, obj) for obj in objects] == [True] * 4
    assert not await same(cluster, workload("web", args=["sleep", "9"]))
    assert {a.action for a in await apply_all(cluster, objects, reporter)} == {"unchanged"}


async def test_drift_comes_back(cluster: Cluster, reporter: Recorder, served: Served) -> None:
    await apply_all(cluster, [NAMESPACE, workload("web"), workload("other")], reporter)
    path = "/apis/apps/v1/namespaces/team/deployments/web"
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "docker.io/library/busybox:0"}]}}}}
    status, _ = await served.call("PATCH", path, patch, content_type="application/strategic-merge-patch+json")
    assert status == 200
    await cluster.delete("apps/v1", "Deployment", "other", "team")
    actions = {a.object["metadata"]["name"]: a.action for a in await apply_all(
        cluster, [NAMESPACE, workload("web"), workload("other")], reporter)}  # fmt: skip
    assert actions == {"team": "unchanged", "web": "update", "other": "create"}


async def test_an_unknown_field_is_refused_by_name(cluster: Cluster, reporter: Recorder) -> None:
    wrong = workload("web", imagePullPolic="Always")
    with pytest.raises(Refused) as caught:
        await apply_all(cluster, [NAMESPACE, wrong], reporter)
    assert "imagePullPolic" in caught.value.cause


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({"image": "gcr.io/ml-pipeline/application-crd-controller:20231101"}, "application-crd-controller"),
        (
            {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "missing", "key": "k"}}}]},
            "missing",
        ),
    ],
)
async def test_what_cannot_come_up_is_named_with_its_cause(
    cluster: Cluster, reporter: Recorder, container: dict[str, Any], words: str
) -> None:
    await apply_all(cluster, [NAMESPACE, workload("web", **container)], reporter)
    with pytest.raises(PermanentError, match="Deployment team/web") as caught:
        await asyncio.wait_for(rollouts(cluster, "team", ["web"], reporter, patience=0.1), 30)
    assert words in caught.value.cause


@pytest.mark.skipif(not shutil.which("kubectl"), reason="no kubectl on PATH")
async def test_kubectl_sees_the_same_and_would_change_nothing(
    cluster: Cluster, reporter: Recorder, served: Served, tmp_path: Path
) -> None:
    objects = [NAMESPACE, workload("web")]
    await apply_all(cluster, objects, reporter)
    await rollouts(cluster, "team", ["web"], reporter)
    shown = await served.kubectl("get", "deployments", "-n", "team", "-o", "json")
    assert [d["status"]["availableReplicas"] for d in json.loads(shown.stdout)["items"]] == [1]
    everything = tmp_path / "all.json"
    everything.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    command = ["apply", "--server-side", "--field-manager=mlops-env", "--validate=false", "-f", str(everything)]
    again = await served.kubectl(*command)
    assert again.returncode == 0, again.stderr
    assert {a.action for a in await apply_all(cluster, objects, reporter)} == {"unchanged"}
