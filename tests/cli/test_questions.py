"""Questions on a terminal: one that is left by Ctrl-D is not answered, and nothing is done."""

from __future__ import annotations

import io

import pytest

from core import events
from core.cli import follow, main, run
from core.environment import Environment, Home
from core.environment.lock import Holder, Lock
from core.run import runs
from core.run.journal import Journal
from core.run.redact import Redactor


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person at a terminal who answers nothing, and types Ctrl-D."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr(run, "interactive", lambda: True)


@pytest.fixture
def failed(home: Home) -> Environment:
    """An environment whose last run failed."""
    environment = Environment.new(home, "demo", cloud="rehearsal", given={}).save()
    journal = Journal(runs.folder(environment, "r1"), run="r1", redactor=Redactor())
    journal.append(events.RunStarted(action="install", steps=[]))
    journal.append(events.RunFailed(exit_code=1))
    journal.close()
    return environment


@pytest.mark.usefixtures("left")
@pytest.mark.parametrize("command", ["destroy", "retry"])
def test_a_question_that_is_left_is_declined(command: str, failed: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "demo"]) == 1
    said = capsys.readouterr().err
    assert said.endswith("\nError: Nothing was done.\n")
    assert runs.ids(failed) == ["r1"]


@pytest.mark.usefixtures("left")
def test_a_password_that_is_left_leaves_the_run_waiting(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def leave(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", leave)
    monkeypatch.setattr(follow, "interactive", lambda: True)
    environment = Environment.new(home, "demo", cloud="rehearsal", given={}).save()
    journal = Journal(runs.folder(environment, "r1"), run="r1", redactor=Redactor())
    journal.append(events.RunStarted(action="install", steps=[]))
    journal.append(events.RunWaiting(kind="sql-password", message="The password is lost."))
    journal.close()
    lock = Lock(runs.lock_path(environment))
    lock.acquire(Holder.me(run="r1", action="install"))
    assert main(["attach", "demo"]) == 1
    lock.release()
    said = capsys.readouterr().err
    assert "Error: Nothing was done." in said
    assert "The run still waits" in said
