"""Logs of any length: every line is there, in order, found, and none is kept in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.logs import LONGEST, Logs


def _logs(folder: Path, **files: list[str]) -> Logs:
    folder.mkdir(exist_ok=True)
    for step, lines in files.items():
        (folder / f"{step}.log").write_text("".join(f"{line}\n" for line in lines))
    logs = Logs(folder)
    _take(logs)
    return logs


def _take(logs: Logs) -> None:
    logs.look()
    while logs.take():
        pass
    for _ in logs.merge():
        pass


def _found(logs: Logs, needle: str, begin: int = 0, **options: bool | str) -> int | None:
    return next((n for n in logs.find(needle, begin, **options) if n is not None), None)  # type: ignore[arg-type]


def test_every_line_of_a_long_log_is_there(tmp_path: Path) -> None:
    logs = _logs(tmp_path, platform=[f"00:00:01 line {i}" for i in range(50_000)])
    assert logs.count("platform") == 50_000
    assert logs.line(49_999, "platform") == "00:00:01 line 49999"


def test_a_line_that_is_not_whole_waits_for_its_end(tmp_path: Path) -> None:
    logs = _logs(tmp_path, platform=["00:00:01 one"])
    with (tmp_path / "platform.log").open("a") as file:
        file.write("00:00:02 tw")
        file.flush()
        _take(logs)
        assert logs.count("platform") == 1
        file.write("o\n")
    _take(logs)
    assert logs.line(1, "platform") == "00:00:02 two"


def test_all_logs_stand_in_the_order_of_their_stamps_over_midnight(tmp_path: Path) -> None:
    tmp_path.joinpath("a.log").write_text("23:59:58 a1\n00:00:02 a2\n")
    tmp_path.joinpath("b.log").write_text("23:59:59 b1\n00:00:01 b2\n")
    logs = Logs(tmp_path, begin=23 * 3600)
    _take(logs)
    assert [logs.line(i)[9:] for i in range(logs.count())] == ["a1", "b1", "b2", "a2"]
    assert [logs.place(i)[0] for i in range(logs.count())] == ["a", "b", "b", "a"]


@pytest.mark.parametrize("broken_off", [True, False])
def test_every_line_stands_there_once_however_often_they_are_put_in_order(tmp_path: Path, broken_off: bool) -> None:
    for step in ("a", "b"):
        (tmp_path / f"{step}.log").write_text("".join(f"10:00:{i // 60:02d} {step}{i}\n" for i in range(1500)))
    logs = Logs(tmp_path)
    logs.look()
    while logs.take():
        pass
    begun = logs.merge()
    next(begun)
    _take(logs)
    if broken_off:
        begun.close()  # type: ignore[attr-defined]
    for _ in begun:
        pass
    assert sorted(logs.place(i) for i in range(logs.count())) == [(step, i) for step in "ab" for i in range(1500)]
    with (tmp_path / "a.log").open("a") as file:
        file.write("10:01:00 the last\n")
    _take(logs)
    assert logs.line(3000) == "10:01:00 the last"


def test_a_log_that_comes_up_later_is_taken_in(tmp_path: Path) -> None:
    logs = _logs(tmp_path, platform=["00:00:01 one"])
    (tmp_path / "verify.log").write_text("00:00:09 two\n")
    _take(logs)
    assert logs.count() == 2
    assert logs.place(1) == ("verify", 0)


@pytest.mark.parametrize("step", ["platform", ""])
def test_searching_goes_both_ways_and_takes_no_heed_of_case(tmp_path: Path, step: str) -> None:
    logs = _logs(tmp_path, platform=[f"00:00:01 line {i}{' ERROR' if i in (7, 9000) else ''}" for i in range(10_000)])
    assert _found(logs, "error", 0, step=step) == 7
    assert _found(logs, "error", 8, step=step) == 9000
    assert _found(logs, "error", 9001, step=step) is None
    assert _found(logs, "error", 8999, step=step, back=True) == 7


def test_a_very_long_line_is_cut_when_it_is_shown(tmp_path: Path) -> None:
    logs = _logs(tmp_path, platform=["x" * 1_000_000, "after"])
    assert len(logs.line(0, "platform")) == LONGEST
    assert logs.line(1, "platform") == "after"
