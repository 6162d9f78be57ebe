"""How long the steps of a run are expected to take: as in earlier runs on this machine, else as they usually do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.events import Record, RunStarted
from core.install.installation import Installation
from core.install.plan import steps
from core.run.durations import learnt
from core.run.estimate import Estimate, estimate
from core.run.journal import timestamp
from core.run.state import RunState
from core.run.step import Step


def told(installation: Installation, which: Sequence[Step], action: str) -> list[dict[str, Any]]:
    """The steps of a run as its first event tells them."""
    environment = installation.environment
    took = learnt(environment.home, action, cloud=environment.cloud, rate=installation.cloud.rate)
    return [
        {
            "id": each.id,
            "title": each.title,
            "needs": list(each.needs),
            "publishes": list(each.publishes),
            "seconds": took.get(each.id, each.seconds),
            "optional": each.optional,
        }
        for each in which
    ]


def expected(installation: Installation) -> Estimate:
    """How long an installation from nothing takes, and which steps decide it."""
    begun = RunStarted(action="install", steps=told(installation, steps(installation, "install", {}), "install"))
    state = RunState()
    state.apply(Record(1, timestamp(), "", begun))
    return estimate(state, timestamp())
