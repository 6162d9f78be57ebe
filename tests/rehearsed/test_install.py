"""One command installs everything against the simulated cloud, with real tools; a second one changes nothing."""

from __future__ import annotations

import json
from typing import Any


def test_an_installation_ends_finished_and_can_be_looked_at(installed: Any, once: Any) -> None:
    assert once.events[-1]["type"] == "run.finished"
    assert once.events[-1]["changed"] is True
    status = installed.status()
    assert status["state"] == "installed"
    assert {step["state"] for step in status["steps"]} <= {"done", "unchanged"}
    assert status["parameters"]["profile"] == "small"
    assert status["run"]["pid"] is None

    access = installed.json("access", "demo")
    assert access["kubeconfig"]["path"] == str(installed.environment.kubeconfig)
    assert access["pipelines_ui"]["reachable"] is False
    deployments = json.loads(installed.kubectl("get", "deployments", "-n", "kubeflow", "-o", "json"))["items"]
    assert len(deployments) == 12
    for deployment in deployments:
        conditions = {c["type"]: c["status"] for c in deployment["status"]["conditions"]}
        assert conditions["Available"] == "True", deployment["metadata"]["name"]


def test_a_second_installation_changes_nothing(installed: Any, select: Any) -> None:
    events = installed.install()
    assert events[-1]["type"] == "run.finished"
    assert events[-1]["changed"] is False
    assert not select(events, "operation.started")
    assert not [e for e in select(events, "resource.changed") if e["action"] != "read"]
    assert {s["state"] for s in installed.status()["steps"]} == {"unchanged"}


def test_the_forward_reaches_kubeflow_and_outlives_its_command(installed: Any) -> None:
    opened = installed.json("access", "demo", "--forward", "18080", "--detach")
    assert opened["pipelines_ui"]["reachable"] is True
    assert opened["pipelines_ui"]["via"] == "port-forward"
    again = installed.json("access", "demo")
    assert again["pipelines_ui"] == opened["pipelines_ui"]
    assert installed.json("access", "demo", "--stop")["stopped"] is True
    assert installed.json("access", "demo")["pipelines_ui"]["reachable"] is False


def test_a_rehearsal_keeps_its_scenario(installed: Any) -> None:
    other = installed.scenario("speed = 60\n")
    refused = installed.run("install", "demo", "--rehearse", "--yes", "--scenario", str(other), expect=2)
    assert "keeps its scenario" in refused.stderr
