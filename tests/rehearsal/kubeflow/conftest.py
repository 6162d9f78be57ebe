"""Kubeflow Pipelines in a simulated cluster: the overlay on the stand-in set, a database, a bucket, and Google's APIs."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "kubernetes"))

from kubeflow_installed import Installed, installed


@pytest.fixture
async def kubeflow(tmp_path: Path) -> AsyncIterator[Installed]:
    """An installation in which nothing is missing."""
    async with installed(tmp_path / "world") as it:
        yield it
