"""Access: the address that works here, whole; the forward on and off; what was verified; nothing claimed in a rehearsal."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import tui_drafts
import tui_runs
from textual.pilot import Pilot
from tui_pilot import focused, press, shown, until, until_shown

from core.environment import Environment, Home
from core.errors import VerificationError
from core.install import endpoints, forwarding
from tui.app import MlopsApp
from tui.screens.access import AccessScreen


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A port-forward that is no process."""
    found = SimpleNamespace(port=None, answers=False, started=[])

    def start(_: Environment, port: int) -> int:
        found.started.append(port)
        found.port, found.answers = port, True
        return port

    def stop(_: Environment) -> bool:
        found.port, found.answers = None, False
        return True

    monkeypatch.setattr(forwarding, "running", lambda _: found.port)
    monkeypatch.setattr(forwarding, "answers", lambda _: found.answers)
    monkeypatch.setattr(forwarding, "start", start)
    monkeypatch.setattr(forwarding, "stop", stop)
    return found


def installed(home: Home, *, cloud: str = "google", checks: list[dict[str, str]] | None = None) -> Environment:
    environment = tui_runs.environment(home, cloud=cloud)
    happened = tui_runs.installed()
    if checks is not None:
        from core import events

        happened.insert(-1, (1, events.FactPublished(step="verify", name="verification", value=checks)))
    tui_runs.write(environment, happened)
    return environment


async def opened(pilot: Pilot[int], environment: Environment) -> AccessScreen:
    screen = AccessScreen(environment)
    await pilot.app.push_screen(screen)
    await until_shown(pilot, "http", "access")
    return screen


async def test_the_forward_is_started_and_ended(
    app: MlopsApp, home: Home, moment: SimpleNamespace, state: SimpleNamespace
) -> None:
    async with app.run_test() as pilot:
        await opened(pilot, installed(home))
        await until_shown(pilot, "· not forwarded", "mlops-env access demo --forward", "http://localhost:8080")
        assert focused(app).id == "do-forward"
        await press(pilot, "d")
        await until_shown(pilot, "✓ answers", "End forward", "o Open page")
        await press(pilot, "d")
        await until_shown(pilot, "· not forwarded", "Forward (d)")
    assert state.started == [8080]


async def test_a_forward_that_is_asked_for_twice_is_started_once(
    app: MlopsApp, home: Home, moment: SimpleNamespace, state: SimpleNamespace
) -> None:
    async with app.run_test() as pilot:
        screen = await opened(pilot, installed(home))
        screen.action_forward()
        screen.action_forward()
        await until_shown(pilot, "✓ answers", "End forward")
        button = screen.query_one("#do-forward")
        await press(pilot, "d")
        await until_shown(pilot, "· not forwarded", "Forward (d)")
        await until(pilot, lambda: button.region.width == len(" Forward (d) ") + 2)
    assert state.started == [8080]


async def test_it_shows_where_everything_is_and_cuts_nothing_short(
    app: MlopsApp, home: Home, moment: SimpleNamespace, state: SimpleNamespace
) -> None:
    environment = installed(home)
    async with app.run_test(size=(200, 50)) as pilot:
        await opened(pilot, environment)
        screen = await until_shown(pilot, "2 pass", "Kubeflow API, hello pipeline", "console.cloud.google.com")
        for url in endpoints.describe(environment)["console"]:
            assert url in screen
        assert f"kubectl --kubeconfig {environment.kubeconfig} --namespace kubeflow get pods" in screen
        assert environment.names.kubernetes_context in screen


async def test_what_failed_in_the_verification_stands_first_and_is_only_text(
    app: MlopsApp, home: Home, moment: SimpleNamespace, state: SimpleNamespace
) -> None:
    checks = [
        {"check": "Kubeflow API", "state": "pass", "detail": ""},
        {"check": "BigQuery", "state": "fail", "detail": tui_drafts.HOSTILE},
    ]
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, installed(home, checks=checks))
        screen = await until_shown(pilot, "✗ fails  BigQuery: a[each.key] [/red]", "1 pass")
        assert "\x1b" not in screen
        assert screen.index("fails") < screen.index("1 pass")


async def test_a_rehearsal_says_that_it_is_one(
    app: MlopsApp, home: Home, moment: SimpleNamespace, state: SimpleNamespace
) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, installed(home, cloud="rehearsal"))
        screen = await until_shown(pilot, "A rehearsal:", "nothing to see in the console")
        assert "console.cloud.google.com" not in screen
        assert "rehearsal" in screen.splitlines()[0]


async def test_in_cloud_shell_the_address_is_its_web_preview(
    app: MlopsApp, home: Home, moment: SimpleNamespace, state: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUD_SHELL", "true")
    monkeypatch.setenv("WEB_HOST", "cs-1.cloudshell.dev")
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, installed(home))
        await until_shown(pilot, "https://8080-cs-1.cloudshell.dev", "Web Preview")


async def test_over_ssh_the_command_for_ones_own_machine_is_shown(
    app: MlopsApp, home: Home, moment: SimpleNamespace, state: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 5000 10.0.0.2 22")
    monkeypatch.setenv("USER", "me")
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot, installed(home))
        await until_shown(pilot, "On your own machine, first  ssh -N -L 8080:localhost:8080 me@10.0.0.2")


async def test_the_command_for_kubectl_and_the_address_are_copied_whole(
    app: MlopsApp, home: Home, moment: SimpleNamespace, state: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    monkeypatch.setattr(MlopsApp, "copy", lambda _, chosen: copied.append(chosen))
    environment = installed(home)
    async with app.run_test() as pilot:
        await opened(pilot, environment)
        await until_shown(pilot, "c Copy")
        await press(pilot, "c", "k")
    assert copied[0] == "http://localhost:8080"
    assert copied[1].startswith(f"kubectl --kubeconfig {environment.kubeconfig}")


async def test_verifying_asks_tells_its_progress_and_shows_the_result(
    app: MlopsApp, home: Home, moment: SimpleNamespace, state: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = [{"check": "pods", "state": "pass", "detail": ""}]
    failed = [*checks, {"check": "BigQuery", "state": "fail", "detail": "no role"}]
    answers: list[Any] = [checks, VerificationError("BigQuery says no.", checks=failed)]

    async def verify(_: Environment, reporter: Any) -> Any:
        reporter.progress("checking pods")
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("tui.screens.access.verify", verify)
    async with app.run_test() as pilot:
        await opened(pilot, installed(home))
        await until_shown(pilot, "2 pass")
        await press(pilot, "V")
        await until_shown(pilot, "Verify?")
        assert len(answers) == 2
        await press(pilot, "tab", "enter")
        await until_shown(pilot, "1 pass  pods")
        await press(pilot, "V", "tab", "enter")
        await until_shown(pilot, "BigQuery says no.")
        await press(pilot, "escape")
        await until(pilot, lambda: "verifying" not in shown(app).splitlines()[0])
        await until_shown(pilot, "✗ fails  BigQuery: no role", "1 pass  pods")


async def test_the_forward_is_steered_while_a_verification_runs_and_leaves_it_running(
    app: MlopsApp, home: Home, moment: SimpleNamespace, state: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()  # it waits on another loop than the one that opens the gate

    async def verify(_: Environment, __: Any) -> list[dict[str, str]]:
        await asyncio.to_thread(gate.wait, 60)
        return [{"check": "pods", "state": "pass", "detail": ""}]

    monkeypatch.setattr("tui.screens.access.verify", verify)
    async with app.run_test() as pilot:
        screen = await opened(pilot, installed(home))
        await until_shown(pilot, "2 pass")
        await press(pilot, "V", "tab", "enter")
        await until_shown(pilot, "access", "verifying")
        await press(pilot, "d")
        await until_shown(pilot, "✓ answers", "End forward", "verifying")
        assert not screen.allowed("verify")
        gate.set()
        await until_shown(pilot, "1 pass  pods", "forwarded, answers")
    assert state.started == [8080]
