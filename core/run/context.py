"""What a step is handed: its view of the engine, with every word it says redacted and written down."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import events
from core.errors import PersonNeeded

if TYPE_CHECKING:
    from core.run.clock import Clock
    from core.run.engine import Engine
    from core.run.redact import Redactor


class StepContext:
    """`core.run.step.Context` of one step; see there for what each method means."""

    def __init__(self, engine: Engine, step: str) -> None:
        self._engine, self._step = engine, step
        self.clock: Clock = engine.clock
        self.redactor: Redactor = engine.redactor
        self.has_changed = False
        self.waited = 0.0
        self.last_message = ""
        self._began: float | None = None
        self._held_before = 0.0

    def begin(self) -> None:
        """The step begins: its time counts from now."""
        self._began, self.waited, self.has_changed = self.clock.now(), 0.0, False
        self._held_before = self._engine.held()

    def seconds(self) -> float:
        """Seconds of the clock since the step began, without its waits for a person."""
        return 0.0 if self._began is None else self.clock.now() - self._began - self.waited

    def counted(self) -> float:
        """Seconds of the clock since the step began that count for its deadline: none in which a person was waited for."""
        held = self._engine.held() - self._held_before
        return 0.0 if self._began is None else self.clock.now() - self._began - held

    def log(self, text: str) -> None:
        stamp = time.strftime("%H:%M:%S", time.gmtime())
        lines = self.redactor.text(text).rstrip("\n").split("\n")
        # A disk that takes no more is told by the journal; no step ends for a line of its log.
        with contextlib.suppress(OSError), self._log_path().open("a", encoding="utf-8") as file:
            file.writelines(f"{stamp} {line}\n" for line in lines)

    def progress(self, message: str, fraction: float | None = None) -> None:
        self.last_message = message
        self._engine.journal.append(events.StepProgress(step=self._step, message=message, fraction=fraction))

    def resource(self, kind: str, id: str, action: str, state: str, seconds: float = 0.0) -> None:
        self._engine.journal.append(
            events.ResourceChanged(step=self._step, kind=kind, id=id, action=action, state=state, seconds=seconds)
        )

    def fact(self, name: str) -> Any:
        return self._engine.facts[name]

    async def wait_for(self, name: str) -> Any:
        return await self._engine.fact(name)

    def publish(self, name: str, value: Any) -> None:
        self._engine.publish(self._step, name, value)

    def operation_started(self, key: str, name: str) -> None:
        self._engine.operations[key] = name
        self._engine.journal.append(events.OperationStarted(step=self._step, key=key, name=name))

    def operation_finished(self, key: str, name: str) -> None:
        self._engine.operations.pop(key, None)
        self._engine.journal.append(events.OperationFinished(step=self._step, key=key, name=name))

    def pending_operation(self, key: str) -> str | None:
        return self._engine.operations.get(key)

    async def person(self, kind: str, message: str, *, hint: str = "", command: str = "", account: str = "") -> Any:
        needed = PersonNeeded(kind, message, hint=hint, command=command)
        return await self._engine.person(needed, step=self._step)

    def changed(self) -> None:
        self.has_changed = True

    def _log_path(self) -> Path:
        self._engine.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._engine.logs / f"{self._step}.log"
