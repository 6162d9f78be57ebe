"""The notebook on Access: its page, its way for VS Code, and from there to a devcontainer on the same image."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import tui_runs
from tui_pilot import press, until_shown

from core import events
from core.environment import Home
from core.install import endpoints
from tui.app import MlopsApp
from tui.screens.access import AccessScreen


async def test_a_notebook_has_its_page_and_its_way_for_vs_code(
    app: MlopsApp, home: Home, moment: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = tui_runs.environment(home, cloud="google", notebook="vm")
    happened = tui_runs.installed()
    published = {"name": "demo-notebook", "kind": "vm", "url": "https://4f.notebooks.googleusercontent.com", "account": "a"}
    happened.insert(-1, (1, events.FactPublished(step="notebook", name="notebook", value=published)))
    tui_runs.write(environment, happened)
    monkeypatch.setattr(endpoints, "ssh_host", lambda _: "")
    pages: list[str] = []
    monkeypatch.setattr(app, "open_page", pages.append)
    async with app.run_test(size=(100, 60)) as pilot:
        await app.push_screen(AccessScreen(environment))
        await until_shown(
            pilot, "Notebook and VS Code", "https://4f.notebooks.googleusercontent.com", "mlops-env ssh add demo"
        )
        await press(pilot, "x")
        assert pages == ["https://4f.notebooks.googleusercontent.com"]
        await press(pilot, "v")
        await until_shown(pilot, "Your folder", "Environment    demo")
