"""A run that is stopped in the middle of its image's build cancels the build; one that dies leaves it to the next."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.rehearsed.store_of import of_kind

LONG_BUILD = """
speed = 60
[durations]
"serviceusage.services.batchEnable" = 5
"iam.projects.serviceAccounts.create" = 1
"servicenetworking.services.connections.create" = 5
"container.projects.locations.clusters.create" = 20
"container.projects.locations.clusters.nodePools.create" = 5
"container.projects.locations.clusters.nodePools.delete" = 5
"sql.instances.insert" = 20
"cloudbuild.projects.locations.builds.create" = 900
"kfp:run" = 5
[delays]
iam = 1
services = 1
"""
"""A cloud on which everything is there in moments, and the image takes a quarter of an hour, fifteen real seconds."""


@pytest.mark.timeout(300)
def test_a_stopped_run_cancels_its_build_and_a_dead_ones_is_taken_up(rehearsed: Any) -> None:
    path = rehearsed.scenario(LONG_BUILD)
    rehearsed.run("install", "demo", "--rehearse", "--yes", "--detach", "--scenario", str(path))
    _until_at_work(rehearsed)
    rehearsed.run("cancel", "demo")
    _until_free(rehearsed)
    assert rehearsed.status()["state"] == "cancelled"
    assert _builds(rehearsed) == ["CANCELLED"]
    assert "The build is cancelled" in rehearsed.run("logs", "demo", "image").stdout

    rehearsed.run("retry", "demo", "--yes", "--detach")
    _until_at_work(rehearsed)
    os.kill(rehearsed.status()["run"]["pid"], signal.SIGTERM)
    _until_free(rehearsed)
    assert rehearsed.status()["state"] == "interrupted"
    assert _builds(rehearsed) == ["CANCELLED", "CANCELLED"]

    rehearsed.run("retry", "demo", "--yes", "--detach")
    _until_at_work(rehearsed)
    os.kill(rehearsed.status()["run"]["pid"], signal.SIGKILL)
    _until_free(rehearsed)
    rehearsed.replay(LONG_BUILD.replace("speed = 60", "speed = 300"))  # nobody has to reach this last one
    assert rehearsed.events("retry", "demo", "--yes")[-1]["type"] == "run.finished"
    assert _builds(rehearsed) == ["CANCELLED", "CANCELLED", "SUCCESS"], "the third build was followed, and no fourth begun"


BROKEN = """
speed = 0
[[fault]]
call = "cloudbuild.projects.locations.builds.create"
operation = "FAILED"
message = "ERROR: No matching distribution found"
times = 0
"""


@pytest.mark.timeout(300)
def test_without_its_image_a_notebook_is_left_out_until_there_is_one(
    rehearsed: Any, select: Callable[[list[dict[str, Any]], str], list[dict[str, Any]]]
) -> None:
    failed = rehearsed.install(BROKEN, "--set", "notebook=vm", expect=1)
    assert "No matching distribution found" in failed[-1]["error"]["cause"]
    without = rehearsed.events("retry", "demo", "--yes", "--skip", "image")
    assert without[-1]["type"] == "run.finished"
    states = {e["step"]: e["state"] for e in select(without, "step.finished")}
    assert (states["image"], states["notebook"]) == ("skipped", "skipped")
    assert not rehearsed.json("access", "demo").get("notebook")
    again = rehearsed.run("image", "build", "demo", expect=1).stderr
    assert again.count("No matching distribution found") == 1, "the log was told as it came, and is not told twice"
    assert "console.cloud.google.com" in again
    assert "Skip" not in again
    assert "is not there" in rehearsed.run("notebook", "start", "demo", expect=2).stderr

    rehearsed.replay("speed = 0\n")
    made = rehearsed.install("", "--set", "notebook=container")
    assert {e["step"]: e["state"] for e in select(made, "step.finished")}["notebook"] == "done"
    assert rehearsed.json("access", "demo")["notebook"]["kind"] == "container", "there was none that would be lost"


def _builds(rehearsed: Any) -> list[str]:
    found = of_kind(rehearsed.simulator, "cloudbuild.builds").values()
    return [b["build"]["status"] for b in sorted(found, key=lambda b: str(b["build"]["createTime"]))]


def _until_at_work(rehearsed: Any) -> None:
    """Until a build is at work that its run knows of."""
    while "WORKING" not in _builds(rehearsed):
        state = rehearsed.status()["state"]
        assert state == "running", state
        time.sleep(0.05)


def _until_free(rehearsed: Any) -> None:
    from core.run import runs

    while runs.current(rehearsed.environment) is not None:
        time.sleep(0.01)
