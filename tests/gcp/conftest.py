"""A fake of Google's APIs and a client of it, on a clock that only moves when something waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.environment.variables import CA_VARIABLES
from core.gcp import Google
from core.run.clock import VirtualClock
from core.run.redact import Redactor
from tests.gcp.fake_google import Fake, fake_google


@pytest.fixture(autouse=True)
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test trusts what this machine's variables name."""
    for name in CA_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[Fake]:
    async with fake_google(tmp_path) as found:
        yield found


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def google(fake: Fake, clock: VirtualClock) -> AsyncIterator[Google]:
    async with Google(fake.cloud, clock=clock, redactor=Redactor(), project="proj-one") as found:
        yield found
