"""What is said before an installation starts: what is made where, and how long a run lives on this machine."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from core.cli import main, run
from core.environment import Environment, Home
from core.environment import rehearsal as rehearsals
from core.environment.lifetime import lifetime
from core.errors import MlopsError
from core.install import shown


@pytest.mark.parametrize(("variable", "words"), [("CLOUD_SHELL", "keep this tab open"), ("CI", "the run ends with it")])
def test_how_long_the_run_lives_here_is_said_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, words: str
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv(variable, "true")
    assert words in lifetime().sentence
    code = main(["install", "demo", "--rehearse"])
    said = capsys.readouterr().err
    assert code == 2
    assert said.index("on a simulated cloud (rehearsal)") < said.index(words) < said.index("Nobody is there to ask")


@pytest.fixture
def quick(tmp_path: Path) -> str:
    """A scenario of a cloud that does not wait."""
    path = tmp_path / "quick.toml"
    path.write_text("speed = 0\n")
    return str(path)


def test_the_whole_plan_is_shown_before_it_is_asked_and_kept(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quick: str
) -> None:
    asked: list[str] = []

    def no(question: str) -> bool:
        asked.append(capsys.readouterr().err)
        return False

    monkeypatch.setattr(run, "interactive", lambda: True)
    monkeypatch.setattr(run, "confirm", no)
    assert main(["install", "demo", "--rehearse", "--scenario", quick]) == 1
    (before,) = asked
    for words in (
        "compute.googleapis.com",
        "Terraform: 39 to add",
        "By Google's APIs alone",
        "Kubernetes: ",
        "Costs a month",
    ):
        assert words in before
    assert "Nothing was done" in capsys.readouterr().err
    assert Environment.all(home) == []
    assert rehearsals.running(home, "demo") is None
    kept = shown.kept(home, "demo")
    assert kept is not None
    assert kept.by == "plan"
    assert len(kept.terraform["platform"]) == 39
    assert kept.objects


def test_what_blocks_is_said_before_anything_is_shown_or_asked(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    scenario = tmp_path / "poor.toml"
    scenario.write_text('speed = 0\n[project]\nmissing_permissions = ["compute.networks.create"]\n')
    monkeypatch.setattr(run, "interactive", lambda: True)
    assert main(["install", "demo", "--rehearse", "--scenario", str(scenario)]) == 3
    said = capsys.readouterr().err
    assert "compute.networks.create" in said
    assert "Terraform:" not in said
    assert shown.kept(home, "demo") is None


def test_who_says_yes_is_told_that_it_is_what_was_shown(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looked_at = Environment.new(home, "demo", cloud="rehearsal", given={})
    shown.of_plan(looked_at, {"terraform": {"resources": []}, "services": [], "kubernetes": []}).save(looked_at)
    begun: list[str] = []

    def start(environment: Environment, *_: object, **__: object) -> str:
        begun.append(environment.id)
        raise MlopsError("No run is wanted here.")

    monkeypatch.setattr(run, "start", start)
    for settings, told in ((), True), (("--set", "region=europe-west4"), False):
        assert main(["install", "demo", "--rehearse", "--yes", *settings]) == 1
        assert ("It does what was shown at " in capsys.readouterr().err) is told
        assert (shown.kept(home, "demo") is not None) is told
    assert begun == [looked_at.id, looked_at.id]


def test_what_was_shown_stays_where_a_later_plan_was_killed(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looked_at = Environment.new(home, "demo", cloud="rehearsal", given={})
    shown.of_plan(looked_at, {"terraform": {"resources": []}, "services": [], "kubernetes": []}).save(looked_at)
    rehearsals.borrow(looked_at).release()

    def start(*_: object, **__: object) -> str:
        raise MlopsError("No run is wanted here.")

    monkeypatch.setattr(run, "start", start)
    assert main(["install", "demo", "--rehearse", "--yes"]) == 1
    assert "It does what was shown at " in capsys.readouterr().err
    assert shown.kept(home, "demo") is not None


@pytest.mark.parametrize("there", [True, False])
def test_what_another_window_made_meanwhile_is_not_written_over(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quick: str, there: bool
) -> None:
    if there:
        Environment.new(home, "demo", cloud="rehearsal", given={"project_id": "rehearsal-one"}).save()

    def meanwhile(*_: object) -> None:
        Environment.new(home, "demo", cloud="rehearsal", given={"project_id": "rehearsal-two"}).save()

    monkeypatch.setattr(run, "provide", meanwhile)
    monkeypatch.setattr(run.processes, "begin_both", lambda *_: (nullcontext(), nullcontext()))
    assert main(["install", "demo", "--rehearse", "--scenario", quick, "--yes"]) == 2
    assert "changed in another window meanwhile" in capsys.readouterr().err
    assert Environment.load(home, "demo").values["project_id"] == "rehearsal-two"
    assert rehearsals.running(home, "demo") is None
