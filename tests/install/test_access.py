"""The steps ``pipelines`` and ``access``, as far as they need no whole Kubeflow: what is proven, and which URL is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from fake_cluster import pod, waiting
from step_bench import StepBench, StepContext

from core.environment import Home
from core.errors import PermanentError
from core.install import access, pods
from core.install.pipelines import READY_LOOKS, _refuse_secrets, start_again, until_ready
from core.run.clock import VirtualClock


class Page:
    """Kubeflow as ``access`` asks it."""

    def __init__(self, *, page: Any = (200, "<html>"), ready_after: float = 0, posts: bool = True) -> None:
        self._page, self._ready_after, self._posts = page, ready_after, posts
        self.asked = 0

    async def page(self, path: str, *, origin: str) -> Any:
        assert origin == "http://localhost:8080"
        return self._page

    async def health(self) -> dict[str, Any]:
        self.asked += 1
        return {"apiServerReady": self.asked > self._ready_after}

    async def takes_posts(self, *, origin: str) -> bool:
        return self._posts


def context(bench: StepBench) -> StepContext:
    return StepContext(bench.facts, bench.installation.redactor, VirtualClock())


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (Page(page=(502, "bad gateway")), "502"),
        (Page(page=(200, "")), "200"),
        (Page(posts=False), "malformed"),
    ],
)
async def test_a_url_that_does_not_really_answer_is_none(bench: StepBench, page: Any, words: str) -> None:
    with pytest.raises(PermanentError) as caught:
        await access._prove(page, context(bench))
    assert words in caught.value.cause


async def test_a_ui_without_its_server_is_not_enough(bench: StepBench) -> None:
    page: Any = Page(ready_after=float("inf"))
    with pytest.raises(PermanentError, match="API server behind it is not ready"):
        await until_ready(page, VirtualClock(), context(bench))
    assert page.asked == READY_LOOKS


async def test_a_server_that_gets_ready_is_waited_for(bench: StepBench) -> None:
    page: Any = Page(ready_after=3)
    await until_ready(page, VirtualClock(), context(bench))
    assert page.asked == 4


async def test_pods_between_crashes_are_started_again_and_others_left(bench: StepBench) -> None:
    bench.fake.put(pod("metadata", containerStatuses=[waiting("CrashLoopBackOff", restartCount=6)]))
    bench.fake.put(pod("ui", ready=True))
    step_of_a_run = pod("step", containerStatuses=[waiting("CrashLoopBackOff")])
    step_of_a_run["metadata"]["ownerReferences"] = [{"kind": "Workflow", "name": "w"}]
    bench.fake.put(step_of_a_run)
    async with bench.fake.client() as cluster:
        assert await start_again(cluster, "ns") == ["metadata-1"]
        assert sorted(p["metadata"]["name"] for p in await cluster.all("v1", "Pod", "ns")) == ["step-1", "ui-1"]


async def test_an_inverting_proxy_that_never_registers_falls_back(bench: StepBench, home: Home) -> None:
    other = StepBench(bench.fake, home, inverse_proxy=True)
    told = context(other)
    async with bench.fake.client() as cluster:
        assert await access._proxy_host(other.installation, cluster, told) == ""
    assert told.clock.now() == 300
    assert "port-forward is the way in" in told.lines[-1]


async def test_an_agent_that_had_its_five_minutes_is_not_waited_for_again(
    bench: StepBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = {"name": "main", "state": {"running": {"startedAt": "2026-11-24T11:00:00Z"}}}
    bench.fake.put(pod("proxy-agent", namespace="kubeflow", containerStatuses=[running]))

    async def now(*_: Any) -> datetime:
        return datetime(2026, 11, 24, 12, tzinfo=UTC)

    monkeypatch.setattr(pods, "_now", now)
    told = context(bench)
    async with bench.fake.client() as cluster:
        assert await access._proxy_host(bench.installation, cluster, told) == ""
    assert told.clock.now() == 0


async def test_an_inverting_proxy_that_answers_is_taken(bench: StepBench, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "inverse-proxy-config", "namespace": "kubeflow"},
        "data": {"Hostname": "abc-dot-us-central1.pipelines.googleusercontent.com"},
    }
    bench.fake.put(config)

    async def answers(host: str) -> bool:
        return host.startswith("abc-dot")

    monkeypatch.setattr(access, "_answers", answers)
    async with bench.fake.client() as cluster:
        assert (await access._proxy_host(bench.installation, cluster, context(bench))).startswith("abc-dot")


async def test_secrets_in_the_manifests_are_refused_by_name(bench: StepBench) -> None:
    def secret(name: str) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "kubeflow"}}

    _refuse_secrets([secret("theirs")])
    with pytest.raises(PermanentError, match="Secret kubeflow/mysql-secret"):
        _refuse_secrets([secret("theirs"), secret("mysql-secret")])
