"""A run that is killed, stopped or watched in mid-work leaves something that one retry brings to its end.

Several interruptions share a rehearsal: each meets what the one before it has left half made.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.rehearsed.store_of import of_kind

QUICKENED = "speed = 100\n"
LASTING = """
speed = 100
[durations]
"sql.instances.insert" = 4500
"""
"""The same with work that goes on for most of a minute: whoever steers the run must reach it on a busy machine too."""
ONCE = {
    "container.clusters": 1,
    "sql.instances": 1,
    "compute.routers": 1,
    "servicenetworking.connections": 1,
    "iam.serviceAccounts": 3,
    "storage.buckets": 3,
    "artifactregistry.repositories": 1,
    "secretmanager.secrets": 1,
}


def begin(rehearsed: Any) -> None:
    path = rehearsed.scenario(QUICKENED)
    rehearsed.run("install", "demo", "--rehearse", "--yes", "--detach", "--scenario", str(path))


def count(rehearsed: Any) -> dict[str, int]:
    return {kind: len(of_kind(rehearsed.simulator, kind)) for kind in ONCE}


def kill(rehearsed: Any) -> None:
    """Kills the run as a machine that dies would, and looks at what it left."""
    pid = rehearsed.status()["run"]["pid"]
    assert pid, "the run was over before it could be killed"
    os.kill(pid, signal.SIGKILL)
    _until_free(rehearsed)
    assert rehearsed.status()["state"] == "interrupted"


@pytest.mark.parametrize("moments", [(1.0, 2.0, 4.0), (5.0, 3.0)], ids=["1-2-4", "5-3"])
def test_a_killed_run_is_interrupted_and_one_retry_ends_it(rehearsed: Any, moments: tuple[float, ...]) -> None:
    begin(rehearsed)
    for number, seconds in enumerate(moments):
        if number:
            rehearsed.run("retry", "demo", "--yes", "--detach")
        time.sleep(seconds)  # the moment of the kill is what is tried here
        kill(rehearsed)
    events = rehearsed.events("retry", "demo", "--yes")
    assert events[-1]["type"] == "run.finished"
    assert rehearsed.status()["state"] == "installed"
    assert count(rehearsed) == ONCE


def test_terraform_killed_with_its_run_leaves_a_stale_lock_that_is_taken_off(rehearsed: Any) -> None:
    begin(rehearsed)
    pid = _until_terraform_applies(rehearsed)
    os.kill(rehearsed.status()["run"]["pid"], signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    _until_free(rehearsed)
    events = rehearsed.events("retry", "demo", "--yes")
    assert events[-1]["type"] == "run.finished"
    assert count(rehearsed) == ONCE


def test_what_watches_and_stops_a_run(rehearsed: Any) -> None:
    """Detached, watched, asked for twice, cancelled, terminated; each time one retry goes on."""
    path = rehearsed.scenario(LASTING)
    shown = rehearsed.run("install", "demo", "--rehearse", "--yes", "--detach", "--scenario", str(path)).stdout
    assert "mlops-env attach demo" in shown
    refused = rehearsed.run("install", "demo", "--rehearse", "--yes", expect=6)
    assert "mlops-env attach demo" in refused.stderr
    with rehearsed.begun("attach", "demo") as watcher:
        watcher.stderr.readline()
        watcher.send_signal(signal.SIGINT)
        assert watcher.wait(60) == 0
    assert rehearsed.status()["state"] == "running"

    _until_terraform_applies(rehearsed)
    os.kill(rehearsed.status()["run"]["pid"], signal.SIGTERM)
    _until_free(rehearsed)
    assert rehearsed.status()["state"] == "interrupted"
    assert rehearsed.run("attach", "demo", expect=1).stderr.count("SIGTERM") == 1

    rehearsed.run("retry", "demo", "--yes", "--detach")
    rehearsed.run("cancel", "demo")
    assert rehearsed.events("attach", "demo", expect=4)[-1]["type"] == "run.cancelled"
    assert rehearsed.status()["state"] == "cancelled"
    rehearsed.replay(LASTING.replace("speed = 100", "speed = 400"))  # nobody has to reach this last one
    assert rehearsed.events("retry", "demo", "--yes")[-1]["type"] == "run.finished"
    assert count(rehearsed) == ONCE


def test_ctrl_c_on_install_without_a_terminal_cancels_gracefully(rehearsed: Any) -> None:
    path = rehearsed.scenario(LASTING)
    with rehearsed.begun("install", "demo", "--rehearse", "--yes", "--scenario", str(path), "--output", "json") as install:
        install.stdout.readline()
        _until_terraform_applies(rehearsed)
        install.send_signal(signal.SIGINT)
        out, _ = install.communicate(timeout=100)
    assert install.returncode == 4
    assert json.loads(out.splitlines()[-1])["type"] == "run.cancelled"
    assert rehearsed.status()["state"] == "cancelled"


def test_the_simulated_cloud_killed_and_started_again_has_lost_nothing(installed: Any) -> None:
    before = of_kind(installed.simulator, "kubernetes.objects")
    port = installed.endpoints["google"]
    os.kill(installed.endpoints["pid"], signal.SIGKILL)
    assert installed.endpoints["google"] == port
    assert installed.install()[-1]["changed"] is False
    after = of_kind(installed.simulator, "kubernetes.objects")
    assert set(before) <= set(after)


def _until_free(rehearsed: Any) -> None:
    from core.run import runs

    while runs.current(rehearsed.environment) is not None:
        time.sleep(0.01)


def _until_terraform_applies(rehearsed: Any) -> int:
    """The pid of the Terraform that applies, once the cluster is being made."""
    from core.run import runs

    while True:
        assert runs.current(rehearsed.environment) is not None, "the run is over"
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                line = (entry / "cmdline").read_bytes().split(b"\0")
                folder = str((entry / "cwd").readlink())
            except OSError:
                continue
            if b"apply" in line and folder.startswith(str(rehearsed.home.root)):
                if of_kind(rehearsed.simulator, "container.clusters"):
                    return int(entry.name)
        time.sleep(0.02)
