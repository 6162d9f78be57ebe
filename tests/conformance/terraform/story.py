"""``terraform/platform`` from nothing to nothing with one provider: what was planned, what was kept, what was asked.

`Terraform` serves the notebook's module too, whose own story is `tests.conformance.terraform.notebook`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.install.platform_destroy import FIRST
from core.install.workdir import MODULE, platform_variables
from core.names import Names
from core.parameters.specification import resolve
from core.prerequisites.existing import Expected, expected
from core.resources import folder
from core.toolchain import find
from tests.conformance.terraform.cloud import PROJECT, Cloud, Request

PATIENCE = 1800.0
PHASES: dict[str, dict[str, Any]] = {
    "changed nodes": {"node_max": 4},
    "changed database": {"node_max": 4, "sql_tier": "db-custom-2-7680"},
    "changed labels": {"node_max": 4, "sql_tier": "db-custom-2-7680", "labels": {"team": "research"}},
}
"""What is changed in place, one after the other, each as the parameters then stand."""


@dataclass(slots=True)
class Seen:
    """One phase as it was seen from outside."""

    plan: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    told: str = ""
    """The errors with which it ended; empty where it went well."""
    left: dict[str, str] = field(default_factory=dict)
    """What a plan right after it would still change."""


class Failed(Exception):
    """Terraform ended with an error where none was expected."""


class Terraform:
    """Terraform in a copy of a module, with one provider, against one cloud."""

    def __init__(self, work: Path, mirror: Path, cloud: Cloud, module: str = MODULE) -> None:
        self.folder, self.cloud, self.mirror = work / module, cloud, mirror
        shutil.copytree(folder("terraform"), work, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        kept = {k: os.environ[k] for k in ("PATH", "HOME", "TMPDIR") if k in os.environ}
        self.environment = {**kept, **cloud.environment, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        self.run("init", "-input=false", f"-plugin-dir={mirror}")

    def run(self, *arguments: str) -> str:
        """A subcommand's output; raises `Failed`."""
        code, output = self.tried(*arguments)
        if code != 0:
            raise Failed(f"terraform {' '.join(arguments)}: {output[-4000:]}")
        return output

    def tried(self, *arguments: str) -> tuple[int, str]:
        """A subcommand's exit code and output."""
        done = subprocess.run(
            [*find("terraform").command, *arguments, *([] if arguments[0] == "output" else ["-no-color"])],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout if done.returncode == 0 else done.stdout + done.stderr

    def set(self, **changed: Any) -> None:
        """Takes the variables that an installation sets for these parameters of the platform."""
        protection = bool(changed.pop("protection", False))
        delete = bool(changed.pop("delete", False))
        values = parameters(**changed)
        self.take(platform_variables(values, names(values), protection=protection, delete_artifacts=delete))

    def take(self, variables: dict[str, Any]) -> None:
        """Takes these variables."""
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(variables))

    def take_imports(self, expected: Iterable[Expected]) -> None:
        """Imports these with the next plan, as an installation does what it finds."""
        blocks = [{"to": e.address, "id": e.import_id} for e in expected]
        (self.folder / "imports.tf.json").write_text(json.dumps({"import": blocks}))

    def plan(self, *more: str) -> dict[str, Any]:
        """A plan, kept as ``p``, as ``terraform show -json`` says it."""
        self.run("plan", "-input=false", "-out=p", *more)
        found: dict[str, Any] = json.loads(self.run("show", "-json", "p"))
        return found

    def bring_about(self, *more: str) -> Seen:
        """Plans, applies, and looks what is left to do."""
        self.cloud.taken()
        seen = Seen(plan=self.plan(*more))
        code, output = self.tried("apply", "-input=false", "p")
        seen.told = output[output.find("Error:") :] if code else ""
        seen.requests = self.cloud.taken()
        seen.state, seen.outputs = self.state(), json.loads(self.run("output", "-json"))
        if "-destroy" not in more and not code:
            seen.left = {c["address"]: "+".join(c["change"]["actions"]) for c in changes(self.plan())}
        return seen

    def state(self) -> dict[str, Any]:
        """Every instance in the state, by its address."""
        text = (self.folder / "terraform.tfstate").read_text()
        return {address(r, i): {**i, "type": r["type"]} for r in json.loads(text)["resources"] for i in r["instances"]}


def story(work: Path, mirror: Path, cloud: Cloud) -> Iterator[tuple[str, Seen]]:
    """The phases, in order, with what was seen of each."""
    terraform = Terraform(work / "first", mirror, cloud)
    terraform.set()
    yield "made", terraform.bring_about()
    yield "again", terraform.bring_about()
    given: dict[str, Any] = {}
    for phase, given in PHASES.items():
        terraform.set(**given)
        yield phase, terraform.bring_about()
    terraform.set(**given, protection=True)
    yield "protected", terraform.bring_about()
    other = Terraform(work / "second", mirror, cloud)
    other.set(**given, protection=True)
    values = parameters(**given)
    other.take_imports(expected(names(values)).values())
    yield "imported", other.bring_about()
    terraform.set(**given, delete=True)
    yield "unprotected", terraform.bring_about()
    yield "destroyed first", terraform.bring_about("-destroy", *(f"-target={t}" for t in FIRST))
    cloud.remove_peering(names(values).network)
    yield "destroyed", terraform.bring_about("-destroy", "-refresh=false")


def parameters(**given: Any) -> dict[str, Any]:
    """Every parameter of an environment in the simulated project."""
    return resolve({"project_id": PROJECT, "zone": "us-central1-a", **given}, environment="demo")


def names(values: dict[str, Any]) -> Names:
    """Its names."""
    return Names.of(values, environment="demo", id="abcdef")


def changes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """What a plan would change or import."""
    return [
        c
        for c in plan.get("resource_changes", [])
        if c["mode"] == "managed" and (c["change"]["actions"] != ["no-op"] or c["change"].get("importing"))
    ]


def address(resource: dict[str, Any], instance: dict[str, Any]) -> str:
    """An instance's address as Terraform writes it."""
    place = ".".join(p for p in (resource.get("module", ""), resource["type"], resource["name"]) if p)
    key = instance.get("index_key")
    return place if key is None else f"{place}[{json.dumps(key)}]"
