"""The address under which a port of this machine opens in the user's browser."""

from __future__ import annotations

import pytest

from core.environment.address import Address, address


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEB_HOST", "SSH_CONNECTION", "CLOUD_SHELL", "DEVSHELL_PROJECT_ID", "CODESPACE_NAME", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("core.environment.address.container", lambda: False)
    monkeypatch.setenv("USER", "ada")


def test_here_it_is_localhost() -> None:
    assert address(8081) == Address("http://localhost:8081")


def test_in_cloud_shell_it_is_the_web_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_SHELL", "true")
    monkeypatch.setenv("WEB_HOST", "cs-1234-default.cs-europe-west1.cloudshell.dev")
    assert address(8080) == Address("https://8080-cs-1234-default.cs-europe-west1.cloudshell.dev")


def test_over_ssh_it_takes_a_line_on_ones_own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.7 50000 203.0.113.9 22")
    assert address(8080) == Address("http://localhost:8080", "ssh -N -L 8080:localhost:8080 ada@203.0.113.9")


def test_over_ssh_in_cloud_shell_the_preview_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.7 50000 203.0.113.9 22")
    monkeypatch.setenv("CLOUD_SHELL", "true")
    monkeypatch.setenv("WEB_HOST", "host")
    assert address(1).url == "https://1-host"


def test_in_a_codespace_it_is_the_forwarded_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODESPACE_NAME", "solid-fishstick-x5")
    monkeypatch.setenv("GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN", "app.github.dev")
    assert address(8080) == Address("https://solid-fishstick-x5-8080.app.github.dev")


def test_in_a_container_it_is_said_whose_localhost_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.environment.address.container", lambda: True)
    found = address(8080)
    assert (found.url, found.command) == ("http://localhost:8080", "")
    assert "container" in found.note
    monkeypatch.setenv("TERM_PROGRAM", "vscode")
    assert address(8080).note == ""
