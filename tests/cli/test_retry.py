"""Taking up a run: only what an environment works without can be left out of it."""

from __future__ import annotations

import pytest

from core import events
from core.cli import main, run
from core.environment import Environment, Home
from core.errors import MlopsError
from core.run import runs
from core.run.journal import Journal
from core.run.redact import Redactor

STEPS = [{"id": "platform", "title": "Platform"}, {"id": "image", "title": "Image", "optional": True}]


@pytest.fixture
def failed(home: Home) -> Environment:
    """An environment whose last run failed."""
    environment = Environment.new(home, "demo", cloud="rehearsal", given={}).save()
    journal = Journal(runs.folder(environment, "r1"), run="r1", redactor=Redactor())
    journal.append(events.RunStarted(steps=STEPS))
    journal.append(events.RunFailed())
    journal.close()
    return environment


@pytest.fixture
def asked(failed: Environment, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What each run that would begin was to skip."""
    found: list[object] = []

    def start(*_: object, skip: object, **__: object) -> str:
        found.append(skip)
        raise MlopsError("No run is wanted here.")

    monkeypatch.setattr(run, "start", start)
    return found


@pytest.mark.parametrize(
    ("step", "words"), [("platform", "What can be: image."), ("platfrom", "The last run has no step platfrom.")]
)
def test_what_is_not_optional_is_not_skipped(
    asked: list[object], capsys: pytest.CaptureFixture[str], step: str, words: str
) -> None:
    assert main(["retry", "demo", "--yes", "--skip", "image", "--skip", step]) == 2
    assert words in capsys.readouterr().err
    assert asked == []


def test_what_is_optional_is_skipped(asked: list[object]) -> None:
    assert main(["retry", "demo", "--yes", "--skip", "image"]) == 1
    assert asked == [["image"]]
