"""Pictures for the documentation, of the real app on a rehearsal that this script runs: ``docs/pictures/*.svg``.

Nothing is drawn by hand: the app is started, keys are pressed, and what it shows is written down. The rehearsal fails
once on purpose, so that a failed step is among the pictures; its seed is always the same.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "pictures"
sys.path.insert(0, str(ROOT))

from textual.pilot import Pilot  # noqa: E402

from core.environment import rehearsal as rehearsals  # noqa: E402
from tui.app import MlopsApp  # noqa: E402
from tui.widgets.field import Field  # noqa: E402

SIZE = (120, 36)
LINES = 40
"""Lines of the platform's log after which the run is pictured: the log is full, and nothing has failed yet."""
SCENARIO = """
speed = 60
seed = 7
[[fault]]
call = "sql.instances.insert"
status = 403
reason = "notAuthorized"
times = 1
"""
"""Quick, and with one refusal that a retry mends."""


def main() -> int:
    """Takes every picture; takes a few minutes."""
    with _home() as home:
        # A home of its own, too: what a tool says of the one that this is run in is nobody else's.
        os.environ.update(MLOPS_ENV_HOME=home, HOME=home, LC_ALL="C.UTF-8", USER="me")
        os.environ.pop("TF_CLI_CONFIG_FILE", None)
        scenario = Path(home) / "scenario.toml"
        scenario.write_text(SCENARIO)
        code = Path(home) / "fraud-model"
        subprocess.run(["git", "init", "--quiet", str(code)], check=True)
        os.chdir(code)
        app = MlopsApp(ascii=False)
        app.keyboard.paste_gap = 0.0
        try:
            asyncio.run(_take(Photographer(app), scenario))
        finally:
            rehearsals.forget(app.home, "demo")
    return 0


@contextmanager
def _home() -> Iterator[str]:
    """A home whose name, which some pictures show, is the same each time."""
    home = Path(tempfile.gettempdir()) / "me"
    home.mkdir(mode=0o700)  # somebody else's is left alone, and the script ends
    try:
        yield str(home)
    finally:
        shutil.rmtree(home)


class Photographer:
    """Presses keys, waits until the screen says something, and writes down what it shows."""

    def __init__(self, app: MlopsApp) -> None:
        self.app = app
        self.pilot: Pilot[int] | None = None

    async def press(self, *names: str) -> None:
        """Presses keys one after another."""
        assert self.pilot is not None
        for name in names:
            await self.pilot.press(name)

    async def see(self, *texts: str, seconds: float = 600.0) -> None:
        """Waits until the screen says all of these."""
        await self.until(lambda: all(text in self.shown() for text in texts), seconds)

    async def until(self, holds: Callable[[], bool], seconds: float = 600.0) -> None:
        """Waits until something holds."""
        assert self.pilot is not None
        for _ in range(int(seconds * 10)):
            if holds():
                return
            await self.pilot.pause(0.1)
        raise SystemExit(f"What was to be shown never came; the screen says:\n{self.shown()}")

    def shown(self) -> str:
        """What stands on the screen."""
        return "\n".join("".join(s.text for s in strip) for strip in self.app.screen._compositor.render_strips())

    async def focus(self, id: str) -> None:
        """Gives something the focus."""
        self.app.screen.query_one(f"#{id}").focus()
        assert self.pilot is not None
        await self.pilot.pause(0.2)

    async def agree(self, key: str, question: str) -> None:
        """Presses what asks first, and says yes."""
        await self.press(key)
        await self.see(question)
        await self.focus("yes")
        await self.press("enter")

    def fill(self, id: str, value: str) -> None:
        """Puts a text into a field."""
        self.app.screen.query_one(f"#{id}", Field).value = value

    def write(self, name: str) -> None:
        """Writes down what is shown."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{name}.svg").write_text(self.app.export_screenshot(title="mlops-env"))
        print(f"docs/pictures/{name}.svg")


async def _take(at: Photographer, scenario: Path) -> None:
    async with at.app.run_test(size=SIZE) as pilot:
        at.pilot = pilot
        await at.see("No environment is kept")
        at.write("home-empty")
        await _before_an_installation(at, scenario)
        await _installing(at)
        await _installed(at)


async def _before_an_installation(at: Photographer, scenario: Path) -> None:
    await at.press("e")
    await at.see("A scenario file")
    at.fill("scenario", str(scenario))
    await at.focus("first")
    await at.press("enter")
    await at.until(lambda: "p Parameters" in at.shown() and "under way" not in at.shown())
    at.write("prerequisites")
    await at.press("p")
    await at.see("mlops-env install demo")
    await at.press(*"europe", "minus", *"west4")
    await at.see("region=europe-west4", "Region of the network")
    at.write("parameters")
    await at.press("ctrl+r")
    await at.see("to make")
    await at.press("down", "down", "down", "enter")
    at.write("review")
    await at.agree("I", "Install?")


async def _installing(at: Photographer) -> None:
    await at.see("Log of platform")
    await at.until(lambda: at.app.screen.query_one("#log").count() >= LINES)  # type: ignore[attr-defined]
    at.write("progress")
    await at.see("failed at platform")
    await at.see("Cause")
    at.write("progress-failed")
    await at.agree("R", "Go on?")
    await at.see("demo is installed.")
    at.write("progress-installed")


async def _installed(at: Photographer) -> None:
    await at.press("a")
    await at.see("not forwarded", "pass")
    await at.press("d")
    await at.see("answers")
    at.write("access")
    await at.press("d")
    await at.see("not forwarded")
    await at.press("b", "b")
    await at.see("Environments", "installed")
    at.write("home")
    await at.press("question_mark")
    await at.see("Help", "Close")
    at.write("help")
    await at.press("escape", "D")
    await at.see("to remove")
    at.write("destruction")
    await at.press("b")
    await at.see("Environments", "installed")
    await _workstation(at)


async def _workstation(at: Photographer) -> None:
    await at.press("v")
    await at.see('"name": "fraud-model"')
    at.fill("folder", ".")
    await at.see('"name": "fraud-model"', "│  . ")
    at.write("devcontainer")
    await at.press("b")
    await at.see("Environments")
    await at.press("u")
    await at.see("No tunnel is known")
    await at.press("j")
    await at.see("Define a tunnel")
    at.fill("value", "gpu-vm 8888=8888 6006=6006")
    await at.press("enter")
    await at.see("gpu-vm", "· down", "Open (U)")
    at.write("tunnels")


if __name__ == "__main__":
    sys.exit(main())
