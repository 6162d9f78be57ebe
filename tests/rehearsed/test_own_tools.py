"""A rehearsed environment is there to be looked at with one's own tools."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any

import pytest

from core.toolchain import find


def variables(rehearsed: Any) -> dict[str, str]:
    """The environment of a shell that read ``rehearsal env``, as a shell reads it."""
    text = rehearsed.run("rehearsal", "env", "demo").stdout
    shown = subprocess.run(["sh", "-c", f"{text}\nenv -0"], capture_output=True, text=True, check=True).stdout
    return dict(entry.partition("=")[::2] for entry in shown.split("\0") if "=" in entry)


def test_terraform_in_the_work_directory_plans_no_change(installed: Any) -> None:
    folder = installed.environment.terraform_folder("platform")
    done = subprocess.run(
        [*find("terraform", installed.home).command, "plan", "-input=false", "-no-color", "-detailed-exitcode"],
        cwd=folder, env={**variables(installed), "CHECKPOINT_DISABLE": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "No changes" in done.stdout


def test_the_variables_hold_no_token(installed: Any) -> None:
    text = installed.run("rehearsal", "env", "demo").stdout
    assert "ya29." not in text
    assert "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE" in text


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not on PATH")
def test_stock_gcloud_lists_what_was_made(installed: Any) -> None:
    environment = variables(installed)

    def gcloud(*arguments: str) -> Any:
        done = subprocess.run(
            ["gcloud", *arguments, "--format=json"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    names = installed.environment.names
    assert [c["name"] for c in gcloud("container", "clusters", "list")] == [names.cluster]
    assert [i["name"] for i in gcloud("sql", "instances", "list")] == [names.sql_instance]
    assert names.artifact_bucket in json.dumps(gcloud("storage", "buckets", "list"))


def test_verify_proves_it_again_and_a_program_reads_the_result(installed: Any) -> None:
    checks = installed.json("verify", "demo")
    assert {c["state"] for c in checks} == {"pass"}
    assert {"hello pipeline", "Cloud Storage", "BigQuery", "Dataflow", "Artifact Registry"} <= {c["check"] for c in checks}
    assert installed.status()["state"] == "installed"


def test_check_lists_every_check_and_blocks_with_3(rehearsed: Any) -> None:
    wrong = str(rehearsed.scenario("speed = 0\n[sign_in]\nends_after = 0.001\n"))
    done = rehearsed.run("check", "demo", "--rehearse", "--scenario", wrong, "--output", "json", expect=3)
    states = {c["id"]: c["state"] for c in json.loads(done.stdout)}
    assert states["sign-in"] == "block"
    assert states["tool.terraform"] == "pass"
    assert "sign-in" in done.stderr


def test_logs_are_there_step_by_step(installed: Any) -> None:
    assert "google_container_cluster" in installed.run("logs", "demo", "platform").stdout
    lines = [json.loads(line) for line in installed.run("logs", "demo", "--output", "json").stdout.splitlines()]
    assert {"platform", "pipelines"} <= {line["step"] for line in lines}
    assert "Its steps" in installed.run("logs", "demo", "nosuch", expect=2).stderr


def test_the_app_folder_of_the_user_is_never_run(installed: Any) -> None:
    """The kubeconfig's token plugin starts from anywhere, also where the user has a ``core`` of their own."""
    trap = installed.home.root.parent / "work"
    for name in ("core", "tui"):
        (trap / name).mkdir(parents=True)
        (trap / name / "__init__.py").write_text("raise SystemExit('foreign code ran')\n")
    environment = {**os.environ, "KUBECONFIG": str(installed.environment.kubeconfig)}
    done = subprocess.run(
        [*find("kubectl", installed.home).command, "get", "namespaces"],
        cwd=trap, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "foreign" not in done.stdout + done.stderr
