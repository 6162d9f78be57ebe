"""Simulated projects for the tests of Google's simulated APIs."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_spec = importlib.util.spec_from_file_location("simulated_project", Path(__file__).with_name("simulated_project.py"))
assert _spec is not None
assert _spec.loader is not None
simulated_project = importlib.util.module_from_spec(_spec)
sys.modules["simulated_project"] = simulated_project
_spec.loader.exec_module(simulated_project)


@pytest.fixture
def project(tmp_path: Path) -> Any:
    """A project with every service on."""
    return simulated_project.Project(tmp_path)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Any]:
    """Makes a project by a scenario."""

    def made(scenario: dict[str, Any] | None = None, **options: Any) -> Any:
        return simulated_project.Project(tmp_path, scenario, **options)

    return made
