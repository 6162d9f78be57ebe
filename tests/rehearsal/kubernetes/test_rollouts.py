"""Deployments, ReplicaSets and pods over time, and every way in which a pod does not come up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulated_cluster import Bench, config_map, deployment, secret, service

SECONDS = 30
"""What a pod takes by default."""


def test_a_deployment_takes_the_scenarios_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w", {"durations": {"kubernetes:pod": 100}})
    bench.put(deployment(replicas=2))
    assert [p["status"]["phase"] for p in bench.pods()] == ["Pending", "Pending"]
    bench.turn(60)
    assert not bench.available()
    bench.turn(60)
    assert bench.available()
    status = bench.get("apps/v1", "Deployment", "web")["status"]
    assert (status["readyReplicas"], status["updatedReplicas"], status["observedGeneration"]) == (2, 2, 1)


def test_a_new_template_rolls_without_a_gap(bench: Bench) -> None:
    bench.put(deployment(replicas=2))
    bench.turn(SECONDS)
    bench.put(deployment(replicas=2, image="nginx:2"))
    gaps = []
    for _ in range(20):
        bench.turn(5)
        gaps.append(bench.available())
    assert all(gaps)
    assert {p["spec"]["containers"][0]["image"] for p in bench.pods()} == {"nginx:2"}
    assert len(bench.pods()) == 2


def test_recreate_takes_the_old_pods_down_first(bench: Bench) -> None:
    bench.put(deployment(strategy={"type": "Recreate"}))
    bench.turn(SECONDS)
    bench.put(deployment(strategy={"type": "Recreate"}, image="nginx:2"))
    assert not bench.available()
    bench.turn(60)
    assert bench.available()


def test_scaling_down_takes_pods_away(bench: Bench) -> None:
    bench.put(deployment(replicas=3))
    bench.turn(SECONDS)
    bench.put(deployment(replicas=1))
    bench.turn(10)
    assert len(bench.pods()) == 1


def test_a_deleted_pod_is_made_anew(bench: Bench) -> None:
    bench.put(deployment())
    bench.turn(SECONDS)
    name = bench.pods()[0]["metadata"]["name"]
    bench.cluster.delete(bench.kind("v1", "Pod"), "default", name)
    bench.controllers.settle()
    bench.turn(SECONDS + 5)
    assert [p["metadata"]["name"] for p in bench.pods()] != [name]
    assert bench.available()


def test_a_deleted_deployment_takes_everything_along(bench: Bench) -> None:
    bench.put(deployment())
    bench.turn(SECONDS)
    bench.cluster.delete(bench.kind("apps/v1", "Deployment"), "default", "web")
    bench.controllers.settle()
    bench.turn(10)
    assert bench.pods() == []
    assert bench.cluster.list(bench.kind("apps/v1", "ReplicaSet"), "default") == []


def test_a_rollout_that_does_not_move_is_late(bench: Bench) -> None:
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "none", "key": "k"}}}]
    bench.put(deployment(container={"env": env}, progressDeadlineSeconds=60))
    bench.turn(200, step=20)
    conditions = {c["type"]: c for c in bench.get("apps/v1", "Deployment", "web")["status"]["conditions"]}
    assert (conditions["Progressing"]["status"], conditions["Progressing"]["reason"]) == (
        "False",
        "ProgressDeadlineExceeded",
    )


def test_a_killed_process_goes_on_where_it_was(bench: Bench) -> None:
    bench.put(deployment())
    bench.turn(15)
    before = bench.pods()[0]
    bench.clock.turn(10)
    bench.begin()
    assert bench.pods()[0]["metadata"]["uid"] == before["metadata"]["uid"]
    bench.turn(10)
    assert bench.available()


def _env(kind: str, name: str, key: str, **more: Any) -> dict[str, Any]:
    return {"env": [{"name": "A", "valueFrom": {kind: {"name": name, "key": key, **more}}}]}


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (_env("secretKeyRef", "s", "k"), 'secret "s" not found'),
        (_env("configMapKeyRef", "m", "k"), 'configmap "m" not found'),
        (_env("secretKeyRef", "there", "other"), "couldn't find key other in Secret default/there"),
        (_env("configMapKeyRef", "map", "other"), "couldn't find key other in ConfigMap default/map"),
        ({"envFrom": [{"secretRef": {"name": "s"}}]}, 'secret "s" not found'),
    ],
)
def test_a_missing_key_keeps_a_container_from_starting(bench: Bench, container: dict[str, Any], words: str) -> None:
    bench.put(secret("there", {"k": "v"}), config_map("map", {"k": "v"}), deployment(container=container))
    bench.turn(SECONDS)
    assert bench.waiting() == ("CreateContainerConfigError", words)
    assert bench.events("Failed") == [f"Error: {words}"]


def test_a_container_starts_once_its_key_is_there(bench: Bench) -> None:
    bench.put(deployment(container=_env("secretKeyRef", "s", "k")))
    bench.turn(SECONDS)
    assert not bench.available()
    bench.put(secret("s", {"k": "v"}))
    bench.turn(15)
    assert bench.available()


def test_an_optional_key_may_be_missing(bench: Bench) -> None:
    bench.put(deployment(container=_env("configMapKeyRef", "m", "k", optional=True)))
    bench.turn(SECONDS)
    assert bench.available()


def test_a_missing_volume_holds_the_pod(bench: Bench) -> None:
    volumes = [{"name": "v", "secret": {"secretName": "s"}}]
    bench.put(deployment(spec={"volumes": volumes}))
    bench.turn(SECONDS)
    assert bench.waiting() == ("ContainerCreating", "")
    assert bench.events("FailedMount") == ['MountVolume.SetUp failed for volume "v" : secret "s" not found']
    bench.put(secret("s", {"k": "v"}))
    bench.turn(SECONDS)
    assert bench.available()


def test_an_image_that_is_gone_is_never_pulled(bench: Bench) -> None:
    bench.put(deployment(image="gcr.io/ml-pipeline/application-crd-controller:20231101"))
    bench.turn(600, step=30)
    reason, words = bench.waiting()
    assert reason == "ImagePullBackOff"
    assert "not found" in words


def test_a_scenarios_pod_faults_strike_as_often_as_they_say(tmp_path: Path) -> None:
    fault = {"pod": "web", "reason": "ImagePullBackOff", "times": 2}
    bench = Bench(tmp_path / "w", {"fault": [fault]})
    bench.put(deployment(), deployment("other"))
    bench.turn(30)
    assert bench.waiting()[0] == "ImagePullBackOff"
    assert bench.available("other")
    bench.turn(60)
    assert bench.available()


@pytest.mark.parametrize("reason", ["CrashLoopBackOff", "CreateContainerConfigError"])
def test_the_other_faults_of_a_scenario(tmp_path: Path, reason: str) -> None:
    bench = Bench(tmp_path / "w", {"fault": [{"pod": "web", "reason": reason, "times": 1}]})
    bench.put(deployment())
    bench.turn(30)
    assert bench.waiting()[0] == reason
    bench.turn(40)
    assert bench.available()


def test_a_pod_that_a_scenario_finds_no_place_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w", {"fault": [{"pod": "web", "reason": "Unschedulable", "times": 0}]})
    bench.put(deployment())
    bench.turn(60)
    conditions = {c["type"]: c for c in bench.pods()[0]["status"]["conditions"]}
    assert (conditions["PodScheduled"]["status"], conditions["PodScheduled"]["reason"]) == ("False", "Unschedulable")


def _asking(cpu: str) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": cpu}}}


def test_a_pod_that_asks_too_much_finds_no_place(bench: Bench) -> None:
    bench.put(deployment(container=_asking("30")))
    assert bench.events("FailedScheduling") == ["0/1 nodes are available: 1 Insufficient cpu."]


def test_gkes_own_pods_take_their_part(bench: Bench) -> None:
    """Of four vCPUs 3.92 are given out, and one of those is GKE's."""
    bench.put(deployment("fits", container=_asking("2900m")))
    bench.turn(SECONDS)
    assert bench.available("fits")
    bench.put(deployment("late", container=_asking("100m")))
    assert bench.events("FailedScheduling")


def test_a_pool_grows_for_a_pod_without_a_place(bench: Bench) -> None:
    bench.put(deployment(replicas=2, container=_asking("2")))
    bench.turn(SECONDS)
    assert bench.events("TriggeredScaleUp") == ["pod triggered scale-up: [{demo-pool 1->2 (max: 3)}]"]
    bench.turn(180)
    assert bench.available()
    assert len({p["spec"]["nodeName"] for p in bench.pods()}) == 2


def test_a_nodes_label_may_be_asked_for(bench: Bench) -> None:
    bench.put(deployment(spec={"nodeSelector": {"disk": "fast"}}))
    assert "didn't match Pod's node affinity/selector" in bench.events("FailedScheduling")[0]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"hostNetwork": True}, "host namespaces (hostNetwork=true)"),
        ({"volumes": [{"name": "h", "hostPath": {"path": "/"}}]}, 'hostPath volumes (volume "h")'),
    ],
)
def test_a_namespace_of_level_baseline_refuses_pods(bench: Bench, spec: dict[str, Any], words: str) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    bench.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "labels": labels}})
    bench.put(deployment(namespace="n", spec=spec))
    assert bench.pods(namespace="n") == []
    conditions = {c["type"]: c for c in bench.get("apps/v1", "Deployment", "web", "n")["status"]["conditions"]}
    assert words in conditions["ReplicaFailure"]["message"]
    assert any(words in message for message in bench.events("FailedCreate", "n"))
    bench.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "labels": {}}})
    bench.turn(SECONDS)
    assert bench.available(namespace="n")


def test_a_pod_needs_its_account_and_its_priority(bench: Bench) -> None:
    bench.put(deployment("a", spec={"serviceAccountName": "none"}), deployment("b", spec={"priorityClassName": "none"}))
    found = " ".join(bench.events("FailedCreate"))
    assert 'serviceaccount "none" not found' in found
    assert "no PriorityClass with name none was found" in found


def test_an_init_container_waits_for_its_neighbour(bench: Bench) -> None:
    wait = {
        "name": "wait",
        "image": "docker.io/alpine:3.23",
        "env": [{"name": "WAIT_HOST", "value": "db"}, {"name": "WAIT_PORT", "value": "5432"}],
    }
    bench.put(deployment(spec={"initContainers": [wait]}))
    bench.turn(SECONDS)
    assert bench.waiting() == ("PodInitializing", "")
    assert bench.controllers.log(bench.pods()[0], "wait", False)[-1].endswith("Waiting for db:5432...")
    bench.put(service("db", 5432, 5432, "db"), deployment("db"))
    bench.turn(SECONDS + 10)
    assert bench.available()


def test_probes_need_an_open_port_and_hooks_a_shell(bench: Bench) -> None:
    image = "gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.21.3"
    probe = {"startupProbe": {"httpGet": {"port": 9090}, "periodSeconds": 1, "failureThreshold": 3}}
    bench.put(deployment(image=image, container={"args": ["p:r:i"], **probe}))
    bench.turn(SECONDS + 5)
    assert bench.waiting()[0] == "CrashLoopBackOff"
    said = bench.controllers.log(bench.pods()[0], "main", True)[-1]
    assert "startupProbe failed: dial tcp :9090: connect: connection refused" in said
    hook = {"lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", "true"]}}}}
    bench.put(deployment("hook", image=image, container={"args": ["p:r:i"], **hook}))
    bench.turn(SECONDS + 5)
    assert bench.waiting("hook")[0] == "CrashLoopBackOff"


def test_crashes_are_counted_and_wait_longer_each_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "w", {"fault": [{"pod": "web", "reason": "CrashLoopBackOff", "times": 3}]})
    bench.put(deployment())
    bench.turn(30)
    first = bench.pods()[0]["status"]["containerStatuses"][0]
    assert first["restartCount"] == 1
    assert first["lastState"]["terminated"]["exitCode"] == 1
    bench.turn(12)
    assert "back-off 20s" in bench.waiting()[1]
    bench.turn(90)
    assert bench.available()
    assert bench.pods()[0]["status"]["containerStatuses"][0]["restartCount"] == 3


def test_a_namespace_is_gone_after_a_while(bench: Bench) -> None:
    bench.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}})
    bench.put(deployment(namespace="n"))
    bench.turn(SECONDS)
    bench.cluster.delete(bench.kind("v1", "Namespace"), "", "n")
    bench.controllers.settle()
    assert bench.get("v1", "Namespace", "n")["status"]["phase"] == "Terminating"
    bench.turn(25)
    left = [name for name, _ in bench.world.store.items("kubernetes.objects") if "/n/" in name]
    assert left == []


def test_a_new_namespace_has_its_account(bench: Bench) -> None:
    bench.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}})
    assert bench.get("v1", "ServiceAccount", "default", "n")
