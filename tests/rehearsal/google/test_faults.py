"""What a scenario lets go wrong: before a call's effect or after it, by an answer, a silence or a broken connection."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from simulated_project import PROJECT, Project

from core.rehearsal.google.app import Dropped

INSERT = "compute.networks.insert"


async def insert(project: Project) -> int:
    return int((await project.call(INSERT, {"name": "net"}, project=PROJECT)).status)


async def exists(project: Project) -> bool:
    return (await project.call("compute.networks.get", project=PROJECT, network="net")).status == 200


@pytest.mark.parametrize(("when", "made"), [("before", False), ("after", True)])
async def test_an_error_comes_before_the_effect_or_after_it(make: Callable[..., Project], when: str, made: bool) -> None:
    project = make({"fault": [{"call": INSERT, "status": 503, "reason": "backendError", "when": when}]})
    answer = await project.call(INSERT, {"name": "net"}, project=PROJECT)
    assert (answer.status, answer.reason) == (503, "backendError")
    assert await exists(project) is made
    assert await insert(project) == (409 if made else 200)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", ["reset", "timeout"])
async def test_a_connection_is_dropped(make: Callable[..., Project], error: str, when: str) -> None:
    project = make({"fault": [{"call": INSERT, "error": error, "when": when}]})
    begun = project.clock.now()
    with pytest.raises(Dropped):
        await insert(project)
    assert project.clock.now() - begun == (60 if error == "timeout" else 0)
    assert await exists(project) is (when == "after")


async def test_a_fault_strikes_as_often_as_it_says_over_restarts(make: Callable[..., Project]) -> None:
    project = make({"fault": [{"call": INSERT, "status": 429, "reason": "rateLimitExceeded", "times": 2}]})
    assert await insert(project) == 429
    project.restart()
    assert await insert(project) == 429
    assert await insert(project) == 200


async def test_a_fault_may_strike_always(make: Callable[..., Project]) -> None:
    project = make({"fault": [{"call": "compute.networks.*", "status": 500, "times": 0}]})
    assert [await insert(project) for _ in range(4)] == [500] * 4


async def test_a_wildcard_strikes_each_call_on_its_own(make: Callable[..., Project]) -> None:
    project = make({"fault": [{"call": "compute.*", "status": 503}]})
    assert await insert(project) == 503
    assert (await project.call("compute.networks.list", project=PROJECT)).status == 503
    assert await insert(project) == 200
    assert (await project.call("compute.networks.list", project=PROJECT)).status == 200


async def test_pieces_of_an_upload_can_fail_too(make: Callable[..., Project]) -> None:
    project = make({"fault": [{"call": "storage.objects.insert", "status": 503, "times": 2}]})
    await project.good("storage.buckets.insert", {"name": "box"}, project=PROJECT)
    begin = "/storage/upload/storage/v1/b/box/o?uploadType=resumable&name=x"
    assert (await project.request("POST", begin, b"{}")).status == 503
    assert (await project.request("POST", begin, b"{}")).status == 503
    assert (await project.request("POST", begin, b"{}")).status == 200
