"""A fake cluster for the tests of the adapter."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_cluster import FakeCluster, Recorder, running


@pytest.fixture
async def fake() -> AsyncIterator[FakeCluster]:
    async with running() as cluster:
        yield cluster


@pytest.fixture
def reporter() -> Recorder:
    return Recorder()
