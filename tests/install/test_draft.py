"""A draft: looked at before anything is made, gone without a trace where nothing was started."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.environment import Environment, Home
from core.environment import rehearsal as rehearsals
from core.environment.lock import Holder, Lock
from core.errors import BusyError, MlopsError, ParameterError, UsageError
from core.events import Record, RunStarted
from core.install import shown
from core.install.choices import LISTED, choices
from core.install.draft import Draft, password
from core.prerequisites.concerns import CONCERNS
from core.run import runs
from core.run.journal import timestamp
from core.run.step import Reporter


@pytest.fixture
def draft(home: Home) -> Iterator[Draft]:
    made = Draft.new(home, "demo", cloud="rehearsal")
    yield made
    rehearsals.forget(home, "demo")


class Quiet(Reporter):
    """Hears nothing."""

    def log(self, text: str) -> None: ...
    def progress(self, message: str, fraction: float | None = None) -> None: ...
    def resource(self, kind: str, id: str, action: str, state: str, seconds: float = 0.0) -> None: ...


async def test_a_program_that_is_looked_at_again_is_asked_again(
    draft: Draft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a version manager's script stands, the person who mends what blocks changes something that it reads."""
    chosen, script = tmp_path / "chosen", tmp_path / "bin" / "kubectl"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\nread version < {chosen}\necho $version\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    await asyncio.to_thread(draft.open)
    concern = next(c for c in CONCERNS if c.id == "tool.kubectl")
    for version, state in (("1.27.3", "block"), ("1.34.1", "pass")):
        chosen.write_text(f"{version}\n")
        assert [check.state for check in await draft.look(concern)] == [state]


async def test_it_is_looked_at_listed_and_previewed_and_leaves_nothing(draft: Draft, home: Home) -> None:
    await asyncio.to_thread(draft.open)
    found = {check.id: check.state for concern in CONCERNS for check in await draft.look(concern)}
    assert found["sign-in"] == found["project"] == found["region"] == "pass"
    assert found["billing"] == "skip"
    projects = await choices(draft.installation, "project_id")
    assert [c.value for c in projects.found] == [await draft.project()]
    zones = await choices(draft.installation, "zone")
    assert zones.found[0].value == "us-central1-a"
    assert "compute.googleapis.com" in zones.why
    assert (await choices(draft.installation, "node_machine_type")).found == ()
    expected = await asyncio.to_thread(draft.expected)
    assert expected.left > 900
    assert "platform" in expected.critical
    plan = await draft.preview(Quiet())
    assert plan["terraform"]["add"] > 20
    assert "compute.googleapis.com" in plan["services"]
    await draft.close()
    await asyncio.to_thread(draft.discard)
    assert Environment.all(home) == []
    assert not (home.environments / "demo").exists()
    assert rehearsals.running(home, "demo") is None


async def test_what_was_previewed_is_what_its_run_is_held_to(
    draft: Draft, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(draft.open)
    plan = await draft.preview(Quiet())
    await draft.close()
    kept: list[shown.Shown | None] = []

    def start(environment: Environment, *_: object, **__: object) -> str:
        kept.append(shown.of(environment))
        return "run"

    monkeypatch.setattr("core.install.start.start", start)
    draft.start({})
    (seen,) = kept
    assert seen is not None
    assert set(seen.terraform["platform"]) == {r["address"] for r in plan["terraform"]["resources"]}
    draft.give({"labels": {"team": "ml"}})
    draft.start({})
    assert kept[1] is None, "those values were not shown"
    assert not shown.path(home, "demo").exists()


async def test_lists_are_the_clouds_own_once_its_api_is_on(draft: Draft) -> None:
    from core.gcp import services

    await asyncio.to_thread(draft.open)
    await services.enable(draft.installation.google, ["compute.googleapis.com"])
    for key in LISTED:
        found = await choices(draft.installation, key)
        assert found.found
        assert not found.why
    machines = await choices(draft.installation, "node_machine_type")
    assert {c.value: c.note for c in machines.found}["e2-standard-4"] == "4 vCPU, 16 GB"
    draft.give({"region": "europe-west4"})
    assert {c.value.rpartition("-")[0] for c in (await choices(draft.installation, "zone")).found} == {"europe-west4"}
    await draft.close()


def test_values_are_given_and_taken_back(home: Home) -> None:
    draft = Draft.new(home, "demo", cloud="google")
    draft.give({"namespace": "ml", "zone": None, "profile": "trial"})
    assert draft.environment.given == {"namespace": "ml", "profile": "trial"}
    assert draft.resolved("namespace") == "kubeflow"
    assert draft.resolved("node_machine_type") == "e2-standard-2"
    draft.give({})
    assert draft.environment.given == {}


def test_a_name_that_is_taken_or_wrong_is_refused(home: Home) -> None:
    Environment.new(home, "demo", cloud="google", given={}).save()
    for name in ("demo", "Demo", "x"):
        with pytest.raises(ParameterError):
            Draft.new(home, name, cloud="google")


def test_a_scenario_that_is_wrong_leaves_nothing(home: Home, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("sped = 3\n")
    draft = Draft.new(home, "demo", cloud="rehearsal", scenario=tmp_path / "wrong.toml")
    with pytest.raises(UsageError):
        draft.open()
    draft.discard()
    assert not rehearsals.folder(home, "demo").exists()


def test_what_was_never_opened_has_no_adapters(home: Home) -> None:
    with pytest.raises(MlopsError):
        _ = Draft.new(home, "demo", cloud="google").installation


def test_what_an_installed_environment_can_no_longer_change(home: Home) -> None:
    environment = Environment.new(home, "demo", cloud="google", given={"region": "us-east1"}).save()
    assert Draft.of(environment).fixed == frozenset()
    run = environment.runs / "20260921T141000Z-abc123"
    run.mkdir(parents=True)
    begun = Record(1, timestamp(), run.name, RunStarted(action="install", steps=[]))
    (run / "events.jsonl").write_text(json.dumps(begun.to_dict()) + "\n")
    draft = Draft.of(environment)
    assert {"region", "zone", "namespace"} <= draft.fixed
    assert "profile" not in draft.fixed
    draft.give({"region": "us-east1", "profile": "trial"})
    with pytest.raises(ParameterError, match="region"):
        draft.give({"region": "us-west1"})


def test_leaving_a_draft_of_an_environment_that_exists_keeps_it(home: Home) -> None:
    environment = Environment.new(home, "demo", cloud="google", given={}).save()
    Draft.of(environment).discard()
    assert Environment.all(home) == ["demo"]


def test_what_another_window_made_or_changed_meanwhile_is_not_written_over(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.install.start.start", lambda *_, **__: "run")
    new = Draft.new(home, "demo", cloud="google")
    made = Environment.new(home, "demo", cloud="google", given={}).save()
    with pytest.raises(UsageError, match="another window"):
        new.start({})
    assert Environment.load(home, "demo").id == made.id
    known = Draft.of(made)
    made.with_resolved(zone="us-central1-b").save()
    with pytest.raises(UsageError, match="another window"):
        known.start({})
    assert Environment.load(home, "demo").values["zone"] == "us-central1-b"
    fresh = Draft.of(Environment.load(home, "demo"))
    assert [fresh.start({}), fresh.start({})] == ["run", "run"]


def test_an_environment_that_a_run_holds_keeps_its_record(home: Home) -> None:
    made = Environment.new(home, "demo", cloud="google", given={}).save()
    draft = Draft.of(made)
    draft.give({"profile": "trial"})
    lock = Lock(runs.lock_path(made))
    lock.acquire(Holder.me(action="install"))
    with pytest.raises(BusyError):
        draft.start({})
    lock.release()
    assert Environment.load(home, "demo").given == {}


def test_passwords_are_made_anew_each_time() -> None:
    assert password() != password()
    assert len(password()) >= 16


DRAFTING = """
import sys
from core.environment import Home
from core.install.draft import Draft
made = Draft.new(Home.find(), "demo", cloud="rehearsal")
made.open()
print("open", flush=True)
sys.stdin.readline()
"""


def test_a_draft_whose_process_was_killed_leaves_no_cloud(home: Home) -> None:
    command = [sys.executable, "-P", "-c", DRAFTING]
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
        assert rehearsals.running(home, "demo") is not None
        assert rehearsals.sweep(home) == []
        with pytest.raises(UsageError, match="prepared in another window"):
            Draft.new(home, "demo", cloud="rehearsal").open()
        child.kill()
    assert rehearsals.sweep(home) == ["demo"]
    assert rehearsals.running(home, "demo") is None
    assert not rehearsals.folder(home, "demo").exists()
    assert rehearsals.sweep(home) == []
