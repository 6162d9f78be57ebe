"""What a configuration would change, where the real provider's ways differ from Terraform's own."""

from __future__ import annotations

from typing import Any

import pytest

from core.rehearsal.provider.plan import planned, replacing
from core.rehearsal.provider.schema import Attribute, Block, Nested, resource_types
from core.rehearsal.provider.values import UNKNOWN

INNER = Block(attributes={"size": Attribute("size", "o", type="int"), "made": Attribute("made", "c")})
BLOCK = Block(
    attributes={
        "name": Attribute("name", "rf"),
        "mode": Attribute("mode", "o", default="FAST"),
        "server": Attribute("server", "oc"),
        "network": Attribute("network", "of", link="global/networks"),
        "tags": Attribute("tags", "o", type="set(string)"),
        "age": Attribute("age", "o", duration=True),
        "version": Attribute("version", "of", usual="IPV4"),
        "secret": Attribute("secret", "ow"),
        "note": Attribute("note", "o"),
    },
    blocks={
        "part": Nested("part", "oc", block=INNER, most=1),
        "rule": Nested("rule", "o", nesting="set", block=INNER),
        "fixed": Nested("fixed", "of", block=INNER),
    },
)


def _plan(config: dict[str, Any], prior: dict[str, Any] | None = None) -> dict[str, Any]:
    return planned(BLOCK, {**BLOCK.empty(), **config}, None if prior is None else {**BLOCK.empty(), **prior})


def _replaced(config: dict[str, Any], prior: dict[str, Any]) -> list[tuple[str | int, ...]]:
    full = {**BLOCK.empty(), **prior}
    return list(replacing(BLOCK, full, _plan(config, prior)))


def test_a_default_holds_where_the_configuration_is_silent_and_not_where_it_is_unknown() -> None:
    assert _plan({})["mode"] == "FAST"
    assert _plan({"mode": UNKNOWN})["mode"] is UNKNOWN
    assert _plan({"mode": "SLOW"})["mode"] == "SLOW"


def test_what_the_server_fills_is_unknown_at_first_and_stays_later() -> None:
    new = _plan({})
    assert new["server"] is UNKNOWN
    assert new["part"] is UNKNOWN
    prior = {"server": "made", "part": [{"size": 3, "made": "x"}]}
    later = _plan({}, prior)
    assert later["server"] == "made"
    assert later["part"] == prior["part"]


def test_an_empty_text_leaves_a_computed_value() -> None:
    assert _plan({"server": ""}, {"server": "made"})["server"] == "made"


@pytest.mark.parametrize("before", ["projects/p/global/networks/n", "https://x/compute/v1/projects/p/global/networks/n"])
@pytest.mark.parametrize("after", ["n", "projects/p/global/networks/n"])
def test_two_ways_to_write_a_link_are_no_change(before: str, after: str) -> None:
    assert _plan({"network": after}, {"network": before})["network"] == before
    assert _replaced({"network": after}, {"network": before}) == []


def test_another_network_replaces() -> None:
    assert _replaced({"network": "projects/p/global/networks/other"}, {"network": "projects/p/global/networks/n"}) == [
        ("network",)
    ]


def test_null_and_zero_are_the_same() -> None:
    assert _plan({"note": ""}, {"note": None})["note"] is None
    assert _plan({}, {"note": ""})["note"] == ""
    assert _replaced({"name": "n"}, {"name": "n", "fixed": []}) == []


def test_what_is_taken_out_of_the_configuration_goes() -> None:
    assert _plan({}, {"note": "words"})["note"] is None


def test_a_usual_value_is_no_other_than_none() -> None:
    assert _plan({}, {"version": "IPV4"})["version"] == "IPV4"
    assert _replaced({}, {"version": "IPV4"}) == []
    assert _replaced({"version": "IPV6"}, {"version": "IPV4"}) == [("version",)]
    assert _replaced({"version": UNKNOWN}, {"version": "IPV4"}) == [("version",)]


def test_a_duration_is_what_it_lasts() -> None:
    assert _plan({"age": "30d"}, {"age": "2592000s"})["age"] == "2592000s"
    assert _plan({"age": "31d"}, {"age": "2592000s"})["age"] == "31d"


def test_sets_have_no_order_and_keep_what_the_server_made() -> None:
    assert _plan({"tags": ["b", "a"]}, {"tags": ["a", "b"]})["tags"] == ["a", "b"]
    before = [{"size": 1, "made": "one"}, {"size": 2, "made": "two"}]
    rules = _plan({"rule": [{"size": 2, "made": None}, {"size": 3, "made": None}]}, {"rule": before})["rule"]
    assert rules == [{"size": 2, "made": "two"}, {"size": 3, "made": UNKNOWN}]


def test_a_write_only_value_is_never_planned() -> None:
    assert _plan({"secret": "word"})["secret"] is None


def test_a_block_more_or_less_replaces_where_it_says_so() -> None:
    assert _replaced({"fixed": [{"size": 1, "made": None}]}, {}) == [("fixed",)]


def test_every_real_table_plans_nothing_for_the_state_that_it_planned() -> None:
    for kind in resource_types().values():
        config = kind.block.empty()
        first = planned(kind.block, config, None)
        settled = {k: (None if v is UNKNOWN else v) for k, v in first.items()}
        settled.update({name: settled[name] or [] for name in kind.block.blocks})
        assert planned(kind.block, config, settled) == settled, kind.name
