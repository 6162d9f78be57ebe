"""Ids of runs: in the order of their beginnings, however quickly one follows the other."""

from __future__ import annotations

import re

import pytest

from core.run import runs


def test_ids_of_the_same_second_are_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [1796115118.0, 1796115118.001, 1796115118.25, 1796115118.999, 1796115119.0]
    found = []
    for moment in moments * 20:
        monkeypatch.setattr("time.time", lambda moment=moment: moment)
        found.append((moment, runs.new_id()))
    assert all(re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", id) for _, id in found)
    by_id = [moment for moment, _ in sorted(found, key=lambda each: each[1])]
    assert by_id == sorted(by_id)
    assert len({id for _, id in found}) > len(moments)
