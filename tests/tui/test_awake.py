"""Keeping the machine at a run: offered where it can be done, seen before it is done, and honest where it can't."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import pytest
import tui_runs
from tui_pilot import press, shown, until, until_shown

from core.environment import Home, lifetime
from core.errors import MlopsError
from tui import awake
from tui.app import MlopsApp
from tui.screens.progress import ProgressScreen

REFUSED = [sys.executable, "-c", "raise SystemExit('Access denied')"]


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the machine can do."""
    state = SimpleNamespace(command=[], login="")
    monkeypatch.setattr(lifetime, "awake", lambda pid: [*state.command, str(pid)] if state.command else [])
    monkeypatch.setattr(lifetime, "lifetime", lambda: lifetime.Lifetime("login", "It ends at logout.", state.login))
    return state


@pytest.mark.parametrize("can", [False, True])
async def test_it_is_offered_where_it_can_be_done_and_shown_before(
    app: MlopsApp, home: Home, moment: SimpleNamespace, offered: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, can: bool
) -> None:
    begun: list[list[str]] = []
    monkeypatch.setattr(awake, "begin", lambda way: begun.append(way.command))
    if can:
        offered.command, offered.login = ["hold", "awake"], "loginctl enable-linger ada"
    environment = tui_runs.environment(home)
    tui_runs.write(environment, tui_runs.halfway())
    with tui_runs.alive(environment):
        async with app.run_test(size=(120, 36), notifications=True) as pilot:
            await app.push_screen(ProgressScreen(environment))
            await until_shown(pilot, "Log of platform")
            await press(pilot, "K")
            if not can:
                assert isinstance(app.screen, ProgressScreen)
                return
            await until_shown(pilot, "enable-linger ada", "hold awake", "Stay awake")
            assert begun == []
            await press(pilot, "tab", "tab", "enter")
            await until(pilot, lambda: begun == [["hold", "awake", str(os.getpid())]])
            await until_shown(pilot, "stays awake until the run ends")
            assert "Keep this machine" not in shown(app)


def test_a_command_that_is_refused_is_an_error_with_its_words() -> None:
    with pytest.raises(MlopsError) as refused:
        awake.begin(awake.Way("awake", "Stay awake", "", REFUSED, here=False))
    assert refused.value.cause == "Access denied"
    with pytest.raises(MlopsError):
        awake.begin(awake.Way("awake", "Stay awake", "", ["/no/such/program"], here=False))
