"""What a run may do of what was shown, and what stops it; what is kept of a plan, and for how long it counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.environment import Environment, Home
from core.errors import PermanentError
from core.install import shown
from core.terraform import Change, Plan

ADDRESS = "module.x.google_compute_network.this"


class Run:
    """As much of an installation, its step and its Terraform as `shown.hold` asks of them."""

    module = "platform"

    def __init__(self, environment: Environment, seen: shown.Shown | None) -> None:
        self.environment, self.shown, self.workspace = environment, seen, self
        self.said: list[str] = []

    def log(self, _: str) -> None:
        """Nobody reads it."""

    def progress(self, message: str) -> None:
        self.said.append(message)

    async def detailed(self, plan: Plan, _: Any) -> tuple[Plan, dict[str, Any]]:
        return plan, {}

    async def hold(self, *changes: Change) -> None:
        await shown.hold(self, self, self, Plan(changes))  # type: ignore[arg-type]


@pytest.fixture
def environment(home: Home) -> Environment:
    return Environment.new(home, "demo", cloud="rehearsal", given={}).save()


def change(action: str, **more: Any) -> Change:
    return Change(address=ADDRESS, type="google_compute_network", name="this", action=action, **more)


def of(environment: Environment, *resources: dict[str, Any]) -> shown.Shown:
    document = {
        "terraform": {"resources": list(resources)},
        "services": ["a.googleapis.com"],
        "kubernetes": [{"label": "ConfigMap kubeflow/a"}],
    }
    return shown.of_plan(environment, document)


def resource(action: str, **more: Any) -> dict[str, Any]:
    return {"address": ADDRESS, "action": action, "step": "platform", **more}


HELD = [
    ("as shown", resource("create"), change("create"), ""),
    ("taken over", resource("create"), change("import", import_id="x"), ""),
    ("taken over and brought into order", resource("create"), change("update", import_id="x", fields=("a",)), ""),
    ("half made", resource("create"), change("replace", reason="tainted"), ""),
    ("made, and brought into order", resource("create"), change("update", fields=("a",)), ""),
    ("the same update", resource("update", fields=["a", "b"]), change("update", fields=("a",)), ""),
    ("another update", resource("update", fields=["a"]), change("update", fields=("a", "c")), "not shown: c"),
    ("gone since", resource("update", fields=["a"]), change("create"), "shown was: update"),
    ("replaced for another reason", resource("create"), change("replace", reason="cannot_update"), "shown was: create"),
    ("nothing was to be done", {**resource("create"), "address": "y"}, change("delete"), "not shown"),
]


@pytest.mark.parametrize(("seen", "found", "why"), [row[1:] for row in HELD], ids=[row[0] for row in HELD])
async def test_a_run_is_held_to_what_was_shown(
    environment: Environment, seen: dict[str, Any], found: Change, why: str
) -> None:
    run = Run(environment, of(environment, seen))
    if not why:
        await run.hold(found)
        return
    with pytest.raises(PermanentError) as caught:
        await run.hold(found)
    assert f"{found.action} {ADDRESS} ({why}" in caught.value.cause
    assert caught.value.command == "mlops-env plan demo"


async def test_less_than_was_shown_is_no_reason_to_stop(environment: Environment) -> None:
    await Run(environment, of(environment, resource("create"))).hold()


async def test_a_run_that_nobody_was_shown_tells_its_plan_and_is_held_to_it(environment: Environment) -> None:
    run = Run(environment, None)
    await run.hold(change("create"), replace(change("create"), address="z"))
    assert run.said == ["the plan: 2 to create"]
    kept = shown.of(environment)
    assert kept is not None
    assert kept.by == "run"
    again = Run(environment, kept)
    await again.hold(change("create"))
    assert not again.said
    with pytest.raises(PermanentError):
        await again.hold(replace(change("delete"), address="other"))


def test_objects_that_were_not_shown_are_not_applied(environment: Environment) -> None:
    run: Any = Run(environment, of(environment))
    shown.hold_objects(run, ["ConfigMap kubeflow/a"])
    with pytest.raises(PermanentError, match="more than what was shown"):
        shown.hold_objects(run, ["ConfigMap kubeflow/a", "ConfigMap kubeflow/b"])


def test_apis_that_were_not_shown_are_not_switched_on(environment: Environment) -> None:
    run: Any = Run(environment, of(environment))
    shown.hold_services(run, ["a.googleapis.com"])
    with pytest.raises(PermanentError) as caught:
        shown.hold_services(run, ["b.googleapis.com"])
    assert "enable b.googleapis.com (not shown)" in caught.value.cause


def test_it_counts_for_the_parameters_that_it_was_shown_with(environment: Environment) -> None:
    of(environment, resource("create")).save(environment)
    assert shown.of(environment.with_resolved(zone="us-central1-f")) is not None
    assert shown.of(replace(environment, given={"region": "europe-west4"})) is None
    assert shown.of(replace(environment, id="zzzzzz")) is None
    shown.forget(environment)
    assert shown.kept(environment.home, "demo") is None


def test_what_can_not_be_read_was_not_shown(environment: Environment) -> None:
    path = shown.path(environment.home, "demo")
    for text in ("", "{", "[]", '{"format": 99}', '{"format": 1}'):
        path.write_text(text)
        assert shown.kept(environment.home, "demo") is None


def test_an_environment_that_was_only_shown_is_none_yet_and_keeps_its_id(home: Home) -> None:
    looked_at = Environment.new(home, "other", cloud="google", given={})
    of(looked_at).save(looked_at)
    (looked_at.folder / "manifests").mkdir()
    shown.leave_only(looked_at.home, looked_at.name)
    assert [p.name for p in looked_at.folder.iterdir()] == [shown.FILE]
    assert "other" not in Environment.all(home)
    assert shown.id_of(home, "other", cloud="google") == looked_at.id
    assert not shown.id_of(home, "other", cloud="rehearsal")
    assert not shown.id_of(home, "other", cloud="google", but=looked_at.id), "a destroyed one's names stay reserved"
    shown.forget(looked_at)
    shown.leave_only(looked_at.home, looked_at.name)
    assert not looked_at.folder.exists()


def test_two_plans_that_do_the_same_have_the_same_checksum() -> None:
    one, two = {**resource("create"), "address": "a"}, {**resource("update"), "address": "b"}
    document = {"services": ["x", "y"], "roles": [], "direct": [], "kubernetes": [], "terraform": {"resources": [one, two]}}
    same = {**document, "services": ["y", "x"], "terraform": {"add": 1, "resources": [two, one]}}
    other = {**document, "terraform": {"resources": [one]}}
    assert shown.digest(document) == shown.digest(same)
    assert shown.digest(document) != shown.digest(other)
