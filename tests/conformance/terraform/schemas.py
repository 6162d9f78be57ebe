"""The two providers' schemas: every resource type that the stand-in offers, argument by argument."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.toolchain import find
from tests.conformance.frame import Check, Outcome

CONFIGURATION = 'terraform {\n  required_providers {\n    google = { source = "hashicorp/google" }\n  }\n}\n'
ADDRESS = "registry.terraform.io/hashicorp/google"


def checks(scratch: Path, real: Path, ours: Path) -> Iterator[Outcome]:
    """Two checks a resource type, what the stand-in offers and what it lacks, and the same of the provider itself."""
    really, here = schemas(scratch / "real-schema", real), schemas(scratch / "stand-in-schema", ours)
    for name, schema in sorted(here["resource_schemas"].items()):
        other = really["resource_schemas"].get(name)
        yield from held(name, plain(other) if other else {}, plain(schema))
    yield from held("provider", plain(really["provider"]), plain(here["provider"]))


def held(name: str, really: dict[str, Any], here: dict[str, Any]) -> Iterator[Outcome]:
    """What the stand-in offers as the real one has it, and what of the real one it lacks: each by how it is given."""
    yield Check(f"schema: {name}", {k: really[k] for k in here if k in really}, here)
    lacks = sorted(k for k in really if k not in here and k.rpartition("/")[0] in ("", *here))
    yield Check(f"lacks: {name}", {f"{_given(really[k])} {k}": True for k in lacks}, {})


def _given(said: dict[str, Any]) -> str:
    """Whether an argument has to be given, may be, or comes from the cloud alone."""
    if said.get("required") or said.get("min_items"):
        return "required"
    return "optional" if said.get("optional") or "nesting_mode" in said else "computed"


def schemas(folder: Path, mirror: Path) -> dict[str, Any]:
    """What ``terraform providers schema -json`` says of the provider in a mirror."""
    folder.mkdir()
    (folder / "main.tf").write_text(CONFIGURATION)
    environment = {**{k: os.environ[k] for k in ("PATH", "HOME") if k in os.environ}, "CHECKPOINT_DISABLE": "1"}
    command = list(find("terraform").command)
    for arguments in (["init", f"-plugin-dir={mirror}"], ["providers", "schema", "-json"]):
        done = subprocess.run(
            [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
    found: dict[str, Any] = json.loads(done.stdout)["provider_schemas"][ADDRESS]
    return found


def plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema as path → what is said of the argument there, descriptions and deprecations left out."""
    return {"(version)": schema.get("version", 0), **dict(_block(schema["block"], ""))}


def _block(block: dict[str, Any], at: str) -> Iterator[tuple[str, Any]]:
    for name, attribute in block.get("attributes", {}).items():
        said = {
            k: v for k, v in attribute.items() if k not in ("description", "description_kind", "deprecated", "nested_type")
        }
        yield at + name, said
    for name, nested in block.get("block_types", {}).items():
        said = {k: v for k, v in nested.items() if k != "block"}
        yield at + name, said
        yield from _block(nested["block"], f"{at}{name}/")
