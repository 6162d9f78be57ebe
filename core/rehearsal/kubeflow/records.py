"""Pipelines, versions, experiments and runs: in the database, so they outlive the cluster and go with the instance."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from core.rehearsal.world import World

Record = dict[str, Any]
KIND = "kubeflow."
PIPELINES, VERSIONS, EXPERIMENTS, RUNS = "pipelines", "pipeline_versions", "experiments", "runs"


@dataclass(frozen=True, slots=True)
class Records:
    """The records in one database of one instance (``owner``: ``PROJECT/INSTANCE/DATABASE``)."""

    world: World
    owner: str

    def all(self, what: str) -> list[Record]:
        """All records of a kind, the oldest first."""
        found = [r for _, r in self.world.store.items(KIND + what, f"{self.owner}/")]
        return sorted(found, key=lambda r: (r["number"], r["id"]))

    def get(self, what: str, id: str) -> Record | None:
        """One record."""
        return self.world.store.get(KIND + what, f"{self.owner}/{id}")

    def make(self, what: str, **values: Any) -> Record:
        """A new record, with an id and its time."""
        record = {
            "id": str(uuid.uuid4()),
            "created_at": self.world.clock.timestamp(),
            "number": 1 + max((r["number"] for r in self.all(what)), default=0),
            **values,
        }
        return self.put(what, record)

    def put(self, what: str, record: Record) -> Record:
        """Writes a record."""
        return self.world.store.put(KIND + what, f"{self.owner}/{record['id']}", record)

    def drop(self, what: str, id: str) -> None:
        """Removes a record."""
        self.world.store.delete(KIND + what, f"{self.owner}/{id}")

    def default_experiment(self) -> Record:
        """The experiment that a run is in for which none is named."""
        found = next((e for e in self.all(EXPERIMENTS) if e["name"] == "Default"), None)
        return found or self.make(EXPERIMENTS, name="Default", namespace="", description="Default experiment")


def forget(world: World) -> None:
    """Removes what was in the databases of instances that are gone."""
    for kind in world.store.kinds():
        if kind.startswith((KIND, "mysql.")):
            for name, _ in world.store.items(kind):
                project, instance, *_ = name.split("/")
                if world.store.get("sql.instances", f"{project}/{instance}") is None:
                    world.store.delete(kind, name)
