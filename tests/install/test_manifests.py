"""The step ``manifests``: what it publishes, what it builds anew, and what takes the release's place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core import kustomize, resources
from core.environment import Cloud, Environment, Home
from core.errors import ParameterError, TemporaryError
from core.install import manifests
from core.install.facts import FACTS
from core.install.installation import Installation
from core.install.mending import next_sql_name
from core.run.clock import VirtualClock
from core.run.redact import Redactor
from core.toolchain import MissingTool, look

pytestmark = pytest.mark.skipif(look("kubectl") is None, reason="there is no kubectl on PATH")
STAND_IN = resources.folder("kustomize") / "stand-in"


class Seen:
    """A step's context that writes down what the step says."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.redactor = clock, Redactor()
        self.facts: dict[str, Any] = {}
        self.lines: list[str] = []
        self.waited: list[str] = []
        self.has_changed = False

    def log(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, message: str, fraction: float | None = None) -> None:
        self.lines.append(message)

    def publish(self, name: str, value: Any) -> None:
        self.facts[name] = value

    async def wait_for(self, name: str) -> Any:
        self.waited.append(name)
        return True

    def changed(self) -> None:
        self.has_changed = True


@pytest.fixture
def no_github(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """GitHub never answers; how often it was tried."""
    tried: list[float] = []

    async def reachable(_git: object, seconds: float) -> bool:
        tried.append(seconds)
        return False

    monkeypatch.setattr(kustomize.Git, "reachable", reachable)
    return tried


@pytest.fixture
def no_build(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """After a call, building anything fails the test."""

    async def render(*_: object, **__: object) -> None:
        raise AssertionError("built again")

    return lambda: monkeypatch.setattr(kustomize, "render", render)


def installation(home: Home, cloud: Cloud | None = None, **given: Any) -> Installation:
    """An environment's run, in a rehearsal unless another cloud is given."""
    environment = Environment.new(home, "demo", cloud="rehearsal", given=given).save()
    rehearsal = Cloud(kind="rehearsal", rate=0, manifests=STAND_IN)
    return Installation(environment, cloud or rehearsal, VirtualClock(), Redactor(), home.root)


async def run(one: Installation, **options: Any) -> Seen:
    """The step, once."""
    assert isinstance(one.clock, VirtualClock)
    seen = Seen(one.clock)
    assert await manifests.step(one, **options).run(seen) is None  # type: ignore[arg-type]
    return seen


def test_it_needs_nothing_but_the_parameters(home: Home) -> None:
    step = manifests.step(installation(home))
    assert (step.id, step.needs, step.publishes) == ("manifests", (), ("manifests",))
    assert FACTS["manifests"][0] == step.id


async def test_what_it_publishes(home: Home, no_github: list[float]) -> None:
    one = installation(home, namespace="ml-team")
    seen = await run(one)
    fact = seen.facts["manifests"]
    assert set(fact) == {"folder", "digest", "source"}
    assert fact["source"] == "stand-in"
    assert Path(fact["folder"]).is_relative_to(one.environment.folder)
    built = kustomize.load(fact["folder"])
    assert built.digest == fact["digest"]
    assert built.namespace["metadata"]["name"] == "ml-team"
    assert seen.has_changed
    assert any("stand-in" in line for line in seen.lines)


async def test_the_names_are_the_environments(home: Home, no_github: list[float]) -> None:
    one = installation(home, name_prefix="team")
    built = kustomize.load((await run(one)).facts["manifests"]["folder"])
    settings = next(o for o in built.sql_proxy if o["kind"] == "ConfigMap")["data"]
    assert settings["gcsCloudSqlInstanceName"] == one.names.sql_connection_name
    assert settings["defaultPipelineRoot"] == f"gs://team-artifacts-{one.environment.id}/v2/artifacts"
    assert settings["gcsProjectId"] == one.values["project_id"]


async def test_a_database_that_took_its_next_name_meanwhile_is_the_one_that_is_named(
    home: Home, no_github: list[float], no_build: Callable[[], None]
) -> None:
    one = installation(home)
    seen = await run(one)
    built = kustomize.load(seen.facts["manifests"]["folder"])
    assert await manifests.for_database(one, seen, built) is built  # type: ignore[arg-type]
    next_sql_name(one)
    again = await manifests.for_database(one, seen, built)  # type: ignore[arg-type]
    assert again.sql_instance == one.names.sql_connection_name != built.sql_instance
    no_build()
    assert (await manifests.for_database(one, seen, built)).digest == again.digest  # type: ignore[arg-type]


async def test_again_nothing_is_built_and_github_is_not_tried(
    home: Home, no_github: list[float], no_build: Callable[[], None]
) -> None:
    one = installation(home)
    first = await run(one)
    no_build()
    second = await run(one)
    assert second.facts == first.facts
    assert not second.has_changed
    assert len(no_github) == 1


async def test_a_changed_parameter_is_built(home: Home, no_github: list[float]) -> None:
    one = installation(home)
    first = await run(one)
    one.environment = replace(one.environment, given={"inverse_proxy": True})
    second = await run(one)
    assert second.has_changed
    assert any("privileged" in line for line in second.lines)
    assert second.facts["manifests"]["digest"] != first.facts["manifests"]["digest"]


async def test_what_is_kept_is_checked(home: Home, no_github: list[float]) -> None:
    one = installation(home)
    first = await run(one)
    file = Path(first.facts["manifests"]["folder"]) / "manifests.json"
    file.write_text(file.read_text()[:-100])
    second = await run(one)
    assert second.facts == first.facts
    kustomize.load(second.facts["manifests"]["folder"])


async def test_github_is_tried_shortly_where_something_stands_in_for_it(home: Home, no_github: list[float]) -> None:
    await run(installation(home))
    assert no_github == [manifests.GITHUB_SECONDS]
    assert manifests.GITHUB_SECONDS <= 5


async def test_github_that_fails_half_way_is_stood_in_for_too(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def reachable(*_: object) -> bool:
        return True

    async def on_github(*_: object) -> None:
        raise TemporaryError("git fetch failed.", cause="the line was cut")

    monkeypatch.setattr(kustomize.Git, "reachable", reachable)
    monkeypatch.setattr(kustomize, "on_github", on_github)
    seen = await run(installation(home))
    assert seen.facts["manifests"]["source"] == "stand-in"
    assert any("the line was cut" in line for line in seen.lines)


async def test_the_real_cloud_never_gets_the_stand_in(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def on_github(*_: object) -> None:
        raise TemporaryError("git fetch failed.")

    monkeypatch.setattr(kustomize, "on_github", on_github)
    with pytest.raises(TemporaryError):
        await run(installation(home, Cloud(), project_id="my-project"))


async def test_what_was_fetched_before_needs_no_network(home: Home, no_github: list[float]) -> None:
    shutil.copytree(STAND_IN, home.ensure("cache") / "manifests")
    (home.cache / "manifests/kubeflow/pipelines/2.17.0/COMMIT").write_text("0123456789abcdef\n")
    seen = await run(installation(home))
    assert seen.facts["manifests"]["source"] == "github"
    assert no_github == []


async def test_gits_own_settings_reach_git_and_no_token_does(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "url.file:///mirror/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    monkeypatch.setenv("GITHUB_TOKEN", "canary")
    seen: list[dict[str, str]] = []

    async def reachable(git: kustomize.Git, _seconds: float) -> bool:
        seen.append(dict(git.environment))
        return False

    monkeypatch.setattr(kustomize.Git, "reachable", reachable)
    await run(installation(home))
    assert seen[0]["GIT_CONFIG_VALUE_0"] == "https://github.com/"
    assert "canary" not in seen[0].values()


async def test_a_folder_of_the_users(home: Home, no_github: list[float], tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    shutil.copytree(STAND_IN, folder)
    seen = await run(installation(home, kfp_manifests=str(folder)))
    assert seen.facts["manifests"]["source"] == "folder"
    with pytest.raises(ParameterError) as raised:
        await run(installation(home, kfp_manifests=str(tmp_path / "nothing")))
    assert raised.value.exit_code == 2
    assert no_github == []


async def test_kubectl_is_waited_for_where_it_is_brought(
    home: Home, no_github: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = manifests.find
    missing = ["kubectl"]

    def find(name: str) -> Any:
        if name in missing:
            missing.remove(name)
            raise MissingTool(name)
        return found(name)

    monkeypatch.setattr(manifests, "find", find)
    seen = await run(installation(home))
    assert seen.waited == ["prerequisites", "services_accepted"]
    assert "manifests" in seen.facts


async def test_a_mend_can_be_left_out(home: Home, no_github: list[float]) -> None:
    one = installation(home)
    whole = kustomize.load((await run(one)).facts["manifests"]["folder"])
    less = kustomize.load((await run(one, without=["M1"])).facts["manifests"]["folder"])
    stores = [[o for o in m.workloads if o["metadata"]["name"] == "seaweedfs"] for m in (whole, less)]
    assert [len(found) for found in stores] == [1, 0]


async def test_no_secret_is_kept(home: Home, no_github: list[float]) -> None:
    one = installation(home)
    one.secrets["sql_password"] = "canary-of-a-password"
    fact = (await run(one)).facts["manifests"]
    built = kustomize.load(fact["folder"])
    assert not [o for o in built if o["kind"] == "Secret"]
    kept = [p.read_text(errors="replace") for p in one.environment.folder.rglob("*") if p.is_file()]
    assert not [text for text in kept if "canary-of-a-password" in text]
