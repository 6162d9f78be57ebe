"""Pictures for the documentation, of the real app on a rehearsal that this script runs: ``docs/pictures/*.svg``.

Nothing is drawn by hand: the app is started, keys are pressed, and what it shows is written down.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "pictures"
sys.path.insert(0, str(ROOT))

from textual.pilot import Pilot  # noqa: E402

from core.environment import rehearsal as rehearsals  # noqa: E402
from tui.app import MlopsApp  # noqa: E402

SIZE = (120, 36)


def main() -> int:
    """Takes every picture; takes about a minute."""
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(MLOPS_ENV_HOME=home, LC_ALL="C.UTF-8")
        app = MlopsApp(ascii=False)
        app.paste_gap = 0.0
        try:
            asyncio.run(_take(app))
        finally:
            rehearsals.forget(app.home, "demo")
    return 0


async def _take(app: MlopsApp) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await _until(pilot, lambda: bool(app.screen.query("#do-rehearse")))
        _write(app, "home-empty")
        from core.environment import Environment
        from core.install.start import start
        from tui import ways
        from tui.background import in_thread

        environment = Environment.new(app.home, "demo", cloud="rehearsal", given={}).save()
        await in_thread(rehearsals.ensure, environment)
        ways.progress(app, environment, await in_thread(start, environment, "install"))
        await _until(pilot, lambda: _standing(app) == "running" and _over(app) >= 6)
        _write(app, "progress")
        await _until(pilot, lambda: _standing(app) != "running", seconds=300)
        await pilot.pause(1.0)
        _write(app, "progress-installed")
        await pilot.press("b")
        await pilot.pause(1.5)
        _write(app, "home")
        await pilot.press("question_mark")
        await pilot.pause(0.5)
        _write(app, "help")


def _standing(app: MlopsApp) -> str:
    return next((entry.standing for entry in app.entries), "")


def _over(app: MlopsApp) -> int:
    from tui.screens.told import progress

    return next((progress(entry.watched.state)[0] for entry in app.entries if entry.watched is not None), 0)


async def _until(pilot: Pilot[int], holds: Callable[[], bool], *, seconds: float = 120.0) -> None:
    for _ in range(int(seconds * 10)):
        if holds():
            return
        await pilot.pause(0.1)
    raise SystemExit(f"What was to be shown never came; the screen says {pilot.app.screen}.")


def _write(app: MlopsApp, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.svg").write_text(app.export_screenshot(title="mlops-env"))
    print(f"docs/pictures/{name}.svg")


if __name__ == "__main__":
    sys.exit(main())
