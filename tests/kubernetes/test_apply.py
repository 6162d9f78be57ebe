"""Many objects at once: the order, what counts as a change, and CRDs that must be served first."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fake_cluster import FakeCluster, Recorder, deployment

from core.errors import PermanentError
from core.kubernetes import apply as applying
from core.kubernetes.apply import apply_all, content, phases
from core.kubernetes.errors import Forbidden

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.dev"},
}


NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ns"}}
RBAC = "rbac.authorization.k8s.io/v1"


def plain(kind: str, name: str, version: str = "v1") -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "ns"}}


def establish(fake: FakeCluster) -> None:
    def served(obj: dict[str, Any]) -> None:
        if obj["kind"] == "CustomResourceDefinition":
            fake.put({**obj, "status": {"conditions": [{"type": "Established", "status": "True"}]}})

    fake.on_apply = served


async def test_what_others_stand_on_goes_first(fake: FakeCluster, reporter: Recorder) -> None:
    establish(fake)
    bound = {"apiVersion": RBAC, "kind": "ClusterRoleBinding", "metadata": {"name": "b"}}
    objects = [deployment("d"), bound, plain("Service", "s"), CRD, NAMESPACE, plain("ConfigMap", "c")]
    async with fake.client() as cluster:
        await apply_all(cluster, objects, reporter)
    kinds = [path.split("/")[-2] for path in fake.asked("PATCH")]
    assert kinds[0] == "namespaces"
    assert sorted(kinds[1:4]) == ["configmaps", "customresourcedefinitions", "services"]
    assert kinds[4:] == ["clusterrolebindings", "deployments"]


async def test_a_second_time_changes_and_reports_nothing(fake: FakeCluster, reporter: Recorder) -> None:
    objects = [deployment("d"), plain("Service", "s")]
    async with fake.client() as cluster:
        first = await apply_all(cluster, objects, reporter)
        assert {a.action for a in first} == {"create"}
        assert len(reporter.resources) == 2
        second = await apply_all(cluster, objects, reporter)
    assert {a.action for a in second} == {"unchanged"}
    assert len(reporter.resources) == 2


async def test_what_controllers_write_is_no_change_and_what_somebody_changed_is(
    fake: FakeCluster, reporter: Recorder
) -> None:
    async with fake.client() as cluster:
        await apply_all(cluster, [deployment("d")], reporter)
        rolled = fake.get("Deployment", "d")
        fake.put({**rolled, "status": {"replicas": 1}})
        assert [a.action for a in await apply_all(cluster, [deployment("d")], reporter)] == ["unchanged"]
        fake.put({**rolled, "spec": {**rolled["spec"], "replicas": 7}})
        assert [a.action for a in await apply_all(cluster, [deployment("d")], reporter)] == ["update"]
    assert reporter.resources[-1] == ("Deployment", "ns/d", "update")


async def test_workloads_wait_until_the_crds_are_served(fake: FakeCluster, reporter: Recorder) -> None:
    order: list[str] = []

    def later(obj: dict[str, Any]) -> None:
        order.append(obj["kind"])
        if obj["kind"] == "ClusterRoleBinding":
            order.append("established")
            fake.put({**CRD, "status": {"conditions": [{"type": "Established", "status": "True"}]}})

    fake.on_apply = later
    bound = {"apiVersion": RBAC, "kind": "ClusterRoleBinding", "metadata": {"name": "b"}}
    async with fake.client() as cluster:
        await asyncio.wait_for(apply_all(cluster, [deployment("d"), CRD, bound], reporter), 60)
    assert order == ["CustomResourceDefinition", "ClusterRoleBinding", "established", "Deployment"]


async def test_a_crd_that_is_never_served_is_named(
    fake: FakeCluster, reporter: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "ESTABLISHED_SECONDS", 0.05)
    from core.run.clock import Clock

    async with fake.client(clock=Clock(1.0)) as cluster:
        with pytest.raises(PermanentError, match=r"things\.example\.dev"):
            await apply_all(cluster, [CRD], reporter)


async def test_the_first_refusal_is_the_error_not_a_group(fake: FakeCluster, reporter: Recorder) -> None:
    fake.refuse(403, method="PATCH", path="configmaps")
    async with fake.client() as cluster:
        with pytest.raises(Forbidden, match="apply ConfigMap ns/c"):
            await apply_all(cluster, [plain("ConfigMap", "c"), plain("Service", "s"), deployment("d")], reporter)
    assert not fake.asked("PATCH", "deployments")


def test_objects_of_a_crd_go_last() -> None:
    crd = {**CRD, "spec": {"names": {"kind": "Thing"}}}
    thing = {"apiVersion": "example.dev/v1", "kind": "Thing", "metadata": {"name": "t", "namespace": "ns"}}
    assert [len(phase) for phase in phases([thing, crd])] == [0, 1, 0, 1]


def test_content_is_what_was_meant() -> None:
    counted = {**plain("Secret", "s"), "status": {"x": 1}}
    counted["metadata"] = {**counted["metadata"], "resourceVersion": "5", "managedFields": [], "generation": 2}
    assert content(counted) == plain("Secret", "s")
