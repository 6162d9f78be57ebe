"""Terraform's ``-json`` events, one object a line: what they tell the screen, and what a caller wants to know of them.

Lines that are no JSON (a provider's crash, Go's own panic) are kept: they are often the only cause that there is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.run.step import Reporter
from core.terraform.diagnostics import Diagnostic
from core.terraform.plans import Change, Plan

STATES = {
    "apply_start": "started",
    "apply_progress": "progress",
    "apply_complete": "done",
    "apply_errored": "failed",
}


@dataclass(frozen=True, slots=True)
class Completed:
    """A resource that an apply has just finished with."""

    address: str
    type: str
    name: str
    action: str
    id: str = ""


@dataclass
class Stream:
    """Reads the events of one command; ``on_complete`` hears of each resource as soon as it is complete."""

    reporter: Reporter
    on_complete: Callable[[Completed], None] = lambda _: None
    total: int = 0
    changes: list[Change] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    completed: list[Completed] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    at_work: dict[str, str] = field(default_factory=dict)

    def line(self, text: str) -> None:
        """Takes in one line."""
        try:
            event = json.loads(text)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            if text.strip():
                self.plain.append(text)
                self.reporter.log(text)
            return
        kind = event.get("type", "")
        if kind in STATES:
            self._hook(kind, event)
        elif kind == "planned_change":
            self.changes.append(Change.of(event["change"]))
        elif kind == "diagnostic":
            self._diagnostic(event["diagnostic"])
            return
        if kind not in ("refresh_start", "refresh_complete") and not (kind == "planned_change" and self.total):
            self.reporter.log(str(event.get("@message", "")))

    @property
    def plan(self) -> Plan:
        """What was planned."""
        return Plan(tuple(self.changes))

    @property
    def errors(self) -> list[Diagnostic]:
        """The diagnostics that are errors."""
        return [d for d in self.diagnostics if d.severity == "error"]

    def _hook(self, kind: str, event: dict[str, Any]) -> None:
        hook = event["hook"]
        resource = hook["resource"]
        address, action, seconds = resource["addr"], hook.get("action", ""), float(hook.get("elapsed_seconds", 0))
        self.reporter.resource(resource["resource_type"], address, action, STATES[kind], seconds)
        if kind == "apply_start":
            self.at_work[address] = action
        elif kind in ("apply_complete", "apply_errored"):
            self.at_work.pop(address, None)
        if kind == "apply_complete":
            done = Completed(
                address, resource["resource_type"], resource["resource_name"], action, str(hook.get("id_value", ""))
            )
            self.completed.append(done)
            self.on_complete(done)
            self._progress()

    def _progress(self) -> None:
        done, total = len(self.completed), max(self.total, len(self.completed))
        waiting = ", ".join(sorted({_short(address) for address in self.at_work})[:3])
        self.reporter.progress(f"{done} of {total} resources" + (f"; at work: {waiting}" if waiting else ""), done / total)

    def _diagnostic(self, data: dict[str, Any]) -> None:
        found = Diagnostic.of(data)
        self.diagnostics.append(found)
        if found.severity == "error" or "-target" not in found.text:
            self.reporter.log(f"{found.severity}: {found.text}" + (f" ({found.address})" if found.address else ""))


def _short(address: str) -> str:
    """The type of a resource in few words: ``container_cluster`` for ``module.cluster.google_container_cluster.this``."""
    plain = re.sub(r"\[[^\]]*\]", "", address)
    return plain.rpartition(".")[0].rpartition(".")[2].removeprefix("google_") or address
