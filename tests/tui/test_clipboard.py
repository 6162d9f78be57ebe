"""Copying takes the way that the terminal has, and says which; signs follow the locale and what tmux was told."""

from __future__ import annotations

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tui import clipboard, signs

TEXT = "gcloud auth login [/red] 日本"


@pytest.fixture
def written() -> list[str]:
    """What went to the terminal."""
    return []


@pytest.fixture
def app(written: list[str]) -> Any:
    """An app with a terminal that only remembers."""
    return SimpleNamespace(_driver=SimpleNamespace(write=written.append))


def _program(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> Path:
    """A program on PATH that keeps what it is given."""
    kept = folder / f"{name}.kept"
    program = folder / name
    program.write_text(f"#!/bin/sh\n/bin/cat > '{kept}'\necho \"$@\" > '{kept}.arguments'\nexit {code}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return kept


def test_in_a_plain_terminal_it_is_sent_to_the_terminal(app: Any, written: list[str]) -> None:
    assert "OSC 52" in clipboard.send(app, TEXT)
    assert written == [f"\x1b]52;c;{base64.b64encode(TEXT.encode()).decode()}\x07"]


def test_in_tmux_it_goes_to_its_buffer(
    app: Any, written: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = _program(tmp_path, "tmux", monkeypatch)
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    assert "tmux's buffer" in clipboard.send(app, TEXT)
    assert kept.read_text() == TEXT
    assert Path(f"{kept}.arguments").read_text().split() == ["load-buffer", "-w", "-"]
    assert written == []


def test_where_tmux_refuses_the_terminal_is_next(
    app: Any, written: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(tmp_path, "tmux", monkeypatch, code=1)
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    assert "OSC 52" in clipboard.send(app, TEXT)
    assert len(written) == 1


@pytest.mark.parametrize(
    ("variable", "program"), [("WAYLAND_DISPLAY", "wl-copy"), ("DISPLAY", "xclip"), ("DISPLAY", "xsel")]
)
def test_on_a_desktop_its_own_program_is_asked(
    app: Any, written: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, program: str
) -> None:
    kept = _program(tmp_path, program, monkeypatch)
    monkeypatch.setenv(variable, ":0")
    assert program in clipboard.send(app, TEXT)
    assert kept.read_text() == TEXT
    assert written == []


def test_over_ssh_the_far_desktop_is_left_alone(
    app: Any, written: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = _program(tmp_path, "xclip", monkeypatch)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 5000 10.0.0.2 22")
    assert "OSC 52" in clipboard.send(app, TEXT)
    assert not kept.exists()
    assert len(written) == 1


@pytest.mark.parametrize(
    ("variables", "shows"),
    [
        ({"LANG": "en_GB.UTF-8"}, True),
        ({"LANG": "C.utf8"}, True),
        ({"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, False),
        ({"LC_CTYPE": "de_DE.UTF-8", "LANG": "C"}, True),
        ({"LC_CTYPE": "C.UTF-8", "LANG": "C"}, False),
        ({"LANG": "en_GB.ISO-8859-1"}, False),
        ({}, False),
    ],
)
def test_the_locale_says_whether_signs_are_shown(variables: dict[str, str], shows: bool) -> None:
    assert signs.utf8(variables) is shows


@pytest.mark.parametrize(("said", "shows"), [("1", True), ("0", False), ("", True)])
def test_tmux_says_what_its_client_shows(said: str, shows: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signs, "_asked", lambda _: said)
    assert signs.utf8({"LANG": "en_GB.UTF-8", "TMUX": "x"}) is shows


@pytest.mark.parametrize("sign", sorted({s.sign for s in signs.STATES.values()} | set("█░▸▾›‹…╭─╮│╰╯▂▃▅▆▇")))
def test_every_sign_has_one_of_its_own_width_in_ascii(sign: str) -> None:
    plain = signs.ascii_text(sign)
    assert plain.isascii()
    assert len(plain) == 1
    assert sign == "?" or plain != "?"
