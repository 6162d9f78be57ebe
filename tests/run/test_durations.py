"""What the next run learns from the durations of earlier ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core import events
from core.environment import Environment, Home
from core.run import runs
from core.run.durations import LATEST, learnt
from core.run.journal import Journal
from core.run.redact import Redactor

STEPS = [{"id": id, "title": id, "seconds": 10.0} for id in ("services", "platform", "verify")]


class History:
    """Runs of environments under one home, as their journals would tell them."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.count = 0

    def ran(
        self, name: str, *, cloud: str = "google", rate: float = 1.0, action: str = "install", **took: tuple[str, float]
    ) -> None:
        environment = Environment.new(self.home, name, cloud=cloud, given={})
        if not (environment.folder / "environment.toml").exists():
            environment.save()
        self.count += 1
        run = f"20260101T{self.count:06}Z-000000"
        journal = Journal(runs.folder(environment, run), run=run, redactor=Redactor())
        journal.append(events.RunStarted(action=action, rate=rate, steps=STEPS))
        for step, (state, seconds) in took.items():
            journal.append(events.StepStarted(step=step))
            journal.append(_ended(step, state, seconds))
        journal.close()

    def learnt(self, action: str = "install", *, cloud: str = "google", rate: float = 1.0) -> dict[str, float]:
        return learnt(self.home, action, cloud=cloud, rate=rate)


def _ended(step: str, state: str, seconds: float) -> events.Event:
    if state == "failed":
        return events.StepFailed(step=step, seconds=seconds, error={"code": "x", "message": "It failed."})
    return events.StepFinished(step=step, state=state, seconds=seconds)  # type: ignore[arg-type]


def test_nothing_is_known_of_a_machine_that_ran_nothing(tmp_path: Path) -> None:
    assert History(tmp_path).learnt() == {}


def test_the_middle_of_what_a_step_took_is_expected(tmp_path: Path) -> None:
    history = History(tmp_path)
    for name, seconds in (("one", 800.0), ("two", 1000.0), ("three", 5000.0)):
        history.ran(name, platform=("done", seconds), services=("done", 60.0))
    assert history.learnt() == {"platform": 1000.0, "services": 60.0}


def test_only_what_was_done_tells_how_long_doing_takes(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.ran("demo", services=("done", 60.0), platform=("failed", 3.0))
    history.ran("demo", services=("unchanged", 2.0), platform=("done", 900.0), verify=("skipped", 0.0))
    assert history.learnt() == {"services": 60.0, "platform": 900.0}


def test_another_cloud_another_clock_and_another_action_tell_nothing(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.ran("real", platform=("done", 900.0))
    history.ran("tried", cloud="rehearsal", rate=60.0, platform=("done", 700.0))
    history.ran("real", action="destroy", platform=("done", 300.0))
    assert history.learnt() == {"platform": 900.0}
    assert history.learnt(cloud="rehearsal", rate=60.0) == {"platform": 700.0}
    assert history.learnt(cloud="rehearsal", rate=0.0) == {}
    assert history.learnt("destroy") == {"platform": 300.0}


def test_old_runs_are_forgotten(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.ran("demo", platform=("done", 9000.0))
    for _ in range(LATEST):
        history.ran("demo", platform=("done", 900.0))
    assert history.learnt() == {"platform": 900.0}


def test_an_environment_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.ran("demo", platform=("done", 900.0))
    broken: Any = history.home.environments / "broken"
    broken.mkdir()
    (broken / "environment.toml").write_text("not = [toml")
    assert history.learnt() == {"platform": 900.0}
