"""One sshd for all tests of a process; where there is none, they skip and say why."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import ssh_server


@pytest.fixture(scope="session")
def sshd() -> Iterator[ssh_server.Server]:
    """A real sshd that no test changes."""
    reason = ssh_server.missing()
    if reason:
        pytest.skip(reason)
    with ssh_server.running() as server:
        yield server


@pytest.fixture
def own_sshd() -> Iterator[ssh_server.Server]:
    """A real sshd that the test may break."""
    reason = ssh_server.missing()
    if reason:
        pytest.skip(reason)
    with ssh_server.running() as server:
        yield server


@pytest.fixture
async def echo() -> AsyncIterator[ssh_server.Echo]:
    """A server on a port of the host's."""
    server = ssh_server.Echo()
    await server.start()
    yield server
    await server.close()
