"""The contracts themselves are held by ``lint-imports``; here, that they speak of every package there is."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from house_files import ROOT

CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def _packages() -> set[str]:
    inside = (ROOT / "core").iterdir()
    return {p.stem for p in inside if (p.is_dir() and (p / "__init__.py").exists()) or p.suffix == ".py"} - {"__init__"}


def test_every_package_has_its_layer() -> None:
    layered = {name for layer in CONTRACTS[0]["layers"] for name in re.findall(r"[a-z_]+", layer)}
    assert _packages() - layered == {"rehearsal"}


def test_every_package_is_kept_from_the_simulated_cloud() -> None:
    kept = {name.removeprefix("core.") for name in CONTRACTS[1]["source_modules"]}
    assert kept == _packages() - {"rehearsal"}
    assert CONTRACTS[1]["forbidden_modules"] == ["core.rehearsal"]
