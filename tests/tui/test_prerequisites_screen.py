"""Prerequisites: shown as they finish, looked at again alone, and the parameters shut while something blocks."""

from __future__ import annotations

from typing import Any

import pytest
import tui_drafts
from textual.pilot import Pilot
from textual.widgets import Button
from tui_pilot import focused, press, shown, until, until_shown

from core.environment import Home
from core.prerequisites import Check
from core.prerequisites.concerns import CONCERNS
from tui.app import MlopsApp
from tui.screens.parameters import ParametersScreen
from tui.screens.prerequisites import PrerequisitesScreen
from tui.widgets.checks import CheckList


async def opened(pilot: Pilot[int], preparing: tui_drafts.Told) -> PrerequisitesScreen:
    screen = PrerequisitesScreen(preparing)
    await pilot.app.push_screen(screen)
    return screen


async def test_each_check_appears_as_it_finishes(app: MlopsApp, home: Home) -> None:
    preparing = tui_drafts.preparing(home)
    async with app.run_test() as pilot:
        preparing.gate.clear()
        await opened(pilot, preparing)
        screen = await until_shown(pilot, "◐ running  terraform", "20 under way")
        assert "Parameters" not in screen.splitlines()[-1]
        preparing.found["sign-in"] = preparing.told["sign-in"]
        preparing.gate.set()
        screen = await until_shown(pilot, "21 pass", "✓ passes", "p Parameters", "Why it matters")
    assert sorted(preparing.looked) == sorted(concern.id for concern in CONCERNS)


async def test_what_blocks_says_what_to_do_and_keeps_the_parameters_shut(app: MlopsApp, home: Home) -> None:
    preparing = tui_drafts.preparing(home, sign_in=[tui_drafts.BLOCKED])
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, preparing)
        screen = await until_shown(pilot, "✗ blocks", "Nobody is signed in.", "gcloud auth application-default login")
        assert "The parameters open once nothing blocks: sign-in." in " ".join(screen.split())
        assert "1 block · 20 pass" in screen
        await press(pilot, "p")
        assert not isinstance(app.screen, ParametersScreen)
        assert {"Run here (H)", "Open page (o)"} <= {
            str(b.label).strip() for b in app.screen.query("Outcome Button").results(Button)
        }


async def test_the_chosen_check_is_looked_at_again_alone(app: MlopsApp, home: Home) -> None:
    preparing = tui_drafts.preparing(home, sign_in=[tui_drafts.BLOCKED])
    async with app.run_test() as pilot:
        await opened(pilot, preparing)
        await until_shown(pilot, "✗ blocks", "i Look again")
        preparing.looked.clear()
        preparing.told["sign-in"] = tui_drafts.FOUND["sign-in"]
        await press(pilot, "i")
        await until_shown(pilot, "21 pass", "p Parameters")
        assert preparing.looked == ["sign-in"]
        await press(pilot, "p")
        await until(pilot, lambda: isinstance(app.screen, ParametersScreen))


async def test_a_warning_and_a_skipped_check_block_nothing(app: MlopsApp, home: Home) -> None:
    billing = [Check("billing", "Billing is on", "skip", "acme", "cloudbilling.googleapis.com is off")]
    project = [Check("project", "The project", "warn", "acme", "it is old")]
    async with app.run_test() as pilot:
        await opened(pilot, tui_drafts.preparing(home, billing=billing, project=project))
        await until_shown(pilot, "~ warns", "- skipped", "1 warn", "p Parameters")


async def test_a_command_is_copied_whole_and_runs_here_only_after_a_question(
    app: MlopsApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Any] = []

    async def run_here(_: object, command: list[str], **__: object) -> int:
        ran.append(command)
        return 0

    copied: list[str] = []
    monkeypatch.setattr("tui.suspend.run_here", run_here)
    monkeypatch.setattr(MlopsApp, "copy", lambda _, chosen: copied.append(chosen))
    preparing = tui_drafts.preparing(home, sign_in=[tui_drafts.BLOCKED])
    renewed: list[str] = []
    monkeypatch.setattr(preparing.draft, "renewed", lambda: renewed.append("yes"))
    async with app.run_test() as pilot:
        await opened(pilot, preparing)
        await until_shown(pilot, "✗ blocks")
        await press(pilot, "c")
        assert copied == ["gcloud auth application-default login"]
        await press(pilot, "H")
        await until_shown(pilot, "Run it here?")
        assert focused(app).id == "stay"
        assert not ran
        preparing.looked.clear()
        await press(pilot, "tab", "enter")
        await until(pilot, lambda: len(preparing.looked) == len(CONCERNS))
    assert ran == [["gcloud", "auth", "application-default", "login"]]
    assert renewed == ["yes"]


async def test_a_missing_tool_is_fetched_after_a_question(
    app: MlopsApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = [Check("tool.kubectl", "kubectl is there", "block", "kubectl", "there is none", "Let mlops-env fetch it.")]
    preparing = tui_drafts.preparing(home)
    preparing.told["tool.kubectl"] = missing
    fetched: list[str] = []

    def fetch(tool: str) -> None:
        fetched.append(tool)
        preparing.told["tool.kubectl"] = tui_drafts.FOUND["tool.kubectl"]

    monkeypatch.setattr(preparing.draft, "fetch", fetch)
    async with app.run_test() as pilot:
        await opened(pilot, preparing)
        await until_shown(pilot, "✗ blocks", "Let mlops-env fetch it.")
        await press(pilot, "H")
        await until_shown(pilot, "Fetch it?")
        await press(pilot, "tab", "enter")
        await until_shown(pilot, "p Parameters")
    assert fetched == ["kubectl"]


async def test_apis_that_looking_needs_are_switched_on_after_a_question_and_all_is_looked_at_again(
    app: MlopsApp, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = Check(
        "apis", "The APIs", "warn", "compute, sqladmin", "2 APIs are off", "Switch them on.", "gcloud services enable"
    )
    preparing = tui_drafts.preparing(home, apis=[off])
    switched: list[str] = []

    async def switch_on() -> None:
        switched.append("on")
        preparing.told["apis"] = tui_drafts.FOUND["apis"]

    monkeypatch.setattr(preparing.draft, "switch_on", switch_on)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await opened(pilot, preparing)
        await until_shown(pilot, "1 warn", "p Parameters")
        access = screen.query_one("#access", CheckList)
        access.chosen = next(i for i, row in enumerate(access.rows) if row.concern.id == "apis")
        await until_shown(pilot, "2 APIs are off")
        preparing.looked.clear()
        await press(pilot, "H")
        await until_shown(pilot, "Switch them on?", "compute, sqladmin", "all that is made before the review")
        assert not switched
        await press(pilot, "tab", "enter")
        await until(pilot, lambda: len(preparing.looked) == len(CONCERNS))
        await until_shown(pilot, "21 pass")
    assert switched == ["on"]


async def test_foreign_text_is_neither_markup_nor_a_control_sequence(app: MlopsApp, home: Home) -> None:
    evil = tui_drafts.HOSTILE
    checks = [Check("project", evil, "block", evil, evil, evil, f"gcloud {evil}", f"https://{evil}", allowed=evil)]
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, tui_drafts.preparing(home, project=checks))
        screen = await until_shown(pilot, "a[each.key] [/red]", "日本語", "✗ blocks")
        assert "\x1b" not in screen
        assert "52;c" not in screen


async def test_leaving_forgets_what_was_made_to_look(app: MlopsApp, home: Home) -> None:
    preparing = tui_drafts.preparing(home)
    async with app.run_test() as pilot:
        await opened(pilot, preparing)
        await until_shown(pilot, "21 pass")
        await press(pilot, "b")
        await until(pilot, lambda: preparing.ended == 1)
        assert "prerequisites" not in shown(app)
