"""The frame itself: it finds what differs, takes what is listed, and never passes over either in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.frame import Check, LeftOut, Listed, differing, judge, listed

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


def test_a_listed_difference_passes_and_only_that_one() -> None:
    entry = Listed("part", "app*", "status", "the server of a rehearsal is kinder")
    one = judge("part", [Check("apply", REAL, {**REAL, "status": 400})], [entry])
    assert (one.passed, one.listed) == (True, 1)
    two = judge("part", [Check("apply", REAL, {**REAL, "status": 400, "more": 1})], [entry])
    assert (two.passed, two.listed, len(two.unlisted)) == (False, 0, 1)


def test_an_entry_that_met_nothing_fails_unless_something_was_left_out() -> None:
    entry = Listed("part", "apply", "status", "it was so once")
    assert judge("part", [Check("apply", REAL, REAL)], [entry]).stale == [entry]
    assert judge("part", [Check("apply", REAL, REAL), LeftOut("watch", "no server")], [entry]).passed
    assert judge("another", [Check("apply", REAL, REAL)], [entry]).passed


def test_the_list_has_a_reason_for_each_entry(tmp_path: Path) -> None:
    assert all(entry.reason for entry in listed())
    path = tmp_path / "differences.toml"
    path.write_text('[[difference]]\npart = "part"\nfield = "status"\n')
    with pytest.raises(ValueError, match="reason"):
        listed(path)
