"""What given values must be, and the one sentence that a wrong one gets."""

from __future__ import annotations

import ipaddress
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ParameterError, UsageError
from core.names import Names
from core.parameters import validation
from core.parameters.rules import DOCKER, LENGTHS, SQL_NAME_WITH_PROJECT
from core.parameters.specification import LONGEST_PREFIX_LENGTH, NOT_YET, PARAMETERS, PROFILES, defaults


def refused(**values: Any) -> ParameterError:
    found = validation.problems(values, environment="demo")
    assert len(found) == 1, [str(e) for e in found]
    return found[0]


def test_defaults_and_nothing_at_all_are_right() -> None:
    assert validation.validate({}, environment="demo") == {}
    alone = {k: v for k, v in defaults().items() if v is not None}
    assert validation.validate(alone, environment="demo") == alone


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_right(profile: str) -> None:
    assert validation.validate({"profile": profile}, environment="demo") == {"profile": profile}


WRONG: list[tuple[str, Any, str]] = [
    ("project_id", "Demo", "6 to 30"),
    ("project_id", "a2345", "6 to 30"),
    ("project_id", "demo-project-", "6 to 30"),
    ("project_id", "d" * 31, "6 to 30"),
    ("project_id", 5, "6 to 30"),
    ("region", "us-central1-a", "the name of a region"),
    ("region", "mars", "the name of a region"),
    ("zone", "us-central1", "a zone of the region"),
    ("name_prefix", "x", "2 to 16"),
    ("name_prefix", "x" * 17, "2 to 16"),
    ("name_prefix", "1demo", "2 to 16"),
    ("name_prefix", "goog-ml", "2 to 16"),
    ("name_prefix", "my-google", "2 to 16"),
    ("namespace", "default", "1 to 63"),
    ("namespace", "kube-system", "1 to 63"),
    ("namespace", "gke-mine", "gke-*"),
    ("namespace", "gmp-mine", "gmp-*"),
    ("namespace", "Kubeflow", "1 to 63"),
    ("namespace", "a" * 64, "1 to 63"),
    ("profile", "huge", "trial or small or standard"),
    ("node_machine_type", "e2", "a machine type"),
    ("node_min", -1, "a whole number from 0"),
    ("node_max", 101, "a whole number from 1"),
    ("node_max", "3", "a whole number from 1"),
    ("node_max", True, "a whole number from 1"),
    ("sql_tier", "db-n1-standard-1", "an ENTERPRISE tier"),
    ("sql_tier", "db-custom-3-3840", "CPUs"),
    ("sql_tier", "db-custom-1-4000", "multiple of 256"),
    ("sql_tier", "db-custom-1-7168", "0.9 to 6.5 GB"),
    ("sql_username", "9lives", "1 to 32"),
    ("sql_username", "mysql.sys", "1 to 32"),
    ("sql_username", "cloudsqladmin", "Cloud SQL keeps"),
    ("sql_version", "MYSQL_5_7", "MYSQL_8_4 or MYSQL_8_0"),
    ("private_nodes", "yes", "true or false"),
    ("kfp_version", "2.4.0", "2.17.0"),
    ("kfp_manifests", "/there/is/nothing", "there is no such folder"),
    ("labels", {"Team": "ml"}, "at most 32 pairs"),
    ("labels", {"mlops-env-id": "x"}, "at most 32 pairs"),
    ("labels", {"team": "ML"}, "the value of team"),
    ("labels", {"team": 5}, "at most 32 pairs"),
    ("labels", {f"k{i}": "" for i in range(33)}, "at most 32 pairs"),
    ("subnet_cidr", "10.0.0.0", "a private IPv4 range"),
    ("subnet_cidr", "10.0.0.1/20", "inside the range 10.0.0.0/20"),
    ("subnet_cidr", "8.8.0.0/20", "a private IPv4 range"),
    ("subnet_cidr", "10.0.0.0/30", "a private IPv4 range"),
    ("subnet_cidr", "10.0.0.0/7", "a private IPv4 range"),
    ("subnet_cidr", "10.300.0.0/20", "a private IPv4 range"),
    ("pods_cidr", "10.0.0.0/8", "a private IPv4 range in CIDR form from /9 to /21"),
    ("services_cidr", "10.32.0.0/15", "a private IPv4 range in CIDR form from /16 to /27"),
    ("services_cidr", "10.32.0.0/28", "a private IPv4 range in CIDR form from /16 to /27"),
    ("sql_cidr", "172.17.0.0/20", "Docker"),
    ("sql_cidr", "172.16.0.0/15", "Docker"),
]


@pytest.mark.parametrize(("key", "value", "allowed"), WRONG, ids=lambda v: str(v)[:30])
def test_a_wrong_value_is_told_with_key_value_and_what_is_allowed(key: str, value: Any, allowed: str) -> None:
    error = refused(**{key: value})
    assert error.key == key
    assert error.exit_code == 2
    assert key in error.message
    assert allowed in error.message
    assert "\n" not in error.message


def test_the_zone_must_be_one_of_the_region() -> None:
    error = refused(region="europe-west4", zone="us-central1-a")
    assert error.key == "zone"
    assert "a zone of the region europe-west4" in error.message


def test_the_default_region_counts_too() -> None:
    assert refused(zone="europe-west4-a").key == "zone"


def test_the_fewest_nodes_are_not_above_the_most_also_when_the_profile_gives_them() -> None:
    assert "not above node_max, which is 3" in refused(node_min=4).message
    assert "not above node_max, which is 2" in refused(node_min=3, node_max=2).message


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"pods_cidr": "10.0.0.0/14"}, "pods_cidr"),
        ({"services_cidr": "10.4.0.0/20"}, "services_cidr"),
        ({"sql_cidr": "10.0.8.0/21"}, "sql_cidr"),
        ({"subnet_cidr": "192.168.0.0/20", "sql_cidr": "192.168.0.0/24"}, "sql_cidr"),
    ],
)
def test_ranges_do_not_overlap(values: dict[str, Any], key: str) -> None:
    error = refused(**values)
    assert error.key == key
    assert "overlaps" in error.message


def test_ranges_are_as_large_as_google_takes_them() -> None:
    largest = {"services_cidr": "172.18.0.0/16", "pods_cidr": "10.128.0.0/9", "sql_cidr": "192.168.0.0/16"}
    assert validation.validate(largest, environment="demo") == largest


def test_ranges_hold_the_most_nodes() -> None:
    assert "room for 8 nodes" in refused(pods_cidr="10.4.0.0/21", node_max=8).message
    assert "room for 4 nodes" in refused(subnet_cidr="10.0.0.0/29", node_max=6).message


def test_an_unknown_key_gets_the_nearest() -> None:
    error = refused(nod_min=1)
    assert "there is no such parameter" in error.message
    assert error.hint == "Did you mean node_min?"
    assert "schema" in refused(qqqq=1).hint


@pytest.mark.parametrize("key", NOT_YET)
def test_what_is_not_supported_yet_is_refused_in_one_sentence(key: str) -> None:
    error = refused(**{key: "x"})
    assert "is not supported by this version" in error.message
    assert error.key == key


def test_an_environments_name_that_can_be_no_prefix_asks_for_one() -> None:
    found = validation.problems({}, environment="my-google")
    assert [e.key for e in found] == ["name_prefix"]
    assert "set another name_prefix" in found[0].hint
    assert validation.problems({"name_prefix": "mine"}, environment="my-google") == []


def test_all_problems_are_found_at_once_and_the_first_is_raised() -> None:
    values = {"region": "mars", "node_max": 0, "imaeg": "x", "namespace": "default"}
    assert {e.key for e in validation.problems(values, environment="demo")} == set(values)
    with pytest.raises(ParameterError):
        validation.validate(values, environment="demo")


def test_a_folder_of_manifests_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no kubeflow/pipelines" in refused(kfp_manifests=".").message
    (tmp_path / "mine/kubeflow/pipelines").mkdir(parents=True)
    assert "no argoproj/argo-workflows" in refused(kfp_manifests="mine").message
    (tmp_path / "mine/argoproj/argo-workflows").mkdir(parents=True)
    assert validation.validate({"kfp_manifests": "mine"}, environment="demo") == {"kfp_manifests": str(tmp_path / "mine")}


# -- what comes from the command line


def test_settings_become_values_of_their_types() -> None:
    given_ = ["node_max=4", "private_nodes=false", "labels=team=ml,stage=dev", "labels.owner=me", "region=europe-west1"]
    assert validation.settings(given_) == {
        "node_max": 4,
        "private_nodes": False,
        "labels": {"team": "ml", "stage": "dev", "owner": "me"},
        "region": "europe-west1",
    }


def test_one_label_is_set_beside_those_that_are_there() -> None:
    before = {"labels": {"team": "ml", "stage": "dev"}, "node_max": 4}
    assert validation.settings(["labels.stage=prod", "labels.owner=me"], before) == {
        "labels": {"team": "ml", "stage": "prod", "owner": "me"}
    }
    assert validation.settings(["labels=owner=me"], before) == {"labels": {"owner": "me"}}, "all of them are given anew"
    assert before["labels"] == {"team": "ml", "stage": "dev"}


def test_the_last_setting_of_a_key_wins() -> None:
    assert validation.settings(["node_max=4", "node_max=5"]) == {"node_max": 5}


@pytest.mark.parametrize("setting", ["node_max=four", "private_nodes=1", "labels=team", "nodemax=4", "kms_key=key"])
def test_a_setting_that_is_wrong_is_a_parameter_error(setting: str) -> None:
    with pytest.raises(ParameterError) as caught:
        validation.settings([setting])
    assert caught.value.key == setting.partition("=")[0]


def test_a_setting_without_a_value_is_bad_usage() -> None:
    with pytest.raises(UsageError, match="is no setting"):
        validation.settings(["node_max"])


# -- properties

PREFIXES = st.from_regex(r"[a-z][a-z0-9-]{1,15}", fullmatch=True)


@given(prefix=PREFIXES)
@settings(max_examples=200, deadline=None)
def test_every_prefix_that_is_allowed_makes_names_that_google_takes(prefix: str) -> None:
    if validation.problems({"name_prefix": prefix}, environment="demo"):
        assert prefix.startswith("goog") or "google" in prefix or "g00gle" in prefix
        return
    names = Names(
        prefix, "abcdef", "p" * 30, "northamerica-northeast1", "northamerica-northeast1-a", "demo", sql_generation=99
    )
    for name, (least, most) in LENGTHS.items():
        assert least <= len(getattr(names, name)) <= most, name
    assert len(f"{names.project}:{names.sql_instance}") <= SQL_NAME_WITH_PROJECT


@given(key=st.sampled_from([p.key for p in PARAMETERS]), text=st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_for_any_key_is_taken_or_refused_with_a_sentence(key: str, text: str) -> None:
    try:
        found = validation.problems({key: validation.coerce(key, text)}, environment="demo")
    except ParameterError as refused:
        found = [refused]
    assert all(error.message.endswith(".") for error in found)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=8), st.integers(), max_size=3),
)


@given(values=st.dictionaries(st.sampled_from([p.key for p in PARAMETERS]), JUNK, max_size=6))
@settings(max_examples=300, deadline=None)
def test_no_value_of_any_type_is_ever_a_traceback(values: dict[str, Any]) -> None:
    found = validation.problems(values, environment="demo")
    assert all(isinstance(error, ParameterError) for error in found)


@given(
    octets=st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)),
    length=st.integers(0, 32),
)
@settings(max_examples=300, deadline=None)
def test_a_range_that_is_taken_is_private_whole_and_not_dockers(octets: tuple[int, ...], length: int) -> None:
    text = ".".join(map(str, octets)) + f"/{length}"
    if not any(e.key == "sql_cidr" for e in validation.problems({"sql_cidr": text}, environment="demo")):
        network = ipaddress.IPv4Network(text)
        assert network.is_private
        assert not network.overlaps(DOCKER)
        assert 8 <= network.prefixlen <= 24


def test_the_default_ranges_stay_clear_of_each_other_and_of_what_is_there_already() -> None:
    taken = ["10.128.0.0/9", "172.17.0.0/16"]  # the network that Compute makes by itself, and Docker's
    ours = [str(defaults()[key]) for key in LONGEST_PREFIX_LENGTH]
    for first, second in combinations(map(ipaddress.ip_network, taken + ours), 2):
        assert not first.overlaps(second), (first, second)
