"""What is said before an installation starts: what is made where, and how long a run lives on this machine."""

from __future__ import annotations

import pytest

from core.cli import main
from core.environment.lifetime import lifetime


@pytest.mark.parametrize(("variable", "words"), [("CLOUD_SHELL", "keep this tab open"), ("CI", "the run ends with it")])
def test_how_long_the_run_lives_here_is_said_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, words: str
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv(variable, "true")
    assert words in lifetime().sentence
    code = main(["install", "demo", "--rehearse"])
    said = capsys.readouterr().err
    assert code == 2
    assert said.index("on a simulated cloud (rehearsal)") < said.index(words) < said.index("Nobody is there to ask")
