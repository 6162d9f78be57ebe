"""One connection: what is tried again and what is not, one discovery, a bounded crowd, watches that survive."""

from __future__ import annotations

import asyncio

import pytest
from fake_cluster import FakeCluster, deployment

from core.kubernetes.client import IN_FLIGHT
from core.kubernetes.errors import Conflict, Forbidden, NotFound, Refused, Unavailable
from core.run.clock import VirtualClock
from core.run.together import together

SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "ns"}, "data": {"a": "Yg=="}}


@pytest.mark.parametrize("status", [401, 429, 500, 503, 0])
async def test_what_fails_for_a_moment_is_asked_again(fake: FakeCluster, status: int) -> None:
    fake.put(SECRET)
    fake.refuse(status, path="/secrets/", times=3)
    async with fake.client() as cluster:
        assert (await cluster.get("v1", "Secret", "s", "ns"))["data"] == {"a": "Yg=="}
    assert len(fake.asked("GET", "/secrets/")) == 4


async def test_a_control_plane_that_is_away_for_five_minutes_is_waited_for(fake: FakeCluster) -> None:
    fake.put(SECRET)
    fake.refuse(503, path="/secrets/", times=22)
    clock = VirtualClock()
    async with fake.client(clock=clock) as cluster:
        await cluster.get("v1", "Secret", "s", "ns")
    assert 200 < clock.now() < 400


async def test_one_that_stays_away_is_an_error_with_its_cause(fake: FakeCluster) -> None:
    fake.refuse(503, path="/secrets/", times=3)
    fake.put(SECRET)
    async with fake.client(attempts=3) as cluster:
        with pytest.raises(Unavailable) as caught:
            await cluster.get("v1", "Secret", "s", "ns")
    assert caught.value.temporary
    assert caught.value.cause == "scripted 503"


async def test_nothing_listens(fake: FakeCluster) -> None:
    fake.url = "http://127.0.0.1:1"
    async with fake.client(attempts=2) as cluster:
        with pytest.raises(Unavailable) as caught:
            await cluster.request("GET", "/api/v1")
    assert caught.value.code == "kubernetes-unreachable"


async def test_a_token_that_is_not_taken_is_replaced(fake: FakeCluster) -> None:
    fake.put(SECRET)
    fake.refuse(401, path="/secrets/")
    async with fake.client() as cluster:
        await cluster.get("v1", "Secret", "s", "ns")
    assert fake.tokens[-2:] == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize(("status", "error"), [(403, Forbidden), (404, NotFound), (422, Refused), (400, Refused)])
async def test_a_refusal_is_not_asked_again(fake: FakeCluster, status: int, error: type[Exception]) -> None:
    fake.refuse(status, path="/secrets/", times=2)
    async with fake.client() as cluster:
        with pytest.raises(error, match=str(status)):
            await cluster.get("v1", "Secret", "s", "ns")
    assert len(fake.asked("GET", "/secrets/")) == 1


async def test_the_server_says_how_long_to_wait(fake: FakeCluster) -> None:
    fake.put(SECRET)
    fake.refuse(429, path="/secrets/", **{"Retry-After": "40"})
    clock = VirtualClock()
    async with fake.client(clock=clock) as cluster:
        await cluster.get("v1", "Secret", "s", "ns")
    assert clock.waits == [40]


async def test_a_kind_is_resolved_once_for_all_who_ask_at_the_same_time(fake: FakeCluster) -> None:
    async with fake.client() as cluster:
        await together(cluster.find("v1", kind, "x", "ns") for kind in ("Secret", "ConfigMap", "Service") * 5)
    assert [p for p in fake.asked("GET") if p == "/api/v1"] == ["/api/v1"]


async def test_a_kind_that_comes_later_is_found(fake: FakeCluster) -> None:
    async with fake.client() as cluster:
        assert await cluster.find("example.dev/v1", "Thing", "x") is None
        from fake_cluster import KINDS

        KINDS["example.dev/v1"] = {"Thing": ("things", False)}
        try:
            assert (await cluster.resource("example.dev/v1", "Thing")).plural == "things"
        finally:
            del KINDS["example.dev/v1"]


async def test_no_more_than_so_many_are_on_their_way(fake: FakeCluster) -> None:
    fake.latency = 0.02
    async with fake.client() as cluster:
        await together(cluster.find("v1", "Secret", f"s{n}", "ns") for n in range(100))
    assert IN_FLIGHT // 2 < fake.busiest <= IN_FLIGHT


async def test_apply_is_server_side_strict_and_ours(fake: FakeCluster) -> None:
    async with fake.client() as cluster:
        await cluster.apply(SECRET)
    method, path, query = fake.requests[-1]
    assert (method, path) == ("PATCH", "/api/v1/namespaces/ns/secrets/s")
    assert query == {"fieldManager": "mlops-env", "force": "true", "fieldValidation": "Strict"}


async def test_a_change_at_the_same_time_is_applied_over(fake: FakeCluster) -> None:
    fake.refuse(409, method="PATCH", times=2)
    async with fake.client() as cluster:
        await cluster.apply(SECRET)
        fake.refuse(409, method="PATCH", times=5)
        with pytest.raises(Conflict):
            await cluster.apply(SECRET)


async def test_deleting_says_whether_there_was_something(fake: FakeCluster) -> None:
    fake.put(SECRET)
    async with fake.client() as cluster:
        assert await cluster.delete("v1", "Secret", "s", "ns")
        assert not await cluster.delete("v1", "Secret", "s", "ns")


async def test_observing_goes_on_over_cuts_and_lost_versions(fake: FakeCluster) -> None:
    fake.put(deployment("a"))
    fake.cut_watches, fake.gone_watches = 1, 1
    seen: list[list[str]] = []
    async with fake.client() as cluster:
        async with asyncio.timeout(60):
            async for state in cluster.observe("apps/v1", "Deployment", "ns"):
                seen.append(sorted(state))
                if "c" in state and "a" not in state:
                    break
                if "b" not in state:
                    fake.put(deployment("b"))
                elif "c" not in state:
                    fake.put(deployment("c"))
                elif "a" in state:
                    fake.remove(deployment("a"))
    assert seen[0] == ["a"]
    assert seen[-1] == ["b", "c"]


async def test_logs_that_are_not_to_be_had_are_empty(fake: FakeCluster) -> None:
    fake.refuse(404, path="/log")
    async with fake.client() as cluster:
        assert await cluster.log("ns", "p", "main") == ""
