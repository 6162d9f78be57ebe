"""How long a run lives here: one sentence a kind of machine, and a way to make it longer where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.environment import lifetime
from core.environment.lifetime import Lifetime

LOGIN = {"USER": "ada"}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is none of the special ones."""
    for name in ("CI", "container", "CLOUD_SHELL", "DEVSHELL_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(lifetime, "_read", lambda _path: "6.1.0-generic")
    monkeypatch.setattr(lifetime, "_ends_at_logout", lambda: False)
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: str(path) != "/.dockerenv" and exists(path))


def found() -> Lifetime:
    return lifetime.lifetime()


def test_a_machine_of_ones_own_goes_on() -> None:
    assert found().kind == "machine"
    assert "awake" in found().sentence
    assert found().command == ""


@pytest.mark.parametrize(
    ("variables", "kind", "words"),
    [
        ({"CLOUD_SHELL": "true"}, "cloud-shell", "keep this tab open"),
        ({"DEVSHELL_PROJECT_ID": "p"}, "cloud-shell", "keep this tab open"),
        ({"CI": "true"}, "ci", "ends with it"),
        ({"container": "podman"}, "container", "ends with it"),
        ({"CLOUD_SHELL": "true", "CI": "true"}, "cloud-shell", "tab"),
    ],
)
def test_where_something_else_ends_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], kind: str, words: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert found().kind == kind
    assert words in found().sentence


def test_wsl_is_known_by_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifetime, "_read", lambda _path: "5.15.153.1-microsoft-standard-WSL2")
    assert (found().kind, "last window" in found().sentence) == ("wsl", True)


def test_a_login_without_linger_is_offered_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setattr(lifetime, "_ends_at_logout", lambda: True)
    assert (found().kind, found().command) == ("login", "loginctl enable-linger ada")


@pytest.mark.parametrize("platform", ["darwin", "linux"])
def test_what_keeps_the_machine_awake_ends_with_the_process(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifetime.sys, "platform", platform)
    monkeypatch.setattr(lifetime.shutil, "which", lambda name: f"/usr/bin/{name}")
    is_dir = Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda path: str(path) == "/run/systemd/system" or is_dir(path))
    command = lifetime.awake(4711)
    assert command[0] == {"darwin": "caffeinate", "linux": "systemd-inhibit"}[platform]
    assert any("4711" in word for word in command)
    monkeypatch.setattr(lifetime.shutil, "which", lambda name: None)
    assert lifetime.awake(4711) == []
