"""A tunnel to a VM of the simulated cloud: its entry in the ssh configuration, the relay, an SSH server, Docker's API."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ssh"))

import person as people

from core.environment import Environment, Home, companions, rehearsal
from core.gcp import Google, storage
from core.run.clock import Clock
from core.run.redact import Redactor
from core.workstation.tunnel import book, tunnels
from core.workstation.tunnel.definition import Tunnel
from core.workstation.tunnel.preparing import complete

SCENARIO = """
speed = 0
[project]
resources = [ { type = "compute.instances", name = "gpu" }, { type = "compute.instances", name = "demo-notebook" } ]
"""
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
    yield asyncio.run(
        enable(
            Environment.new(home, "demo", cloud="rehearsal", given={"notebook": "vm", "zone": "us-central1-a"}).save(),
            scenario,
        )
    )
    rehearsal.stop(home, "demo")


@pytest.fixture
def person(tmp_path: Path) -> people.Person:
    """A person whose ssh knows nothing yet."""
    if reason := people.missing():
        pytest.skip(reason)
    return people.Person(tmp_path)


def test_docker_on_a_vm_that_has_no_address(project: str, person: people.Person, tmp_path: Path) -> None:
    to = ("--project", project, *VM)
    refused = person.mlops("tunnel", "up", "gpu", *to, "--detach", code=2)
    assert f"mlops-env ssh add gpu --project {project}" in refused
    assert not person.ssh_folder.exists(), "without a word of the user's, their configuration stays"
    try:
        forwards = ("--forward", f"{tmp_path}/d.sock=/var/run/docker.sock", "--forward", "0=/var/run/docker.sock")
        up = json.loads(person.mlops("tunnel", "up", "gpu", *forwards, "--yes", "--detach", "--output", "json"))
        assert up["relayed"]
        assert (up["state"], up["engine"]) == ("up", "asyncssh")
        assert "Host gpu" in (person.ssh_folder / "mlops-env.config").read_text()
        answer = person.run(sys.executable, "-P", "-c", PING, f"{tmp_path}/d.sock")
        assert answer.stdout.endswith(b"OK"), answer
    finally:
        person.mlops("tunnel", "down", "gpu")
    log = person.mlops("tunnel", "logs", "gpu")
    assert "aes" in log or "chacha" in log


def test_gclouds_client_carries_a_tunnel_where_the_entry_names_it(
    project: str, person: people.Person, tmp_path: Path
) -> None:
    """As in a company whose certificate only gcloud has, and wherever a person asks for it."""
    gcloud = tmp_path / "gcloud"
    ours = f"{sys.executable} -P -m core.cli ssh iap-proxy gpu 22 --project {project} --zone us-central1-a"
    gcloud.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\nexec {ours}\n')
    gcloud.chmod(0o755)
    to = ("--project", project, *VM)
    person.mlops("ssh", "add", "gpu", *to, "--set", f"ProxyCommand={gcloud} compute start-iap-tunnel gpu %p")
    try:
        up = json.loads(person.mlops("tunnel", "up", "gpu", *to, "--forward", "0=22", "--detach", "--output", "json"))
        assert up["state"] == "up"
        assert (tmp_path / "asked").read_text() == "compute start-iap-tunnel gpu 22\n"
        assert up["relayed"], "it is Google's relay all the same"
    finally:
        person.mlops("tunnel", "down", "gpu")


def test_a_new_boot_disk_brings_new_host_keys_which_the_vm_publishes(project: str, person: people.Person) -> None:
    person.mlops("ssh", "add", "gpu", "--project", project, *VM)
    known = person.ssh_folder / "mlops-env.known_hosts"
    right = known.read_text()
    known.write_text(re.sub(r"(?m).{12}$", lambda found: found[0].swapcase(), right))
    try:
        up = json.loads(person.mlops("tunnel", "up", "gpu", "--forward", "0=22", "--detach", "--output", "json"))
        assert up["state"] == "up"
        assert known.read_text() == right
    finally:
        person.mlops("tunnel", "down", "gpu")


CUT = """
[[fault]]
call = "relay"
error = "reset"
after_bytes = 60000
times = 2
seconds = 1
"""


@pytest.fixture
def cut(home: Home, tmp_path: Path) -> Iterator[str]:
    """A project whose relay is cut in the middle, twice, and closed for a while each time."""
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(SCENARIO + CUT)
    yield asyncio.run(enable(Environment.new(home, "cut", cloud="rehearsal", given={}).save(), scenario))
    rehearsal.stop(home, "cut")


def test_the_stock_ssh_outlives_a_relay_that_is_cut(cut: str, person: people.Person) -> None:
    person.mlops("ssh", "add", "gpu", "--project", cut, *VM)
    done = person.run("ssh", "gpu", "echo " + "x" * 100_000)
    assert (done.returncode, done.stdout) == (0, b"x" * 100_000 + b"\n"), done.stderr


def test_a_tunnel_to_an_environments_notebook_ends_with_the_environment(
    project: str, person: people.Person, home: Home
) -> None:
    environment = Environment.load(home, "demo")
    up = json.loads(person.mlops("tunnel", "up", "demo", "--forward", "0=22", "--yes", "--detach", "--output", "json"))
    assert up["host"] == "demo"

    assert companions.end(environment) == ["tunnel demo"]
    assert tunnels.status(home, "demo").state == "down"


async def keep_the_record(environment: Environment) -> None:
    """The environment's state bucket, as an installation leaves it."""
    project = str(environment.values["project_id"])
    async with Google(rehearsal.cloud(environment), clock=Clock(0), redactor=Redactor(), project=project) as google:
        labels = {"mlops-env": environment.name, "mlops-env-holds": "state"}
        body = {"name": f"state-{project}", "labels": labels}
        await google.call("storage", "v1", "buckets.insert", project=project, body=body)
        await storage.write(
            google, f"state-{project}", "environment.toml", (environment.folder / "environment.toml").read_text()
        )


def test_a_laptop_finds_an_environment_that_another_machine_installed(
    project: str, person: people.Person, home: Home, tmp_path: Path
) -> None:
    environment = Environment.load(home, "demo")
    asyncio.run(keep_the_record(environment))
    laptop = Home(tmp_path / "laptop")
    person.environment |= {"MLOPS_ENV_HOME": str(laptop.root), "MLOPS_ENV_REHEARSAL": str(home.rehearsals / "demo")}
    ask = ("--forward", "0=22", "--yes", "--detach", "--output", "json")
    assert "There is no environment named other" in person.mlops("tunnel", "up", "other", "--project", project, *ask, code=2)
    try:
        up = json.loads(person.mlops("tunnel", "up", "demo", "--project", project, *ask))
        assert (up["state"], up["relayed"]) == ("up", True)
        assert book.load(laptop)["demo"].project == project, "its name alone means it again"
        assert not (laptop.root / "environments" / "demo").exists()
    finally:
        person.mlops("tunnel", "down", "demo")


def test_two_homes_may_hold_environments_of_one_name(home: Home, tmp_path: Path) -> None:
    homes = [home, Home(tmp_path / "another")]
    made = [
        Environment.new(each, "twin", cloud="google", given={"project_id": "a-project-of-mine"}).save() for each in homes
    ]
    sockets = [complete(each, Tunnel("work", host="twin")).forwards[0].local.path for each in homes]
    assert [path.rpartition("/")[2] for path in sockets] == [f"docker-{each.id}.sock" for each in made]
    assert complete(home, Tunnel("box")).forwards[0].local.path.endswith("/docker-box.sock")
