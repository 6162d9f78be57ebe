"""An image and a notebook on it, as a user makes, stops, keeps and destroys them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from tests.rehearsed.store_of import documents

SLOW_DATABASE = """
speed = 60
[durations]
"serviceusage.services.batchEnable" = 5
"iam.projects.serviceAccounts.create" = 1
"servicenetworking.services.connections.create" = 5
"container.projects.locations.clusters.create" = 60
"container.projects.locations.clusters.nodePools.create" = 20
"container.projects.locations.clusters.nodePools.delete" = 20
"container.projects.locations.clusters.delete" = 5
"sql.instances.insert" = 600
"sql.instances.delete" = 5
"cloudbuild.projects.locations.builds.create" = 60
"notebooks.projects.locations.instances.create" = 30
"kfp:run" = 5
[delays]
iam = 1
services = 1
"""
"""A cloud on which Cloud SQL takes ten minutes, ten real seconds, and the image one."""


@pytest.mark.timeout(300)
def test_the_image_is_built_while_the_database_is_made_and_the_notebook_runs_it(
    rehearsed: Any, tmp_path: Path, select: Callable[[list[dict[str, Any]], str], list[dict[str, Any]]]
) -> None:
    """One rehearsal, since it has to take its time: what comes after begins with what it left."""
    events = rehearsed.install(SLOW_DATABASE, "--set", "image=tfx-kfp-dev", "--set", "notebook=vm")
    assert events[-1]["type"] == "run.finished"

    image = [e for e in events if e.get("step") == "image"]
    (built,) = [e for e in image if e["type"] == "step.finished"]
    (database,) = [e for e in select(events, "fact.published") if e["name"] == "sql_instance"]
    assert built["n"] < database["n"], "the image was there before the database"
    told = [e["message"] for e in select(image, "step.progress") if " of " in e["message"]]
    assert len(told) > 1, "the log came while the build went on"
    assert "Step 1/" in rehearsed.run("logs", "demo", "image").stdout

    published = rehearsed.status()["facts"]
    access = rehearsed.json("access", "demo")
    assert access["notebook"]["kind"] == "vm"
    assert access["notebook"]["url"].endswith(".notebooks.googleusercontent.com")
    assert "notebook" in rehearsed.run("access", "demo").stdout
    script = rehearsed.api("GET", f"storage/storage/v1/b/{published['build_bucket']}/o/notebook%2Fstartup.sh")
    assert script["contentType"] == "text/x-shellscript"

    _a_laptop_finds_its_image(rehearsed, tmp_path)

    stopped = rehearsed.json("notebook", "stop", "demo")
    assert (stopped["state"], stopped["changed"]) == ("STOPPED", True)
    vm = ("--project", rehearsed.status()["parameters"]["project_id"], "--zone", "us-central1-a")
    refused = rehearsed.run("ssh", "iap-proxy", stopped["name"], "22", *vm, expect=3)
    assert "mlops-env notebook start demo" in refused.stderr, "whoever connects is told how to go on"
    state = f"{published['state_bucket']}/o/terraform%2Fnotebook%2Fdefault.tfstate"
    rehearsed.api("DELETE", f"storage/storage/v1/b/{state}")
    again = rehearsed.install(SLOW_DATABASE)
    assert [e["state"] for e in select(again, "step.finished") if e["step"] == "image"] == ["unchanged"]
    assert rehearsed.api("GET", f"storage/storage/v1/b/{state}"), "what Terraform had lost is adopted, and not made anew"
    assert rehearsed.json("notebook", "stop", "demo")["changed"] is False, "what a person stopped stays stopped"
    assert rehearsed.json("notebook", "start", "demo")["state"] == "ACTIVE"

    refused = rehearsed.run("install", "demo", "--rehearse", "--yes", "--set", "notebook=container", expect=2)
    assert "disks" in refused.stderr

    rehearsed.run("destroy", "demo", "--yes", "--delete-data")
    kinds = {kind for kind, _ in documents(rehearsed.simulator)}
    assert not kinds & {"notebooks.instances", "compute.instances", "artifactregistry.images", "storage.buckets"}


def _a_laptop_finds_its_image(rehearsed: Any, folder: Path) -> None:
    """Another machine knows the project alone: the environment is found by its labels, its image in the registry."""
    laptop = replace(rehearsed, home=Home(folder / "laptop"), variables={"MLOPS_ENV_REHEARSAL": str(rehearsed.simulator)})
    project = rehearsed.status()["parameters"]["project_id"]
    (folder / "code").mkdir()
    new = ("devcontainer", "new", "tfx-kfp-dev", str(folder / "code"), "--env", "demo")
    assert "no environment named demo" in laptop.run(*new, expect=2).stderr
    laptop.run(*new, "--project", project)
    published = rehearsed.status()["facts"]["image"]
    assert (folder / "code" / ".devcontainer" / "Dockerfile").read_text() == f"FROM {published['reference']}\n"
    assert not list((folder / "laptop").glob("environments/*")), "it is looked at, and not taken over"
    missing = laptop.run(*new[:-1], "other", "--project", project, expect=2)
    assert f"no environment named other in the project {project}" in missing.stderr
    assert "--env" in laptop.run(*new[:-2], "--project", project, expect=2).stderr
    assert "no project's id" in laptop.run(*new, "--project", "Not_One", expect=2).stderr
