"""Long operations, in the three ways the APIs tell of them: waited for, failed, and picked up by a later run."""

from __future__ import annotations

from typing import Any

import pytest

from core.gcp import Google, operations
from core.gcp.errors import Conflict, PermissionDenied, QuotaExceeded
from core.run.clock import VirtualClock
from tests.gcp.fake_google import Fake
from tests.gcp.simulated_google import Told

ZONE, LINK = "us-central1-a", "https://container.googleapis.com/v1/projects/1"
GKE = f"container/v1/projects/proj-one/locations/{ZONE}/operations/operation-1"
COMPUTE = "compute/v1/projects/proj-one"
REPOSITORY = "projects/p/locations/r/operations/o"
REFERENCES: list[tuple[str, dict[str, Any], str]] = [
    ("container", {"name": "operation-1", "selfLink": f"{LINK}/locations/{ZONE}/operations/operation-1"}, GKE),
    ("container", {"name": "operation-1", "selfLink": f"{LINK}/zones/{ZONE}/operations/operation-1"}, GKE),
    ("container", {"name": "operation-1", "zone": ZONE}, GKE),
    ("container", {"name": "operation-1", "location": ZONE}, GKE),
    ("compute", {"name": "o", "zone": "https://x/projects/p/zones/us-east1-b"}, f"{COMPUTE}/zones/us-east1-b/operations/o"),
    (
        "compute",
        {"name": "o", "region": "https://x/projects/p/regions/us-east1"},
        f"{COMPUTE}/regions/us-east1/operations/o",
    ),
    ("compute", {"name": "o"}, f"{COMPUTE}/global/operations/o"),
    ("sqladmin", {"name": "o", "targetProject": "proj-one"}, "sqladmin/v1/projects/proj-one/operations/o"),
    ("serviceusage", {"name": "operations/acf.p2-1"}, "serviceusage/v1/operations/acf.p2-1"),
    ("artifactregistry", {"name": REPOSITORY}, f"artifactregistry/v1/{REPOSITORY}"),
]
PATHS = {
    "container": "/container/v1/projects/proj-one/locations/us-central1-a/operations/operation-1",
    "sqladmin": "/sqladmin/v1/projects/proj-one/operations/o",
    "serviceusage": "/serviceusage/v1/operations/acf.p2-1",
}


@pytest.mark.parametrize(("api", "operation", "where"), REFERENCES)
def test_a_reference_says_where_to_ask(api: str, operation: dict[str, Any], where: str) -> None:
    assert operations.reference(api, "v1", operation, project="proj-one") == where


@pytest.mark.parametrize(("api", "operation", "where"), REFERENCES)
async def test_and_is_asked_there(fake: Fake, google: Google, api: str, operation: dict[str, Any], where: str) -> None:
    seen: list[str] = []

    def answer(request: Any) -> dict[str, Any]:
        seen.append(request.path)
        return {"name": "o", "done": True}

    prefix = {"compute": "/compute/compute/v1/", "sqladmin": "/sqladmin/v1/"}.get(api, f"/{api}/v1/")
    fake.will(prefix + where.split("/", 2)[2], answer)
    assert operations.ended(await operations.look(google, where))
    assert len(seen) == 1


async def test_it_is_waited_for_on_the_clock_less_and_less_often(fake: Fake, google: Google, clock: VirtualClock) -> None:
    fake.will(
        PATHS["container"], *[{"name": "operation-1", "status": "RUNNING"}] * 12, {"name": "operation-1", "status": "DONE"}
    )
    done = await google.wait("container", "v1", {"name": "operation-1", "zone": "us-central1-a", "status": "PENDING"})
    assert done["status"] == "DONE"
    assert clock.waits[0] < 3
    assert operations.MOST * 0.8 <= max(clock.waits) <= operations.MOST * 1.2


async def test_one_that_is_over_already_is_not_asked_for(fake: Fake, google: Google) -> None:
    answer = await google.wait("serviceusage", "v1", {"name": "operations/x", "done": True, "response": {"services": []}})
    assert answer == {"services": []}
    assert not fake.asked


@pytest.mark.parametrize(
    ("api", "operation", "ended", "kind", "cause"),
    [
        (
            "serviceusage",
            {"name": "operations/acf.p2-1"},
            {"done": True, "error": {"code": 7, "message": "not you"}},
            PermissionDenied,
            "not you",
        ),
        (
            "container",
            {"name": "operation-1", "zone": ZONE},
            {"status": "DONE", "error": {"code": 8, "message": "Quota 'CPUS_ALL_REGIONS' exceeded"}},
            QuotaExceeded,
            "CPUS_ALL_REGIONS",
        ),
        (
            "sqladmin",
            {"name": "o"},
            {"status": "DONE", "httpErrorStatusCode": 409, "error": {"errors": [{"code": "X", "message": "it is there"}]}},
            Conflict,
            "it is there",
        ),
    ],
)
async def test_its_error_is_the_errors_of_calls(
    fake: Fake, google: Google, api: str, operation: dict[str, Any], ended: dict[str, Any], kind: type[Exception], cause: str
) -> None:
    fake.will(PATHS[api], ended)
    context = Told()
    with pytest.raises(kind) as caught:
        await google.wait(api, "v1", operation, context, key="k")
    assert cause in caught.value.cause  # type: ignore[attr-defined]
    assert context.open_operations == {}


async def test_a_run_that_dies_while_waiting_leaves_the_name_and_the_next_one_takes_it_up(
    fake: Fake, google: Google
) -> None:
    context = Told()
    fake.will(PATHS["container"], (500, {}))
    with pytest.raises(Exception, match="no proper answer"):
        await google.wait("container", "v1", {"name": "operation-1", "zone": "us-central1-a"}, context, key="cluster")
    assert context.open_operations == {"cluster": GKE}

    async def start() -> dict[str, Any]:
        raise AssertionError("begun twice")

    fake.will(PATHS["container"], {"name": "operation-1", "status": "RUNNING"}, {"name": "operation-1", "status": "DONE"})
    done = await google.operate("container", "v1", context, "cluster", start)
    assert done["status"] == "DONE"
    assert context.open_operations == {}


async def test_an_operation_that_is_forgotten_is_begun_anew(fake: Fake, google: Google) -> None:
    context = Told(open_operations={"cluster": GKE})

    async def start() -> dict[str, Any]:
        return {"name": "operation-2", "zone": "us-central1-a", "status": "DONE"}

    assert (await google.operate("container", "v1", context, "cluster", start))["name"] == "operation-2"
    assert context.open_operations == {}
