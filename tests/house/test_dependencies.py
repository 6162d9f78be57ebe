"""What is installed: tight in the metadata, pinned in the constraints, and nothing that is not used."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from typing import Any

import pytest
from house_files import ROOT, modules, tree
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONSTRAINTS = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
PINNED = {canonicalize_name(r.name): r for r in map(Requirement, CONSTRAINTS)}

ALWAYS_NEWEST = {"certifi"}
"""The authorities that are trusted: an old list is no safer for having been tried."""
FOR_THE_SCREEN = {"textual", "rich"}
READ_AS_TEXT = {"kubernetes"}
"""Its models are the simulated cluster's knowledge of every field; importing them would cost a second."""


def _requirements(name: str) -> list[Requirement]:
    table = PROJECT["project"]
    return [Requirement(text) for text in (table["dependencies"] if name == "" else table["optional-dependencies"][name])]


def test_constraints_are_exact_versions_without_addresses_or_hashes() -> None:
    assert CONSTRAINTS
    for line in CONSTRAINTS:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+(; [^:@]+)?", line), line


def test_constraints_are_in_order() -> None:
    names = [canonicalize_name(Requirement(line).name) for line in CONSTRAINTS]
    assert names == sorted(names)


@pytest.mark.parametrize("extra", ["", "bundled", "test"])
def test_every_dependency_is_pinned_within_its_range(extra: str) -> None:
    for requirement in _requirements(extra):
        pinned = PINNED[canonicalize_name(requirement.name)]
        version = next(iter(pinned.specifier)).version
        assert requirement.specifier.contains(Version(version)), requirement


@pytest.mark.parametrize("extra", ["", "bundled"])
def test_ranges_are_closed_since_pipx_and_uv_read_no_constraints(extra: str) -> None:
    for requirement in _requirements(extra):
        if requirement.name in ALWAYS_NEWEST:
            continue
        assert any(part.operator in ("<", "==") for part in requirement.specifier), requirement


def _imported() -> set[str]:
    names: set[str] = set()
    for path in modules("core"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"core", "tui"}


def test_what_is_imported_is_declared() -> None:
    declared = {canonicalize_name(r.name) for r in _requirements("")}
    makers = packages_distributions()
    for module in sorted(_imported()):
        assert declared & {canonicalize_name(maker) for maker in makers.get(module, [])}, module


def test_what_is_declared_is_imported() -> None:
    makers = packages_distributions()
    used = {canonicalize_name(maker) for module in _imported() for maker in makers.get(module, [])}
    declared = {canonicalize_name(r.name) for r in _requirements("")}
    assert declared - used - FOR_THE_SCREEN - READ_AS_TEXT == set()
