from __future__ import annotations

import itertools

import pytest

from bench.critical_path import TABLE, Piece, longest, of_a_default_scenario
from core.rehearsal.scenario import DURATIONS

DIAMOND = {
    "start": Piece(("a",)),
    "short": Piece(("a",), ("start",)),
    "long": Piece(("a", "b"), ("start",)),
    "end": Piece(("a",), ("short", "long")),
}


def test_the_longest_way_is_the_sum_of_what_waits_for_each_other() -> None:
    assert longest({"a": 1.0, "b": 5.0}.__getitem__, DIAMOND) == (8.0, ["start", "long", "end"])


def test_what_runs_beside_it_costs_nothing() -> None:
    assert longest({"a": 3.0, "b": 0.0}.__getitem__, DIAMOND)[0] == 9.0


def test_every_duration_is_one_of_the_simulated_clouds() -> None:
    known = {*DURATIONS, "delays.iam", "delays.services"}
    assert {name for piece in TABLE.values() for name in piece.takes} <= known


def test_everything_that_is_needed_is_in_the_table() -> None:
    assert {need for piece in TABLE.values() for need in piece.needs} <= set(TABLE)


def test_the_way_is_one_through_the_table() -> None:
    total, way = of_a_default_scenario()
    assert total > 600
    for before, after in itertools.pairwise(way):
        assert before in TABLE[after].needs


@pytest.mark.parametrize("piece", ["cluster", "database"])
def test_the_slowest_things_wait_only_for_what_they_stand_on(piece: str) -> None:
    def everything(name: str) -> set[str]:
        return {name}.union(*(everything(need) for need in TABLE[name].needs))

    assert everything("cluster") == {"cluster", "subnetwork", "network", "accounts", "services"}
    assert everything("database") == {"database", "peering", "address", "network", "services"}
    assert not {"pipelines", "hello pipeline"} & everything(piece)
