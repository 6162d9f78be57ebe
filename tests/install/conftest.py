"""A bench for single steps on a fake cluster."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.environment import Home

sys.path.insert(0, str(Path(__file__).parent))

import step_bench
from fake_cluster import running


@pytest.fixture
async def bench(home: Home) -> AsyncIterator[step_bench.StepBench]:
    async with running() as fake:
        yield step_bench.StepBench(fake, home)
