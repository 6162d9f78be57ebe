"""``image build`` told to stop ends as a run does: what it does is cancelled first, so that its build is too."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from core.cli import image
from core.environment import Environment, Home
from core.errors import CancelledByUser
from core.install.installation import Installation


def test_a_termination_cancels_what_it_does_and_says_so(home: Home) -> None:
    ended: list[str] = []

    async def work(_: Installation) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    environment = Environment.new(home, "demo", cloud="google", given={"project_id": "my-project"}).save()
    with pytest.raises(CancelledByUser) as told:
        image._with(environment, work)
    assert told.value.exit_code == 4
    assert ended == ["cancelled"]
