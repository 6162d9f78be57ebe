"""Adding to what stands is predicted as a first installation is; what stands is held to nothing that came later."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rehearsed.store_of import of_kind

LATER = """
speed = 0
[project]
quotas.CPUS.limit = 4
policies."constraints/iam.disableServiceAccountCreation" = true
policies."constraints/compute.vmExternalIpAccess" = { denyAll = true }
policies."constraints/ainotebooks.disableRootAccess" = true
"""
"""Policies that would have forbidden the platform as well, and a quota that its one node fills."""
NOTEBOOK = ("--set", "notebook=vm", "--set", "image=kfp-dev")


@pytest.mark.timeout(300)
def test_what_is_added_to_a_platform_that_stands_is_predicted_and_the_rest_left_alone(rehearsed: Any) -> None:
    rehearsed.install("", "--set", "image=none")
    rehearsed.replay(LATER)

    refused = rehearsed.run("install", "demo", "--rehearse", "--yes", *NOTEBOOK, expect=3).stderr
    for named in ("CPUS has 0 left", "4 are needed", "constraints/iam.disableServiceAccountCreation",
                  "constraints/ainotebooks.disableRootAccess", "Leave notebook at none"):  # fmt: skip
        assert named in refused
    assert "vmExternalIpAccess" not in refused
    assert not of_kind(rehearsed.simulator, "notebooks.instances")
    back = ("--set", "notebook=none", "--set", "image=none")
    larger = ("--set", "node_machine_type=e2-standard-8")
    refused = rehearsed.run("install", "demo", "--rehearse", "--yes", *back, *larger, expect=3).stderr
    assert "Leave node_machine_type at e2-standard-4" in refused

    back = (*back, "--set", "node_machine_type=e2-standard-4")
    assert rehearsed.install(LATER, *back)[-1]["type"] == "run.finished"
    labelled = rehearsed.install(LATER, "--set", "labels=team=ml")
    assert labelled[-1]["type"] == "run.finished"
    assert labelled[-1]["changed"]

    rehearsed.replay("speed = 0\n")
    rehearsed.install("speed = 0\n", *NOTEBOOK)
    assert of_kind(rehearsed.simulator, "notebooks.instances")
