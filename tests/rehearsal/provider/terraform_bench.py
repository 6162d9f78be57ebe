"""The real Terraform with the stand-in provider, on a simulated cloud of the test's own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3
from aiohttp import web

from core.rehearsal.identity import USER
from core.rehearsal.provider import mirror
from core.rehearsal.provider.nursery import Nursery
from core.rehearsal.scenario import Scenario
from core.rehearsal.world import World
from core.toolchain import find

PROJECT = "demo-project"
APIS = {
    "ARTIFACT_REGISTRY": "artifactregistry/v1",
    "COMPUTE": "compute/compute/v1",
    "CONTAINER": "container/v1",
    "IAM": "iam/v1",
    "RESOURCE_MANAGER": "cloudresourcemanager/v1",
    "SECRET_MANAGER": "secretmanager/v1",
    "SERVICE_NETWORKING": "servicenetworking/v1",
    "SQL": "sqladmin/sql/v1beta4",
    "STORAGE": "storage/storage/v1",
    "WORKBENCH": "notebooks/v2",
}
SERVICES = ["artifactregistry", "cloudresourcemanager", "compute", "container", "iam", "secretmanager", "servicenetworking",
            "notebooks", "sqladmin", "storage"]  # fmt: skip
HEADER = f"""
terraform {{
  required_providers {{
    google = {{
      source = "hashicorp/google"
    }}
  }}
}}

provider "google" {{
  project               = "{PROJECT}"
  region                = "us-central1"
  zone                  = "us-central1-a"
  user_project_override = true
  billing_project       = "{PROJECT}"
  default_labels        = {{ team = "tests" }}
}}
"""


class Cloud:
    """A simulated cloud on a port: where it stands, whose token opens it, and calls to look at it and to meddle."""

    def __init__(self, port: int, token: str, rate: float, nursery: Path = Path()) -> None:
        self.root, self.token, self.rate, self.nursery = f"http://127.0.0.1:{port}", token, rate, nursery
        self._pool = urllib3.PoolManager()

    def call(self, method: str, path: str, body: Any = None, *, expect: int = 200) -> Any:
        """A call below an API's name; ``path`` begins with an API of `APIS`."""
        api, _, rest = path.partition("/")
        headers = {"Authorization": f"Bearer {self.token}", "X-Goog-User-Project": PROJECT}
        url = f"{self.root}/{APIS.get(api, api)}/{rest}"
        answer = (
            self._pool.request(method, url, headers=headers, json=body)
            if body is not None
            else self._pool.request(method, url, headers=headers)
        )
        assert answer.status == expect, answer.data.decode()
        return json.loads(answer.data) if answer.data else {}

    def upload(self, bucket: str, name: str, content: bytes) -> None:
        """Puts an object into a bucket."""
        url = f"{self.root}/storage/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name.replace('/', '%2F')}"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "text/plain"}
        answer = self._pool.request("POST", url, headers=headers, body=content)
        assert answer.status == 200, answer.data.decode()

    def enable(self) -> None:
        """Switches every API on that the provider calls, and waits until they answer."""
        ids = {"serviceIds": [f"{name}.googleapis.com" for name in SERVICES]}
        self.call("POST", f"serviceusage/v1/projects/{PROJECT}/services:batchEnable", ids)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                self.call("GET", f"ARTIFACT_REGISTRY/projects/{PROJECT}/locations/us-central1/repositories")
                self.call("GET", f"SQL/projects/{PROJECT}/instances")
                return
            except AssertionError:
                time.sleep(0.02)
        raise AssertionError("the APIs did not come up")

    @property
    def environment(self) -> dict[str, str]:
        """What points Terraform at this cloud."""
        endpoints = {f"GOOGLE_{name}_CUSTOM_ENDPOINT": f"{self.root}/{path}/" for name, path in APIS.items()}
        return {**endpoints, "GOOGLE_OAUTH_ACCESS_TOKEN": self.token}


@contextmanager
def cloud(folder: Path, scenario: Scenario) -> Iterator[Cloud]:
    """A simulated cloud with all APIs on, served from a thread."""
    ready: list[Cloud] = []
    started = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        from core.rehearsal.google import app

        world = World.open(folder, project=PROJECT, scenario=scenario)
        runner = web.AppRunner(app(world))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        token, _ = world.identity.mint(USER)
        nursery = Nursery(folder / mirror.NURSERY_FILE)
        nursery.open()
        ready.append(Cloud(runner.addresses[0][1], token, scenario.speed, folder / mirror.NURSERY_FILE))
        started.set()
        await stop.wait()
        await nursery.close()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(20)
    try:
        ready[0].enable()
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


class Terraform:
    """Terraform in a folder with one configuration."""

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        self.folder, self.cloud = folder, cloud
        folder.mkdir(parents=True, exist_ok=True)
        self.command = list(find("terraform").command)
        self.mirror = mirror.write(folder.parent / "providers", rate=cloud.rate)
        if cloud.nursery.is_file():
            shutil.copyfile(cloud.nursery, self.mirror / mirror.NURSERY_FILE)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "GOOGLE_", "CLOUDSDK_"))}
        self.environment = {
            **inherited,
            **cloud.environment,
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "TF_DISABLE_PLUGIN_TLS": "1",
        }

    def write(self, configuration: str, *, header: str = HEADER) -> None:
        """Takes a configuration in place of the one before, and initializes."""
        (self.folder / "main.tf").write_text(header + configuration)
        self.init()

    def beside(self, source: Path, module: str) -> Terraform:
        """Terraform in one module of a copied folder, on the same cloud."""
        copy = self.folder.parent / "copied"
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        return Terraform(copy / module, self.cloud)

    def init(self) -> None:
        """Initializes the folder."""
        done = self.run("init", f"-plugin-dir={self.mirror}")
        assert done.returncode == 0, done.stderr

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a subcommand to its end."""
        return subprocess.run(
            [*self.command, *arguments, "-no-color"] if arguments[0] not in ("output",) else [*self.command, *arguments],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, input=stdin, timeout=90, check=False,
        )  # fmt: skip

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts a subcommand in a session of its own."""
        return subprocess.Popen(
            [*self.command, *arguments, "-no-color"], cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def apply(self, *arguments: str) -> str:
        """Applies, and has it go well; what Terraform printed."""
        done = self.run("apply", "-auto-approve", *arguments)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        return done.stdout

    def refused(self, *arguments: str, command: str = "apply") -> str:
        """Applies, and has it fail; the errors, in one line."""
        done = self.run(command, *(["-auto-approve"] if command in ("apply", "destroy") else []), *arguments)
        assert done.returncode == 1, done.stdout[-3000:]
        return " ".join(done.stderr.split())

    def changes(self, *arguments: str) -> dict[str, str]:
        """What a plan would do (``create``, ``update``, ``replace``, ``delete``), by the resource's address."""
        done = self.run("plan", "-json", *arguments)
        assert done.returncode == 0, done.stdout
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        found = [e["change"] for e in events if e["type"] == "planned_change"]
        return {c["resource"]["addr"]: c["action"] for c in found if c["action"] not in ("noop", "import")}

    def state(self) -> dict[str, Any]:
        """The instances in the state by the resource's address, each with ``attributes`` and perhaps ``status``."""
        text = (self.folder / "terraform.tfstate").read_text()
        resources = json.loads(text)["resources"] if text else []  # it is empty after a kill
        return {f"{r['type']}.{r['name']}": instance for r in resources for instance in r["instances"]}


def providers_of(parent: int) -> list[int]:
    """The provider processes that live below a Terraform: its own child, and what a nursery forked for that."""
    found = []
    folder = Path(f"/proc/{parent}/cwd").resolve()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            command = (status.parent / "cmdline").read_bytes().replace(b"/", b".")
            forked = b"provider.nursery" in command and (status.parent / "cwd").resolve() == folder
        except OSError:
            continue
        if (int(fields[1]) == parent and b"core.rehearsal.provider" in command) or forked:
            found.append(int(status.parent.name))
    return found


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return "Z" not in (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def interrupt(process: subprocess.Popen[str]) -> str:
    """Sends one interrupt to the whole group, as a terminal does; what was printed by the end."""
    os.killpg(process.pid, signal.SIGINT)
    return process.communicate(timeout=60)[0]
