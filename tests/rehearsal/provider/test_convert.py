"""State into an API's JSON, and back."""

from __future__ import annotations

from typing import Any

from core.rehearsal.provider.convert import expand, find, flatten
from core.rehearsal.provider.links import completed, last_part, relative, same_resource, seconds
from core.rehearsal.provider.schema import Attribute, Block, Nested, resource_types
from core.rehearsal.provider.values import UNKNOWN

POOL = resource_types()["google_container_node_pool"].block


def test_only_what_is_set_is_sent() -> None:
    block = resource_types()["google_compute_network"].block
    body = expand(
        block,
        {
            **block.empty(),
            "name": "n",
            "auto_create_subnetworks": False,
            "description": "",
            "mtu": UNKNOWN,
            "self_link": "x",
        },
    )
    assert body == {"name": "n", "autoCreateSubnetworks": False}


def test_single_blocks_are_objects_and_others_lists() -> None:
    state = {
        **POOL.empty(),
        "name": "p",
        "max_pods_per_node": 32,
        "autoscaling": [{"min_node_count": 0, "max_node_count": 3}],
        "node_config": [
            {"disk_size_gb": 50, "logging_variant": "DEFAULT", "taint": [{"key": "k", "value": "v", "effect": "NO_EXECUTE"}]}
        ],
    }
    assert expand(POOL, state) == {
        "name": "p",
        "maxPodsConstraint": {"maxPodsPerNode": "32"},
        "autoscaling": {"minNodeCount": 0, "maxNodeCount": 3, "totalMinNodeCount": 0, "totalMaxNodeCount": 0},
        "config": {
            "diskSizeGb": 50,
            "loggingConfig": {"variantConfig": {"variant": "DEFAULT"}},
            "taints": [{"key": "k", "value": "v", "effect": "NO_EXECUTE"}],
        },
    }


def test_what_the_api_says_comes_back() -> None:
    api = {
        "maxPodsConstraint": {"maxPodsPerNode": "32"},
        "management": {"autoRepair": False},
        "config": {"diskSizeGb": 50, "tags": ["t"]},
    }
    found = flatten(POOL, api, POOL.empty())
    assert found["max_pods_per_node"] == 32
    assert found["management"] == [{"auto_repair": False, "auto_upgrade": True}]
    assert found["node_config"][0]["disk_size_gb"] == 50
    assert found["node_config"][0]["tags"] == ["t"]
    assert found["autoscaling"] == []


def test_an_empty_object_is_no_block_unless_its_presence_means_something() -> None:
    secret = resource_types()["google_secret_manager_secret"].block
    found = flatten(secret, {"replication": {"automatic": {}}}, secret.empty())
    assert found["replication"] == [{"auto": [{"customer_managed_encryption": []}], "user_managed": []}]
    assert flatten(POOL, {"management": {}}, POOL.empty())["management"] == []


def test_what_only_the_provider_knows_stays() -> None:
    bucket = resource_types()["google_storage_bucket"].block
    found = flatten(bucket, {"name": "b"}, {**bucket.empty(), "force_destroy": True})
    assert found["force_destroy"] is True


def test_a_field_that_is_gone_shows() -> None:
    block = Block(attributes={"note": Attribute("note", "o", api=("note",))})
    assert flatten(block, {}, {"note": "words"}) == {"note": ""}
    assert flatten(block, {}, {"note": None}) == {"note": ""}


def test_what_nobody_said_is_its_types_zero_but_for_a_collection_that_the_plan_left_out() -> None:
    names = {"text": "string", "yes": "bool", "count": "int", "list": "list(string)", "map": "map"}
    block = Block(attributes={n: Attribute(n, "o", api=(n,), type=t) for n, t in names.items()})
    zeros = {"text": "", "yes": False, "count": 0, "list": [], "map": {}}
    assert flatten(block, {}, block.empty()) == zeros
    assert flatten(block, {}, block.empty(), applied=True) == {**zeros, "list": None, "map": None}
    assert flatten(block, {}, {**block.empty(), "list": ["a"]}, applied=True)["list"] == []


def test_marks_say_what_is_sent_and_read_where_nothing_is_said() -> None:
    marks: dict[str, dict[str, Any]] = {
        "zero": {"zero": True}, "nonzero": {"nonzero": True}, "unread": {"unread": True}, "kept": {"kept": True},
        "absent": {"absent": "USUAL"},
    }  # fmt: skip
    block = Block(attributes={n: Attribute(n, "o", api=(n,), **mark) for n, mark in marks.items()})
    assert expand(block, {**block.empty(), "nonzero": ""}) == {"zero": ""}
    found = flatten(block, {"unread": "theirs"}, {**block.empty(), "unread": "ours", "kept": "ours"})
    assert found == {"zero": "", "nonzero": "", "unread": "ours", "kept": "ours", "absent": "USUAL"}


def test_a_block_that_is_always_shown_and_a_set_that_was_wholly_planned() -> None:
    shown = Block(blocks={"one": Nested("one", "o", api=("one",), most=1, shown=True, block=Block({"x": _text("x")}))})
    assert flatten(shown, {}, {}) == {"one": [{"x": ""}]}
    members = Block(blocks={"set": Nested("set", "o", api=("set",), nesting="set", block=Block({"x": _text("x")}))})
    planned = {"set": [{"x": None}]}
    assert flatten(members, {"set": [{}]}, planned, applied=True) == planned
    assert flatten(members, {"set": [{}]}, planned) == {"set": [{"x": ""}]}


def _text(name: str) -> Attribute:
    return Attribute(name, "o", api=(name,))


def test_a_computed_object_is_a_list_of_one() -> None:
    sql = resource_types()["google_sql_database_instance"].block
    found = flatten(sql, {"serverCaCert": {"cert": "PEM", "commonName": "C=US"}}, sql.empty())
    assert found["server_ca_cert"][0]["common_name"] == "C=US"


def test_find_walks_as_far_as_there_is_something() -> None:
    api: dict[str, Any] = {"a": {"b": 1}, "c": None}
    assert find(api, ("a", "b")) == 1
    assert find(api, ("c", "b")) is None
    assert find(api, ("a", "x", "y")) is None


def test_links() -> None:
    full = "https://www.googleapis.com/compute/v1/projects/p/global/networks/n"
    assert relative(full) == "projects/p/global/networks/n"
    assert last_part(full) == "n"
    assert completed("n", "global/networks", parent="projects/p") == relative(full)
    assert completed(full, "global/networks", parent="projects/q") == relative(full)
    assert same_resource("b/bucket", "bucket")
    assert not same_resource("projects/p/global/networks/n", "projects/q/global/networks/n")


def test_durations() -> None:
    assert seconds("1h30m") == 5400
    assert seconds("30d") == seconds("2592000s")
    assert seconds("soon") is None


def test_a_nested_block_without_a_place_in_the_api_is_kept_as_it_was() -> None:
    block = Block(blocks={"only": Nested("only", "o", block=Block(attributes={"x": Attribute("x", "o")}))})
    assert flatten(block, {"only": [{"x": "theirs"}]}, {"only": [{"x": "ours"}]}) == {"only": [{"x": "ours"}]}
