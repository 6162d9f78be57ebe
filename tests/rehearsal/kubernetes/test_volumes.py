"""Volumes: a claim finds its class, becomes a labelled disk of the project, and the disk outlives the cluster."""

from __future__ import annotations

from typing import Any

from simulated_cluster import PROJECT, Bench, deployment

from core.rehearsal.kubernetes import forget

DISKS = "compute.disks"
CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "mine"},
    "provisioner": "pd.csi.storage.gke.io",
    "parameters": {"type": "pd-balanced", "labels": "mlops-env-id=abcdef"},
    "volumeBindingMode": "WaitForFirstConsumer",
}


def _claim(kind: str | None = "mine") -> dict[str, Any]:
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}}
    if kind:
        spec["storageClassName"] = kind
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec}


def _user() -> dict[str, Any]:
    return deployment(spec={"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]})


def test_a_claim_waits_for_its_first_user_then_has_a_disk(bench: Bench) -> None:
    bench.put(CLASS, _claim())
    assert bench.get("v1", "PersistentVolumeClaim", "data")["status"]["phase"] == "Pending"
    bench.put(_user())
    bench.turn(60)
    claim = bench.get("v1", "PersistentVolumeClaim", "data")
    assert claim["status"]["phase"] == "Bound"
    assert bench.available()
    [(name, disk)] = bench.world.store.items(DISKS)
    assert name == f"{PROJECT}/zones/us-central1-a/disks/{claim['spec']['volumeName']}"
    assert (disk["labels"]["mlops-env-id"], disk["sizeGb"], disk["status"]) == ("abcdef", "20", "READY")


def test_a_claim_without_its_class_holds_its_pod(bench: Bench) -> None:
    bench.put(_claim("none"), _user())
    assert bench.events("ProvisioningFailed") == ['storageclass.storage.k8s.io "none" not found']
    assert bench.events("FailedScheduling") == ["pod has unbound immediate PersistentVolumeClaims"]


def test_a_claim_of_no_class_takes_the_default(bench: Bench) -> None:
    bench.put(_claim(None), _user())
    bench.turn(60)
    assert bench.get("v1", "PersistentVolumeClaim", "data")["spec"]["storageClassName"] == "standard-rwo"
    assert bench.available()


def test_the_disk_goes_a_while_after_its_claim(bench: Bench) -> None:
    bench.put(CLASS, _claim(), _user())
    bench.turn(60)
    bench.cluster.delete(bench.kind("apps/v1", "Deployment"), "default", "web")
    bench.cluster.delete(bench.kind("v1", "PersistentVolumeClaim"), "default", "data")
    bench.controllers.settle()
    assert len(bench.world.store.items(DISKS)) == 1
    bench.turn(20)
    assert bench.world.store.items(DISKS) == []
    assert bench.cluster.list(bench.kind("v1", "PersistentVolume")) == []


def test_the_disk_outlives_the_cluster(bench: Bench) -> None:
    bench.put(CLASS, _claim(), _user())
    bench.turn(60)
    forget(bench.world, "c1")
    assert len(bench.world.store.items(DISKS)) == 1
    assert [k for k in bench.world.store.kinds() if k.startswith("kubernetes.")] == []
