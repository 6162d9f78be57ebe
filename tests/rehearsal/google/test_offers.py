"""What a place does not offer, as the scenario says: not listed, and refused where it is asked for all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from simulated_project import PROJECT, Project

from core.errors import UsageError
from core.rehearsal import scenario

ZONE = "us-central1-a"
LACKS = {ZONE: ["e2-standard-4"], "us-east1": ["e2-standard-4", "db-g1-small", "builds"], "us-central1-b": ["zone"]}


@pytest.mark.parametrize("lacks", [["us-central1"], {"us-central1": "builds"}, {"us-central1": [1]}])
def test_a_scenario_says_it_by_place(lacks: Any) -> None:
    with pytest.raises(UsageError, match="lacks"):
        scenario.parse({"lacks": lacks})


async def test_machines_are_listed_where_they_are(make: Callable[..., Project]) -> None:
    project = make({"lacks": LACKS})
    found = await project.call("compute.machineTypes.get", project=PROJECT, zone=ZONE, machineType="e2-standard-4")
    assert found.status == 404
    listed = await project.good("compute.machineTypes.list", project=PROJECT, zone=ZONE)
    assert "e2-standard-4" not in [m["name"] for m in listed["items"]]
    everywhere = await project.good("compute.machineTypes.aggregatedList", project=PROJECT, filter='name = "e2-standard-4"')
    zones = {scope.removeprefix("zones/") for scope in everywhere["items"]}
    assert {"us-central1-c", "us-west1-a"} <= zones
    assert not {ZONE, "us-east1-b", "us-east1-c"} & zones
    assert (await project.good("compute.zones.get", project=PROJECT, zone="us-central1-b"))["status"] == "DOWN"


QUOTAS = "serviceusage.services.consumerQuotaMetrics.list"


async def test_a_region_without_builds_has_none_of_their_cpus(make: Callable[..., Project]) -> None:
    project = make({"lacks": LACKS})
    found = await project.good(QUOTAS, version="v1beta1", parent=f"projects/{PROJECT}/services/cloudbuild.googleapis.com")
    (limit,) = found["metrics"][0]["consumerQuotaLimits"]
    general, east = limit["quotaBuckets"]
    assert (general["effectiveLimit"], general.get("dimensions")) == ("10", None)
    assert (east["effectiveLimit"], east["dimensions"]) == ("0", {"region": "us-east1"})
    assert await project.good(QUOTAS, version="v1beta1", parent=f"projects/{PROJECT}/services/compute.googleapis.com") == {}


async def test_who_may_not_see_quotas_sees_none(make: Callable[..., Project]) -> None:
    project = make({"project": {"missing_permissions": ["serviceusage.quotas.get"]}})
    found = await project.call(QUOTAS, version="v1beta1", parent=f"projects/{PROJECT}/services/cloudbuild.googleapis.com")
    assert found.status == 403
