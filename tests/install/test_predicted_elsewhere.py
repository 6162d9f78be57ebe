"""What the checks block before, beside and after the platform fails, too: each step that goes on without them shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.environment import Cloud, Home
from core.errors import MlopsError, PrerequisiteError
from core.gcp.errors import SignInEnded
from core.install import image, manifests, platform, secrets, services, state
from core.install.installation import Installation
from core.install.prerequisites import subject_of
from core.prerequisites import examine, examine_access, examine_machine, reach
from core.rehearsal.google import iam, iam_policy, strangers
from core.toolchain import MissingTool, look
from tests.gcp.simulated_google import Simulation, Told, installation, simulation
from tests.install.platform_cloud import ZONE
from tests.install.predicted import blocking, failed, said
from tests.kubernetes.fake_cluster import running

LOOKED = ("cloudresourcemanager", "cloudbilling", "orgpolicy")


@asynccontextmanager
async def a_run(
    root: Path, home: Home, scenario: dict[str, Any] | None = None, *, on: tuple[str, ...] = LOOKED, **given: Any
) -> AsyncIterator[tuple[Simulation, Installation]]:
    """An environment in a project where these services are on."""
    async with simulation(root / "cloud", scenario) as found:
        run = installation(found, home, **{"zone": ZONE, "state": "local", **given})
        await switch_on(run, *on)
        try:
            yield found, run
        finally:
            await run.close()


async def switch_on(run: Installation, *names: str) -> None:
    google, on = run.google, [f"{name}.googleapis.com" for name in names]
    begun = await google.call("serviceusage", "v1", "services.batchEnable", parent=f"projects/{google.project}",
                              body={"serviceIds": on}, quota_project=False)  # fmt: skip
    await google.wait("serviceusage", "v1", begun)
    google.enabled |= set(on)


# -- the sign-in, the project, and what keeps its services off


SIGN_IN = [("sign-in", "rehearsal"), ("cloud-shell", "google")]


@pytest.mark.parametrize(("id", "kind"), SIGN_IN)
async def test_nobody_is_signed_in(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch, id: str, kind: str) -> None:
    monkeypatch.setenv("CLOUD_SHELL", "true")
    monkeypatch.setenv("TRUSTED_ENVIRONMENT", "false")
    monkeypatch.setattr(reach, "check", _nothing)
    async with a_run(tmp_path, home) as (found, run):
        found.signed_in = False
        run.google.credentials.forget()
        run.google.cloud = replace(run.google.cloud, kind=kind)
        assert blocking(await examine(subject_of(run)), id)
        with pytest.raises(SignInEnded):
            await services.switch_on(run, Told(clock=run.clock))


async def _nothing(_: Any) -> list[Any]:
    return []


PROJECT: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("project", {}, {"project_id": "someone-elses-thing"}, "someone-elses-thing"),
    ("billing", {"billing_enabled": False}, {}, "billing"),
    ("policy.gcp.restrictServiceUsage",
     {"policies": {"constraints/gcp.restrictServiceUsage": {"values": {"deniedValues": ["container.googleapis.com"]}}}},
     {}, "container.googleapis.com"),
]  # fmt: skip


@pytest.mark.parametrize(("id", "project", "given", "named"), PROJECT)
async def test_what_keeps_services_from_being_switched_on(
    tmp_path: Path, home: Home, id: str, project: dict[str, Any], given: dict[str, Any], named: str
) -> None:
    async with a_run(tmp_path, home, {"project": project}) as (_, run):
        run.google.project = given.get("project_id", run.google.project)
        assert named in blocking(await examine_access(subject_of(run)), id).lower()
        error = await failed(lambda: services.switch_on(run, Told(clock=run.clock)))
    assert isinstance(error, PrerequisiteError)
    assert named in said(error).lower()


# -- what no plan makes: the state, the image, the key


KEPT = [
    ("name.bucket", "storage.buckets", "demo-state-{id}"),
    ("name.secret", "secretmanager.secrets", "demo-sql-password-{id}"),
]


@pytest.mark.parametrize(("id", "kind", "name"), KEPT)
async def test_a_name_that_is_taken_of_what_no_plan_makes(tmp_path: Path, home: Home, id: str, kind: str, name: str) -> None:
    async with a_run(tmp_path, home, on=(*LOOKED, "storage", "secretmanager"), state="gcs") as (found, run):
        taken = name.format(id=run.environment.id)
        strangers.plant(found.world, {"type": kind, "name": taken}, 1)
        assert taken in blocking(await examine_access(subject_of(run)), id)
        error = await failed(lambda: state.step(run).run(Told(clock=run.clock, facts={"services": []})))
    assert taken in said(error)


BUILDS: list[tuple[str, dict[str, Any], str]] = [
    ("policy.cloudbuild.allowedWorkerPools",
     {"project": {"policies": {"constraints/cloudbuild.allowedWorkerPools": {"denyAll": True}}}},
     "constraints/cloudbuild.allowedWorkerPools"),
    ("build-region", {"lacks": {"us-central1": ["builds"]}}, "quota restrictions"),
]  # fmt: skip


@pytest.mark.parametrize(("id", "scenario", "refused"), BUILDS)
async def test_an_image_that_is_not_built(
    tmp_path: Path, home: Home, id: str, scenario: dict[str, Any], refused: str
) -> None:
    on = (*LOOKED, "storage", "cloudbuild", "artifactregistry", "iam")
    async with a_run(tmp_path, home, scenario, on=on, image="kfp-dev") as (found, run):
        names, world = run.names, found.world
        for kind, name in (("artifactregistry.repositories", names.registry), ("storage.buckets", names.build_bucket)):
            strangers.plant(world, {"type": kind, "name": name, "project": world.project, "labels": names.labels}, 1)
        iam.record(world, names.build_account_id, {"description": names.mark}, visible=0.0)
        account = f"serviceAccount:{names.account_email(names.build_account_id)}"
        iam_policy.grant(world, f"buckets/{names.build_bucket}", "roles/storage.objectUser", account, at_once=True)
        assert blocking(await examine_access(subject_of(run)), id)
        error = await failed(lambda: image.step(run).run(Told(clock=run.clock, facts={"build_roles": True})))
    assert refused in said(error)


KEYS = "policy.iam.disableServiceAccountKeyCreation"


@pytest.mark.parametrize("kind", ["iam.disableServiceAccountKeyCreation", "iam.managed.disableServiceAccountKeyCreation"])
async def test_a_key_that_may_not_be_made(tmp_path: Path, home: Home, kind: str) -> None:
    project = {"policies": {f"constraints/{kind}": True}}
    on = (*LOOKED, "iam", "secretmanager")
    async with a_run(tmp_path, home, {"project": project}, on=on, user_gcp_sa=True) as (_, run), running() as cluster:
        assert f"constraints/{kind}" in blocking(await examine_access(subject_of(run)), KEYS)
        account = await run.google.call("iam", "v1", "projects.serviceAccounts.create",
                                        name=f"projects/{run.google.project}", body={"accountId": "pipelines"})  # fmt: skip
        told = Told(clock=run.clock)
        told.facts |= {"cluster_endpoint": cluster.url, "namespace": run.names.namespace,
                       "pipelines_account": account["email"],
                       "sql_password_version": await state.password(run, told)}  # fmt: skip
        error = await failed(lambda: secrets.step(run).run(told))
    assert "Key creation is not allowed" in said(error)


# -- this machine


TOOLS = ["terraform", "kubectl", "git"]


@pytest.mark.parametrize("name", TOOLS)
async def test_a_program_that_is_missing(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for other in TOOLS:
        if other != name and (tool := look(other)) is not None and tool.source == "PATH":
            (folder / other).symlink_to(tool.path)
    monkeypatch.setenv("PATH", str(folder))
    if name == "terraform":
        monkeypatch.setattr("core.toolchain.search.bundled_terraform", lambda: None)
    async with a_run(tmp_path, home) as (_, run):
        assert name in blocking(await examine_machine(subject_of(run)), f"tool.{name}")
        told = Told(clock=run.clock, facts={"prerequisites": True, "zone": ZONE, "state_bucket": ""})
        step = platform.step(run) if name == "terraform" else manifests.step(run)
        error = await failed(lambda: step.run(told))
    assert isinstance(error, MissingTool)
    assert error.name == name


@pytest.mark.skipif(look("kubectl") is None or look("git") is None, reason="there is no kubectl, or no git, on PATH")
async def test_github_that_does_not_answer(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answered(_: Cloud, urls: list[str]) -> list[str]:
        return ["" for _ in urls]

    monkeypatch.setattr(reach, "answers", answered)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{tmp_path}/nothing/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    async with a_run(tmp_path, home) as (_, run):
        run.google.cloud = run.cloud = replace(run.cloud, kind="google")
        assert "github.com" in blocking(await examine_machine(subject_of(run)), "github")
        with pytest.raises(MlopsError) as caught:
            await manifests.step(run).run(Told(clock=run.clock))
    assert "from GitHub" in caught.value.message


PROVES = {
    *(id for id, *_ in (*SIGN_IN, *PROJECT, *KEPT, *BUILDS)),
    *(f"tool.{name}" for name in TOOLS),
    "github",
    KEYS,
}
"""The checks of which it is seen here that what they block fails."""
