"""The form in which a program is described, and what no registry has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.rehearsal.kubernetes.programs.process import Problem, Process

GONE = ("gcr.io/ml-pipeline/application-crd-controller:", "gcr.io/ml-pipeline/should-be-overridden-during-runtime")
"""Images that a release names and no registry has."""

Check = Callable[[Process], list[Problem]]


@dataclass(frozen=True, slots=True)
class Program:
    """What is known of one program: what it checks, which ports it opens, whether its image has a shell.

    ``waits`` is for a program that ends by itself: what it still waits for, empty once it is done, which takes it
    ``seconds`` at least. ``effect`` is what it leaves behind once it runs well.
    """

    checks: tuple[Check, ...] = ()
    ports: Callable[[Process], set[int]] | None = None
    shell: bool = True
    greeting: str = ""
    waits: Callable[[Process], str] | None = None
    seconds: float = 0.0
    effect: Callable[[Process], None] | None = None

    def problems(self, process: Process) -> list[Problem]:
        """Everything that the program finds wrong."""
        return [p for check in self.checks for p in check(process)]

    def open_ports(self, process: Process) -> set[int]:
        """The ports that it listens on."""
        if self.ports is not None:
            return self.ports(process)
        return {int(p["containerPort"]) for p in process.container.get("ports") or ()}


UNKNOWN = Program(ports=lambda process: {-1})
"""A program that nothing is known of: it just runs, and any probe finds it."""
