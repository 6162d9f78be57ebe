"""A tool that is missing is fetched on being asked, which --yes is, and never otherwise."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from core.cli import tools
from core.cli.output import Output
from core.environment import Home
from core.errors import PrerequisiteError
from core.toolchain import MissingTool, Tool


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what was fetched, on a machine that lacks kubectl alone."""
    names: list[str] = []

    def bring(name: str, home: Home, *, ask: Callable[[str], bool]) -> Tool:
        if name == "kubectl":
            if not ask("kubectl is missing. Fetch it into FOLDER?"):
                raise MissingTool(name)
            names.append(name)
        return Tool(name, [name], "9.9", "PATH", Path(name))

    monkeypatch.setattr("core.toolchain.bring", bring)
    return names


def _arguments(*, yes: bool) -> argparse.Namespace:
    return argparse.Namespace(yes=yes)


def test_yes_is_being_asked_and_it_is_said(home: Home, fetched: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    tools.provide(_arguments(yes=True), Output(json=False), home)
    assert fetched == ["kubectl"]
    assert "kubectl is missing. It is fetched into FOLDER." in capsys.readouterr().err


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_is_asked(home: Home, fetched: list[str], monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    monkeypatch.setattr(tools, "interactive", lambda: True)
    monkeypatch.setattr(tools, "confirm", lambda question: answer)
    tools.provide(_arguments(yes=False), Output(json=False), home)
    assert fetched == (["kubectl"] if answer else [])


def test_without_a_terminal_nothing_is_asked_and_nothing_fetched(
    home: Home, fetched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "confirm", lambda _: pytest.fail("asked"))
    tools.provide(_arguments(yes=False), Output(json=False), home)
    assert fetched == []


def test_what_could_not_be_fetched_ends_the_command(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def bring(name: str, home: Home, *, ask: Callable[[str], bool]) -> Tool:
        raise PrerequisiteError(f"{name} could not be fetched.")

    monkeypatch.setattr("core.toolchain.bring", bring)
    with pytest.raises(PrerequisiteError, match="could not be fetched"):
        tools.provide(_arguments(yes=True), Output(json=False), home)
