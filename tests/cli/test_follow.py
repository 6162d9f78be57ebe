"""Watching a run: what is done next finds the one that has ended out of its way."""

from __future__ import annotations

from threading import Thread

from core import events
from core.cli.follow import follow
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
        code = follow(environment, "r1", Output(json=True))
        found.append((code, runs.current(environment)))

    watcher = Thread(target=watches)
    watcher.start()
    watcher.join(0.3)
    lock.release()
    watcher.join(60)
    assert found == [(0, None)]
