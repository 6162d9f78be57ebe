"""Stock gcloud and Terraform, where they are installed, find in a rehearsal what they look for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROJECT = "rehearsal-abcdef"
gcloud_only = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
terraform_only = pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a shell that looks at a rehearsal with every service on."""
    scenario = tmp_path / "scenario.toml"
    scenario.write_text("speed = 0\n")
    root = str(Path(__file__).resolve().parents[3])
    environment = {**os.environ, "MLOPS_ENV_HOME": str(tmp_path / "home"), "PYTHONPATH": root}
    command = [sys.executable, "-P", "-m", "core.rehearsal", "demo", "--project", PROJECT, "--scenario", str(scenario)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    with process.stdout:
        assert json.loads(process.stdout.readline()) == {"ready": True}
    endpoints = json.loads((tmp_path / "home" / "rehearsals" / "demo" / "endpoints.json").read_text())
    yield {**os.environ, **endpoints["shell"]}
    process.terminate()
    process.wait(20)


def run(shell: dict[str, str], *command: str, folder: Path | None = None) -> str:
    done = subprocess.run(command, env=shell, cwd=folder, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def gcloud(shell: dict[str, str], *command: str) -> Any:
    return json.loads(run(shell, "gcloud", *command, "--format=json") or "null")


@gcloud_only
def test_gcloud_enables_makes_lists_and_describes(shell: dict[str, str]) -> None:
    apis = ("cloudresourcemanager", "compute", "container", "sqladmin", "cloudbuild", "iam", "secretmanager")
    run(shell, "gcloud", "services", "enable", *(f"{a}.googleapis.com" for a in apis))
    assert gcloud(shell, "projects", "describe", PROJECT)["lifecycleState"] == "ACTIVE"
    run(shell, "gcloud", "compute", "networks", "create", "net", "--subnet-mode=custom")
    assert [n["name"] for n in gcloud(shell, "compute", "networks", "list", "--filter=name=net")] == ["net"]
    assert gcloud(shell, "compute", "networks", "subnets", "list", "--regions=us-west1")[0]["name"] == "default"
    for kind in (("container", "clusters"), ("sql", "instances"), ("builds",), ("secrets",), ("iam", "service-accounts")):
        assert gcloud(shell, *kind, "list") == []


@gcloud_only
def test_gcloud_writes_reads_and_deletes_in_cloud_storage(shell: dict[str, str], tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_bytes(os.urandom(300_000))
    run(shell, "gcloud", "storage", "buckets", "create", "gs://box", "--uniform-bucket-level-access")
    run(shell, "gcloud", "storage", "cp", str(data), "gs://box/a/b")
    run(shell, "gcloud", "storage", "cp", "gs://box/a/b", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == data.read_bytes()
    assert run(shell, "gcloud", "storage", "ls", "gs://box/**").split() == ["gs://box/a/b"]
    run(shell, "gcloud", "storage", "rm", "-r", "gs://box")
    assert gcloud(shell, "storage", "buckets", "list") in (None, [])


@terraform_only
def test_terraform_keeps_its_state_in_a_bucket(shell: dict[str, str], tmp_path: Path) -> None:
    import urllib.request

    token = Path(shell["CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"]).read_text()
    root = shell["GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT"]
    body = {"name": "state", "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
    headers = {"Authorization": f"Bearer {token}"}
    urllib.request.urlopen(urllib.request.Request(f"{root}b?project={PROJECT}", json.dumps(body).encode(), headers)).close()
    work = tmp_path / "work"
    work.mkdir()
    backend = 'backend "gcs" {\n bucket = "state"\n prefix = "some/where"\n }'
    (work / "main.tf").write_text(f'terraform {{\n {backend}\n}}\noutput "answer" {{\n value = 42\n}}\n')
    run(shell, "terraform", "init", "-no-color", folder=work)
    run(shell, "terraform", "apply", "-auto-approve", folder=work)
    assert json.loads(run(shell, "terraform", "output", "-json", folder=work))["answer"]["value"] == 42
    listed = urllib.request.urlopen(urllib.request.Request(f"{root}b/state/o", headers=headers))
    with listed:
        assert [o["name"] for o in json.loads(listed.read())["items"]] == ["some/where/default.tfstate"]
