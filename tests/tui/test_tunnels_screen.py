"""Tunnels: how each stands, told by sign and word; opened and ended after a question; defined; what is copied is whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from textual.pilot import Pilot
from tui_pictures import Pictures
from tui_pilot import focused, press, shown, until, until_shown

from core.environment import Home
from core.errors import PrerequisiteError
from core.workstation.tunnel import adding, book, tunnels
from core.workstation.tunnel.asking import Ask as Asks
from core.workstation.tunnel.asking import Tell
from core.workstation.tunnel.definition import Forward, Tunnel
from core.workstation.tunnel.status import ForwardStatus, Status
from tui.app import MlopsApp
from tui.screens.dialogs import Ask, AskText
from tui.screens.tunnels import TunnelsScreen
from tui.widgets import tunnels as rows
from tui.widgets.field import Field

NOW = 1_790_000_000.0


def status(name: str, state: str, **more: Any) -> Status:
    forward = ForwardStatus(f"/tmp/mlops-env-1000/docker-{name}.sock", "/var/run/docker.sock", connections=7, up_bytes=1200)
    host = f"unix://{forward.local}" if more.get("pid") else ""
    return Status(
        name, state, host=f"{name}-vm", engine="asyncssh", about="aes128-gcm", docker_host=host, forwards=[forward], **more
    )


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Tunnels that are no processes."""
    found = SimpleNamespace(tunnels={}, started=[], error=None, questions=[], answers=[], waits=[])

    def start(_: Home, tunnel: Tunnel, *, ask: Asks, tell: Tell) -> Status:
        for waited in found.waits:
            tell(waited)
        found.answers += [ask(*question) for question in found.questions]
        if found.error is not None:
            raise found.error
        found.started.append(tunnel)
        found.tunnels[tunnel.name] = status(tunnel.name, "up", pid=7, since=NOW)
        return found.tunnels[tunnel.name]

    def stop(_: Home, name: str) -> bool:
        found.tunnels[name] = status(name, "down")
        return True

    monkeypatch.setattr(tunnels, "names", lambda home: sorted({*found.tunnels, *book.load(home)}))
    monkeypatch.setattr(tunnels, "status", lambda _, name: found.tunnels.get(name) or Status(name))
    monkeypatch.setattr(tunnels, "start", start)
    monkeypatch.setattr(tunnels, "stop", stop)
    monkeypatch.setattr(rows, "time", SimpleNamespace(time=lambda: NOW + 11_000))
    return found


async def opened(pilot: Pilot[int]) -> TunnelsScreen:
    await until_shown(pilot, "No environment is kept")
    await press(pilot, "u")
    await until(pilot, lambda: isinstance(pilot.app.screen, TunnelsScreen))
    assert isinstance(pilot.app.screen, TunnelsScreen)
    return pilot.app.screen


async def test_each_is_told_by_sign_and_word_and_what_is_copied_is_whole(app: MlopsApp, there: SimpleNamespace) -> None:
    ill = status("ill", "up", pid=3, since=NOW)
    ill.forwards[0].health, ill.forwards[0].detail = "failing", "Docker is not running there."
    there.tunnels = {
        "away": status("away", "reconnecting", pid=2, since=NOW + 10_990, reconnects=4),
        "down": status("down", "down"),
        "ill": ill,
        "shut": status(
            "shut", "stopped", error={"message": "shut-vm does not accept me.", "cause": "", "hint": "Try: ssh shut"}
        ),
        "well": status("well", "up", pid=1, since=NOW, relayed=True),
    }
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        screen = await until_shown(pilot, "◐ reconnecting 10 s", "· down", "~ up, but failing", "✗ stopped", "✓ up 3 h")
        assert "2 up · 1 not yet" in screen
        await press(pilot, "down", "down")
        await until_shown(pilot, "Docker is not running there.")
        await press(pilot, "down")
        await until_shown(pilot, "does not accept me", "Try: ssh shut")
        await press(pilot, "down")
        await until_shown(pilot, "DOCKER_HOST=unix:///tmp/mlops-env-1000/docker-well.sock", "through Identity-Aware Proxy")
        await press(pilot, "c")
        await until(pilot, lambda: app._copied == "export DOCKER_HOST=unix:///tmp/mlops-env-1000/docker-well.sock")


async def test_a_tunnel_is_defined_opened_and_ended(app: MlopsApp, home: Home, there: SimpleNamespace) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until_shown(pilot, "No tunnel is known", "mlops-env tunnel up HOST")
        await press(pilot, "j", *"gpu 8888=host:80", "enter")
        await until_shown(pilot, "8888  →  host:80")
        assert book.load(home) == {"gpu": Tunnel("gpu", forwards=(Forward.parse("8888=host:80"),))}
        await press(pilot, "U")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        assert focused(app).id == "stay", "the harmless answer comes first"
        await press(pilot, "tab", "enter")
        await until_shown(pilot, "✓ up 3 h")
        assert [tunnel.name for tunnel in there.started] == ["gpu"]
        await press(pilot, "E")
        await until_shown(pilot, "ends with it")
        await press(pilot, "tab", "enter")
        await until_shown(pilot, "· down")


async def test_what_is_defined_anew_keeps_what_the_words_do_not_say(
    app: MlopsApp, home: Home, there: SimpleNamespace
) -> None:
    book.keep(home, Tunnel("gpu", host="gpu-vm", engine="openssh", options=("ServerAliveInterval=20",)))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until_shown(pilot, "gpu")
        await press(pilot, "j", *"gpu 8888=80", "enter")
        await until_shown(pilot, "8888  →  localhost:80")
    again = Tunnel(
        "gpu",
        host="gpu-vm",
        engine="openssh",
        options=("ServerAliveInterval=20",),
        forwards=(Forward.parse("8888=80"),),
    )
    assert book.load(home) == {"gpu": again}


async def test_a_port_to_docker_is_opened_with_a_warning_of_what_it_gives(
    app: MlopsApp, home: Home, there: SimpleNamespace
) -> None:
    book.keep(home, Tunnel("gpu", forwards=(Forward.parse("23750=/var/run/docker.sock"),)))
    book.keep(home, Tunnel("web", forwards=(Forward.parse("8888=80"),)))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until_shown(pilot, "gpu")
        await press(pilot, "U")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        assert "Port 23750 gives every user of this machine the rights of root" in " ".join(shown(app).split())
        await press(pilot, "escape", "down", "U")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        assert "rights of root" not in shown(app)


async def test_why_a_connection_was_lost_is_shown_though_there_is_another(app: MlopsApp, there: SimpleNamespace) -> None:
    lost = {"message": "The connection was lost: the host closed it.", "cause": "", "hint": ""}
    there.tunnels = {
        "well": status("well", "up", pid=1, since=NOW, reconnects=1, last_error=lost, last_error_at=NOW + 10_900)
    }
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until_shown(pilot, "the host closed it", "1 min ago")


async def test_sudo_on_the_host_is_offered_where_it_would_help_and_kept_once_it_is_chosen(
    app: MlopsApp, home: Home, there: SimpleNamespace
) -> None:
    book.keep(home, Tunnel("gpu"))
    shut = status("gpu", "down")
    shut.forwards[0].offer = "sudo"
    there.tunnels = {"gpu": shut, "well": status("well", "down")}
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until_shown(pilot, "well")
        await press(pilot, "down", "U")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        assert "sudo" not in shown(app)
        await press(pilot, "escape", "up", "U")
        await until_shown(pilot, "Open, with sudo there")
        await press(pilot, "tab", "tab", "enter")
        await until_shown(pilot, "✓ up 3 h")
        assert [tunnel.sudo for tunnel in there.started] == [True]
        assert book.load(home)["gpu"].sudo


async def test_what_is_wrong_is_shown_and_nothing_is_lost(app: MlopsApp, home: Home, there: SimpleNamespace) -> None:
    there.error = PrerequisiteError("The port 8888 is in use by process 5 (jupyter).", hint="End that.")
    book.keep(home, Tunnel("gpu", forwards=(Forward.parse("8888=80"),)))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until_shown(pilot, "gpu", "· down")
        await press(pilot, "j", *"gpu 8888", "enter")
        await until_shown(pilot, "8888 is no forward")
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, AskText))
        assert app.screen.query_one("#value", Field).value == "gpu 8888", "what was typed is there, to be mended"
        await press(pilot, "escape", "U", "tab", "enter")
        await until_shown(pilot, "in use by process 5 (jupyter)")
        assert "gpu" in book.load(home)


async def test_pictures(app: MlopsApp, there: SimpleNamespace, pictures: Pictures) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until_shown(pilot, "No tunnel is known")
        await pictures.take(pilot, "tunnels-none")
        there.tunnels = {
            "away": status("away", "reconnecting", pid=2, since=NOW + 10_990),
            "well": status("well", "up", pid=1, since=NOW),
        }
        await until_shown(pilot, "reconnecting 10 s")
        await press(pilot, "down")
        await until_shown(pilot, "DOCKER_HOST")
        await pictures.take(pilot, "tunnels-some")


async def test_what_ssh_asks_is_asked_on_the_screen_and_never_shown(
    app: MlopsApp, there: SimpleNamespace, home: Home
) -> None:
    book.keep(home, Tunnel("gpu"))
    there.questions = [
        ("Enter passphrase for key '/k': ", True),
        ("Its fingerprint is SHA256:x. Continue (yes/no)? ", False),
    ]
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until_shown(pilot, "gpu")
        await press(pilot, "U", "tab", "enter")
        await until_shown(pilot, "Enter passphrase for key")
        await press(pilot, *"canary-of-mine")
        assert "canary" not in shown(app)
        await press(pilot, "enter")
        await until_shown(pilot, "SHA256:x")
        await press(pilot, "tab", "enter")
        await until_shown(pilot, "1 up")
    assert there.answers == ["canary-of-mine", "yes"]


async def test_a_touch_that_ssh_waits_for_is_said_without_a_question(
    app: MlopsApp, there: SimpleNamespace, home: Home
) -> None:
    book.keep(home, Tunnel("gpu"))
    there.waits = ["Confirm user presence for key [SHA256:x]"]
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until_shown(pilot, "gpu")
        await press(pilot, "U", "tab", "enter")
        await until_shown(pilot, "1 up")
        assert there.waits[0] in [said.message for said in app._notifications]


async def test_a_vm_that_ssh_does_not_know_is_added_if_one_agrees(
    app: MlopsApp, there: SimpleNamespace, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    book.keep(home, Tunnel("gpu"))
    added: list[str] = []

    async def not_added(_: Home, tunnel: Tunnel) -> SimpleNamespace:
        return SimpleNamespace(host=tunnel.name)

    async def add(_: Home, to: SimpleNamespace, *, accept: object) -> list[str]:
        added.append(to.host)
        return []

    monkeypatch.setattr(adding, "not_added", not_added)
    monkeypatch.setattr(adding, "add", add)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until_shown(pilot, "gpu")
        await press(pilot, "U", "tab", "enter")
        await until_shown(pilot, "ssh does not know gpu yet")
        await press(pilot, "tab", "enter")
        await until_shown(pilot, "1 up")
    assert added == ["gpu"]
