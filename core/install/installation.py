"""What every step of one run works on: the environment, its cloud, and the adapters, each made when first asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.environment import Cloud, Environment
from core.names import Names
from core.run.clock import Clock
from core.run.redact import Redactor

if TYPE_CHECKING:
    from core.gcp import Google


@dataclass
class Installation:
    """One environment in one run; ``secrets`` holds what a person handed over (``sql_password``), in memory alone."""

    environment: Environment
    cloud: Cloud
    clock: Clock
    redactor: Redactor
    run_folder: Path
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        """Every parameter by its key, defaults filled in."""
        return self.environment.values

    @property
    def names(self) -> Names:
        """The names of everything that the environment makes."""
        return self.environment.names

    @cached_property
    def google(self) -> Google:
        """The one place that all calls of Google's APIs go through."""
        from core.gcp import Google

        return Google(self.cloud, clock=self.clock, redactor=self.redactor, project=self.values["project_id"])
