"""The frame itself: it finds what differs, takes what is listed, and never passes over either in silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.frame import Check, LeftOut, Listed, Outcome, differing, judge, listed, to_its_end

REAL = {"status": 409, "body": {"reason": "Conflict", "causes": [{"field": ".spec"}], "uid": "1"}}


def test_what_agrees_is_counted() -> None:
    result = judge("part", [Check("apply", REAL, REAL), LeftOut("watch", "no server")], [])
    assert result.line() == "part: 1 checks, 1 agree, 0 listed, 1 left out"
    assert result.passed


@pytest.mark.parametrize(
    ("found", "path"),
    [
        ({**REAL, "status": 400}, "status"),
        ({**REAL, "body": {k: v for k, v in REAL["body"].items() if k != "uid"}}, "body.uid"),
        ({**REAL, "body": {**REAL["body"], "causes": []}}, "body.causes[0]"),
        ({**REAL, "more": None}, "more"),
        ({**REAL, "status": 409.0}, "status"),
    ],
)
def test_a_changed_a_dropped_and_an_added_field_are_found(found: object, path: str) -> None:
    assert [place for place, _, _ in differing(REAL, found)] == [path]
    result = judge("part", [Check("apply", REAL, found)], [])
    assert not result.passed
    assert f"apply: {path}:" in result.unlisted[0]


def entry(check: str | tuple[str, ...] = "app*", field: str | tuple[str, ...] = "status", part: str = "part") -> Listed:
    several = ((given,) if isinstance(given, str) else given for given in (check, field))
    return Listed(part, *several, "the server of a rehearsal is kinder")


def test_a_listed_difference_passes_and_only_that_one() -> None:
    one = judge("part", [Check("apply", REAL, {**REAL, "status": 400})], [entry()])
    assert (one.passed, one.listed) == (True, 1)
    two = judge("part", [Check("apply", REAL, {**REAL, "status": 400, "more": 1})], [entry()])
    assert (two.passed, two.listed, len(two.unlisted)) == (False, 0, 1)


def test_brackets_in_a_pattern_stand_for_themselves() -> None:
    found = {**REAL, "body": {**REAL["body"], "causes": []}}
    assert judge("part", [Check("apply", REAL, found)], [entry(field="body.causes[0]")]).passed
    assert not judge("part", [Check("apply", REAL, found)], [entry(field="body.causes0")]).passed


def test_a_pattern_that_met_nothing_fails_in_each_part_that_it_speaks_of() -> None:
    agrees, differs = Check("apply", REAL, REAL), Check("apply", REAL, {**REAL, "status": 400})
    assert judge("part", [agrees], [entry()]).stale == ["part: app*"]
    assert judge("part-2", [agrees], [entry(part="part-*")]).stale == ["part-*: app*"]
    assert judge("another", [agrees], [entry()]).passed
    assert judge("part", [differs], [entry(check=("apply", "patch"))]).stale == ["part: patch"]
    assert judge("part", [differs], [entry(field=("status", "body.reason"))]).stale == ["part: app*: body.reason"]


def test_only_what_falls_away_with_a_check_that_was_left_out_is_excused() -> None:
    known = [entry(check="apply"), entry(check="watch: one"), entry(check="watch: two")]
    outcomes = [LeftOut("watches", "no server", checks=("watch: *",)), LeftOut("logs", "no container")]
    assert judge("part", outcomes, known).stale == ["part: apply"]
    assert judge("part", [LeftOut("part", "no program", checks=("*",))], known).passed


def test_a_part_that_breaks_off_fails_with_what_it_had() -> None:
    def part() -> Iterator[Outcome]:
        yield Check("apply", REAL, REAL)
        raise TimeoutError("nobody answers")

    result = judge("part", to_its_end(part()), [])
    assert result.line() == "part: 2 checks, 1 agree, 0 listed, 0 left out"
    assert not result.passed
    assert "TimeoutError: nobody answers" in result.unlisted[0]


@pytest.mark.parametrize("lacking", ["part", "check", "field", "reason"])
def test_an_entry_says_where_it_is_and_why(tmp_path: Path, lacking: str) -> None:
    assert all(known.reason for known in listed())
    path = tmp_path / "differences.toml"
    says = {"part": "part", "check": "apply", "field": "status", "reason": "so"}
    path.write_text("[[difference]]\n" + "".join(f'{k} = "{v}"\n' for k, v in says.items() if k != lacking))
    with pytest.raises(ValueError, match="reason"):
        listed(path)
