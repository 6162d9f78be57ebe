"""Looking at a screen as a person does: what it says, where the focus is; waiting for what must come."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import App
from textual.pilot import Pilot
from textual.widget import Widget


def shown(app: App[int]) -> str:
    """What stands on the screen, line by line, the line filters applied."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def until(pilot: Pilot[int], holds: Callable[[], object], *, tries: int = 3000) -> None:
    """Waits until something holds, and fails with the screen where it never does."""
    for _ in range(tries):
        await pilot.pause(0.01)
        if holds():
            return
    raise AssertionError(shown(pilot.app))


async def until_shown(pilot: Pilot[int], *texts: str) -> str:
    """Waits until the screen says all of these; returns it."""
    await until(pilot, lambda: all(text in shown(pilot.app) for text in texts))
    return shown(pilot.app)


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Presses keys one after another."""
    for key in keys:
        await pilot.press(key)


def focused(app: App[int]) -> Widget:
    """What has the focus."""
    assert app.focused is not None
    return app.focused
