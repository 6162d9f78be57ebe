"""The one client: how a call is made, what is tried again, and what its answers become."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from core.gcp import Google, services
from core.gcp.client import IN_FLIGHT, TRIES
from core.gcp.errors import Conflict, NotFound, PermissionDenied, RateLimited, ServiceDisabled, SignInEnded, Unavailable
from core.run.clock import VirtualClock
from tests.gcp.fake_google import Fake, refusal

CLUSTER = "/container/v1/projects/proj-one/locations/us-central1-a/clusters/one"
NAME = CLUSTER.removeprefix("/container/v1/")
GET = "projects.locations.clusters.get"


async def get(google: Google) -> dict[str, Any]:
    return await google.call("container", "v1", GET, name=NAME)


async def test_a_method_is_called_by_its_path_in_the_document(fake: Fake, google: Google) -> None:
    fake.will(CLUSTER, {"name": "one", "status": "RUNNING"})
    assert await get(google) == {"name": "one", "status": "RUNNING"}
    request = fake.asked[0]
    assert request.method == "GET"
    assert request.headers["Authorization"] == "Bearer token-1"
    assert request.headers["x-goog-user-project"] == "proj-one"


async def test_body_and_parameters_go_where_the_document_says(fake: Fake, google: Google) -> None:
    path = "/secretmanager/v1/projects/proj-one/secrets"
    fake.will(path, {"name": "projects/1/secrets/s"})
    await google.call(
        "secretmanager", "v1", "projects.secrets.create", parent="projects/proj-one", secretId="s", body={"labels": {}}
    )
    assert fake.asked[0].query["secretId"] == "s"
    assert json.loads(fake.bodies[0]) == {"labels": {}}


async def test_service_paths_and_upload_paths_follow_the_clouds_root(fake: Fake, google: Google) -> None:
    fake.will("/compute/compute/v1/projects/proj-one", {"name": "proj-one"})
    await google.call("compute", "v1", "projects.get", project="proj-one")
    fake.will("/storage/upload/storage/v1/b/bucket/o", {"name": "o"})
    await google.upload("storage", "v1", "objects.insert", b"content", bucket="bucket", name="o")
    assert fake.bodies[1] == b"content"
    fake.will("/storage/storage/v1/b/bucket/o/o", b"content")
    assert await google.download("storage", "v1", "objects.get", bucket="bucket", object="o") == b"content"
    assert fake.asked[2].query["alt"] == "media"


@pytest.mark.parametrize("api", ["serviceusage", "storage"])
async def test_what_must_work_before_anything_is_on_names_no_quota_project(fake: Fake, google: Google, api: str) -> None:
    fake.will("/serviceusage/v1/projects/proj-one/services", {"services": []})
    fake.will("/storage/storage/v1/b", {"items": []})
    params: dict[str, Any] = {"project": "p"} if api == "storage" else {"parent": "projects/proj-one"}
    await google.call(api, "v1", "buckets.list" if api == "storage" else "services.list", **params)
    assert "x-goog-user-project" not in fake.asked[0].headers


async def test_a_call_may_be_kept_off_the_project_bill(fake: Fake, google: Google) -> None:
    fake.will("/cloudresourcemanager/v1/projects/proj-one", {"projectNumber": "1"})
    await google.call("cloudresourcemanager", "v1", "projects.get", quota_project=False, projectId="proj-one")
    assert "x-goog-user-project" not in fake.asked[0].headers


async def test_an_unknown_parameter_is_never_sent(fake: Fake, google: Google) -> None:
    with pytest.raises(TypeError):
        await google.call("container", "v1", GET, name=NAME, colour="red")
    assert not fake.asked


@pytest.mark.parametrize(
    "trouble",
    [(503, {}), (500, "oops"), (502, "<html>bad gateway</html>"), "reset", refusal(429, "slow down", "RATE_LIMIT_EXCEEDED")],
)
async def test_what_fails_for_a_moment_is_tried_again_on_the_clock(
    fake: Fake, google: Google, clock: VirtualClock, trouble: Any
) -> None:
    fake.will(CLUSTER, trouble, trouble, {"name": "one"})
    assert await get(google) == {"name": "one"}
    assert fake.count(CLUSTER) == 3
    assert all(wait > 0 for wait in clock.waits)
    if trouble != "reset":  # a connection that was kept and is gone may be opened again without a word
        assert len(clock.waits) == 2
        assert clock.waits[1] > clock.waits[0]


@pytest.mark.parametrize(("trouble", "kind"), [((503, {}), Unavailable), ("reset", Unavailable), ((429, {}), RateLimited)])
async def test_it_gives_up_with_a_temporary_error(fake: Fake, google: Google, trouble: Any, kind: type[Exception]) -> None:
    fake.will(CLUSTER, trouble)
    with pytest.raises(kind) as caught:
        await get(google)
    assert caught.value.temporary  # type: ignore[attr-defined]
    assert fake.count(CLUSTER) >= TRIES


async def test_no_answer_in_time_is_temporary(fake: Fake, google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.gcp.client.LEAST_TIMEOUT", 0.05)
    monkeypatch.setattr("core.gcp.client.TRIES", 1)
    held = asyncio.Event()

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.close()

    listening = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    google.cloud = type(google.cloud)(
        "rehearsal", google=f"http://127.0.0.1:{port}", credentials_file=fake.cloud.credentials_file, rate=0
    )
    with pytest.raises(Unavailable, match="got no answer") as caught:
        await get(google)
    assert caught.value.cause
    held.set()
    listening.close()


async def test_a_post_is_tried_again_too_and_its_409_is_an_answer(fake: Fake, google: Google) -> None:
    path = "/container/v1/projects/proj-one/locations/us-central1-a/clusters"
    fake.will(path, "reset", refusal(409, "Already exists: one", "ALREADY_EXISTS"))
    with pytest.raises(Conflict):
        await google.call(
            "container", "v1", "projects.locations.clusters.create", parent=NAME.rpartition("/clusters/")[0], body={}
        )
    assert fake.count(path) == 2


async def test_a_permanent_refusal_is_asked_once(fake: Fake, google: Google) -> None:
    with pytest.raises(NotFound):
        await get(google)
    fake.will(CLUSTER, refusal(403, "Permission 'container.clusters.get' denied"))
    with pytest.raises(PermissionDenied):
        await get(google)
    assert fake.count(CLUSTER) == 2


DISABLED = refusal(
    403,
    "Kubernetes Engine API has not been used in project 1 before or it is disabled.",
    "SERVICE_DISABLED",
    service="container.googleapis.com",
)


async def test_an_api_that_is_off_is_told_at_once(fake: Fake, google: Google, clock: VirtualClock) -> None:
    fake.will(CLUSTER, DISABLED)
    with pytest.raises(ServiceDisabled) as caught:
        await get(google)
    assert caught.value.service == "container.googleapis.com"
    assert caught.value.command == "gcloud services enable container.googleapis.com --project=proj-one"
    assert not clock.waits


async def test_what_is_known_to_be_off_is_not_asked_as_long_as_that_is_known(fake: Fake, google: Google) -> None:
    fake.will(CLUSTER, {"name": "one"}, {"name": "one"})
    with services.known(google, {"compute.googleapis.com"}), pytest.raises(ServiceDisabled) as caught:
        await get(google)
    assert caught.value.service == "container.googleapis.com"
    assert fake.asked == []
    with services.known(google, {"container.googleapis.com"}):
        assert await get(google) == {"name": "one"}
    with services.known(google, None):
        assert await get(google) == {"name": "one"}


async def test_a_method_that_is_not_there_is_never_sent(fake: Fake, google: Google) -> None:
    for method in ("projects.locations.clusters.sing", "projects.songs.get", "sing"):
        with pytest.raises(AttributeError, match=f"container:v1 has no method {method}"):
            await google.call("container", "v1", method, name=NAME)
    assert fake.asked == []


async def test_an_api_that_was_switched_on_is_waited_for(fake: Fake, google: Google, clock: VirtualClock) -> None:
    google.enabled.add("container.googleapis.com")
    fake.will(CLUSTER, *[DISABLED] * 4, {"name": "one"})
    assert (await get(google))["name"] == "one"
    assert sum(clock.waits) > 4 * 5 * 0.7 - 0.1  # five seconds a time, give or take what spreads the callers


async def test_an_api_that_never_answers_is_told_in_the_end(fake: Fake, google: Google, clock: VirtualClock) -> None:
    google.enabled.add("container.googleapis.com")
    fake.will(CLUSTER, DISABLED)
    with pytest.raises(ServiceDisabled):
        await get(google)
    assert 300 <= clock.now() < 600


# -- tokens


async def test_a_token_that_is_refused_is_replaced_once(fake: Fake, google: Google) -> None:
    fake.good = lambda token: token != "token-1"
    fake.will(CLUSTER, {"name": "one"})
    assert (await get(google))["name"] == "one"
    assert [r.headers["Authorization"] for r in fake.asked] == ["Bearer token-1", "Bearer token-2"]


async def test_a_sign_in_that_google_refuses_needs_a_person(fake: Fake, google: Google) -> None:
    fake.good = lambda _: False
    with pytest.raises(SignInEnded) as caught:
        await get(google)
    assert caught.value.kind == "sign-in"
    assert caught.value.exit_code == 7


async def test_many_calls_share_one_token_and_few_are_in_flight(fake: Fake, google: Google) -> None:
    fake.will(CLUSTER, {"name": "one"})
    await asyncio.gather(*(get(google) for _ in range(3 * IN_FLIGHT)))
    assert fake.minted == 1
    assert 1 < fake.most_at_once <= IN_FLIGHT


# -- lists


async def test_a_list_goes_over_all_pages(fake: Fake, google: Google) -> None:
    path = "/compute/compute/v1/projects/proj-one/zones"
    pages = {None: {"items": [{"name": "a"}, {"name": "b"}], "nextPageToken": "2"}, "2": {"items": [{"name": "c"}]}}
    fake.will(path, lambda request: pages[request.query.get("pageToken")])
    assert [z["name"] for z in await google.list("compute", "v1", "zones.list", items="items", project="proj-one")] == [
        "a",
        "b",
        "c",
    ]
    found = [z["name"] async for z in google.list("compute", "v1", "zones.list", project="proj-one")]
    assert found == ["a", "b", "c"]


async def test_an_empty_list_is_empty(fake: Fake, google: Google) -> None:
    fake.will("/storage/storage/v1/b", {"kind": "storage#buckets"})
    assert await google.list("storage", "v1", "buckets.list", project="proj-one") == []
