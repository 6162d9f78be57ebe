"""The tables against the real provider's schema, and against Google's own discovery documents."""

from __future__ import annotations

import importlib.resources
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from core.rehearsal.provider.resources import CLASSES
from core.rehearsal.provider.schema import Argument, Attribute, Block, Nested, camel, resource_types

SHARED = Path(os.environ.get("MLOPS_ENV_SHARED") or Path(__file__).resolve().parents[3].parent / "shared")
TRUTH = SHARED / "data" / "google-provider-7.45.0.schema.json"
FLAGS = (("r", "required"), ("o", "optional"), ("c", "computed"), ("f", "forcenew"), ("s", "sensitive"), ("w", "writeonly"))
TYPES = sorted(resource_types())

# Resource types by the schema of the API that their tables follow: discovery document and its name there.
APIS = {
    "google_artifact_registry_repository": ("artifactregistry.v1", "Repository"),
    "google_compute_firewall": ("compute.v1", "Firewall"),
    "google_compute_global_address": ("compute.v1", "Address"),
    "google_compute_network": ("compute.v1", "Network"),
    "google_compute_router": ("compute.v1", "Router"),
    "google_compute_router_nat": ("compute.v1", "RouterNat"),
    "google_compute_subnetwork": ("compute.v1", "Subnetwork"),
    "google_container_cluster": ("container.v1", "Cluster"),
    "google_container_node_pool": ("container.v1", "NodePool"),
    "google_secret_manager_secret": ("secretmanager.v1", "Secret"),
    "google_secret_manager_secret_version": ("secretmanager.v1", "SecretVersion"),
    "google_service_account": ("iam.v1", "ServiceAccount"),
    "google_service_networking_connection": ("servicenetworking.v1", "Connection"),
    "google_sql_database_instance": ("sqladmin.v1beta4", "DatabaseInstance"),
    "google_storage_bucket": ("storage.v1", "Bucket"),
    "google_workbench_instance": ("notebooks.v2", "Instance"),
}


def _truth() -> dict[str, Any]:
    if not TRUTH.is_file():
        pytest.skip(f"{TRUTH} is not there")
    found: dict[str, Any] = json.loads(TRUTH.read_text())
    return found


def _arguments(block: Block, at: str = "") -> Iterator[tuple[str, Argument]]:
    for argument in block.arguments():
        path = f"{at}{argument.name}"
        yield path, argument
        inner = argument.block if isinstance(argument, Attribute | Nested) else None
        if inner is not None:
            yield from _arguments(inner, f"{path}.")


def _looked_up(attributes: dict[str, Any], path: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = None
    for part in path.split("."):
        found = attributes.get(part)
        if found is None:
            return None
        attributes = found.get("block", {})
    return found


def test_every_type_has_a_class_and_every_class_a_table() -> None:
    assert set(CLASSES) == set(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_a_table_says_what_the_real_schema_says(name: str) -> None:
    real = _truth()[name]
    kind = resource_types()[name]
    assert kind.version == real["schema_version"]
    assert list(kind.timeouts) == real["timeouts"]
    for path, argument in _arguments(kind.block):
        if path == "id":
            continue
        expected = _looked_up(real["attributes"], path)
        assert expected is not None, f"{name}.{path} is no argument of the real provider's"
        assert argument.flags == "".join(c for c, flag in FLAGS if expected.get(flag)), path
        _assert_same_shape(path, argument, expected)
        _assert_same_rules(path, argument, expected)


def _assert_same_shape(path: str, argument: Argument, expected: dict[str, Any]) -> None:
    if isinstance(argument, Nested):
        assert argument.nesting == expected["type"], path
        assert argument.most == expected.get("maxitems", 0), path
        assert argument.least == (
            max(1, expected.get("minitems", 0)) if expected.get("required") else expected.get("minitems", 0)
        ), path
        return
    assert isinstance(argument, Attribute)
    kind, _, element = argument.type.rstrip(")").partition("(")
    assert kind == expected["type"], path
    if element:
        assert element == expected["elem"], path
    if "default" in expected:
        wanted = expected["default"]
        assert argument.default == (wanted if argument.type == "string" else json.loads(wanted)), path
    else:
        assert argument.default is None, path
    assert set(argument.choices) == set(expected.get("enum", ())), path


def _assert_same_rules(path: str, argument: Argument, expected: dict[str, Any]) -> None:
    """Every rule stands in both; what it names may be a part of the real one's, since a table need not hold all siblings."""
    rules = {
        "conflictswith": argument.conflicts,
        "exactlyoneof": argument.exactly_one,
        "atleastoneof": argument.at_least_one,
    }
    for rule, ours in {**rules, "requiredwith": argument.required_with}.items():
        theirs = expected.get(rule)
        if isinstance(theirs, str):  # a list that the schema names and does not spell out
            assert ours, f"{path}: {rule}"
            continue
        wanted = {reference.rpartition(".")[2] for reference in theirs or ()}
        assert {name.strip("/") for name in ours} <= wanted, f"{path}: {rule}"
        assert bool(ours) or not (wanted & _siblings(path)), f"{path}: {rule}"


def _siblings(path: str) -> set[str]:
    """The names beside an argument, in any type that has it: where none of a rule's names is held, the rule is moot."""
    found: set[str] = set()
    parent = path.rpartition(".")[0]
    for kind in resource_types().values():
        names = [p for p, _ in _arguments(kind.block)]
        if path in names:
            found |= {p.rpartition(".")[2] for p in names if p.rpartition(".")[0] == parent and p != path}
    return found


@cache
def _document(name: str) -> dict[str, Any]:
    documents = importlib.resources.files("googleapiclient.discovery_cache.documents")
    found: dict[str, Any] = json.loads((documents / f"{name}.json").read_text())["schemas"]
    return found


def _field(document: dict[str, Any], schema: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any] | None:
    for part in path:
        schema = _resolved(document, schema)
        found = schema.get("properties", {}).get(part)
        if found is None:
            return None
        schema = found
    return schema


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema or schema.get("type") == "array":
        schema = document[schema["$ref"]] if "$ref" in schema else schema["items"]
    return schema


WIRE = {
    "string": ("string", "integer"),
    "bool": ("boolean",),
    "int": ("integer", "string"),
    "float": ("number",),
    "map": ("object",),
}


@pytest.mark.parametrize("name", sorted(APIS))
def test_a_table_points_at_fields_that_the_api_documents(name: str) -> None:
    document_name, schema_name = APIS[name]
    document = _document(document_name)
    _assert_fields(document, document[schema_name], resource_types()[name].block, name)


def _assert_fields(document: dict[str, Any], schema: dict[str, Any], block: Block, at: str) -> None:
    for argument in block.arguments():
        if not argument.api or argument.name == "id" or (isinstance(argument, Attribute) and argument.block):
            continue
        found = _field(document, schema, argument.api)
        assert found is not None, f"{at}.{argument.name}: the API has no {'.'.join(argument.api)}"
        if isinstance(argument, Nested):
            assert (found.get("type") == "array") != argument.single, f"{at}.{argument.name}"
            _assert_fields(document, found, argument.block, f"{at}.{argument.name}")
        elif argument.type in WIRE:
            assert found.get("type") in WIRE[argument.type], f"{at}.{argument.name}"
            if argument.given:
                assert argument.int64 == (argument.type == "int" and found["type"] == "string"), f"{at}.{argument.name}"


def test_a_name_becomes_camel_case() -> None:
    assert camel("private_ip_google_access") == "privateIpGoogleAccess"
