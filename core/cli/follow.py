"""Watching a run from outside: its journal, line by line, until it ends or somebody stops watching.

The run is another process; what is shown here is what it wrote down, and what is asked of it goes over its socket. A
dead run is known by its lock, which ends with it.
"""

from __future__ import annotations

import os
import time

from core import events
from core.cli.narrate import Narrator
from core.cli.output import Output, answer, confirm, interactive
from core.environment import Environment
from core.errors import MlopsError, from_dict
from core.run import runs
from core.run.journal import Reader
from core.run.state import RunState

OVER = 5.0
"""Seconds that a run's process is waited for which has said that the run has ended."""


def follow(environment: Environment, run: str, out: Output, *, detachable: bool = False) -> int:
    """Shows a run until its end; returns its exit code. Ctrl-C detaches, or asks what is meant."""
    watcher = _Watcher(environment, run, out)
    while True:
        try:
            return watcher.until_end()
        except KeyboardInterrupt:
            if detachable or not _cancel(environment, out):
                out.say(f"The run goes on. Watch it with: mlops-env attach {environment.name}")
                return 0


class _Watcher:
    def __init__(self, environment: Environment, run: str, out: Output) -> None:
        self.environment, self.run, self.out = environment, run, out
        self.reader = Reader(runs.folder(environment, run))
        self.state = RunState()
        self.narrator = Narrator(environment, out)
        self.asked: dict[str, events.RunWaiting] = {}

    def until_end(self) -> int:
        while True:
            alive = self._alive()
            for record in self.reader.new():
                self.state.apply(record)
                if self.out.json:
                    self.out.line(record.to_dict())
                else:
                    self.narrator.tell(record, self.state)
            self._ask()
            if self.state.end is not None or not alive:
                self._until_over()
                return self._end()
            time.sleep(Reader.INTERVAL)

    def _until_over(self) -> None:
        """Waits for the end of a process that has said its last word: what is begun next finds nothing in its way."""
        end = time.monotonic() + OVER
        while self._alive() and time.monotonic() < end:
            time.sleep(0.005)

    def _alive(self) -> bool:
        held = runs.current(self.environment)
        return held is not None and held.run in ("", self.run)

    def _end(self) -> int:
        state = self.state
        if state.end is None and not state.waiting and not state.interrupted:
            self.out.say(f"The run ended without a word. Go on with: mlops-env retry {self.environment.name}")
        error = state.error()
        if error and not self.out.json:
            self.out.error(from_dict(error))
        return state.exit_code

    def _ask(self) -> None:
        """On a terminal, a wait for a person can be answered here: one a look, since others may be answered meanwhile."""
        event = next((each for kind, each in self.state.waits.items() if self.asked.get(kind) is not each), None)
        if event is None or not interactive() or not self._alive():
            return
        self.asked[event.kind] = event
        from core.run.control import ask

        if event.kind == "sql-password":
            value = answer("SQL password: ", secret=True)
            if value is None:
                hint = f"The run still waits. Give it with: mlops-env attach {self.environment.name}"
                raise MlopsError("Nothing was done.", code="declined", hint=hint)
            ask(self.environment.id, {"do": "provide", "kind": "sql-password", "value": value})
        elif confirm("Signed in again?"):
            ask(self.environment.id, {"do": "signed-in", "config": os.environ.get("CLOUDSDK_CONFIG", "")})


def _cancel(environment: Environment, out: Output) -> bool:
    """Ctrl-C on a run that this command started: asks on a terminal, cancels without one. True: cancelled."""
    from core.run.control import ask

    if interactive():
        try:
            if not confirm("\nStop the run? (No: it goes on, and this only stops watching.)"):
                return False
        except KeyboardInterrupt:
            return False
    try:
        ask(environment.id, {"do": "cancel", "reason": "Ctrl-C"})
    except MlopsError as error:
        out.error(error)
        return False
    out.say("Stopping; what is in flight is brought to a safe end first.")
    return True
