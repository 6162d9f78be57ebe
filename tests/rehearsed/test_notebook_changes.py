"""A notebook that is there is changed where Google lets it be, stopped for that and started again; the rest is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.rehearsed.store_of import of_kind

REFUSED_ONCE = """
speed = 0
[[fault]]
call = "notebooks.projects.locations.instances.patch"
status = 400
reason = "FAILED_PRECONDITION"
times = 1
"""


def _instance(rehearsed: Any) -> dict[str, Any]:
    (found,) = of_kind(rehearsed.simulator, "notebooks.instances").values()
    assert isinstance(found, dict)
    return found


@pytest.mark.timeout(300)
def test_what_changes_of_a_notebook_is_told_done_and_leaves_it_running(
    rehearsed: Any, select: Callable[[list[dict[str, Any]], str], list[dict[str, Any]]]
) -> None:
    rehearsed.install("", "--set", "notebook=container", "--set", "image=kfp-dev")
    grown = {"dataDisk": {"diskSizeGb": "200"}}
    rehearsed.api("POST", f"notebooks/v2/{_instance(rehearsed)['name']}:resizeDisk", grown)

    wish = ("--set", "notebook_machine_type=e2-standard-8", "--set", "image=tfx-kfp-dev")
    shown = rehearsed.run("plan", "demo", *wish).stdout
    (line,) = [text for text in shown.splitlines() if "google_workbench_instance" in text]
    assert "stopped for a moment: machine type e2-standard-4 → e2-standard-8, image kfp-dev:src-" in line
    events = rehearsed.install("", *wish)
    told = [e["message"] for e in select(events, "step.progress") if e["step"] == "notebook"]
    assert any(message.startswith("the notebook is stopped for a moment: machine type") for message in told)
    setup = _instance(rehearsed)["gceSetup"]
    assert setup["machineType"] == "e2-standard-8"
    assert setup["containerImage"]["repository"].endswith("/tfx-kfp-dev")
    assert setup["dataDisks"][0]["diskSizeGb"] == "200", "a disk that someone grew stays so"
    assert _instance(rehearsed)["state"] == "ACTIVE"
    again = rehearsed.install()
    assert [e["state"] for e in select(again, "step.finished") if e["step"] == "notebook"] == ["unchanged"]

    rehearsed.replay(REFUSED_ONCE)
    rehearsed.install(REFUSED_ONCE, "--set", "notebook_machine_type=e2-standard-4", expect=1)
    assert _instance(rehearsed)["state"] == "STOPPED", "the change failed after it was stopped"
    assert rehearsed.events("retry", "demo", "--yes")[-1]["type"] == "run.finished"
    assert _instance(rehearsed)["gceSetup"]["machineType"] == "e2-standard-4"
    assert _instance(rehearsed)["state"] == "ACTIVE", "nobody but the run itself had stopped it"

    rehearsed.json("notebook", "stop", "demo")
    shown = rehearsed.run("plan", "demo", "--set", "notebook_machine_type=e2-standard-2").stdout
    assert "stopped for a moment" not in shown, "it is stopped already"
    rehearsed.install("", "--set", "notebook_machine_type=e2-standard-2")
    assert _instance(rehearsed)["gceSetup"]["machineType"] == "e2-standard-2"
    assert _instance(rehearsed)["state"] == "STOPPED", "what a person stopped stays stopped through a change"

    for command in ("install", "plan"):
        refused = rehearsed.run(command, "demo", "--rehearse", "--yes", "--set", "notebook=vm", expect=2)
        assert "Google changes no instance's kind" in refused.stderr
    assert rehearsed.json("status", "demo")["parameters"]["notebook"] == "container"
