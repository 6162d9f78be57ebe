"""Every call fails, before its effect and after it: the installation ends all the same, each resource once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rehearsed.store_of import of_kind

FAULTS = {
    "503": 'status = 503\nreason = "backendError"',
    "429": 'status = 429\nreason = "rateLimitExceeded"',
    "reset": 'error = "reset"',
    "timeout": 'error = "timeout"',
}
ONCE = {
    "container.clusters": 1,
    "sql.instances": 1,
    "sql.users": 1,
    "compute.routers": 1,
    "compute.globalAddresses": 1,
    "servicenetworking.connections": 1,
    "iam.serviceAccounts": 3,
    "storage.buckets": 3,
    "artifactregistry.repositories": 1,
    "secretmanager.secrets": 1,
    "secretmanager.versions": 1,
}


def faults(before: str, after: str) -> str:
    """A scenario in which each call fails twice: its effect does not take place, then its answer is lost."""
    every = '[[fault]]\ncall = "*"\ntimes = 1\n'
    return f'speed = 0\n{every}when = "before"\n{FAULTS[before]}\n{every}when = "after"\n{FAULTS[after]}\n'


@pytest.mark.parametrize(("before", "after"), [("503", "reset"), ("reset", "503"), ("429", "timeout"), ("timeout", "429")])
def test_each_call_fails_and_each_resource_is_there_once(rehearsed: Any, before: str, after: str) -> None:
    events = rehearsed.install(faults(before, after))
    assert events[-1]["type"] == "run.finished"
    assert {kind: len(of_kind(rehearsed.simulator, kind)) for kind in ONCE} == ONCE
    struck = of_kind(rehearsed.simulator, "faults")
    for index in ("0", "1"):
        assert len([key for key in struck if key.startswith(f"{index}:")]) > 60, "the fault struck few calls"
