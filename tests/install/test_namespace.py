"""The step ``namespace``: made, adopted, or left to whose it is."""

from __future__ import annotations

from typing import Any

import pytest
from step_bench import StepBench

from core.environment import Home
from core.errors import PermanentError, TemporaryError
from core.install.namespace import step


def namespace(**labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kubeflow", "labels": labels}}


@pytest.fixture
async def ready(bench: StepBench) -> StepBench:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "kubeflow"}}
    bench.fake.put(account)
    return bench


async def test_it_is_made_with_the_environments_labels_and_then_left(ready: StepBench) -> None:
    outcome, context = await ready.run(step)
    assert (outcome, context.published) == ("done", {"namespace": "kubeflow"})
    labels = ready.fake.get("Namespace", "kubeflow")["metadata"]["labels"]
    assert labels == {**ready.names.labels, "pod-security.kubernetes.io/enforce": "baseline"}
    assert (await ready.run(step))[0] == "unchanged"


async def test_the_inverting_proxy_needs_a_weaker_level(ready: StepBench, home: Home) -> None:
    other = StepBench(ready.fake, home, inverse_proxy=True)
    await other.run(step)
    labels = ready.fake.get("Namespace", "kubeflow")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"


async def test_an_empty_one_of_nobodys_is_adopted(ready: StepBench) -> None:
    ready.fake.put(namespace(team="ml"))
    root = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt", "namespace": "kubeflow"}}
    ready.fake.put(root)
    outcome, _ = await ready.run(step)
    labels = ready.fake.get("Namespace", "kubeflow")["metadata"]["labels"]
    assert (outcome, labels["team"], labels["mlops-env-id"]) == ("done", "ml", ready.environment.id)


async def test_one_with_contents_is_left_alone(ready: StepBench) -> None:
    ready.fake.put(namespace())
    ready.fake.put({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "theirs", "namespace": "kubeflow"}})
    with pytest.raises(PermanentError, match="did not make") as caught:
        await ready.run(step)
    assert "Service theirs" in caught.value.cause
    assert not ready.fake.asked("PATCH")


async def test_another_environments_is_left_alone(ready: StepBench) -> None:
    ready.fake.put(namespace(**{"mlops-env-id": "zzzzzz"}))
    with pytest.raises(PermanentError, match="another environment"):
        await ready.run(step)
    assert not ready.fake.asked("PATCH")


async def test_one_that_is_being_deleted_is_waited_for(ready: StepBench) -> None:
    going = namespace(**{"mlops-env-id": ready.environment.id})
    going["metadata"]["deletionTimestamp"] = "2026-11-24T12:00:00Z"
    ready.fake.put(going)
    with pytest.raises(TemporaryError):
        await ready.run(step)
