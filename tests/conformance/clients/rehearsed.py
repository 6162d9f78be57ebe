"""A rehearsed environment, installed by the command line as its user does, with a port-forward to Kubeflow."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import install

PROGRAMS = Path(__file__).with_name("programs")
HELLO = Path(install.__file__).parent / "data" / "hello.yaml"
NAME = "clients"
PATIENCE = 900.0


class Failed(Exception):
    """A program ended with an error."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The environment, and the variables that point a shell's programs at its cloud."""

    variables: dict[str, str]
    url: str
    status: dict[str, Any]

    def pipelines(self) -> list[str]:
        """What the program for the SDK takes: where it is, a pipeline, and the pipeline's parameters."""
        parameters, facts = self.status["parameters"], self.status["facts"]
        given = {
            "bucket": facts["artifact_bucket"],
            "name": "conformance.json",
            "project": parameters["project_id"],
            "region": parameters["region"],
            "registry": str(facts["registry"]).rpartition("/")[2],
        }
        return [self.url, str(HELLO), json.dumps(given)]

    def objects(self) -> list[str]:
        """What the program for Cloud Storage takes: the endpoint, and the bucket."""
        root = self.variables["GOOGLE_STORAGE_CUSTOM_ENDPOINT"].removesuffix("/storage/v1/")
        return [root, self.status["facts"]["artifact_bucket"]]

    def seen(self, command: Sequence[str]) -> dict[str, Any]:
        """What one of the programs saw: the JSON on its last line."""
        python, program, *arguments = command
        code, out, err = self.run([python, str(PROGRAMS / program), *arguments])
        if code:
            raise Failed(err.strip()[-1500:])
        found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return found

    def command(self, *arguments: str) -> tuple[int, str]:
        """A command of ``mlops-env`` on the environment: its exit code, and what it said last."""
        code, out, err = self.run([*CLI, *arguments])
        return code, (out + err).strip()[-300:]

    def run(self, command: Sequence[str], *, stdin: str = "") -> tuple[int, str, str]:
        """A program pointed at the rehearsal: its exit code, and what it said."""
        done = subprocess.run(
            command, env=self.variables, input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        return done.returncode, done.stdout, done.stderr


@contextmanager
def rehearsed(scratch: Path, *, says: str = "speed = 0\n", **more: str) -> Iterator[Rehearsed]:
    """An installed environment by what a scenario says, with more variables; its cloud goes in the end."""
    scenario = scratch / "scenario.toml"
    scenario.write_text(says)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("GOOGLE_", "CLOUDSDK_", "KUBE"))}
    variables = {**inherited, **more, "MLOPS_ENV_HOME": str(scratch / "home")}
    try:
        _told(variables, "install", NAME, "--rehearse", "--yes", "--scenario", str(scenario))
        port = str(_free_port())
        _told(variables, "access", NAME, "--forward", port, "--detach")
        lines = shlex.split(_told(variables, "rehearsal", "env", NAME), comments=True)
        exported = dict(word.split("=", 1) for word in lines if "=" in word)
        status = json.loads(_told(variables, "status", NAME, "--output", "json"))
        yield Rehearsed({**variables, **exported}, f"http://localhost:{port}", status)
    finally:
        for command in (("access", NAME, "--stop"), ("rehearsal", "stop", NAME)):
            subprocess.run([*CLI, *command], env=variables, capture_output=True, check=False)


CLI = (sys.executable, "-P", "-m", "core.cli")


def _told(variables: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [*CLI, *arguments], env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE
    )
    if done.returncode:
        raise Failed(f"mlops-env {' '.join(arguments)}: {(done.stderr or done.stdout)[-1500:]}")
    return done.stdout


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
