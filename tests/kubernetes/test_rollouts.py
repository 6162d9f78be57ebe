"""Waiting for Deployments: it ends with the last one, or with the cause of the first that can't come up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fake_cluster import FakeCluster, Recorder, deployment, pod, waiting

from core.errors import PermanentError, StepError, TemporaryError
from core.kubernetes import rollouts as module
from core.kubernetes.diagnosis import stuck
from core.kubernetes.rollouts import rolled_out, rollouts, settled
from core.run.clock import Clock


async def failing(fake: FakeCluster, reporter: Recorder, patience: float = 0.0) -> StepError:
    async with fake.client() as cluster:
        with pytest.raises(StepError) as caught:
            await asyncio.wait_for(rollouts(cluster, "ns", ["d"], reporter, patience=patience), 60)
    return caught.value


async def test_it_ends_when_the_last_one_is_up(fake: FakeCluster, reporter: Recorder) -> None:
    fake.put(deployment("a", up=True))
    fake.put(deployment("d"))

    async with fake.client() as cluster:
        waited = asyncio.create_task(rollouts(cluster, "ns", ["a", "d"], reporter))
        while not any("waiting for d" in message for message in reporter.messages):
            await asyncio.sleep(0.01)
        assert not waited.done()
        fake.put(deployment("d", up=True))
        await asyncio.wait_for(waited, 60)


async def test_one_watch_serves_them_all(fake: FakeCluster, reporter: Recorder) -> None:
    names = [f"d{n}" for n in range(15)]
    for name in names:
        fake.put(deployment(name, up=True))
    async with fake.client() as cluster:
        await rollouts(cluster, "ns", names, reporter)
    assert len(fake.asked("GET", "/deployments")) == 1


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (
            {"containerStatuses": [waiting("ImagePullBackOff", "manifest unknown: not found")]},
            "repo/image:1",
            PermanentError,
        ),
        ({"containerStatuses": [waiting("ErrImagePull", "dial tcp: i/o timeout")]}, "i/o timeout", TemporaryError),
        (
            {"containerStatuses": [waiting("CreateContainerConfigError", 'secret "mysql-secret" not found')]},
            'secret "mysql-secret" not found',
            PermanentError,
        ),
        (
            {"initContainerStatuses": [waiting("CreateContainerConfigError", "couldn't find key x in ConfigMap ns/c")]},
            "couldn't find key x",
            PermanentError,
        ),
        ({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, "low on memory", PermanentError),
    ],
)
async def test_a_pod_that_cannot_start_is_named_with_its_cause(
    fake: FakeCluster, reporter: Recorder, status: dict[str, Any], words: str, kind: type[Exception]
) -> None:
    fake.put(deployment("d"))
    fake.put(pod("d", **status))
    error = await failing(fake, reporter)
    assert isinstance(error, kind)
    assert "Deployment ns/d" in error.message
    assert words in error.cause
    assert error.hint or "Evicted" in error.message


async def test_a_node_too_few(fake: FakeCluster, reporter: Recorder) -> None:
    fake.put(deployment("d"))
    unschedulable = pod("d")
    message = "0/2 nodes are available: 2 Insufficient cpu."
    unschedulable["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    ]
    fake.put(unschedulable)
    error = await failing(fake, reporter)
    assert error.cause == message
    assert "node_max" in error.hint


async def test_a_volume_that_cannot_be_mounted_is_told_by_its_event(fake: FakeCluster, reporter: Recorder) -> None:
    fake.put(deployment("d"))
    fake.put(pod("d", containerStatuses=[waiting("ContainerCreating")]))
    message = 'MountVolume.SetUp failed for volume "tls": secret "webhook-server-tls" not found'
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "ns"}, "type": "Warning"}
    fake.put({**event, "reason": "FailedMount", "message": message})
    error = await failing(fake, reporter)
    assert error.cause == message
    assert error.code == "pod-failed-mount"


@pytest.mark.parametrize(("pulling", "is_stuck"), [("10:00:31", False), ("10:00:30", False), ("10:00:20", True)])
async def test_what_could_not_be_mounted_at_first_is_not_why_an_image_takes_long(
    fake: FakeCluster, pulling: str, is_stuck: bool
) -> None:
    """The API lists events by name; a container is said to be in creation while its image is pulled, too."""
    made = pod("d", containerStatuses=[waiting("ContainerCreating")])
    for name, reason, told in (
        ("a", "FailedMount", {"lastTimestamp": "2026-11-24T10:00:10Z", "message": "older"}),
        ("b", "Pulling", {"lastTimestamp": f"2026-11-24T{pulling}Z"}),
        ("c", "FailedMount", {"lastTimestamp": None, "eventTime": "2026-11-24T10:00:30.123456Z", "message": "newer"}),
    ):
        kind = "Normal" if reason == "Pulling" else "Warning"
        event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": "ns"}, "type": kind}
        fake.put({**event, "reason": reason, **told})
    async with fake.client() as cluster:
        found = await stuck(cluster, made)
    assert (found.cause if found else None) == ("newer" if is_stuck else None)


async def test_a_crash_loop_shows_its_last_words(fake: FakeCluster, reporter: Recorder) -> None:
    fake.put(deployment("d"))
    crashed = waiting("CrashLoopBackOff", lastState={"terminated": {"exitCode": 255}}, restartCount=4)
    fake.put(pod("d", containerStatuses=[crashed]))
    fake.logs["d-1"] = "F1124 mysql: authentication plugin not supported"
    error = await failing(fake, reporter)
    assert "code 255" in error.cause
    assert "authentication plugin not supported" in error.cause
    assert error.command.startswith("kubectl logs d-1")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('pods "d-1" is forbidden: violates PodSecurity "baseline:latest": host namespaces', "pod-pod-security"),
        ('pods "d-1" is forbidden: exceeded quota: compute, requested: pods=1', "pod-quota"),
        ('error looking up service account ns/d: serviceaccount "d" not found', "pod-its-pods-are-refused"),
    ],
)
async def test_pods_that_are_never_made(fake: FakeCluster, reporter: Recorder, message: str, code: str) -> None:
    refused = deployment("d")
    refused["status"] = {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": message}]}
    fake.put(refused)
    error = await failing(fake, reporter)
    assert (error.code, error.cause) == (code, message)


async def test_a_trouble_that_passes_within_its_patience_is_none(fake: FakeCluster, reporter: Recorder) -> None:
    fake.put(deployment("d"))
    fake.put(pod("d", containerStatuses=[waiting("ErrImagePull", "not found")]))
    async with fake.client() as cluster:
        waited = asyncio.create_task(rollouts(cluster, "ns", ["d"], reporter))
        while not fake.asked("GET", "/pods"):
            await asyncio.sleep(0.01)
        fake.put(pod("d", ready=True))
        fake.put(deployment("d", up=True))
        await asyncio.wait_for(waited, 60)


async def test_the_limit_names_what_is_missing(
    fake: FakeCluster, reporter: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.put(deployment("d"))
    async with fake.client(clock=Clock(1.0)) as cluster:
        with pytest.raises(PermanentError, match="Not rolled out") as caught:
            await rollouts(cluster, "ns", ["d"], reporter, limit=0.05)
    assert "d" in caught.value.message


def test_a_rollout_is_over_when_only_new_pods_are_there_and_available() -> None:
    assert rolled_out(deployment("d", up=True))
    assert not rolled_out(deployment("d"))
    for field, value in (("replicas", 2), ("updatedReplicas", 0), ("availableReplicas", 0), ("observedGeneration", 0)):
        obj = deployment("d", up=True)
        obj["status"][field] = value
        assert not rolled_out(obj), field


async def test_what_is_started_again_after_the_rollout_is_seen(fake: FakeCluster) -> None:
    fake.put(deployment("d", up=True))
    running = {"name": "main", "state": {"running": {}}, "restartCount": 0}
    fake.put(pod("d", ready=True, containerStatuses=[running]))
    async with fake.client() as cluster:
        await settled(cluster, "ns", 10)
        fake.put(pod("d", containerStatuses=[waiting("CrashLoopBackOff", restartCount=3)]))
        with pytest.raises(PermanentError, match="CrashLoopBackOff"):
            await settled(cluster, "ns", 10, patience=0)


async def test_the_pods_of_a_pipelines_steps_are_not_waited_for(fake: FakeCluster) -> None:
    """They fail, wait for a node and come and go as their pipelines do, for as long as those are at work."""
    fake.put(deployment("d", up=True))
    fake.put(pod("d", ready=True))
    failed, waits = pod("step", name="step-1", phase="Failed"), pod("step", name="step-2")
    waits["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": "No node has such a GPU."}]
    for each in (failed, waits):
        each["metadata"]["ownerReferences"] = [{"kind": "Workflow", "name": "run"}]
        fake.put(each)
    async with fake.client() as cluster:
        await asyncio.wait_for(settled(cluster, "ns", 10), 20)


async def test_a_pod_that_was_evicted_and_replaced_is_no_trouble(fake: FakeCluster, reporter: Recorder) -> None:
    """It stays where it is until somebody deletes it."""
    fake.put(deployment("d"))
    fake.put(pod("d", name="d-0", phase="Failed", reason="Evicted", message="low on memory"))
    fake.put(pod("d", phase="Pending", containerStatuses=[waiting("ContainerCreating")]))
    async with fake.client() as cluster:
        waited = asyncio.create_task(rollouts(cluster, "ns", ["d"], reporter, patience=0))
        while len(fake.asked("GET", "/pods")) < 3 and not waited.done():
            await asyncio.sleep(0.01)
        fake.put(pod("d", ready=True))
        fake.put(deployment("d", up=True))
        await asyncio.wait_for(waited, 20)
        await asyncio.wait_for(settled(cluster, "ns", 10, patience=0), 20)


def test_patience_counts_on_a_clock_that_does_not_wait() -> None:
    assert module.PACE_WITHOUT_CLOCK > 0
