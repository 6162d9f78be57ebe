"""``terraform/notebook``: private, shielded, under its own account, and let into no more than it needs."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest
from platform_planned import ID, _work, terraform, values

from core.install.workdir import notebook_variables
from core.names import Names
from core.rehearsal.provider import mirror

INSTANCE = "google_workbench_instance.this"
IMAGE = {"reference": "us-central1-docker.pkg.dev/my-project/demo-images/kfp-dev@sha256:0", "tag": "src-0"}


@functools.cache
def _planned(kind: str, state: str = "ACTIVE", profile: str = "small") -> dict[str, Any]:
    work = _work().parent / "notebook"
    if not (work / ".terraform").is_dir():
        plugins = mirror.write(work.parents[1] / "mirror", rate=0)
        terraform(work, "init", "-no-color", f"-plugin-dir={plugins}")
    given = values(notebook=kind, profile=profile)
    names = Names.of(given, environment="demo", id=ID)
    script = "gs://demo-build-abcdef/notebook/startup.sh" if kind == "vm" else ""
    made = notebook_variables(given, names, image=IMAGE, script=script, desired_state=state)
    (work / "terraform.tfvars.json").write_text(json.dumps(made))
    done = terraform(work, "plan", "-no-color", "-input=false", "-out=p")
    assert done.returncode == 0, done.stderr
    shown = json.loads(terraform(work, "show", "-json", "p").stdout)
    return {c["address"]: c["change"]["after"] for c in shown["resource_changes"]}


def test_its_calls_are_charged_to_the_project() -> None:
    _planned("vm")
    shown = json.loads(terraform(_work().parent / "notebook", "show", "-json", "p").stdout)
    (provider,) = shown["configuration"]["provider_config"].values()
    assert provider["expressions"]["user_project_override"] == {"constant_value": True}
    assert provider["expressions"]["billing_project"] == {"references": ["var.project_id"]}


@pytest.mark.parametrize("kind", ["container", "vm"])
def test_it_is_private_and_shielded_and_leaves_os_login_to_workbench(kind: str) -> None:
    instance = _planned(kind)[INSTANCE]
    (setup,) = instance["gce_setup"]
    assert setup["disable_public_ip"] is True
    assert setup["shielded_instance_config"] == [
        {"enable_secure_boot": True, "enable_vtpm": True, "enable_integrity_monitoring": True}
    ]
    assert "enable-oslogin" not in setup["metadata"], "Workbench sets it, and the provider sends none of what that sets"
    (interface,) = setup["network_interfaces"]
    assert interface["network"].endswith("/demo-network")
    assert interface["subnet"].endswith("/demo-subnet")
    assert instance["labels"]["mlops-env-id"] == ID


def test_a_container_is_the_image_and_stops_when_idle() -> None:
    (setup,) = _planned("container")[INSTANCE]["gce_setup"]
    assert setup["container_image"] == [
        {"repository": "us-central1-docker.pkg.dev/my-project/demo-images/kfp-dev", "tag": "src-0"}
    ]
    assert setup["metadata"]["idle-timeout-seconds"] == "10800"
    assert "post-startup-script" not in setup["metadata"]


def test_a_vm_runs_its_script_at_every_start_and_watches_by_itself_whether_it_is_idle() -> None:
    (setup,) = _planned("vm")[INSTANCE]["gce_setup"]
    assert not setup["container_image"]
    assert setup["metadata"]["post-startup-script"] == "gs://demo-build-abcdef/notebook/startup.sh"
    assert setup["metadata"]["post-startup-script-behavior"] == "run_every_start"
    assert setup["metadata"]["idle-timeout-seconds"] == ""


def test_one_that_is_stopped_stays_so_and_a_trials_disks_fit_its_quota() -> None:
    stopped = _planned("vm", "STOPPED", "trial")[INSTANCE]
    assert stopped["desired_state"] == "STOPPED"
    (setup,) = stopped["gce_setup"]
    assert setup["machine_type"] == "e2-standard-2"
    assert {disk["disk_type"] for disk in (*setup["boot_disk"], *setup["data_disks"])} == {"PD_STANDARD"}


def test_its_account_holds_single_roles_and_can_not_change_what_it_boots() -> None:
    made = _planned("vm")
    project = {r["role"] for a, r in made.items() if a.startswith("google_project_iam_member.")}
    assert "roles/container.clusterViewer" in project
    assert not project & {"roles/editor", "roles/owner", "roles/container.developer", "roles/storage.admin"}
    assert made["google_storage_bucket_iam_member.startup"]["role"] == "roles/storage.objectViewer"
    assert made["google_artifact_registry_repository_iam_member.notebook"]["role"] == "roles/artifactregistry.reader"


def test_the_example_is_a_whole_one() -> None:
    _planned("vm")
    work = _work().parent / "notebook"
    (work / "terraform.tfvars.json").unlink()
    done = terraform(work, "plan", "-input=false", "-no-color", "-var-file=example.tfvars")
    _planned.cache_clear()
    assert done.returncode == 0, done.stderr
