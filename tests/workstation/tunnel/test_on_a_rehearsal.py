"""A tunnel to a VM of the simulated cloud: its entry in the ssh configuration, the relay, an SSH server, Docker's API."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ssh"))

import person as people

from core.environment import Environment, Home, rehearsal
from core.gcp import Google
from core.run.clock import Clock
from core.run.redact import Redactor

SCENARIO = 'speed = 0\n[project]\nresources = [ { type = "compute.instances", name = "gpu" } ]\n'
PING = """
import socket, sys
with socket.socket(socket.AF_UNIX) as docker:
    docker.connect(sys.argv[1])
    docker.sendall(b"GET /_ping HTTP/1.0\\r\\nHost: docker\\r\\n\\r\\n")
    print(docker.makefile("rb").read().decode(), end="")
"""
VM = ("--zone", "us-central1-a", "--instance", "gpu")


async def enable(environment: Environment, scenario: Path) -> str:
    cloud, project = rehearsal.cloud(environment, scenario=scenario), str(environment.values["project_id"])
    services = {"serviceIds": ["compute.googleapis.com", "iap.googleapis.com"]}
    async with Google(cloud, clock=Clock(0), redactor=Redactor(), project=None) as google:
        await google.call("serviceusage", "v1", "services.batchEnable", parent=f"projects/{project}", body=services)
    return project


@pytest.fixture
def project(home: Home, tmp_path: Path) -> Iterator[str]:
    """A project of a rehearsal on this machine, with a VM in it."""
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(SCENARIO)
    yield asyncio.run(enable(Environment.new(home, "demo", cloud="rehearsal", given={}).save(), scenario))
    rehearsal.stop(home, "demo")


def test_docker_on_a_vm_that_has_no_address(project: str, home: Home, tmp_path: Path) -> None:
    if reason := people.missing():
        pytest.skip(reason)
    person = people.Person(tmp_path)
    to = ("--project", project, *VM)
    refused = person.mlops("tunnel", "up", "gpu", *to, "--detach", code=2)
    assert f"mlops-env ssh add gpu --project {project}" in refused
    person.mlops("ssh", "add", "gpu", *to)
    try:
        forwards = ("--forward", f"{tmp_path}/d.sock=/var/run/docker.sock", "--forward", "0=/var/run/docker.sock")
        up = json.loads(person.mlops("tunnel", "up", "gpu", *forwards, "--detach", "--output", "json"))
        assert (up["state"], up["engine"]) == ("up", "asyncssh")
        answer = person.run(sys.executable, "-P", "-c", PING, f"{tmp_path}/d.sock")
        assert answer.stdout.endswith(b"OK"), answer
    finally:
        person.mlops("tunnel", "down", "gpu")
    log = person.mlops("tunnel", "logs", "gpu")
    assert "aes" in log or "chacha" in log
