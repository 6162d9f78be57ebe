"""Taking the cluster's part down: our namespace alone, then what no namespace holds, then the disks."""

from __future__ import annotations

from typing import Any

import pytest
from step_bench import StepBench, StepContext

from core.errors import TemporaryError
from core.gcp.errors import NotFound, StillWorking
from core.install import namespace_removal as module
from core.install.namespace_removal import destroy_namespace
from core.run.clock import VirtualClock

GET = "container.projects.locations.clusters.get"


def context(bench: StepBench) -> StepContext:
    return StepContext(bench.facts, bench.installation.redactor, VirtualClock())


def namespace(id: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kubeflow", "labels": {"mlops-env-id": id}}}


def disk(bench: StepBench, name: str, id: str = "") -> dict[str, Any]:
    return {"name": name, "labels": {"mlops-env-id": id or bench.environment.id}}


@pytest.fixture
def there(bench: StepBench, monkeypatch: pytest.MonkeyPatch) -> StepBench:
    bench.google.answers[GET] = {"status": "RUNNING", "resourceLabels": bench.names.labels}
    bench.google.answers["compute.disks.list"] = {"items": []}
    bench.google.answers["compute.disks.delete"] = {"name": "op", "status": "DONE"}

    async def endpoint(*_: Any) -> tuple[str, bytes]:
        return bench.fake.url, b""

    monkeypatch.setattr(module, "endpoint", endpoint)
    return bench


async def test_our_namespace_goes(there: StepBench) -> None:
    there.fake.put(namespace(there.environment.id))
    told = context(there)
    await destroy_namespace(there.installation, told)
    assert told.resources == [("Namespace", "kubeflow", "delete")]
    again = context(there)
    await destroy_namespace(there.installation, again)
    assert not again.has_changed


async def test_a_strangers_namespace_stays(there: StepBench) -> None:
    there.fake.put(namespace("zzzzzz"))
    await destroy_namespace(there.installation, context(there))
    assert there.fake.get("Namespace", "kubeflow")


async def test_a_strangers_cluster_is_not_even_asked(there: StepBench) -> None:
    there.google.answers[GET] = {"status": "RUNNING", "resourceLabels": {"mlops-env-id": "zzzzzz"}}
    await destroy_namespace(there.installation, context(there))
    assert not there.fake.requests


async def test_what_no_namespace_holds_goes_by_name(there: StepBench, monkeypatch: pytest.MonkeyPatch) -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "ours"}}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.dev"},
    }
    theirs = {**role, "metadata": {"name": "theirs"}}
    for obj in (role, crd, theirs):
        there.fake.put(obj)
    monkeypatch.setattr(module, "_built", lambda _: [crd, role])
    told = context(there)
    await destroy_namespace(there.installation, told)
    assert [kind for kind, _, _ in told.resources] == ["ClusterRoleBinding", "CustomResourceDefinition"]
    assert there.fake.get("ClusterRoleBinding", "theirs")


async def test_disks_that_the_driver_deletes_are_waited_for(there: StepBench) -> None:
    there.google.answers["compute.disks.list"] = [
        {"items": [disk(there, "pvc-1")]},
        {"items": [disk(there, "pvc-1")]},
        {"items": []},
    ]
    await destroy_namespace(there.installation, context(there))
    assert not there.google.asked("compute.disks.delete")


async def test_disks_of_a_cluster_that_is_gone_are_swept_by_their_label(there: StepBench) -> None:
    there.google.answers[GET] = NotFound("gone", status=404)
    found = [disk(there, "pvc-1"), disk(there, "pvc-theirs", "zzzzzz"), disk(there, "gke-node-1")]
    there.google.answers["compute.disks.list"] = {"items": found}
    told = context(there)
    await destroy_namespace(there.installation, told)
    assert [call["disk"] for call in there.google.asked("compute.disks.delete")] == ["pvc-1"]
    assert told.resources == [("compute.disks", "pvc-1", "delete")]


async def test_a_namespace_that_hangs_says_what_holds_it(there: StepBench, monkeypatch: pytest.MonkeyPatch) -> None:
    held = namespace(there.environment.id)
    message = "Some content in the namespace has finalizers remaining"
    held["status"] = {"conditions": [{"type": "NamespaceFinalizersRemaining", "status": "True", "message": message}]}
    there.fake.put(held)
    there.fake.refuse(409, method="DELETE")
    with pytest.raises(TemporaryError, match="still there") as caught:
        await destroy_namespace(there.installation, context(there))
    assert caught.value.cause == message


async def test_a_disk_that_a_node_still_holds_is_left_until_the_cluster_is_gone(there: StepBench) -> None:
    there.google.answers[GET] = NotFound("gone", status=404)
    there.google.answers["compute.disks.list"] = {"items": [disk(there, "pvc-1")]}
    held = StillWorking("in use", status=400, reason="resourceInUseByAnotherResource")
    there.google.answers["compute.disks.delete"] = held
    told = context(there)
    await destroy_namespace(there.installation, told)
    assert "pvc-1 stays" in told.lines[-1]
    with pytest.raises(StillWorking):
        await module.sweep_disks(there.installation, told)


async def test_a_control_plane_that_is_gone_does_not_hold_up_the_rest(there: StepBench) -> None:
    there.fake.put(namespace(there.environment.id))
    there.fake.url = "http://127.0.0.1:1"
    there.google.answers["compute.disks.list"] = {"items": [disk(there, "pvc-1")]}
    told = context(there)
    await destroy_namespace(there.installation, told)
    assert [name for _, name, _ in told.resources] == ["pvc-1"]
