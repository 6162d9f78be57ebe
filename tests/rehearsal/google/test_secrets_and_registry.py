"""Secret Manager and Artifact Registry."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from simulated_project import NUMBER, PROJECT, Project

PARENT = f"projects/{PROJECT}"
SECRETS = "secretmanager.projects.secrets"
IN_REGION = {"userManaged": {"replicas": [{"location": "us-central1"}]}}
REPOSITORIES = "artifactregistry.projects.locations.repositories"
LOCATION = f"{PARENT}/locations/us-central1"


async def secret(project: Project, **more: Any) -> Any:
    return await project.good(f"{SECRETS}.create", {"replication": IN_REGION, **more}, parent=PARENT, secretId="word")


async def add(project: Project, data: bytes) -> Any:
    payload = {"payload": {"data": base64.b64encode(data).decode()}}
    return await project.good(f"{SECRETS}.addVersion", payload, parent=f"{PARENT}/secrets/word")


async def test_a_secret_is_kept_in_versions(project: Project) -> None:
    made = await secret(project, labels={"mlops-env-id": "abcdef"})
    assert made["name"] == f"projects/{NUMBER}/secrets/word"
    for word in (b"one", b"two"):
        await add(project, word)
    latest = await project.good(f"{SECRETS}.versions.access", name=f"{PARENT}/secrets/word/versions/latest")
    assert (latest["name"], base64.b64decode(latest["payload"]["data"])) == (
        f"projects/{NUMBER}/secrets/word/versions/2",
        b"two",
    )
    first = await project.good(f"{SECRETS}.versions.access", name=f"projects/{NUMBER}/secrets/word/versions/1")
    assert base64.b64decode(first["payload"]["data"]) == b"one"
    listed = await project.good(f"{SECRETS}.versions.list", parent=f"{PARENT}/secrets/word")
    assert [v["name"].rpartition("/")[2] for v in listed["versions"]] == ["2", "1"]


async def test_secrets_are_found_by_their_labels(project: Project) -> None:
    await secret(project, labels={"mlops-env-id": "abcdef"})
    found = await project.good(f"{SECRETS}.list", parent=PARENT, filter="labels.mlops-env-id=abcdef")
    assert found["totalSize"] == 1
    assert (await project.good(f"{SECRETS}.list", parent=PARENT, filter="labels.mlops-env-id=other"))["totalSize"] == 0


async def test_a_secret_without_a_version_holds_nothing(project: Project) -> None:
    await secret(project)
    answer = await project.call(f"{SECRETS}.versions.access", name=f"{PARENT}/secrets/word/versions/latest")
    assert answer.status == 404


async def test_an_editor_reads_no_secret(project: Project) -> None:
    await secret(project)
    await add(project, b"one")
    token = project.token_of(project.account("editor-one", "roles/editor"))
    name = f"{PARENT}/secrets/word/versions/latest"
    assert (await project.call(f"{SECRETS}.versions.access", name=name, token=token)).status == 403
    policy = {
        "bindings": [
            {
                "role": "roles/secretmanager.secretAccessor",
                "members": [f"serviceAccount:editor-one@{PROJECT}.iam.gserviceaccount.com"],
            }
        ]
    }
    await project.good(f"{SECRETS}.setIamPolicy", {"policy": policy}, resource=f"{PARENT}/secrets/word")
    project.pass_time(61)
    assert (await project.call(f"{SECRETS}.versions.access", name=name, token=token)).status == 200


async def test_the_same_secret_twice_is_a_conflict_until_it_is_deleted(project: Project) -> None:
    await secret(project)
    again = await project.call(f"{SECRETS}.create", {"replication": IN_REGION}, parent=PARENT, secretId="word")
    assert (again.status, again.message) == (409, f"Secret [projects/{NUMBER}/secrets/word] already exists.")
    await add(project, b"one")
    await project.good(f"{SECRETS}.delete", name=f"{PARENT}/secrets/word")
    await secret(project)
    assert "versions" not in await project.good(f"{SECRETS}.versions.list", parent=f"{PARENT}/secrets/word")


async def test_locations_can_refuse_automatic_replication(make: Callable[..., Project]) -> None:
    project = make({"project": {"policies": {"constraints/gcp.resourceLocations": ["in:us-locations"]}}})
    answer = await project.call(f"{SECRETS}.create", {"replication": {"automatic": {}}}, parent=PARENT, secretId="word")
    assert (answer.status, "create a secret in [global]" in answer.message) == (400, True)
    await secret(project)


async def test_a_repository_is_made_by_an_operation(project: Project) -> None:
    operation = await project.good(f"{REPOSITORIES}.create", {"format": "DOCKER"}, parent=LOCATION, repositoryId="images")
    project.pass_time(20)
    done = await project.good("artifactregistry.projects.locations.operations.get", name=operation["name"])
    assert done["response"]["name"] == f"{LOCATION}/repositories/images"
    again = await project.call(f"{REPOSITORIES}.create", {"format": "DOCKER"}, parent=LOCATION, repositoryId="images")
    assert (again.status, again.message) == (409, "the repository already exists")
    changed = await project.good(
        f"{REPOSITORIES}.patch", {"description": "new", "labels": {"a": "b"}}, name=f"{LOCATION}/repositories/images",
        updateMask="description",
    )  # fmt: skip
    assert (changed["description"], "labels" in changed) == ("new", False)
    everywhere = await project.good(f"{REPOSITORIES}.list", parent=f"{PARENT}/locations/-")
    assert len(everywhere["repositories"]) == 1
    await project.good(f"{REPOSITORIES}.delete", name=f"{LOCATION}/repositories/images")
    assert (await project.call(f"{REPOSITORIES}.get", name=f"{LOCATION}/repositories/images")).status == 404


async def test_a_grant_on_a_repository_holds_there_alone(project: Project) -> None:
    for name in ("images", "others"):
        await project.good(f"{REPOSITORIES}.create", {"format": "DOCKER"}, parent=LOCATION, repositoryId=name)
    email = project.account("puller-one")
    policy = {"bindings": [{"role": "roles/artifactregistry.reader", "members": [f"serviceAccount:{email}"]}]}
    await project.good(f"{REPOSITORIES}.setIamPolicy", {"policy": policy}, resource=f"{LOCATION}/repositories/images")
    project.pass_time(61)
    token = project.token_of(email)
    get = f"{REPOSITORIES}.get"
    assert (await project.call(get, name=f"{LOCATION}/repositories/images", token=token, quota=None)).status == 200
    assert (await project.call(get, name=f"{LOCATION}/repositories/others", token=token, quota=None)).status == 403


async def test_services_that_are_only_asked_answer_by_right(project: Project) -> None:
    right = project.token_of(
        project.account("runner-one", "roles/bigquery.jobUser", "roles/dataflow.developer", "roles/aiplatform.user")
    )
    wrong = project.token_of(project.account("runner-two"))
    calls: list[tuple[str, Any, dict[str, Any]]] = [
        ("bigquery.jobs.query", {"query": "SELECT 1", "dryRun": True}, {"projectId": PROJECT}),
        ("dataflow.projects.locations.jobs.list", None, {"projectId": PROJECT, "location": "us-central1"}),
        ("aiplatform.projects.locations.customJobs.list", None, {"parent": LOCATION}),
        ("aiplatform.projects.locations.endpoints.list", None, {"parent": LOCATION}),
    ]
    for id, body, params in calls:
        assert (await project.call(id, body, token=right, quota=None, **dict(params))).status == 200, id
        assert (await project.call(id, body, token=wrong, quota=None, **dict(params))).status == 403, id


async def test_only_dry_runs_are_simulated(project: Project) -> None:
    assert (await project.call("bigquery.jobs.query", {"query": "SELECT 1"}, projectId=PROJECT)).status == 501
    assert (await project.call("bigquery.jobs.query", {"query": "DRINK 1", "dryRun": True}, projectId=PROJECT)).status == 400


async def test_builds_run_by_default_as_computes_account(project: Project) -> None:
    answer = await project.good(
        "cloudbuild.projects.locations.getDefaultServiceAccount", name=f"{LOCATION}/defaultServiceAccount"
    )
    assert answer["serviceAccountEmail"].endswith(f"/{NUMBER}-compute@developer.gserviceaccount.com")
