"""The catalogue's prices: found among their likes, believed where they can be, kept for the day, and done without."""

from __future__ import annotations

import errno
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.gcp import Google, services
from core.install import catalogue, prices
from core.install.cost import estimate
from core.rehearsal.google import billing_catalogue
from tests.gcp.simulated_google import Simulation, client, simulation

REGIONS = ("us-central1", "europe-west1", "asia-northeast1")


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Simulation]:
    async with simulation(tmp_path / "cloud") as found:
        yield found


@pytest.fixture
async def google(cloud: Simulation) -> AsyncIterator[Google]:
    async with client(cloud) as found:
        yield found


async def on(google: Google) -> None:
    await services.enable(google, ["cloudbilling.googleapis.com"])


@pytest.mark.parametrize("region", REGIONS)
async def test_every_price_is_found_among_its_likes(google: Google, home: Home, region: str) -> None:
    await on(google)
    found = await catalogue.ask(google, home, region)
    assert found is not None
    table = prices.of_region(region)
    assert (found.source, found.region, found.currency) == ("catalogue", region, "USD")
    for key in catalogue.SKUS:
        assert found[key] == pytest.approx(table[key], rel=1e-6), key
    assert found.instead == {"build_minute", "build_minute_large"}
    assert found.date == catalogue._today()


async def test_what_a_profile_costs_is_the_same_sum(google: Google, home: Home) -> None:
    await on(google)
    found = await catalogue.ask(google, home, "us-central1")
    given = {"profile": "standard", "notebook": "vm"}
    by_catalogue = estimate(given, environment="demo", prices=found)
    by_table = estimate(given, environment="demo")
    assert by_catalogue.high == pytest.approx(by_table.high)
    document = by_catalogue.to_dict()
    assert document["source"] == "catalogue"
    assert {line["what"] for line in document["lines"] if line["source"] == "table"} == {"Cloud Build"}
    assert document["note"] == (
        f"By this version's table of {by_table.prices.date}, since the catalogue lacks a price: Cloud Build."
    )
    assert {line["source"] for line in by_table.to_dict()["lines"]} == {"table"}


async def test_an_api_that_is_off_is_done_without(google: Google, home: Home) -> None:
    assert await catalogue.ask(google, home, "us-central1") is None
    assert not (home.cache / "prices").exists()


@pytest.mark.parametrize(
    "fault", [{"status": 403, "reason": "forbidden"}, {"status": 500}, {"status": 429}, {"error": "reset"}]
)
async def test_a_catalogue_that_does_not_answer_is_done_without(tmp_path: Path, home: Home, fault: dict[str, Any]) -> None:
    faults = [{"call": "cloudbilling.services.skus.list", "times": 0, **fault}]
    async with simulation(tmp_path / "cloud", {"fault": faults}) as cloud, client(cloud) as google:
        await on(google)
        assert await catalogue.ask(google, home, "us-central1") is None


async def test_one_that_takes_too_long_is_done_without(google: Google, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    await on(google)
    monkeypatch.setattr(catalogue, "PATIENCE", 0.0)
    assert await catalogue.ask(google, home, "us-central1") is None


async def test_what_can_not_be_kept_is_told_all_the_same(
    google: Google, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    await on(google)
    monkeypatch.setattr(catalogue, "write_atomically", full)
    assert await catalogue.ask(google, home, "us-central1") is not None


async def test_a_price_that_is_missing_or_not_believed_is_the_tables_and_the_line_says_so(
    google: Google, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    await on(google)
    whole = billing_catalogue._of

    def strange(service: str) -> list[dict[str, Any]]:
        found = [sku for sku in whole(service) if not sku["description"].startswith("Cloud SQL: Backups")]
        if service == "Networking":
            found[0] = {**found[0], "pricingInfo": billing_catalogue._sku("", "", 0.0448, "h", [])["pricingInfo"]}
        return found

    monkeypatch.setattr(billing_catalogue, "_of", strange)
    found = await catalogue.ask(google, home, "us-central1")
    assert found is not None
    assert {"sql_backup", "nat_vm"} <= found.instead
    assert found["nat_vm"] == prices.of_region("us-central1")["nat_vm"], "32 VMs' price is not one VM's"
    cost = estimate({}, environment="demo", prices=found)
    assert {line.what for line in cost.lines if line.source == "table"} == {"Cloud NAT", "Cloud SQL's disk", "Cloud Build"}
    assert cost.high == pytest.approx(estimate({}, environment="demo").high)


async def test_a_region_that_the_catalogue_knows_nothing_of_has_no_prices(google: Google, home: Home) -> None:
    await on(google)
    assert await catalogue.ask(google, home, "europe-north1") is None


async def test_it_is_asked_once_a_day(google: Google, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    await on(google)
    first = await catalogue.ask(google, home, "us-central1")

    async def never(*_: Any) -> Any:
        raise AssertionError("it was asked again")

    with monkeypatch.context() as patch:
        patch.setattr(catalogue, "_whole", never)
        assert await catalogue.ask(google, home, "us-central1") == first
        assert await catalogue.ask(google, home, "europe-west1") is not None, "every region's are kept"
        assert catalogue.of_today(home, "google", "us-central1") is None, "a rehearsal's are not the real cloud's"
    kept = home.cache / "prices" / "rehearsal.json"
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "date": "2020-01-01"}))
    assert catalogue.of_today(home, "rehearsal", "us-central1") is None
    assert await catalogue.ask(google, home, "us-central1") == first
    kept.write_text("{")
    assert catalogue.of_today(home, "rehearsal", "us-central1") is None


SEEN = [
    ("E2 Instance Core running in Americas", "e2"), ("E2 Instance Core in Montreal", "e2"),
    ("E2 Instance RAM in Montreal", "e2"), ("N1 Predefined Instance Core running in Americas", "n1"),
    ("Networking Cloud Nat Gateway Uptime", "nat_vm"), ("Networking Cloud NAT IP Usage", "nat_address"),
    ("Balanced PD Capacity in Montreal", "pd_balanced"), ("Balanced PD Capacity", "pd_balanced"),
    ("Regional Balanced PD Capacity in Montreal", ""), ("Spot Preemptible E2 Instance Core running in Americas", ""),
    ("E2 Custom Instance Core running in Americas", ""), ("Zonal Kubernetes Clusters", "cluster"),
    ("Cloud SQL for MySQL: Zonal - vCPU in Americas", "sql_vcpu"),
    ("Cloud SQL for MySQL: Regional - vCPU in Americas", ""), ("Cloud SQL for PostgreSQL: Zonal - vCPU in Americas", ""),
    ("Cloud SQL for MySQL: Zonal - 4 vCPU + 15GB RAM in Americas", ""),
    ("Cloud SQL for MySQL: Zonal - Enterprise Plus N RAM in Oklahoma", ""),
    ("Standard Storage US Regional", "bucket"), ("Standard Storage Belgium Dual-region", ""),
]  # fmt: skip


@pytest.mark.parametrize(("description", "key"), SEEN)
def test_descriptions_as_they_were_seen_are_told_apart(description: str, key: str) -> None:
    found = {k for k, parts in catalogue.SKUS.items() for sku in parts if sku.description.fullmatch(description)}
    assert found == ({key} if key else set())
