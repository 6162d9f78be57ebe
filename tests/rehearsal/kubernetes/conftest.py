"""A simulated cluster for each test: behind its API, or on the bench with a clock that is turned by hand."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from simulated_cluster import Bench, Served, serving, world_in


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """A cluster behind its API, at speed 0."""
    async with serving(world_in(tmp_path / "world")) as it:
        yield it


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A cluster without a server."""
    return Bench(tmp_path / "world")
