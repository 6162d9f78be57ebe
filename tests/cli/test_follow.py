"""Watching a run: what is done next finds the one that has ended out of its way."""

from __future__ import annotations

from threading import Thread

import pytest

from core import events
from core.cli import follow
from core.cli.output import Output
from core.environment import Environment, Home
from core.environment.lock import Holder, Lock
from core.run import runs
from core.run.journal import Journal
from core.run.redact import Redactor


def test_who_has_seen_the_end_may_begin_the_next(home: Home) -> None:
    environment = Environment.new(home, "demo", cloud="rehearsal", given={}).save()
    journal = Journal(runs.folder(environment, "r1"), run="r1", redactor=Redactor())
    journal.append(events.RunStarted(steps=[]))
    journal.append(events.RunFinished())
    journal.close()
    lock = Lock(runs.lock_path(environment))
    lock.acquire(Holder.me(run="r1", action="install"))
    found: list[tuple[int, Holder | None]] = []

    def watches() -> None:
        code = follow.follow(environment, "r1", Output(json=True))
        found.append((code, runs.current(environment)))

    watcher = Thread(target=watches)
    watcher.start()
    watcher.join(0.3)
    lock.release()
    watcher.join(60)
    assert found == [(0, None)]


def test_only_who_is_still_waited_for_is_asked(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment.new(home, "demo", cloud="rehearsal", given={}).save()
    journal = Journal(runs.folder(environment, "r1"), run="r1", redactor=Redactor())
    journal.append(events.RunStarted(steps=[]))
    for kind in ("sign-in", "sql-password"):
        journal.append(events.RunWaiting(kind=kind))
        journal.append(events.RunResumed(kind=kind))
    journal.append(events.RunWaiting(kind="sql-password"))
    journal.append(events.RunWaiting(kind="sign-in"))
    lock = Lock(runs.lock_path(environment))
    lock.acquire(Holder.me(run="r1", action="install"))
    asked: list[str] = []

    def answer(question: str, **_: bool) -> str:
        asked.append(question)
        return "correct horse"

    def given(_: str, request: dict[str, str]) -> None:
        if request["do"] == "provide":  # both come, one of them in another window
            journal.append(events.RunResumed(kind="sql-password"))
            journal.append(events.RunResumed(kind="sign-in"))
            journal.append(events.RunWaiting(kind="sign-in"))
        else:
            journal.append(events.RunFinished())
            lock.release()

    monkeypatch.setattr(follow, "interactive", lambda: True)
    monkeypatch.setattr(follow, "answer", answer)
    monkeypatch.setattr(follow, "confirm", lambda question: answer(question) != "")
    monkeypatch.setattr("core.run.control.ask", given)
    assert follow.follow(environment, "r1", Output(json=True)) == 0
    journal.close()
    assert asked == ["SQL password: ", "Signed in again?"]
