"""The devcontainer screen: what is chosen shows at once in the files, and nothing is written before it was confirmed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest
import tui_runs
from textual.widgets import Static
from tui_pictures import Pictures
from tui_pilot import press, shown, until, until_shown

from core.environment import Environment, Home
from core.errors import UsageError
from core.install import image
from tui.app import MlopsApp
from tui.screens.devcontainer import DevcontainerScreen
from tui.widgets.field import Field


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the app is started in."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    folder = tmp_path / "fraud"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    monkeypatch.chdir(folder)
    return folder


def said(app: MlopsApp) -> str:
    """What the texts of the screen say, wherever their lines are broken."""
    return " ".join(" ".join(str(each.render()) for each in app.screen.query(Static)).split())


async def test_a_choice_shows_at_once_and_is_written_once_it_is_confirmed(app: MlopsApp, code: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "No environment is kept")
        await press(pilot, "v")
        await until_shown(pilot, "devcontainer.json", '"name": "fraud"', "/envs/kfp-dev/bin")
        await press(pilot, "enter")
        await until_shown(pilot, "/envs/tfx-kfp-dev/bin", "TFX 1.21")
        await press(pilot, "tab", "tab", "enter")
        await until_shown(pilot, "another host", '"workspaceMount": ""', "begins empty")
        assert not (code / ".devcontainer").exists()
        await press(pilot, "W")
        await until_shown(pilot, "Nothing is replaced.")
        await press(pilot, "tab", "enter")
        await until(pilot, lambda: (code / ".devcontainer" / "devcontainer.json").is_file())
        await until_shown(pilot, "= devcontainer.json")
    assert json.loads((code / ".devcontainer" / "devcontainer.json").read_text())["updateRemoteUserUID"] is False


async def test_a_folder_may_be_typed_from_the_home(app: MlopsApp, code: Path, tmp_path: Path) -> None:
    (tmp_path / "user" / "churn").mkdir(parents=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "No environment is kept")
        await press(pilot, "v")
        await until_shown(pilot, '"name": "fraud"')
        app.screen.query_one("#folder", Field).value = "~nobody-of-that-name"
        await until_shown(pilot, "There is no folder ~nobody-of-that-name.")
        app.screen.query_one("#folder", Field).value = "~/churn"
        await until_shown(pilot, '"name": "churn"')


async def test_what_is_there_is_shown_as_a_difference_and_kept(app: MlopsApp, code: Path) -> None:
    (code / ".devcontainer").mkdir()
    (code / ".devcontainer" / "Dockerfile").write_text("FROM mine\n")
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "No environment is kept")
        await press(pilot, "v")
        await until_shown(pilot, "~ Dockerfile", "changed")
        app.screen.query_one("#files").focus()
        await press(pilot, "down")
        await until_shown(pilot, "-FROM mine", "+COPY requirements.txt")
        await press(pilot, "W")
        await until(pilot, lambda: ".devcontainer/Dockerfile will be replaced" in said(app))
        await press(pilot, "escape")
        assert (code / ".devcontainer" / "Dockerfile").read_text() == "FROM mine\n"


async def test_an_environments_image_is_looked_up_and_its_lack_is_said(
    app: MlopsApp, home: Home, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tui_runs.write(tui_runs.environment(home, "demo"), tui_runs.installed())

    async def of(environment: Environment, template: str) -> dict[str, str]:
        if template != "kfp-dev":
            raise UsageError(f"{environment.name} has no image {template}.", hint="Leave out --env.")
        return {"reference": "eu-docker.pkg.dev/p/demo-images/kfp-dev@sha256:0", "project": "p"}

    monkeypatch.setattr(image, "of", of)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "demo")
        await press(pilot, "v")
        await until_shown(pilot, '"name": "fraud"')
        assert "requirements.txt" not in shown(app)
        await press(pilot, "enter")
        await until_shown(pilot, "demo has no image tfx-kfp-dev.", "Leave out --env.")
        assert "Write (W)" not in shown(app)


async def test_docker_is_signed_in_where_that_is_chosen(
    app: MlopsApp, home: Home, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tui_runs.write(tui_runs.environment(home, "demo"), tui_runs.installed())

    async def of(_: Environment, __: str) -> dict[str, str]:
        return {"reference": "eu-docker.pkg.dev/p/demo-images/kfp-dev@sha256:0", "project": "p"}

    monkeypatch.setattr(image, "of", of)
    user = code.parent / "user"
    monkeypatch.setenv("PATH", f"{user / '.local' / 'bin'}:{os.environ['PATH']}")
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "demo")
        await press(pilot, "v")
        await until_shown(pilot, "no sign-in to")
        await press(pilot, "W")
        await until_shown(pilot, "Write, sign Docker in")
        await press(pilot, "tab", "tab", "enter")
        await until(pilot, lambda: (code / ".devcontainer" / "Dockerfile").is_file())
    written = json.loads((user / ".docker" / "config.json").read_text())
    assert written == {"credHelpers": {"eu-docker.pkg.dev": "mlops-env"}}
    assert os.access(user / ".local" / "bin" / "docker-credential-mlops-env", os.X_OK)


async def test_a_folder_that_is_not_there_is_said_in_place(app: MlopsApp, code: Path) -> None:
    async with app.run_test(size=(60, 20)) as pilot:
        await until_shown(pilot, "No environment is kept")
        await press(pilot, "v")
        await until_shown(pilot, "kfp-dev")
        app.screen.query_one("#folder").focus()
        await press(pilot, "end", "x")
        await until_shown(pilot, "There is no folder")


async def test_before_the_files_are_known_letters_are_keys_and_nothing_can_be_written(
    app: MlopsApp, home: Home, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()

    async def of(environment: Environment, template: str) -> dict[str, str]:
        raise AssertionError("not yet")

    async def looking(self: DevcontainerScreen) -> None:
        await gate.wait()

    monkeypatch.setattr(image, "of", of)
    monkeypatch.setattr(DevcontainerScreen, "_look", looking)
    async with app.run_test(size=(60, 20)) as pilot:
        await until_shown(pilot, "No environment is kept")
        await press(pilot, "v")
        screen = await until_shown(pilot, "mlops-env › devcontainer", "Template", "kfp-dev")
        assert "Write" not in screen
        await press(pilot, "b")
        await until_shown(pilot, "No environment is kept")


@pytest.mark.parametrize("state", ["new", "replacing", "no-image"])
async def test_pictures(
    app: MlopsApp, home: Home, code: Path, pictures: Pictures, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    tui_runs.write(tui_runs.environment(home, "demo"), tui_runs.installed())

    async def of(environment: Environment, template: str) -> dict[str, str]:
        if state == "no-image":
            raise UsageError(f"{environment.name} has no image {template}.", hint="Build it: mlops-env image build demo")
        return {"reference": "eu-docker.pkg.dev/p/demo-images/kfp-dev@sha256:0", "project": "p"}

    monkeypatch.setattr(image, "of", of)
    if state == "replacing":
        (code / ".devcontainer").mkdir()
        (code / ".devcontainer" / "Dockerfile").write_text("FROM mine[each.key] [/red]\n")
    async with app.run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "demo")
        await press(pilot, "v")
        await until_shown(pilot, "has no image" if state == "no-image" else '"name": "fraud"')
        app.screen.query_one("#folder", Field).value = "."
        if state == "replacing":
            app.screen.query_one("#files").focus()
            await press(pilot, "down")
            await until_shown(pilot, "-FROM mine[each.key] [/red]")
        await pictures.take(pilot, f"devcontainer-{state}")
