"""The whole way in a rehearsal: an entry is added, the stock ssh signs in through the relay, Docker answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from person import Person

from core.environment import Cloud, Environment, Home, rehearsal
from core.gcp import Google, storage
from core.gcp.errors import Conflict
from core.run.clock import Clock
from core.run.redact import Redactor

ZONE = "us-central1-a"
SCENARIO = """
speed = 0
[project]
resources = [
  { type = "compute.instances", name = "gpu" },
  { type = "compute.instances", name = "lab-notebook" },
  { type = "compute.instances", name = "quiet", metadata = { enable-guest-attributes = "FALSE" } },
  { type = "compute.instances", name = "asleep", status = "TERMINATED" },
  { type = "compute.instances", name = "keyring", metadata = { enable-oslogin-sk = "TRUE" } },
]
"""


async def enable(cloud: Cloud, project: str) -> None:
    services = {"serviceIds": ["compute.googleapis.com", "iap.googleapis.com"]}
    async with Google(cloud, clock=Clock(0), redactor=Redactor(), project=None) as google:
        await google.call("serviceusage", "v1", "services.batchEnable", parent=f"projects/{project}", body=services)


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """A rehearsal with some VMs, one for all tests."""
    folder = tmp_path_factory.mktemp("rehearsed")
    scenario = folder / "scenario.toml"
    scenario.write_text(SCENARIO)
    home = Home(folder / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_ENV_HOME", str(home.root))
        environment = Environment.new(home, "demo", cloud="rehearsal", given={}).save()
        cloud = rehearsal.cloud(environment, scenario=scenario)
        asyncio.run(enable(cloud, str(environment.values["project_id"])))
    yield environment
    rehearsal.stop(home, "demo")


@pytest.fixture
def project(rehearsed: Environment, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its project, with its home as everybody's."""
    monkeypatch.setenv("MLOPS_ENV_HOME", str(rehearsed.home.root))
    return str(rehearsed.values["project_id"])


def test_from_nothing_to_a_signed_in_ssh_and_back(project: str, person: Person) -> None:
    vm = ("--project", project, "--zone", ZONE, "--instance", "gpu")
    shown = person.mlops("ssh", "add", "gpu", *vm, "--dry-run")
    assert f"+Include {person.ssh_folder}/mlops-env.config" in shown
    assert not person.ssh_folder.exists(), "a dry run leaves nothing behind"

    theirs = "Host *\n  ServerAliveInterval 5\n  ConnectTimeout 3\n  StrictHostKeyChecking no\n  User joe\n"
    person.config(theirs)
    assert person.mlops("ssh", "add", "gpu", *vm) == "ssh gpu\n"
    own = person.ssh_folder / "mlops-env.config"
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    assert "StrictHostKeyChecking yes" in own.read_text()
    seen = person.run("ssh", "-G", "gpu").stdout.decode().splitlines()
    assert set(seen) >= {
        "connecttimeout 60", "serveraliveinterval 30", "serveralivecountmax 10", "identitiesonly yes", "proxyusefdpass no",
        "stricthostkeychecking true", "checkhostip no", f"userknownhostsfile {person.ssh_folder}/mlops-env.known_hosts",
        f"identityfile {person.ssh_folder}/mlops-env", "user you_rehearsal_example",
    }, "nobody's Host * decides it"  # fmt: skip

    said = person.run("ssh", "-o", "ConnectTimeout=5", "gpu", "whoami; hostname", bare=True)  # less than VS Code gives it
    assert said.stdout == b"you_rehearsal_example\ngpu\n", said.stderr
    looked = json.loads(person.mlops("ssh", "show", "gpu", "--output", "json"))
    assert looked["problems"] == []
    assert looked["configuration"]["hostname"] == ["gpu"]
    assert "# signed in as you@rehearsal.example\n" in own.read_text()
    own.write_text(own.read_text().replace("as you@", "as somebody@"))
    (problem,) = json.loads(person.mlops("ssh", "show", "gpu", "--output", "json"))["problems"]
    assert "those of somebody@rehearsal.example, and you are signed in as you@rehearsal.example" in problem

    own.write_text(own.read_text().replace("--account you@", "--account somebody@"))
    said = person.run("ssh", "gpu", "whoami")
    assert said.stdout == b"you_rehearsal_example\n"
    assert b"You are signed in as you@rehearsal.example, and ssh's key and user are those of somebody@" in said.stderr

    ping = b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n"
    answer = person.run("ssh", "gpu", "docker system dial-stdio", input=ping)
    assert answer.stdout.endswith(b"\r\n\r\nOK"), answer.stderr

    person.mlops("ssh", "remove", "gpu")
    left = sorted(path.name for path in person.ssh_folder.iterdir())
    assert left == ["config", "config.before-mlops-env", "mlops-env", "mlops-env.pub"], "the key stays: OS Login knows it"
    assert (person.ssh_folder / "config").read_text() == theirs


@pytest.mark.parametrize("key", ["mlops-env", "google_compute_engine"])
def test_a_dry_run_shows_what_is_then_written_and_brings_no_key_anywhere(project: str, person: Person, key: str) -> None:
    vm = ("ssh", "add", "gpu", "--project", project, "--zone", ZONE, "--instance", "gpu")
    person.ssh_folder.mkdir(mode=0o700)
    person.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(person.ssh_folder / key))
    public = (person.ssh_folder / f"{key}.pub").read_text().split()[1]

    shown = person.mlops(*vm, "--dry-run")
    assert asyncio.run(imported(project, public)) is False
    person.mlops(*vm)
    assert asyncio.run(imported(project, public)) is True
    written = (person.ssh_folder / "mlops-env.config").read_text().splitlines()
    lacking = [line for line in written if f"+{line}" not in shown.splitlines()]
    assert [line.split()[0] for line in lacking] == ["User"], "who one is there, OS Login says once it has the key"

    assert f"+{lacking[0]}" in person.mlops(*vm[:2], "other", *vm[3:], "--dry-run").splitlines()


async def imported(project: str, public: str) -> bool:
    """Whether OS Login has a key of the person's."""
    cloud = rehearsal.cloud_of(Home.find(), project)
    async with Google(cloud, clock=Clock(0), redactor=Redactor(), project=project) as google:
        name = f"users/{await google.account()}"
        profile = await google.call("oslogin", "v1", "users.getLoginProfile", name=name, projectId=project)
    return any(public in key["key"] for key in profile.get("sshPublicKeys", {}).values())


def test_a_key_that_has_ended_in_os_login_signs_in_again(project: str, person: Person) -> None:
    vm = ("ssh", "add", "gpu", "--project", project, "--zone", ZONE, "--instance", "gpu")
    person.ssh_folder.mkdir(mode=0o700)
    person.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(person.ssh_folder / "mlops-env"))
    asyncio.run(ended(project, (person.ssh_folder / "mlops-env.pub").read_text()))
    person.mlops(*vm)
    done = person.run("ssh", "gpu", "true")
    assert done.returncode == 0, done.stderr


async def ended(project: str, public: str) -> None:
    """A key of the person's in OS Login, whose end has passed."""
    cloud = rehearsal.cloud_of(Home.find(), project)
    async with Google(cloud, clock=Clock(0), redactor=Redactor(), project=project) as google:
        body = {"key": public, "expirationTimeUsec": "1"}
        name = f"users/{await google.account()}"
        await google.call("oslogin", "v1", "users.importSshPublicKey", parent=name, body=body, projectId=project)


def test_vs_codes_patience_is_made_that_of_a_vm_by_who_uses_it(project: str, person: Person) -> None:
    vm = ("ssh", "add", "gpu", "--project", project, "--zone", ZONE, "--instance", "gpu")
    command = (sys.executable, "-P", "-m", "core.cli", *vm)
    assert b"connectTimeout" not in person.run(*command).stderr
    (person.home / ".config" / "Code" / "User").mkdir(parents=True)
    person.environment["HOME"] = str(person.home)
    assert b'"remote.SSH.connectTimeout": 60' in person.run(*command).stderr


def test_a_host_key_that_changed_is_never_talked_to(project: str, person: Person) -> None:
    person.mlops("ssh", "add", "gpu", "--project", project, "--zone", ZONE, "--instance", "gpu")
    known = person.ssh_folder / "mlops-env.known_hosts"
    lines = known.read_text().splitlines()
    assert len(lines) == 2
    assert all(line.startswith("mlops-env.") for line in lines)
    flipped = [re.sub(r"(.{12})$", lambda found: found[1].swapcase(), line) for line in lines]
    known.write_text("\n".join(flipped) + "\n")

    done = person.run("ssh", "gpu", "true")
    assert done.returncode == 255
    assert b"Host key verification failed" in done.stderr


def test_a_vm_that_publishes_no_keys_is_believed_only_by_a_person(project: str, person: Person) -> None:
    vm = ("ssh", "add", "quiet", "--project", project, "--zone", ZONE, "--instance", "quiet")

    said = person.mlops(*vm, code=2)
    assert "SHA256:" in said
    assert not (person.ssh_folder / "config").exists()

    person.mlops(*vm, "--yes")
    assert person.run("ssh", "quiet", "true").returncode == 0
    assert person.mlops(*vm) == "ssh quiet\n", "once accepted, nobody is asked again"


@pytest.mark.parametrize(("instance", "said"), [("keyring", "security key"), ("no-such-vm", "There is no VM")])
def test_what_can_not_work_is_said_before_the_first_connection(
    project: str, person: Person, instance: str, said: str
) -> None:
    vm = ("--project", project, "--zone", ZONE, "--instance", instance)
    assert said in person.mlops("ssh", "add", "gpu", *vm, code=2 if instance == "no-such-vm" else 3)
    assert not (person.ssh_folder / "config").exists()


def test_a_vm_that_is_stopped_is_named_where_ssh_shows_it(project: str, person: Person) -> None:
    person.mlops("ssh", "add", "asleep", "--project", project, "--zone", ZONE, "--instance", "asleep")

    done = person.run("ssh", "asleep", "true", bare=True)
    assert done.returncode == 255
    assert b"The VM asleep is stopped" in done.stderr


def test_who_is_not_let_through_is_told_as_whom_they_came(project: str, person: Person) -> None:
    said = person.mlops("ssh", "iap-proxy", "no-such-vm", "22", "--project", project, "--zone", ZONE, code=3)
    assert "You are signed in as you@rehearsal.example." in said


def test_where_a_company_asks_for_the_devices_certificate_gcloud_is_the_way(
    project: str, person: Person, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gcloud").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "gcloud").chmod(0o755)
    person.environment["CLOUDSDK_CONTEXT_AWARE_USE_CLIENT_CERTIFICATE"] = "true"
    person.environment["CLOUDSDK_CONFIG"] = f"{tmp_path}/its settings"
    person.environment["PATH"] = f"{tmp_path}/bin:{person.environment['PATH']}"
    person.mlops("ssh", "add", "gpu", "--project", project, "--zone", ZONE, "--instance", "gpu")
    own = (person.ssh_folder / "mlops-env.config").read_text()
    gcloud = f"/usr/bin/env 'CLOUDSDK_CONFIG={tmp_path}/its settings' {tmp_path}/bin/gcloud"
    assert f"ProxyCommand {gcloud} compute start-iap-tunnel gpu %p --listen-on-stdin" in own, "a dock sets no variables"


@pytest.mark.parametrize("words", [("ssh", "add"), ("tunnel", "up")])
def test_an_environment_without_a_notebook_is_told_as_that(words: tuple[str, str], home: Home, person: Person) -> None:
    Environment.new(home, "bare", cloud="rehearsal", given={"notebook": "none"}).save()
    person.environment["MLOPS_ENV_HOME"] = str(home.root)
    assert "bare has no notebook to connect to" in person.mlops(*words, "bare", code=2)


RECORD = """
format = 1
id = "qwerty"
cloud = "rehearsal"
[parameters]
notebook = "{notebook}"
[resolved]
project_id = "{project}"
zone = "us-central1-a"
"""


def test_an_environment_that_is_not_installed_yet_is_told_from_one_that_is(home: Home, person: Person) -> None:
    Environment.new(home, "later", cloud="rehearsal", given={"notebook": "vm"}).save()
    person.environment["MLOPS_ENV_HOME"] = str(home.root)
    for words in (("ssh", "add"), ("tunnel", "up")):
        assert "mlops-env install later" in person.mlops(*words, "later", code=2)


@pytest.fixture
def another_machine(rehearsed: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A laptop whose home holds nothing, beside the machine that rehearses; the project."""
    monkeypatch.setenv("MLOPS_ENV_HOME", str(tmp_path / "laptop"))
    monkeypatch.setenv("MLOPS_ENV_REHEARSAL", str(rehearsed.home.rehearsals / "demo"))
    project = str(rehearsed.values["project_id"])
    cloud = rehearsal.cloud_of(Home.find(), project)
    assert cloud.rehearsal

    async def install(name: str, notebook: str) -> None:
        async with Google(cloud, clock=Clock(0), redactor=Redactor(), project=project) as google:
            bucket = f"{name}-state-{project}"
            labels = {"mlops-env": name, "mlops-env-holds": "state"}
            with contextlib.suppress(Conflict):
                await google.call(
                    "storage", "v1", "buckets.insert", project=project, body={"name": bucket, "labels": labels}
                )
            record = RECORD.format(notebook=notebook, project=project)
            await storage.write(google, bucket, "environment.toml", record)

    asyncio.run(install("lab", "vm"))
    asyncio.run(install("jupyter", "container"))
    asyncio.run(install("bare", "none"))
    return project


def test_an_environment_that_another_machine_installed_is_found_by_its_buckets_labels(
    another_machine: str, person: Person
) -> None:
    person.environment["MLOPS_ENV_REHEARSAL"] = os.environ["MLOPS_ENV_REHEARSAL"]
    there = ("--project", another_machine)

    assert person.mlops("ssh", "add", "lab", *there) == "ssh mlops-env-lab\n"
    said = person.run("ssh", "mlops-env-lab", "hostname", bare=True)
    assert said.stdout == b"lab-notebook\n", said.stderr

    assert "container" in person.mlops("ssh", "add", "jupyter", *there, code=2)
    assert "no notebook" in person.mlops("ssh", "add", "bare", *there, code=2)
    assert "no environment named other" in person.mlops("ssh", "add", "other", *there, code=2)
    assert "go together" in person.mlops("ssh", "add", "lab", *there, "--zone", ZONE, code=2)


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
def test_stock_gcloud_takes_the_relay_for_the_real_one(project: str, person: Person, rehearsed: Environment) -> None:
    person.mlops("ssh", "add", "gpu", "--project", project, "--zone", ZONE, "--instance", "gpu")
    cloud = json.loads((rehearsed.home.rehearsals / "demo" / "endpoints.json").read_text())
    proxy = (
        f"gcloud compute start-iap-tunnel gpu %p --listen-on-stdin --project {project} --zone {ZONE} --verbosity=error "
        f"--iap-tunnel-url-override={cloud['relay']}"
    )
    person.environment |= {**cloud["shell"], "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": cloud["ca_file"]}

    said = person.run("ssh", "-o", f"ProxyCommand={proxy}", "gpu", "whoami; echo " + "x" * 40_000)
    assert said.stdout == b"you_rehearsal_example\n" + b"x" * 40_000 + b"\n", said.stderr
