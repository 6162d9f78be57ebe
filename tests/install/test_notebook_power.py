"""Starting and stopping a notebook outside a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.environment import Home
from core.errors import PermanentError
from core.install import notebook_power
from core.rehearsal.google import strangers
from tests.gcp.simulated_google import Told, installation, simulation

ZONE = "us-central1-a"


@pytest.mark.parametrize("verb", ["start", "stop"])
async def test_someone_elses_instance_of_that_name_is_left_alone(tmp_path: Path, home: Home, verb: str) -> None:
    async with simulation(tmp_path / "cloud") as found:
        made = installation(found, home, zone=ZONE, notebook="vm")
        body = {"serviceIds": ["notebooks.googleapis.com"]}
        parent = f"projects/{found.world.project}"
        begun = await made.google.call(
            "serviceusage", "v1", "services.batchEnable", parent=parent, body=body, quota_project=False
        )
        await made.google.wait("serviceusage", "v1", begun)
        name = f"projects/{found.world.project}/locations/{ZONE}/instances/{made.names.notebook}"
        state = "STOPPED" if verb == "start" else "ACTIVE"
        strangers.plant(found.world, {"type": "notebooks.instances", "name": name, "state": state}, 1)
        try:
            with pytest.raises(PermanentError) as refused:
                await notebook_power.turn(made, verb, Told(made.clock))
            there = found.world.store.get("notebooks.instances", name)
        finally:
            await made.close()
    assert (refused.value.code, there["state"]) == ("name-taken", state)
    assert made.names.notebook in refused.value.message
