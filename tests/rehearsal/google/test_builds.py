"""Cloud Build and the images it pushes: under an account of its own, with a log that grows."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest
from simulated_project import PROJECT, Project

REGION = f"projects/{PROJECT}/locations/us-central1"
BUILDS = "cloudbuild.projects.locations.builds"
REPOSITORY = f"{REGION}/repositories/images"
REPOSITORIES = "artifactregistry.projects.locations.repositories"
IMAGE = f"us-central1-docker.pkg.dev/{PROJECT}/images/dev"
ROLES = ("roles/storage.objectUser", "roles/artifactregistry.writer", "roles/logging.logWriter")


def _source(recipe: str = "FROM base\nRUN one\nRUN two\n") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(recipe)
        archive.addfile(entry, io.BytesIO(recipe.encode()))
    return made.getvalue()


async def _prepared(project: Project, *roles: str, source: bytes = b"") -> str:
    """A bucket with a source, a repository, and an account with these roles; its address."""
    await project.good("storage.buckets.insert", {"name": "build-bucket", "location": "us-central1"}, project=PROJECT)
    await project.good(f"{REPOSITORIES}.create", {"format": "DOCKER"}, parent=REGION, repositoryId="images")
    project.pass_time(30)
    path = "/storage/upload/storage/v1/b/build-bucket/o?uploadType=media&name=source.tgz"
    assert (await project.request("POST", path, source or _source())).status == 200
    return project.account("builder", *roles)


def _wish(account: str, **more: Any) -> dict[str, Any]:
    return {
        "steps": [{"name": "gcr.io/cloud-builders/docker", "args": ["build", "."]}],
        "source": {"storageSource": {"bucket": "build-bucket", "object": "source.tgz"}},
        "images": [f"{IMAGE}:one"],
        "serviceAccount": f"projects/{PROJECT}/serviceAccounts/{account}",
        "logsBucket": "gs://build-bucket",
        **more,
    }


async def _begun(project: Project, wish: dict[str, Any]) -> str:
    made = await project.good(f"{BUILDS}.create", wish, parent=REGION)
    return str(made["metadata"]["build"]["id"])


async def _build(project: Project, id: str) -> Any:
    return await project.good(f"{BUILDS}.get", name=f"{REGION}/builds/{id}")


async def _log(project: Project, id: str, start: int = 0) -> tuple[int, bytes]:
    answer = await project.request(
        "GET", f"/storage/storage/v1/b/build-bucket/o/log-{id}.txt?alt=media", headers={"range": f"bytes={start}-"}
    )
    return answer.status, answer.raw


async def test_a_build_logs_as_it_goes_and_pushes_its_image(project: Project) -> None:
    id = await _begun(project, _wish(await _prepared(project, *ROLES)))
    assert (await _build(project, id))["status"] == "QUEUED"
    assert (await _log(project, id))[0] == 404
    project.pass_time(200)
    assert (await _build(project, id))["status"] == "WORKING"
    status, early = await _log(project, id)
    assert status == 206
    assert b"Step 1/3 : FROM base" in early
    assert b"Step 3/3" not in early
    assert (await _log(project, id, len(early)))[0] == 416
    project.pass_time(500)
    done = await _build(project, id)
    assert done["status"] == "SUCCESS"
    _, rest = await _log(project, id, len(early))
    assert b"Step 3/3 : RUN two" in rest
    digest = done["results"]["images"][0]["digest"]
    tag = await project.good(f"{REPOSITORIES}.packages.tags.get", name=f"{REPOSITORY}/packages/dev/tags/one")
    assert tag["version"].endswith(digest)
    listed = await project.good(f"{REPOSITORIES}.dockerImages.list", parent=REPOSITORY)
    assert [(i["uri"], i["tags"]) for i in listed["dockerImages"]] == [(f"{IMAGE}@{digest}", ["one"])]


async def test_a_tag_moves_to_what_was_pushed_last(project: Project) -> None:
    account = await _prepared(project, *ROLES)
    await _begun(project, _wish(account))
    project.pass_time(700)
    path = "/storage/upload/storage/v1/b/build-bucket/o?uploadType=media&name=source.tgz"
    await project.request("POST", path, _source("FROM another\n"))
    await _begun(project, _wish(account))
    project.pass_time(700)
    listed = await project.good(f"{REPOSITORIES}.dockerImages.list", parent=REPOSITORY)
    assert sorted(i.get("tags", []) for i in listed["dockerImages"]) == [[], ["one"]]


@pytest.mark.parametrize(
    ("lacking", "kind", "said"),
    [
        ("roles/storage.objectUser", "FETCH_SOURCE_FAILED", "storage.objects.get"),
        ("roles/artifactregistry.writer", "PUSH_NOT_AUTHORIZED", "uploadArtifacts"),
    ],
)
async def test_what_the_account_lacks_fails_the_build_and_not_the_call(
    project: Project, lacking: str, kind: str, said: str
) -> None:
    id = await _begun(project, _wish(await _prepared(project, *(r for r in ROLES if r != lacking))))
    project.pass_time(700)
    failed = await _build(project, id)
    assert (failed["status"], failed["failureInfo"]["type"]) == ("FAILURE", kind)
    assert said in failed["failureInfo"]["detail"]


async def test_a_build_that_takes_longer_than_its_timeout_ends(project: Project) -> None:
    id = await _begun(project, _wish(await _prepared(project, *ROLES), timeout="60s"))
    project.pass_time(700)
    assert (await _build(project, id))["status"] == "TIMEOUT"


async def test_a_scenario_fails_a_build_with_its_log(make: Any) -> None:
    project = make({"fault": [{"call": f"{BUILDS}.create", "operation": "FAILED", "message": "no such wheel"}]})
    id = await _begun(project, _wish(await _prepared(project, *ROLES)))
    project.pass_time(700)
    assert (await _build(project, id))["status"] == "FAILURE"
    assert b"no such wheel" in (await _log(project, id))[1]
    again = await _begun(project, _wish(f"builder@{PROJECT}.iam.gserviceaccount.com"))
    project.pass_time(700)
    assert (await _build(project, again))["status"] == "SUCCESS"


async def test_what_the_service_refuses_makes_no_build(project: Project) -> None:
    account = await _prepared(project, *ROLES)
    for wish in ({"steps": []}, {"logsBucket": ""}, {"serviceAccount": f"projects/{PROJECT}/serviceAccounts/no@one"}):
        assert (await project.call(f"{BUILDS}.create", {**_wish(account), **wish}, parent=REGION)).status == 400
    other = project.token_of(project.account("other", "roles/cloudbuild.builds.editor"))
    assert (await project.call(f"{BUILDS}.create", _wish(account), parent=REGION, token=other)).status == 403
    assert "builds" not in await project.good(f"{BUILDS}.list", parent=REGION)


async def test_builds_are_found_by_tag_and_cancelled(project: Project) -> None:
    account = await _prepared(project, *ROLES)
    id = await _begun(project, _wish(account, tags=["mine"]))
    await _begun(project, _wish(account))
    project.pass_time(30)
    found = await project.good(f"{BUILDS}.list", parent=REGION, filter='tags="mine"')
    assert [b["id"] for b in found["builds"]] == [id]
    await project.good(f"{BUILDS}.cancel", {}, name=f"{REGION}/builds/{id}")
    project.pass_time(700)
    assert (await _build(project, id))["status"] == "CANCELLED"
