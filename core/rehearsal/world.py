"""The simulated cloud's state and physics in one object, which every part of it is handed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from core.rehearsal.clock import SimulatedClock
from core.rehearsal.faults import Faults
from core.rehearsal.identity import Identity
from core.rehearsal.scenario import Scenario
from core.rehearsal.store import Store


@dataclass(frozen=True, slots=True)
class World:
    """One simulated cloud with one project (``project``, ``number``)."""

    folder: Path
    project: str
    number: str
    store: Store
    clock: SimulatedClock
    scenario: Scenario
    faults: Faults
    identity: Identity

    @classmethod
    def open(cls, folder: Path, *, project: str, scenario: Scenario) -> World:
        """The world whose store lies in a folder, made there on its first day."""
        store = Store(folder / "store.sqlite")
        birth = store.get("world", "birth") or store.put("world", "birth", {"started": time.time()})
        clock = SimulatedClock(speed=scenario.speed, started=float(birth["started"]))
        identity = Identity(store=store, clock=clock, scenario=scenario)
        return cls(
            folder=folder,
            project=project,
            number="481516234200",
            store=store,
            clock=clock,
            scenario=scenario,
            faults=Faults(scenario, store),
            identity=identity,
        )
