"""The step ``image``: built once, told live, found again after a crash, and failed with the last words of its log."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.errors import PermanentError, TemporaryError
from core.gcp import cloud_build, services
from core.gcp.errors import Unavailable
from core.install import image
from core.install.image_sources import Sources, sources
from core.install.installation import Installation
from core.rehearsal.google import iam, iam_policy
from tests.gcp.simulated_google import Simulation, Told, installation, simulation

BUILD = "cloudbuild.projects.locations.builds.create"
NEEDED = [f"{n}.googleapis.com" for n in ("storage", "cloudbuild", "artifactregistry", "iam")]
Made = Callable[..., AbstractAsyncContextManager[tuple[Simulation, Installation]]]


@pytest.fixture
def made(tmp_path: Path, home: Home) -> Made:
    """An environment with what the platform gives to a build: bucket, repository, and the account with its roles."""

    @asynccontextmanager
    async def opened(
        scenario: dict[str, Any] | None = None, *, roles: bool = True, **given: Any
    ) -> AsyncIterator[tuple[Simulation, Installation]]:
        async with simulation(tmp_path / "cloud", scenario) as found:
            run = installation(found, home, **given)
            names = run.names
            await services.enable(run.google, NEEDED)
            run.google.enabled |= set(NEEDED)
            bucket = {"name": names.build_bucket, "location": names.region}
            await run.google.call("storage", "v1", "buckets.insert", project=names.project, body=bucket)
            repository = await run.google.call(
                "artifactregistry", "v1", "projects.locations.repositories.create", body={"format": "DOCKER"},
                parent=f"projects/{names.project}/locations/{names.region}", repositoryId=names.registry,
            )  # fmt: skip
            await run.google.wait("artifactregistry", "v1", repository)
            iam.record(found.world, names.build_account_id, {}, visible=0.0)
            if roles:
                grant(found, run)
            yield found, run
            await run.close()

    return opened


def grant(found: Simulation, run: Installation) -> None:
    names = run.names
    member = f"serviceAccount:{names.account_email(names.build_account_id)}"
    repository = f"projects/{names.project}/locations/{names.region}/repositories/{names.registry}"
    for role in ("roles/storage.objectUser", "roles/storage.legacyBucketReader"):
        iam_policy.grant(found.world, f"buckets/{names.build_bucket}", role, member, at_once=True)
    iam_policy.grant(found.world, repository, "roles/artifactregistry.writer", member, at_once=True)


async def build(run: Installation, told: Told | None = None) -> Told:
    told = told or Told(clock=run.clock)
    told.facts.setdefault("build_roles", True)
    await image.step(run).run(told)
    return told


async def builds(run: Installation) -> list[dict[str, Any]]:
    parent = f"projects/{run.names.project}/locations/{run.values['build_region']}"
    return list(await run.google.list("cloudbuild", "v1", "projects.locations.builds.list", parent=parent))


async def test_it_is_built_once_and_known_by_its_digest(made: Made) -> None:
    async with made(image="tfx-kfp-dev") as (_, run):
        first = await build(run)
        published = first.facts["image"]
        assert published["template"] == "tfx-kfp-dev"
        assert published["reference"].endswith(f"/tfx-kfp-dev@{published['digest']}")
        assert first.has_changed
        assert not first.open_operations
        again = await build(run)
        assert again.facts["image"] == published
        assert not again.has_changed
        (only,) = await builds(run)
        assert only["serviceAccount"].endswith(run.names.account_email(run.names.build_account_id))
        assert only["options"]["logStreamingOption"] == "STREAM_ON"
        listed = await image.listed(run)
        assert [(i["template"], i["current"]) for i in listed] == [("tfx-kfp-dev", True)]


async def test_other_sources_are_built_anew(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    async with made() as (_, run):
        before = (await build(run)).facts["image"]
        known = sources("kfp-dev")
        other = Sources("kfp-dev", {**known.files, "requirements.txt": b"kfp==2.18.0\n"})
        monkeypatch.setattr(image, "sources", lambda _: other)
        after = (await build(run)).facts["image"]
        assert after["tag"] != before["tag"]
        assert after["digest"] != before["digest"]
        assert len(await builds(run)) == 2


async def test_the_log_is_told_while_the_build_goes_on(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_build, "MOST", 4.0)
    async with made({"speed": 60, "durations": {BUILD: 240}}) as (_, run):
        told = await build(run)
        seen = [i for i, line in enumerate(told.lines) if "Step " in line]
        assert len(seen) > 3, "the log came in parts"
        assert any(re.match(r"\d of \d: ", line) for line in told.lines), "and which step was at work"
        log = "\n".join(told.lines)
        assert log.count("Step 1/") == 1
        assert log.count("DONE") == 1


async def test_a_build_that_a_killed_run_began_is_followed(made: Made) -> None:
    async with made({"speed": 300, "durations": {BUILD: 120}}) as (_, run):
        first = Told(clock=run.clock)
        packed = sources("kfp-dev")
        first.facts["build_roles"] = True
        await image._begin(run, first, f"image-{packed.tag}", packed, 0.0)
        second = Told(clock=run.clock, open_operations=dict(first.open_operations))
        assert (await build(run, second)).facts["image"]
        assert len(await builds(run)) == 1


async def test_a_build_whose_answer_was_lost_is_found_by_its_tag(made: Made) -> None:
    fault = {"call": BUILD, "error": "reset", "when": "after"}
    async with made({"speed": 300, "durations": {BUILD: 120}, "fault": [fault]}) as (_, run):
        with pytest.raises(Unavailable):
            await build(run)
        assert (await build(run)).facts["image"]
        assert len(await builds(run)) == 1


class Stopped(Told):
    """A run's context that says when its build has begun."""

    def operation_started(self, key: str, name: str) -> None:
        super().operation_started(key, name)
        self.at_work.set()

    at_work: asyncio.Event


async def stopped_in_mid_build(run: Installation, told: Stopped | None = None) -> Stopped:
    told = told or Stopped(clock=run.clock)
    told.at_work = asyncio.Event()
    working = asyncio.create_task(build(run, told))
    await told.at_work.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    return told


LONG: dict[str, Any] = {"speed": 60, "durations": {BUILD: 600}}


async def test_a_run_that_is_stopped_cancels_its_build_and_the_next_begins_anew(made: Made) -> None:
    async with made(LONG) as (_, run):
        told = await stopped_in_mid_build(run)
        assert [b["status"] for b in await builds(run)] == ["CANCELLED"]
        assert not told.open_operations, "the next run has nothing to follow"
        assert any("cancelled" in line for line in told.lines)
        again = await stopped_in_mid_build(run)
        assert again.begun
        assert [b["status"] for b in await builds(run)] == ["CANCELLED", "CANCELLED"]


async def test_a_run_that_is_stopped_before_it_knows_its_build_cancels_it_too(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, begun = cloud_build.begin, asyncio.Event()

    async def answered_too_late(*arguments: Any) -> str:
        await begin(*arguments)
        begun.set()
        return str(await asyncio.Event().wait())

    monkeypatch.setattr(cloud_build, "begin", answered_too_late)
    async with made(LONG) as (_, run):
        working = asyncio.create_task(build(run))
        await begun.wait()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert [b["status"] for b in await builds(run)] == ["CANCELLED"]


async def test_a_build_that_can_not_be_cancelled_is_taken_up_by_the_next_run(made: Made) -> None:
    fault = {"call": "cloudbuild.projects.locations.builds.cancel", "status": 403, "times": 0}
    async with made({"speed": 300, "durations": {BUILD: 120}, "fault": [fault]}) as (_, run):
        told = await stopped_in_mid_build(run)
        assert told.open_operations
        assert any("could not be cancelled" in line for line in told.lines)
        again = Told(clock=run.clock, open_operations=dict(told.open_operations))
        assert (await build(run, again)).facts["image"]
        assert len(await builds(run)) == 1


@pytest.mark.parametrize("place", ["us-central1", "global"])
async def test_taking_an_environment_down_cancels_what_a_dead_run_left_at_work_and_no_others(made: Made, place: str) -> None:
    async with made(LONG, build_region=place) as (_, run):
        packed = sources("kfp-dev")
        await image._begin(run, Told(clock=run.clock), f"image-{packed.tag}", packed, 0.0)
        source = f"sources/{packed.template}-{packed.tag}.tar.gz"
        wish = {**image._wish(run, packed, source), "tags": [image.TAG, "mlops-env-id-others-src-0"]}
        others = await cloud_build.begin(run.google, place, wish)
        told = Told(clock=run.clock)
        await image.stop_builds(run, told)
        states = {b["name"]: b["status"] for b in await builds(run)}
        assert states.pop(others) in cloud_build.ACTIVE
        assert list(states.values()) == ["CANCELLED"]
        assert told.lines == ["Cancelled 1 of the environment's builds."]


async def test_a_build_that_was_cancelled_meanwhile_is_begun_anew(made: Made) -> None:
    async with made({"speed": 300, "durations": {BUILD: 900}}) as (_, run):
        packed = sources("kfp-dev")
        lost = Told(clock=run.clock)
        await image._begin(run, lost, f"image-{packed.tag}", packed, 0.0)
        (name,) = lost.open_operations.values()
        await cloud_build.cancel(run.google, name.removeprefix("cloudbuild/v1/"))
        again = Told(clock=run.clock, open_operations=dict(lost.open_operations))
        assert (await build(run, again)).facts["image"]
        assert sorted(b["status"] for b in await builds(run)) == ["CANCELLED", "SUCCESS"]


@pytest.mark.parametrize(
    ("reason", "said"), [("", "failed"), ("TIMEOUT", "took longer than it may"), ("CANCELLED", "was cancelled")]
)
async def test_what_fails_is_told_with_the_last_lines(made: Made, reason: str, said: str) -> None:
    fault = {"call": BUILD, "operation": "FAILED", "reason": reason, "message": "ERROR: No matching distribution found"}
    async with made({"fault": [fault]}) as (_, run):
        with pytest.raises(PermanentError) as failed:
            await build(run)
        assert said in failed.value.message
        assert "No matching distribution found" in failed.value.cause
        assert {"retry", "skip", "open-console"} <= set(failed.value.actions)
        assert failed.value.url.startswith("https://console.cloud.google.com/cloud-build/")
        assert (await build(run)).facts["image"], "another try builds anew"


async def test_what_cloud_build_itself_could_not_do_is_tried_again(made: Made) -> None:
    fault = {"call": BUILD, "operation": "FAILED", "reason": "INTERNAL_ERROR"}
    async with made({"fault": [fault]}) as (_, run):
        with pytest.raises(TemporaryError):
            await build(run)
        assert (await build(run)).facts["image"]


async def test_a_new_accounts_roles_are_waited_for_and_an_old_ones_are_not(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with made(roles=False) as (found, run):
        with pytest.raises(TemporaryError) as early:
            await build(run)
        assert "storage.objects.get" in early.value.cause
        monkeypatch.setattr(image, "FRESH", -1.0)
        with pytest.raises(PermanentError):
            await build(run)
        grant(found, run)
        assert (await build(run)).facts["image"]


async def test_a_trial_builds_on_the_machine_whose_minutes_are_free(made: Made) -> None:
    async with made(profile="trial") as (_, run):
        await build(run)
        (only,) = await builds(run)
        assert "machineType" not in only["options"]


async def test_where_a_region_takes_no_builds_another_does(made: Made) -> None:
    lacks = {"lacks": {"us-central1": ["builds"]}}
    async with made(lacks) as (_, run):
        with pytest.raises(PermanentError) as refused:
            await build(run)
    assert (refused.value.code, "quota restrictions" in refused.value.cause) == ("build-region", True)
    assert "build_region" in refused.value.hint


@pytest.mark.parametrize("place", ["us-west2", "global"])
async def test_it_is_built_where_builds_are_taken_and_kept_where_the_environment_is(made: Made, place: str) -> None:
    async with made({"lacks": {"us-central1": ["builds"]}}, build_region=place) as (_, run):
        told = await build(run)
        assert told.facts["image"]["reference"].startswith("us-central1-docker.pkg.dev/")
        assert not told.open_operations
        again = await build(run)
        assert not again.has_changed


async def test_a_build_that_no_allowed_pool_takes_is_refused_for_good(made: Made) -> None:
    policies = {"constraints/cloudbuild.allowedWorkerPools": {"denyAll": True}}
    async with made({"project": {"policies": policies}}) as (_, run):
        with pytest.raises(PermanentError) as refused:
            await build(run)
    assert "cloudbuild.allowedWorkerPools" in f"{refused.value.message} {refused.value.cause}"


def test_the_same_files_are_packed_to_the_same_bytes() -> None:
    known = sources("gpu-dl")
    assert known.packed() == sources("gpu-dl").packed()
    assert set(known.files) == {"Dockerfile", "requirements.txt"}
    assert json.dumps(known.tag) != json.dumps(sources("kfp-dev").tag)
