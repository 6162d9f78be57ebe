"""What an environment costs a month, held against sums worked by hand."""

from __future__ import annotations

import pytest

from core.install import prices
from core.install.cost import estimate

# A month of 730 hours. small in us-central1, standing by, as an example of how each sum was worked:
#   fee        0.10 x 730 - 74.40 of credit                              0
#   nodes      1 e2-standard-4 at 2 x 0.06701142 x 730                   97.8367
#   disks      1 x 100 GiB x 0.10                                        10
#   volume     20 GiB x 0.10                                              2
#   NAT        730 x (0.005 + 0.0014) + 5 GiB x 0.045                     4.897
#   database   (0.0413 + 3.75 x 0.007) x 730                             49.3115
#   its disk   10 GiB x (0.17 + 0.08)                                     2.5
#   bucket     1 GiB x 0.020                                              0.02
#   images     7.5 GiB x 0.10                                             0.75
#   build      25 minutes x 0.016                                         0.40
#                                                                       167.7152
# and its notebook: 160 hours of e2-standard-4, 250 GiB x 0.10            46.4437
BY_HAND = [
    ("trial", "us-central1", 89.64, 237.03, 20.72, 58.92),
    ("small", "us-central1", 167.72, 481.49, 46.44, 122.84),
    ("standard", "us-central1", 819.13, 1748.76, 87.16, 308.58),
    ("trial", "europe-west1", 94.53, 246.82, 21.79, 63.81),
    ("small", "europe-west1", 177.50, 510.85, 48.59, 132.62),
    ("standard", "europe-west1", 858.28, 1866.22, 93.37, 336.96),
    ("trial", "asia-northeast1", 113.99, 280.02, 26.75, 75.75),
    ("small", "asia-northeast1", 214.54, 592.96, 60.01, 158.01),
    ("standard", "asia-northeast1", 1056.09, 2224.45, 112.24, 396.30),
]


@pytest.mark.parametrize(("profile", "region", "low", "high", "notebook_low", "notebook_high"), BY_HAND)
def test_a_profile_in_a_region_costs_what_was_worked_by_hand(
    profile: str, region: str, low: float, high: float, notebook_low: float, notebook_high: float
) -> None:
    given = {"profile": profile, "region": region, "notebook": "none"}
    plain = estimate(given, environment="demo")
    assert (plain.low, plain.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))
    noted = estimate(given | {"notebook": "vm"}, environment="demo")
    assert noted.low - plain.low == pytest.approx(notebook_low, abs=0.01)
    assert noted.high - plain.high == pytest.approx(notebook_high, abs=0.01)


def test_the_document_adds_up_and_says_its_date() -> None:
    document = estimate({"notebook": "container"}, environment="demo").to_dict()
    for end in ("low", "high"):
        assert document["monthly"][end] == pytest.approx(sum(line[end] for line in document["lines"]), abs=0.05)
    assert (document["currency"], document["source"]) == ("USD", "table")
    assert document["date"] == prices.of_region("us-central1").date
    assert all(line["low"] <= line["high"] for line in document["lines"])


def test_what_is_left_out_costs_nothing() -> None:
    whole = {line.what for line in estimate({"notebook": "vm"}, environment="demo").lines}
    less = {"notebook": "none", "image": "none", "private_nodes": False}
    assert whole - {line.what for line in estimate(less, environment="demo").lines} == {
        "Notebook", "Notebook's disks", "Artifact Registry", "Cloud Build", "Cloud NAT"
    }  # fmt: skip


def test_a_notebook_reaches_out_through_nat_where_nodes_do_not() -> None:
    cost = estimate({"notebook": "vm", "private_nodes": False}, environment="demo")
    (nat,) = [line for line in cost.lines if line.what == "Cloud NAT"]
    assert (nat.low, nat.high) == (
        pytest.approx(730 * (0.005 + 0.0014) + 5 * 0.045), pytest.approx(730 * (0.005 + 0.0014) + 100 * 0.045)
    )  # fmt: skip


def test_what_has_no_price_is_named_and_not_guessed() -> None:
    given = {"node_machine_type": "c4-highmem-8", "sql_tier": "db-perf-optimized-N-2", "notebook": "none"}
    cost = estimate(given, environment="demo")
    assert cost.unknown == ("nodes of c4-highmem-8", "Cloud SQL db-perf-optimized-N-2")
    assert not {"Nodes", "Cloud SQL"} & {line.what for line in cost.lines}


def test_a_region_without_prices_says_whose_stand_in() -> None:
    cost = estimate({"region": "europe-north1"}, environment="demo")
    assert cost.prices.region == "us-central1"
    assert "europe-north1" in cost.note
    assert cost.high == estimate({}, environment="demo").high


def test_it_tells_what_stopping_the_notebook_and_a_trial_would_save() -> None:
    given = {"profile": "small", "notebook": "vm"}
    whole = estimate(given, environment="demo")
    saved = {each.how: each.monthly for each in whole.savings}
    assert saved["mlops-env notebook stop demo"] == pytest.approx(0.13402284 * (730 - 160), abs=0.01)
    trial = estimate({"profile": "trial", "notebook": "vm"}, environment="demo")
    assert saved["profile = trial"] == pytest.approx(whole.high - trial.high)
    assert [each.how for each in trial.savings] == ["mlops-env notebook stop demo"]


def test_a_trial_is_compared_without_the_sizes_that_were_set() -> None:
    given = {"profile": "standard", "node_max": 20, "notebook": "none"}
    (saving,) = estimate(given, environment="demo").savings
    plain = estimate({"profile": "trial", "notebook": "none"}, environment="demo")
    assert saving.monthly == pytest.approx(estimate(given, environment="demo").high - plain.high)
