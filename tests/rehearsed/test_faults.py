"""Every call fails once, before its effect or after it: the installation ends all the same, each resource once."""

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


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", FAULTS)
def test_each_call_fails_once_and_each_resource_is_there_once(rehearsed: Any, fault: str, when: str) -> None:
    scenario = f'speed = 0\n[[fault]]\ncall = "*"\nwhen = "{when}"\ntimes = 1\n{FAULTS[fault]}\n'
    events = rehearsed.install(scenario)
    assert events[-1]["type"] == "run.finished"
    assert {kind: len(of_kind(rehearsed.simulator, kind)) for kind in ONCE} == ONCE
    struck = of_kind(rehearsed.simulator, "faults")
    assert len(struck) > 60, "the fault struck few calls"
    assert rehearsed.install()[-1]["changed"] is False
