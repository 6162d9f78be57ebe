"""The modules' form: formatted, valid, documented, every argument one that the real provider has."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from platform_planned import _work, configured, modules, planned, planned_with, terraform

from core.resources import folder
from core.toolchain import find

SHARED = Path(os.environ.get("MLOPS_ENV_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
SCHEMA = SHARED / "data" / "google-provider-7.45.0.schema.json"
META = {"timeouts", "depends_on", "count", "for_each", "provider", "lifecycle"}
GIVEN = {
    "given_network": {
        "network": "projects/host/global/networks/shared",
        "subnetwork": "projects/host/regions/us-central1/subnetworks/shared",
        "pods_range": "pods",
        "services_range": "services",
    },
    "given_accounts": {"pipelines": "a@p.iam.gserviceaccount.com", "nodes": "b@p.iam.gserviceaccount.com", "build": "c@d"},
    "given_bucket": "a-bucket",
    "given_registry": "projects/host/locations/us/repositories/images",
}


def test_everything_is_formatted() -> None:
    done = subprocess.run(
        [*find("terraform").command, "fmt", "-check", "-recursive", "-diff", str(folder("terraform"))],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "CHECKPOINT_DISABLE": "1"},
    )
    assert done.returncode == 0, done.stdout


def test_the_platform_is_valid() -> None:
    done = terraform(_work(), "validate", "-json")
    assert json.loads(done.stdout)["valid"], done.stdout


def test_the_example_is_a_whole_one() -> None:
    done = terraform(_work(), "plan", "-input=false", "-no-color", "-var-file=example.tfvars")
    assert done.returncode == 0, done.stderr


def test_every_variable_and_output_says_what_it_is() -> None:
    for module in modules(planned()):
        for name, variable in module.get("variables", {}).items():
            assert variable.get("description"), name
        for name, output in module.get("outputs", {}).items():
            assert output.get("description"), name


def test_nothing_is_looked_up() -> None:
    for file in folder("terraform").rglob("*.tf"):
        assert not any(line.startswith('data "') for line in file.read_text().splitlines()), file


def test_the_google_provider_is_the_only_one() -> None:
    plan = planned()
    assert {p["full_name"] for p in plan["configuration"]["provider_config"].values()} == {
        "registry.terraform.io/hashicorp/google"
    }


def test_client_based_services_are_charged_to_the_project() -> None:
    (provider,) = planned()["configuration"]["provider_config"].values()
    expressions = provider["expressions"]
    assert expressions["user_project_override"] == {"constant_value": True}
    assert expressions["billing_project"] == {"references": ["var.project_id"]}
    assert "local.labels" in expressions["default_labels"]["references"]


def test_no_policy_is_set_as_a_whole() -> None:
    kinds = {type for type, _ in configured(planned())}
    assert not [k for k in kinds if k.endswith(("_iam_policy", "_iam_binding"))]


@pytest.mark.skipif(not SCHEMA.is_file(), reason="the real provider's schema is not here")
@pytest.mark.parametrize("given", [{}, GIVEN], ids=["made", "given"])
def test_every_argument_is_one_of_the_real_provider(given: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text())
    for type, expressions in configured(planned_with(**given)):
        assert not list(_wrong(type, schema[type]["attributes"], expressions, schema[type].get("timeouts", ())))


def _wrong(where: str, attributes: dict[str, Any], given: dict[str, Any], timeouts: Any = None) -> Iterator[str]:
    for name, value in given.items():
        if name == "timeouts" and timeouts is not None:
            yield from (f"{where}.timeouts.{t}" for t in value if t not in timeouts)
        elif name not in attributes:
            yield f"{where}.{name}"
        elif attributes[name].get("computed") and not attributes[name].get("optional"):
            yield f"{where}.{name} is the provider's to set"
        elif "block" in attributes[name]:
            for block in value if isinstance(value, list) else [value]:
                yield from _wrong(f"{where}.{name}", attributes[name]["block"], block)
    for name, attribute in attributes.items():
        if attribute.get("required") and name not in given:
            yield f"{where}.{name} is required"
