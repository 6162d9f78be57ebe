"""Sizes, docstrings and habits that the code keeps to; the numbers are the project's own aims."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest
from house_files import functions, modules, name, tree

PACKAGES = ("core", "tui", "bench", "scripts")
HANDLERS_OF_EVERYTHING = 6
"""How often ``except Exception`` may stand in the product: where a defect is met last, by what has to go on or tell."""


@pytest.mark.parametrize("package", PACKAGES)
def test_files_are_small(package: str) -> None:
    lines = {path: len(path.read_text().splitlines()) for path in modules(package)}
    assert not [name(path) for path, count in lines.items() if count > 600]
    assert statistics.median(lines.values()) <= 150
    assert statistics.quantiles(lines.values(), n=10)[-1] <= 400


@pytest.mark.parametrize("package", PACKAGES)
def test_functions_are_small(package: str) -> None:
    lengths = [node.end_lineno - node.lineno + 1 for path in modules(package) for node in functions(path) if node.end_lineno]
    assert statistics.median(lengths) <= 8
    assert statistics.quantiles(lengths, n=10)[-1] <= 30
    assert sum(length > 50 for length in lengths) / len(lengths) <= 0.01


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_says_why_it_is_the_way_it_is(package: str) -> None:
    assert not [name(path) for path in modules(package) if not ast.get_docstring(tree(path))]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_class_and_function_has_a_docstring(package: str) -> None:
    bare = [
        f"{name(path)}:{node.lineno} {node.name}"
        for path in modules(package)
        for node in tree(path).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not bare


def test_hardly_anything_catches_everything() -> None:
    handlers = [
        f"{name(path)}:{node.lineno}"
        for package in ("core", "tui")
        for path in modules(package)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "Exception")
    ]
    assert len(handlers) <= HANDLERS_OF_EVERYTHING, handlers


def _python_starts(path: Path) -> list[ast.List]:
    return [
        node
        for node in ast.walk(tree(path))
        if isinstance(node, ast.List) and node.elts and ast.unparse(node.elts[0]) == "sys.executable"
    ]


@pytest.mark.parametrize("folder", PACKAGES)
def test_python_never_runs_what_lies_in_the_working_folder(folder: str) -> None:
    """Without -P (or -I) a user's own ``core/`` would run in place of ours."""
    unsafe = [
        f"{name(path)}:{start.lineno}"
        for path in modules(folder)
        for start in _python_starts(path)
        if len(start.elts) < 2 or ast.unparse(start.elts[1]) not in ("'-P'", "'-I'")
    ]
    assert not unsafe
