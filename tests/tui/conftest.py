"""The app in a home of its own, at a fixed moment on a machine that says the same everywhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tui_pictures import Pictures
from tui_runs import NOW

from core.environment import Home
from core.environment.lifetime import Lifetime
from core.errors import MlopsError
from core.run import journal
from tui import themes
from tui.app import MlopsApp

VARIABLES = ("TMUX", "SSH_CONNECTION", "DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "COLORFGBG", "WEB_HOST", "CI")


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine's shows on the screen."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    here = Lifetime("machine", "The run goes on when this terminal closes, while the machine is on and awake.")
    for module in ("tui.screens.told", "tui.screens.quit", "tui.screens.review"):
        monkeypatch.setattr(f"{module}.lifetime", lambda: here)

    async def whose(_: MlopsApp) -> str:
        return "signed in as me@example.com"

    monkeypatch.setattr(MlopsApp, "_whose", whose)


@pytest.fixture
def met(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BaseException]]:
    """The defects of ours that the app showed; a test that means one takes it out of the list."""
    found: list[BaseException] = []
    show = MlopsApp.show_error

    def show_error(self: MlopsApp, error: BaseException) -> None:
        if self.is_running and not isinstance(error, MlopsError):
            found.append(error)
        show(self, error)

    monkeypatch.setattr(MlopsApp, "show_error", show_error)
    yield found
    assert not found


@pytest.fixture(autouse=True)
def _no_defect(met: list[BaseException]) -> None:
    """A test whose screen told of a defect failed, whatever else it looked at."""


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time of day stands still; ``moment.now`` moves it."""
    state = SimpleNamespace(now=NOW)
    clock = SimpleNamespace(time=lambda: state.now, gmtime=time.gmtime, strftime=time.strftime, strptime=time.strptime)
    monkeypatch.setattr(journal, "time", clock)
    return state


@pytest.fixture
def pictures(moment: SimpleNamespace, tmp_path: Path) -> Iterator[Pictures]:
    """Pictures to be compared with those that are kept; the test fails at its end where some differ."""
    taking = Pictures(tmp_path)
    yield taking
    assert not taking.different, "\n".join(taking.different)
    assert not taking.faint, "\n".join(taking.faint)


@pytest.fixture
def app(home: Home) -> MlopsApp:
    """The app, for `run_test`; keys that a test presses are typed, however fast they come."""
    made = MlopsApp(home, ascii=False)
    made.keyboard.paste_gap = 0.0
    assert made.theme == themes.DARK.name
    return made
