"""The step ``services``: what it switches on, refuses, waits for and finds out; once, and never twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.environment import Environment, Home
from core.errors import PrerequisiteError
from core.gcp import iam, services
from core.gcp.errors import ServiceDisabled
from core.install import prerequisites
from core.install import services as step
from core.install.installation import Installation
from core.prerequisites import wanted_services
from core.run.clock import Clock, VirtualClock
from tests.gcp.simulated_google import Simulation, Told, installation, simulation


async def run_step(run: Installation, told: Told | None = None) -> Told:
    told = told or Told(clock=run.clock)
    await step.step(run).run(told)
    return told


def enabling(found: Simulation) -> list[str]:
    """The calls that began an enabling, by the operations that the cloud remembers."""
    return [name for kind in found.world.store.kinds() if "operation" in kind for name, _ in found.world.store.items(kind)]


async def test_everything_needed_is_on_and_answers_and_a_second_run_asks_for_nothing(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        run = installation(found, home)
        told = await run_step(run)
        assert set(wanted_services.REQUIRED) <= await services.enabled(run.google)
        assert set(wanted_services.REQUIRED) <= set(told.facts["services"])
        assert told.facts["project_number"] == found.world.number
        assert told.facts["zone"] == "us-central1-a"
        assert Environment.load(home, "demo").values["zone"] == "us-central1-a"
        assert told.has_changed
        assert told.open_operations == {}
        begun = enabling(found)
        again = await run_step(run)
        await run.close()
        assert enabling(found) == begun
    assert not again.has_changed
    assert again.begun == []
    assert again.facts == told.facts


async def test_what_compute_brings_along_is_told_once_and_left(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        run = installation(found, home)
        lines = (await run_step(run)).lines
        assert [line for line in lines if "network default lets SSH and RDP in from everywhere" in line]
        assert [line for line in lines if "compute@developer.gserviceaccount.com may edit the whole project" in line]
        networks = await run.google.list("compute", "v1", "networks.list", items="items", project=run.google.project)
        assert "default" in [n["name"] for n in networks]
        assert not [line for line in (await run_step(run)).lines if "from everywhere" in line]
        await run.close()


async def test_where_an_organization_forbids_it_there_is_nothing_to_tell(tmp_path: Path, home: Home) -> None:
    policies = {
        "constraints/compute.skipDefaultNetworkCreation": True,
        "constraints/iam.automaticIamGrantsForDefaultServiceAccounts": True,
    }
    async with simulation(tmp_path / "cloud", {"project": {"policies": policies}}) as found:
        run = installation(found, home)
        lines = (await run_step(run)).lines
        assert not [line for line in lines if "everywhere" in line or "may edit" in line]
        await run.close()


async def test_a_given_zone_is_kept(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        run = installation(found, home, zone="us-central1-c")
        assert (await run_step(run)).facts["zone"] == "us-central1-c"
        await run.close()


async def test_the_services_own_accounts_have_their_roles(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        run = installation(found, home)
        await run_step(run)
        policy = await iam.project_policy(run.google)
        await run.close()
    account, role = step.AGENTS["servicenetworking.googleapis.com"]
    assert iam.has(policy, role, f"serviceAccount:{account.format(n=found.world.number)}")


class Waiting(VirtualClock):
    """A clock on which the wait for the agents goes on only once the step's other facts are published."""

    published = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds == step.AGENT_LOOKS:
            await self.published.wait()
        await super().sleep(seconds)


@pytest.mark.parametrize(("looks", "lagging"), [(20, []), (1000, sorted({*step.AGENTS} & {*wanted_services.REQUIRED}))])
async def test_a_role_that_lags_is_waited_for_ten_minutes_while_all_else_goes_on(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch, looks: int, lagging: list[str]
) -> None:
    async with simulation(tmp_path / "cloud") as found:
        run = installation(found, home)
        told, seen = Told(clock=run.clock), 0
        run.google.clock = run.clock = clock = Waiting()
        clock.published = asyncio.Event()

        def publish(name: str, value: Any) -> None:
            told.facts[name] = value
            if name == "services":
                clock.published.set()

        monkeypatch.setattr(told, "publish", publish)

        async def policy(google: Any) -> Any:
            nonlocal seen
            seen += 1
            return await read(google) if seen > looks else {}

        read = iam.project_policy
        monkeypatch.setattr(step.iam, "project_policy", policy)
        await asyncio.wait_for(run_step(run, told), 120)
        waited = clock.now()
        await run.close()
    assert sorted(told.facts["service_agents"]) == lagging
    assert (waited > step.AGENT_PATIENCE) == bool(lagging)


@pytest.mark.parametrize("policy", ["dataflow.googleapis.com"])
async def test_a_service_that_policy_refuses_is_named_and_found_by_halves(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    asked: list[list[str]] = []
    async with simulation(tmp_path / "cloud") as found:
        run = installation(found, home)
        call = run.google.call

        async def strict(api: str, version: str, method: str, **params: Any) -> Any:
            if method == "services.batchEnable":
                asked.append(params["body"]["serviceIds"])
                if policy in params["body"]["serviceIds"]:
                    from core.gcp.errors import classify

                    raise classify(400, f"Constraint constraints/gcp.restrictServiceUsage forbids {policy}", method=method)
            return await call(api, version, method, **params)

        monkeypatch.setattr(run.google, "call", strict)
        told = Told(clock=run.clock)
        with pytest.raises(PrerequisiteError, match=policy) as caught:
            await run_step(run, told)
        assert "services_accepted" not in told.facts
        assert set(wanted_services.REQUIRED) - {policy} <= await services.enabled(run.google)
        await run.close()
    assert caught.value.exit_code == 3
    assert "restrictServiceUsage" in caught.value.cause
    assert [policy] in asked


async def test_an_optional_service_that_is_refused_is_told_and_no_more(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with simulation(tmp_path / "cloud") as found:
        run = installation(found, home)
        monkeypatch.setattr(wanted_services, "OPTIONAL", ("no-such-service.googleapis.com",))
        told = await run_step(run)
        await run.close()
    assert any("no-such-service.googleapis.com is refused" in line for line in told.lines)


async def test_what_could_not_be_looked_at_before_is_looked_at_once_it_is_on(tmp_path: Path, home: Home) -> None:
    project = {
        "quotas": {"SSD_TOTAL_GB": {"limit": 99}},
        "policies": {"constraints/container.managed.enableSecretsEncryption": True},
    }
    async with simulation(tmp_path / "cloud", {"project": project}) as found:
        run = installation(found, home, profile="small")
        await prerequisites.step(run).run(Told(clock=run.clock))
        told = Told(clock=run.clock)
        with pytest.raises(PrerequisiteError, match="SSD_TOTAL_GB") as caught:
            await run_step(run, told)
        await run.close()
    assert "constraints/container.managed.enableSecretsEncryption" in caught.value.message
    assert "services" not in told.facts, "nothing of the platform begins"


async def test_without_billing_it_is_a_lack_of_the_projects(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud", {"project": {"billing_enabled": False}}) as found:
        run = installation(found, home)
        with pytest.raises(PrerequisiteError, match="Billing is not enabled"):
            await run_step(run)
        await run.close()


@pytest.mark.parametrize("permission", ["serviceusage.services.enable", "serviceusage.services.list"])
async def test_without_the_permission_it_is_a_lack_of_the_accounts(tmp_path: Path, home: Home, permission: str) -> None:
    async with simulation(tmp_path / "cloud", {"project": {"missing_permissions": [permission]}}) as found:
        run = installation(found, home)
        told = Told(clock=run.clock)
        with pytest.raises(PrerequisiteError, match=permission.replace(".", r"\.")) as caught:
            await run_step(run, told)
        await run.close()
    assert caught.value.exit_code == 3
    assert len(told.begun) <= 2


async def test_it_waits_until_what_is_on_answers(tmp_path: Path, home: Home) -> None:
    scenario = {"speed": 600, "durations": {"serviceusage.services.batchEnable": 60}, "delays": {"services": 45, "iam": 0}}
    async with simulation(tmp_path / "cloud", scenario) as found:
        run = installation(found, home)
        await run_step(run)
        answer = await run.google.call(
            "secretmanager", "v1", "projects.secrets.list", parent=f"projects/{found.world.project}"
        )
        await run.close()
    assert "error" not in answer


async def test_one_that_never_answers_is_named(tmp_path: Path, home: Home) -> None:
    async with simulation(tmp_path / "cloud") as found:
        run = installation(found, home)
        run.google.clock = run.clock = VirtualClock()
        await services.enable(run.google, ["serviceusage.googleapis.com"])
        run.google.enabled.add("secretmanager.googleapis.com")
        with pytest.raises(ServiceDisabled) as caught:
            await services.answer(run.google, ["secretmanager.googleapis.com"], region="us-central1")
        await run.close()
    assert caught.value.service == "secretmanager.googleapis.com"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("trouble", [{"status": 503}, {"status": 429}, {"error": "reset"}, {"error": "timeout"}])
async def test_every_call_may_fail_once_before_its_effect_or_after(
    tmp_path: Path, home: Home, when: str, trouble: dict[str, Any]
) -> None:
    async with simulation(tmp_path / "cloud", {"fault": [{"call": "*", "when": when, **trouble}]}) as found:
        run = installation(found, home)
        await run_step(run)
        assert set(wanted_services.REQUIRED) <= await services.enabled(run.google)
        await run.close()


async def test_a_run_that_died_while_enabling_is_taken_up(tmp_path: Path, home: Home) -> None:
    scenario = {"speed": 600, "delays": {"services": 0, "iam": 0}}
    async with simulation(tmp_path / "cloud", scenario) as found:
        run = installation(found, home)
        operation = await run.google.call(
            "serviceusage", "v1", "services.batchEnable", quota_project=False,
            parent=f"projects/{found.world.project}", body={"serviceIds": ["compute.googleapis.com"]},
        )  # fmt: skip
        told = Told(
            clock=Clock(600),
            open_operations={"services.enable:compute.googleapis.com": f"serviceusage/v1/{operation['name']}"},
        )
        assert await services.enable(run.google, ["compute.googleapis.com"], told) == {}
        assert "compute.googleapis.com" in await services.enabled(run.google)
        await run.close()
    assert told.begun == []
    assert told.open_operations == {}
