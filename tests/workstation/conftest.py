"""The real programs that a workstation's tests talk to; where one is missing, its tests skip and say why."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import docker_engine


@pytest.fixture(scope="session")
def docker_running() -> Iterator[docker_engine.Engine]:
    """A Docker engine with the image `docker_engine.IMAGE`, one for all tests of a process."""
    reason = docker_engine.missing()
    if reason:
        pytest.skip(reason)
    with docker_engine.running() as engine:
        yield engine
