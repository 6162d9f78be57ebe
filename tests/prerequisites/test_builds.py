"""Where Cloud Build takes this project's builds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.prerequisites import builds
from tests.prerequisites.checked import looked

EUROPE = {"region": "europe-west3"}


@pytest.mark.parametrize(
    ("lacks", "given", "state"),
    [
        ({}, {}, "pass"),
        ({"us-central1": ["builds"]}, {}, "block"),
        ({"us-central1": ["builds"]}, {"build_region": "us-west2"}, "pass"),
        ({"us-central1": ["builds"]}, {"build_region": "global"}, "pass"),
        ({"europe-west3": ["builds"]}, {"build_region": "europe-west3"}, "block"),
        ({}, {"build_region": "mars-west1"}, "block"),
    ],
)
async def test_builds(tmp_path: Path, home: Home, lacks: dict[str, Any], given: dict[str, Any], state: str) -> None:
    found = (await looked(tmp_path, home, builds.check, {"lacks": lacks}, **given))["build-region"]
    assert found.state == state, found
    if state == "block":
        assert builds.METRIC in found.why
        assert "build_region" in found.hint
        assert "quotas?project=" in found.url


async def test_regions_near_by_are_offered_and_then_all_the_world(tmp_path: Path, home: Home) -> None:
    lacks = {"europe-west3": ["builds"]}
    found = (await looked(tmp_path, home, builds.check, {"lacks": lacks}, **EUROPE))["build-region"]
    assert [(a.key, a.value) for a in found.answers] == [("build_region", "europe-west1"), ("build_region", "global")]
    lacks |= {"europe-west1": ["builds"]}
    found = (await looked(tmp_path / "two", home, builds.check, {"lacks": lacks}, **EUROPE))["build-region"]
    assert [a.value for a in found.answers] == ["global"]


async def test_who_may_not_see_quotas_is_stopped_by_none(tmp_path: Path, home: Home) -> None:
    hidden = {"lacks": {"us-central1": ["builds"]}, "project": {"missing_permissions": ["serviceusage.quotas.get"]}}
    found = (await looked(tmp_path, home, builds.check, hidden))["build-region"]
    assert (found.state, "serviceusage.quotas.get" in found.why) == ("skip", True)


async def test_a_quota_that_google_does_not_name_is_an_open_question(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds, "METRIC", "cloudbuild.googleapis.com/renamed")
    found = (await looked(tmp_path, home, builds.check))["build-region"]
    assert (found.state, found.why) == ("skip", "Google tells no quota named cloudbuild.googleapis.com/renamed")
    assert "quotas?project=" in found.hint


async def test_without_an_image_nothing_is_built(tmp_path: Path, home: Home) -> None:
    assert await looked(tmp_path, home, builds.check, {"lacks": {"us-central1": ["builds"]}}, image="none") == {}


@pytest.mark.parametrize(
    ("buckets", "cpus"),
    [
        ([{"effectiveLimit": "4"}], 4),
        ([{"effectiveLimit": "4"}, {"effectiveLimit": "0", "dimensions": {"region": "r1"}}], 0),
        ([{}, {"effectiveLimit": "8", "dimensions": {"region": "r1"}}], 8),
        ([{"effectiveLimit": "4"}, {"effectiveLimit": "0", "dimensions": {"region": "r1", "build_origin": "RUN"}},
          {"effectiveLimit": "9", "dimensions": {"region": "r1", "build_origin": "DEFAULT"}}], 9),
        ([], 0),
    ],
)  # fmt: skip
def test_the_bucket_of_the_region_counts_before_the_general_one(buckets: list[dict[str, Any]], cpus: int) -> None:
    assert builds._of({"quotaBuckets": buckets}, "r1") == cpus
