from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import bench.__main__ as program
from bench.measure import Lacking, Row, in_turns, run


def test_a_row_is_what_the_file_of_results_holds() -> None:
    row = Row.of("name", [3.0, 1.0, 2.0], goal=2.0, against="other").to_dict()
    assert row == {
        "name": "name", "value": 2.0, "goal": 2.0, "pass": True, "against": "other", "unit": "ratio", "spread": [1.0, 3.0],
    }  # fmt: skip


def test_a_row_over_its_goal_does_not_pass() -> None:
    assert Row.of("name", [2.1], goal=2.0, against="other").to_dict()["pass"] is False


def test_both_sides_take_turns_in_changing_order() -> None:
    calls: list[str] = []
    ratios = in_turns(lambda: calls.append("ours"), lambda: calls.append("theirs"), rounds=2)
    assert len(ratios) == 2
    assert calls == ["ours", "theirs", "ours", "theirs", "theirs", "ours"]


def test_a_command_that_fails_is_told_with_its_last_words() -> None:
    with pytest.raises(Lacking, match="ended with 3: no such luck"):
        run([sys.executable, "-c", "import sys; print('no such luck', file=sys.stderr); sys.exit(3)"])


def test_results_are_written_and_a_missed_goal_shows_in_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "RESULTS", tmp_path / "results.json")
    good, bad = Row.of("good", [1.0], goal=2.0, against="x"), Row.of("bad", [3.0], goal=2.0, against="x")
    monkeypatch.setattr(program, "ROWS", {"good": lambda: good, "bad": lambda: bad})
    assert program.main(["good"]) == 0
    assert program.main([]) == 1
    assert [row["name"] for row in json.loads((tmp_path / "results.json").read_text())] == ["good", "bad"]
    assert "MISSED" in capsys.readouterr().out


def test_a_row_that_cannot_be_measured_says_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacking() -> Row:
        raise Lacking("There is no kubectl.")

    monkeypatch.setattr(program, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(program, "ROWS", {"row": lacking})
    assert program.main(["row"]) == 1
    assert "There is no kubectl." in capsys.readouterr().err


def test_an_unknown_row_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err
