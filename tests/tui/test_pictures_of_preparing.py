"""Pictures of the screens before an installation, of Access and of Destroy, in every state, at the three sizes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import tui_drafts
import tui_runs
from textual.pilot import Pilot
from textual.screen import Screen
from tui_pictures import Pictures
from tui_pilot import press, until_shown
from tui_pilot import until as settled

from core.environment import Home
from core.environment.lifetime import Lifetime
from core.errors import PermanentError
from core.install import endpoints, forwarding
from core.install.choices import Choices
from core.prerequisites import Check
from tui.app import MlopsApp
from tui.screens.access import AccessScreen
from tui.screens.destruction import DestructionScreen
from tui.screens.parameters import ParametersScreen
from tui.screens.prerequisites import PrerequisitesScreen
from tui.screens.review import ReviewScreen

PASSING = ("warm", "edited", "review")
"""Work that ends by itself and then changes what is shown."""
Show = Callable[[str, Screen[Any], Callable[[Pilot[int]], Awaitable[None]]], Awaitable[None]]


@pytest.fixture
def show(app: MlopsApp, pictures: Pictures) -> Show:
    """Opens a screen, brings it where it is to be pictured, and takes the pictures."""

    async def take(name: str, screen: Screen[Any], until: Callable[[Pilot[int]], Awaitable[None]]) -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await until_shown(pilot, "New (n)")
            await pilot.app.push_screen(screen)
            await until(pilot)
            await settled(pilot, lambda: all(w.is_finished for w in screen.workers if w.group in PASSING))
            await pictures.take(pilot, name)

    return take


WARNED = Check("quotas", "Quotas", "warn", "CPUS 20 of 24", "little is left", "Ask for more.")


@pytest.mark.parametrize("state", ["under-way", "passing", "blocking", "warning", "fetching"])
async def test_prerequisites(state: str, show: Show, home: Home) -> None:
    missing = Check("tool.kubectl", "kubectl is there and new enough", "block", "", "there is none", "It can be fetched.")
    told: dict[str, dict[str, list[Check]]] = {
        "blocking": {"sign_in": [tui_drafts.BLOCKED]},
        "warning": {"places": [*tui_drafts.FOUND["places"], WARNED]},
        "fetching": {"tool_kubectl": [missing]},
    }
    found = {key.replace("tool_", "tool."): checks for key, checks in told.get(state, {}).items()}
    preparing = tui_drafts.preparing(home, **found)
    if state == "under-way":
        preparing.gate.clear()
        preparing.found["tool.git"] = tui_drafts.FOUND["tool.git"]

    async def until(pilot: Pilot[int]) -> None:
        says = {"under-way": "under way", "passing": "21 pass", "warning": "1 warn"}
        await until_shown(pilot, says.get(state, "1 block"))
        if state == "fetching":
            await until_shown(pilot, "Run here (H)")
            await press(pilot, "H")
            await until_shown(pilot, "Fetch it?")

    await show(f"prerequisites-{state}", PrerequisitesScreen(preparing), until)


@pytest.mark.parametrize(
    "state",
    ["as-they-come", "wrong", "advanced", "choosing", "not-listed", "password", "blocked", "loading", "rehearsal", "fixed"],
)
async def test_parameters(state: str, show: Show, home: Home) -> None:
    blocking = Check("region", "The region is one of Google's", "block", "us-central1", "it is down", "Choose another.")
    found = {"places": [blocking]} if state == "blocked" else {}
    cloud = "rehearsal" if state == "rehearsal" else "google"
    preparing = tui_drafts.preparing(home, cloud=cloud, **found).see_all()
    if state == "fixed":
        preparing.draft.fixed = frozenset({"project_id", "region", "zone", "namespace"})
    if state == "not-listed":
        preparing.listed["region"] = Choices((), "Listing is not permitted: 403.")

    async def until(pilot: Pilot[int]) -> None:
        await until_shown(pilot, "mlops-env install demo", "rehearsal-abcdef" if state == "rehearsal" else "acme-ml-prod")
        screen = pilot.app.screen
        if state == "wrong":
            screen.query_one("#in-zone").focus()
            await press(pilot, *"europe", "minus", *"west4", "minus", "a")
            await until_shown(pilot, "1 to mend")
        elif state == "advanced":
            await press(pilot, "ctrl+l")
            await until_shown(pilot, "name_prefix")
        elif state in ("choosing", "not-listed"):
            screen.query_one("#list-region").focus()
            await press(pilot, "enter")
            await until_shown(pilot, "Las Vegas" if state == "choosing" else "Any value can be typed")
        elif state == "password":
            screen.query_one("#password").focus()
            await press(pilot, *"correct", "minus", *"horse")
            await until_shown(pilot, "--sql-password-stdin")
        elif state == "blocked":
            await until_shown(pilot, "✗ blocks")
        elif state == "loading":
            await press(pilot, "ctrl+o")
            await until_shown(pilot, "The answers file")

    await show(f"parameters-{state}", ParametersScreen(preparing), until)


@pytest.mark.parametrize("state", ["looking", "planned", "searching", "asked", "login", "refused", "rehearsal"])
async def test_review(state: str, show: Show, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = PermanentError("The plan can't be made.", cause="403: forbidden", hint="Ask an owner for a role.")
    cloud = "rehearsal" if state == "rehearsal" else "google"
    preparing = tui_drafts.preparing(home, cloud=cloud, plan=refusal if state == "refused" else None).see_all()
    preparing.project = "acme-ml-prod"
    if state == "login":
        ends = Lifetime("login", "This system may end your processes when you log out.", "loginctl enable-linger me")
        monkeypatch.setattr("tui.screens.review.lifetime", lambda: ends)
    if state == "looking":
        preparing.gate.clear()

    async def until(pilot: Pilot[int]) -> None:
        says = {"looking": "Planning", "refused": "Ask an owner"}
        await until_shown(pilot, says.get(state, "4 to make"))
        if state == "searching":
            await press(pilot, "slash", *"cluster")
            await until_shown(pilot, "google_container_cluster.this")
        elif state in ("asked", "login"):
            await press(pilot, "I")
            await until_shown(pilot, "Install?")

    await show(f"review-{state}", ReviewScreen(preparing), until)


@pytest.mark.parametrize("state", ["closed", "forwarded", "failing", "rehearsal", "cloud-shell", "ssh", "asked"])
async def test_access(state: str, show: Show, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    forwarded = state in ("forwarded", "failing", "cloud-shell")
    monkeypatch.setattr(forwarding, "running", lambda _: 8080 if forwarded else None)
    monkeypatch.setattr(forwarding, "answers", lambda _: forwarded)
    if state == "cloud-shell":
        monkeypatch.setenv("CLOUD_SHELL", "true")
        monkeypatch.setenv("WEB_HOST", "cs-1.cloudshell.dev")
    if state == "ssh":
        monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 5000 10.0.0.2 22")
        monkeypatch.setenv("USER", "me")
    environment = tui_runs.environment(home, cloud="rehearsal" if state == "rehearsal" else "google")
    tui_runs.write(environment, tui_runs.installed())
    screen = AccessScreen(environment)
    monkeypatch.setattr(AccessScreen, "kubectl", lambda _: "kubectl --kubeconfig /home/me/demo/kubeconfig get pods")

    async def until(pilot: Pilot[int]) -> None:
        await until_shown(pilot, "2 pass", "answers" if forwarded else "d forwards it")
        if state == "failing":
            screen.checks = [{"check": "BigQuery", "state": "fail", "detail": "403: no role."}, *screen.checks]
            screen._show()
            await until_shown(pilot, "fails")
        elif state == "asked":
            await press(pilot, "V")
            await until_shown(pilot, "Verify?")

    assert endpoints.describe(environment)["console"]
    await show(f"access-{state}", screen, until)


@pytest.mark.parametrize("state", ["kept", "deleted", "asked"])
async def test_destruction(state: str, show: Show, home: Home) -> None:
    environment = tui_runs.environment(home, cloud="google")
    tui_runs.write(environment, tui_runs.made())

    async def until(pilot: Pilot[int]) -> None:
        await until_shown(pilot, "5 to remove")
        if state == "deleted":
            await press(pilot, "y")
            await until_shown(pilot, "7 to remove")
        elif state == "asked":
            await press(pilot, "D")
            await until_shown(pilot, "─ Destroy ─")

    await show(f"destruction-{state}", DestructionScreen(environment), until)
