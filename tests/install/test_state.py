"""The step ``state``: the bucket and the password, made once, found again, mended, kept from others, and taken away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.environment import Environment, Home
from core.errors import PermanentError, PersonNeeded
from core.gcp import iam, secret_manager, services, storage
from core.gcp.errors import Conflict
from core.install import state
from core.install.installation import Installation
from core.names import ID_LABEL
from core.run.redact import HIDDEN
from tests.gcp.simulated_google import Simulation, Told, installation, simulation

NEEDED = ["secretmanager.googleapis.com", "storage.googleapis.com", "cloudresourcemanager.googleapis.com"]


async def ready(found: Simulation, home: Home, **given: Any) -> Installation:
    run = installation(found, home, **given)
    await services.enable(run.google, NEEDED)
    return run


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Simulation]:
    async with simulation(tmp_path / "cloud") as found:
        yield found


async def run_step(run: Installation, told: Told | None = None) -> Told:
    told = told or Told(clock=run.clock, redactor=run.redactor)
    told.facts.setdefault("services", NEEDED)
    await state.step(run).run(told)
    return told


async def policy(run: Installation, bucket: str) -> iam.Policy:
    return await run.google.call("storage", "v1", "buckets.getIamPolicy", bucket=bucket)


def buckets(found: Simulation) -> list[str]:
    return [name for name, _ in found.world.store.items("storage.buckets")]


async def test_bucket_and_secret_are_as_they_should_be(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home, labels={"team": "ml"})
    told = await run_step(run)
    bucket = await storage.bucket(run.google, run.names.state_bucket)
    secret = await secret_manager.find(run.google, run.names.sql_password_secret)
    members = str((await policy(run, run.names.state_bucket))["bindings"])
    record = await storage.read(run.google, run.names.state_bucket, "environment.toml")
    await run.close()
    assert told.facts["state_bucket"] == run.names.state_bucket
    assert told.has_changed
    assert bucket is not None
    assert bucket["versioning"] == {"enabled": True}
    assert int(bucket["softDeletePolicy"]["retentionDurationSeconds"]) == 0
    assert bucket["iamConfiguration"]["publicAccessPrevention"] == "enforced"
    assert bucket["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"]
    assert int(bucket["lifecycle"]["rule"][0]["condition"]["numNewerVersions"]) == state.OLD_VERSIONS
    assert bucket["labels"] == {"team": "ml", **run.names.labels, **state.HOLDS}
    assert bucket["location"].lower() == "us-central1"
    assert secret is not None
    assert secret["replication"]["userManaged"]["replicas"][0]["location"] == "us-central1"
    assert secret["labels"][ID_LABEL] == run.environment.id
    assert "projectViewer" not in members
    assert "projectOwner" in members
    assert record == (run.environment.folder / "environment.toml").read_bytes()


class Enabling(Told):
    """A context in which the step ``services`` is still at work: ``services`` comes when somebody waits for it."""

    async def wait_for(self, name: str) -> Any:
        self.before = self.__dict__.get("before", dict(self.facts))
        await services.enable(self.run.google, NEEDED)
        return NEEDED


@pytest.mark.parametrize("storage_is_on", [True, False])
async def test_the_bucket_waits_for_no_other_api_than_its_own(cloud: Simulation, home: Home, storage_is_on: bool) -> None:
    run = installation(cloud, home)
    if not storage_is_on:
        cloud.world.store.put("services", "storage.googleapis.com", {"state": "DISABLED", "answers": 0.0})
    told = Enabling(clock=run.clock, redactor=run.redactor)
    told.run = run
    await state.step(run).run(told)
    await run.close()
    assert ("state_bucket" in told.before) == storage_is_on
    assert {"state_bucket", "sql_password_version"} <= set(told.facts)
    assert buckets(cloud) == [run.names.state_bucket]


async def test_a_second_run_changes_nothing(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home)
    first = await run_step(run)
    before = {k: cloud.world.store.items(k) for k in cloud.world.store.kinds() if k != "tokens"}
    again = await run_step(run)
    await run.close()
    assert {k: cloud.world.store.items(k) for k in cloud.world.store.kinds() if k != "tokens"} == before
    assert not again.has_changed
    assert again.facts == first.facts


async def test_what_was_changed_behind_its_back_comes_back(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home)
    await run_step(run)
    name = run.names.state_bucket
    await run.google.call("storage", "v1", "buckets.patch", bucket=name, body={"versioning": {"enabled": False}})
    viewer = f"projectViewer:{cloud.world.project}"
    found = await policy(run, name)
    iam.add(found, "roles/storage.legacyObjectReader", viewer)
    await run.google.call("storage", "v1", "buckets.setIamPolicy", bucket=name, body=found)
    told = await run_step(run)
    bucket = await storage.bucket(run.google, name)
    members = str(await policy(run, name))
    await run.close()
    assert told.has_changed
    assert bucket is not None
    assert bucket["versioning"]["enabled"]
    assert viewer not in members


async def test_the_bucket_is_found_by_its_labels_whatever_its_name(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home)
    body = {"name": "an-older-name", "location": "US-CENTRAL1", "labels": {**run.names.labels, **state.HOLDS},
            "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}  # fmt: skip
    await run.google.call("storage", "v1", "buckets.insert", project=cloud.world.project, body=body)
    told = await run_step(run)
    await run.close()
    assert told.facts["state_bucket"] == "an-older-name"
    assert buckets(cloud) == ["an-older-name"]


async def test_with_local_state_there_is_no_bucket_but_a_secret(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home, state="local")
    told = await run_step(run)
    await run.close()
    assert told.facts["state_bucket"] == ""
    assert told.facts["sql_password_version"].endswith("/versions/1")
    assert buckets(cloud) == []


async def test_a_strangers_bucket_is_named_and_left_alone(tmp_path: Path, home: Home) -> None:
    environment = Environment.new(home, "demo", cloud="rehearsal", given={"project_id": "rehearsal-abcdef"}).save()
    stranger = {"type": "storage.buckets", "name": environment.names.state_bucket, "owner": "someone-else"}
    async with simulation(tmp_path / "cloud", {"project": {"resources": [stranger]}}) as found:
        run = Installation(environment, found.cloud, Told().clock, Told().redactor, tmp_path)
        await services.enable(run.google, NEEDED)
        with pytest.raises(PermanentError, match=environment.names.state_bucket) as caught:
            await run_step(run)
        before = found.world.store.get("storage.buckets", environment.names.state_bucket)
        await state.destroy_state(run, Told())
        assert found.world.store.get("storage.buckets", environment.names.state_bucket) == before
        await run.close()
    assert "name_prefix" in caught.value.hint


# -- the password


async def test_it_is_generated_strong_and_never_told(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home)
    told = await run_step(run)
    value = await secret_manager.access(run.google, told.facts["sql_password_version"])
    await run.close()
    assert len(value) >= 24
    assert run.redactor.text(f"is {value}") == f"is {HIDDEN}"
    assert value not in str(told)
    assert not any(value.encode() in p.read_bytes() for p in home.root.rglob("*") if p.is_file())


def test_no_two_generated_ones_are_the_same() -> None:
    found = {state.generate() for _ in range(200)}
    assert len(found) == 200
    assert all(any(c.isdigit() for c in p) and any(c.islower() for c in p) and any(c.isupper() for c in p) for p in found)


async def test_a_typed_one_is_stored_and_read_back_by_the_secrets_id(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home)
    run.secrets["sql_password"] = "pässword-of-mine/+="
    await run_step(run)
    assert await secret_manager.access(run.google, run.names.sql_password_secret) == "pässword-of-mine/+="
    await run.close()


async def test_the_one_that_is_there_is_kept_whatever_is_typed(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home)
    first = await run_step(run)
    value = await secret_manager.access(run.google, first.facts["sql_password_version"])
    run.secrets["sql_password"] = "another-one"
    again = await run_step(run)
    assert again.facts["sql_password_version"] == first.facts["sql_password_version"]
    assert await secret_manager.access(run.google, again.facts["sql_password_version"]) == value
    await run.close()


async def test_a_typed_one_that_was_lost_is_asked_for_and_never_made_up(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home)
    run.environment = run.environment.with_password_given().save()
    with pytest.raises(PersonNeeded) as caught:
        await run_step(run)
    assert caught.value.kind == "sql-password"
    assert "--sql-password-stdin" in caught.value.command
    assert await secret_manager.newest(run.google, run.names.sql_password_secret) is None
    told = await run_step(run, Told(people={"sql-password": "typed-again"}))
    assert await secret_manager.access(run.google, told.facts["sql_password_version"]) == "typed-again"
    await run.close()


async def test_a_secret_that_was_made_without_its_value_gets_one(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home)
    await secret_manager.ensure(run.google, run.names.sql_password_secret, region="us-central1", labels=run.names.labels)
    told = await run_step(run)
    await run.close()
    assert told.facts["sql_password_version"].endswith("/versions/1")


async def test_a_strangers_secret_is_left_alone(cloud: Simulation, home: Home) -> None:
    run = await ready(cloud, home)
    name = run.names.sql_password_secret
    await secret_manager.ensure(run.google, name, region="us-central1", labels={ID_LABEL: "others"})
    await secret_manager.add(run.google, name, "not-yours")
    with pytest.raises(Conflict, match="not this environment's"):
        await run_step(run)
    await state.destroy_state(run, Told())
    assert await secret_manager.access(run.google, name) == "not-yours"
    await run.close()


# -- rights


async def test_an_owner_whom_the_bucket_does_not_know_becomes_its_administrator(
    cloud: Simulation, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await ready(cloud, home)
    call, lacking = run.google.call, [["storage.objects.get"], ["storage.objects.get"], []]

    async def short(api: str, version: str, method: str, **params: Any) -> Any:
        if method == "buckets.testIamPermissions":
            short_of = lacking.pop(0) if lacking else []
            return {"permissions": [p for p in state.NEEDED if p not in short_of]}
        return await call(api, version, method, **params)

    monkeypatch.setattr(run.google, "call", short)
    told = await run_step(run)
    assert iam.has(await policy(run, run.names.state_bucket), "roles/storage.admin", "user:you@rehearsal.example")
    assert any("rights" in line for line in told.lines)
    await run.close()


# -- faults, and the other way


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("trouble", [{"status": 503}, {"status": 429}, {"error": "reset"}, {"error": "timeout"}])
async def test_every_call_may_fail_once(tmp_path: Path, home: Home, when: str, trouble: dict[str, Any]) -> None:
    async with simulation(tmp_path / "cloud", {"fault": [{"call": "*", "when": when, **trouble}]}) as found:
        run = await ready(found, home)
        told = await run_step(run)
        assert buckets(found) == [run.names.state_bucket]
        assert len(found.world.store.items("secretmanager.secrets")) <= 1
        assert await secret_manager.access(run.google, told.facts["sql_password_version"])
        await run.close()


async def test_destroying_takes_secret_and_bucket_with_all_generations(cloud: Simulation, home: Home) -> None:
    before = {k: cloud.world.store.items(k) for k in cloud.world.store.kinds() if k != "tokens"}
    run = await ready(cloud, home)
    await run_step(run)
    for content in ("one", "two", "three"):
        await storage.write(run.google, run.names.state_bucket, "terraform/platform/default.tfstate", content)
    told = Told()
    await state.destroy_state(run, told)
    again = Told()
    await state.destroy_state(run, again)
    await run.close()
    assert told.has_changed
    assert not again.has_changed
    assert buckets(cloud) == []
    left = {k for k in cloud.world.store.kinds() if cloud.world.store.items(k) != before.get(k, [])}
    assert not {k for k in left if k.startswith(("storage", "secret"))}
