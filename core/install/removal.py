"""What a destruction would remove and what it would leave, as the runs' journals tell it, before anything is removed.

It is for a person who decides. The destruction itself goes by what it finds in the cloud, which may be more: what is the
environment's own is removed though no journal knows of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.environment import Environment
from core.install.platform_destroy import ARTIFACTS
from core.run import journal, runs
from core.run.state import Resource, RunState, fold

_PARTS = frozenset({"storage.buckets.iam", "mysql.user"})
"""Kinds that are a part of something else, and go or stay with it."""


@dataclass(frozen=True, slots=True)
class Made:
    """One thing that a run made, by the kind and the id that its events have."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Removal:
    """``cloud`` and ``objects`` go; ``buckets`` go with the data alone; ``services`` stay switched on in any case."""

    cloud: tuple[Made, ...]
    objects: tuple[Made, ...]
    buckets: tuple[Made, ...]
    services: tuple[Made, ...]


def removal(environment: Environment) -> Removal:
    """Everything that the environment's runs made and did not remove; may read for a while."""
    there: dict[tuple[str, str], Resource] = {}
    for run in runs.ids(environment):
        state = fold(journal.read(runs.folder(environment, run)))
        if runs.state(state, None) == "destroyed":
            there.clear()
            continue
        for resource in _resources(state):
            if resource.action == "delete" and resource.state == "done":
                there.pop((resource.kind, resource.id), None)
            elif resource.action != "delete":
                there[resource.kind, resource.id] = resource
    return _sorted(Made(*key) for key in there)


def _resources(state: RunState) -> Iterable[Resource]:
    return (resource for step in state.steps.values() for resource in step.resources.values())


def _sorted(found: Iterable[Made]) -> Removal:
    cloud, objects, buckets, services = [], [], [], []
    for made in found:
        if made.kind == "services":
            services.append(made)
        elif made.kind == "storage.buckets" or made.id == ARTIFACTS:
            buckets.append(made)
        elif made.kind[:1].isupper():
            objects.append(made)
        elif made.kind not in _PARTS:
            cloud.append(made)
    return Removal(tuple(cloud), tuple(objects), tuple(buckets), tuple(services))
