"""``terraform/platform`` as Terraform itself reads it: its configuration and its plan, as JSON."""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.install.workdir import platform_variables
from core.names import Names
from core.parameters.specification import resolve
from core.rehearsal.provider import mirror
from core.resources import folder
from core.toolchain import find

ID = "abcdef"


def values(**given: Any) -> dict[str, Any]:
    """Every parameter of an environment."""
    return resolve({"project_id": "my-project", "zone": "us-central1-a", **given}, environment="demo")


def variables(*, protection: bool = False, **given: Any) -> dict[str, Any]:
    """The module's variables as an installation sets them."""
    found = values(**given)
    return platform_variables(found, Names.of(found, environment="demo", id=ID), protection=protection)


@functools.cache
def _work() -> Path:
    """A work directory that is initialized once for all tests of a process."""
    root = Path(tempfile.mkdtemp(prefix="modules-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    shutil.copytree(folder("terraform"), root / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    terraform(root / "terraform" / "platform", "init", "-no-color", f"-plugin-dir={mirror.write(root / 'mirror', rate=0)}")
    return root / "terraform" / "platform"


def terraform(work: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Runs Terraform; its result, whatever that is, but for ``init``."""
    kept = {k: os.environ[k] for k in ("PATH", "HOME") if k in os.environ}
    environment = {**kept, "CHECKPOINT_DISABLE": "1", "GOOGLE_OAUTH_ACCESS_TOKEN": "none"}
    done = subprocess.run(
        [*find("terraform").command, *arguments], cwd=work, env=environment, input=stdin, capture_output=True, text=True
    )
    assert done.returncode == 0 or arguments[0] != "init", done.stdout + done.stderr
    return done


def tried(given: dict[str, Any], *more: str) -> subprocess.CompletedProcess[str]:
    """A plan with these variables, kept as ``p``."""
    work = _work()
    (work / "terraform.tfvars.json").write_text(json.dumps(given))
    return terraform(work, "plan", "-no-color", "-input=false", "-out=p", *more)


def planned(**given: Any) -> dict[str, Any]:
    """What ``terraform show -json`` says of the plan for these parameters."""
    return _planned(json.dumps(variables(**given)))


def planned_with(**changed: Any) -> dict[str, Any]:
    """The same with variables of the module that no parameter sets."""
    return _planned(json.dumps({**variables(), **changed}))


@functools.cache
def _planned(given: str) -> dict[str, Any]:
    done = tried(json.loads(given))
    assert done.returncode == 0, done.stderr
    shown = terraform(_work(), "show", "-json", "p")
    found = json.loads(shown.stdout)
    assert isinstance(found, dict)
    return found


@functools.cache
def waits_for(address: str) -> frozenset[str]:
    """Every resource that one (an address without keys) has to wait for, by Terraform's own graph."""
    planned()
    shown = terraform(_work(), "graph", "-type=apply", "-plan=p").stdout
    edges: dict[str, set[str]] = {}
    for line in shown.splitlines():
        if " -> " in line:
            source, target = (
                re.sub(r"^\[root\] |\[[^]]*\]| \(expand\)$", "", end) for end in re.findall(r'"((?:[^"\\]|\\.)*)"', line)[:2]
            )
            edges.setdefault(source, set()).add(target)
    found: set[str] = set()
    todo = [address]
    while todo:
        new = edges.get(todo.pop(), set()) - found
        found |= new
        todo += new
    return frozenset(found)


def resources(plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The planned values by address."""
    return {c["address"]: c["change"]["after"] for c in plan["resource_changes"] if c["mode"] == "managed"}


def of_type(plan: dict[str, Any], type: str) -> list[dict[str, Any]]:
    """The planned values of every resource of a type."""
    return [c["change"]["after"] for c in plan["resource_changes"] if c["type"] == type]


def configured(plan: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Type and expressions of every resource in the configuration, over all modules."""
    yield from _configured(plan["configuration"]["root_module"])


def _configured(module: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in module.get("resources", ()):
        yield resource["type"], resource.get("expressions", {})
    for call in module.get("module_calls", {}).values():
        yield from _configured(call["module"])


def modules(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every module of the configuration, the root one first."""
    found = [plan["configuration"]["root_module"]]
    while found:
        module = found.pop(0)
        yield module
        found += [call["module"] for call in module.get("module_calls", {}).values()]
