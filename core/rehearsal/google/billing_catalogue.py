"""Cloud Billing's catalogue: the public services, and what a unit of each is sold for, page by page.

A small part of the real one, in its form: prices of three regions among others that nobody here asks for (spot machines,
commitments, other databases), so that a client that is not careful picks a wrong one. Its prices are those of March 2025.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from core.rehearsal.google.calls import Call, answers, listing, not_found, page
from core.rehearsal.store import Document

EFFECTIVE = "2025-03-06T00:00:00Z"
MOST = 40
"""SKUs in one answer: fewer than were asked for, as the API may."""
SERVICES: dict[str, str] = {
    "6F81-5844-456A": "Compute Engine", "CCD8-9BF1-090E": "Kubernetes Engine", "9662-B51E-5089": "Cloud SQL",
    "95FF-2EF5-5EA1": "Cloud Storage", "E505-1604-58F8": "Networking", "149C-F9EC-3994": "Artifact Registry",
    "C7E2-9256-1C43": "Vertex AI", "24E6-581D-38E5": "BigQuery",
}  # fmt: skip
PLACES = {"us-central1": "Americas", "europe-west1": "Belgium", "asia-northeast1": "Japan"}

_MACHINES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "E2": ((0.02181159, 0.02399373, 0.02798286), (0.00292353, 0.003216, 0.00375)),
    "N2": ((0.031611, 0.034773, 0.040618), (0.004237, 0.004661, 0.005419)),
    "N1 Predefined": ((0.031611, 0.034773, 0.040618), (0.004237, 0.004661, 0.005419)),
}
"""Price of a vCPU's and of a GiB's hour, in the order of `PLACES`."""
_DISKS = {
    "Storage PD Capacity": (0.04, 0.04, 0.052), "Balanced PD Capacity": (0.10, 0.10, 0.13),
    "SSD backed PD Capacity": (0.17, 0.17, 0.221),
}  # fmt: skip
_DATABASE = {
    "vCPU": ((0.0413, 0.0413, 0.0537), "h"), "RAM": ((0.007, 0.007, 0.0091), "GiBy.h"),
    "Standard storage": ((0.17, 0.17, 0.221), "GiBy.mo"), "Micro instance": ((0.0105, 0.0105, 0.01365), "h"),
    "Small instance": ((0.035, 0.035, 0.0455), "h"),
}  # fmt: skip
_EVERYWHERE = {
    "Kubernetes Engine": [("Zonal Kubernetes Clusters", 0.10, "h"), ("Regional Kubernetes Clusters", 0.10, "h")],
    "Networking": [
        ("Networking Cloud Nat Gateway Uptime", 0.0014, "h"), ("Networking Cloud Nat Data Processing", 0.045, "GiBy"),
        ("Networking Cloud NAT IP Usage", 0.005, "h"),
    ],
    "Artifact Registry": [("Artifact Registry Storage", 0.10, "GiBy.mo")],
}  # fmt: skip


@answers("cloudbilling.services.list")
def services(call: Call) -> Document:
    """Every public service; who may see it is no question."""
    found = [
        {"name": f"services/{id}", "serviceId": id, "displayName": name, "businessEntityName": "businessEntities/GCP"}
        for id, name in SERVICES.items()
    ]
    return listing(call, "services", found)


@answers("cloudbilling.services.skus.list")
def skus(call: Call) -> Document:
    """What a service sells."""
    id = str(call["parent"]).removeprefix("services/")
    if id not in SERVICES:
        raise not_found(f"Service {id} not found.")
    call.params["pageSize"] = min(int(call.get("pageSize") or MOST), MOST)
    part, token = page(call, list(_of(SERVICES[id])))
    return {"skus": part, "nextPageToken": token}


@lru_cache(maxsize=len(SERVICES))
def _of(service: str) -> tuple[Document, ...]:
    listed = {"Compute Engine": _compute, "Cloud SQL": _database, "Cloud Storage": _storage}
    found = listed[service]() if service in listed else (
        _sku(service, what, price, unit, ["global"], free=0.5 if unit == "GiBy.mo" else 0)
        for what, price, unit in _EVERYWHERE.get(service, ())
    )  # fmt: skip
    return tuple(
        {**sku, "name": f"services/{number}/skus/{number}", "skuId": f"{number:04X}-0000-0000"}
        for number, sku in enumerate(found)
    )


def _compute() -> Iterator[Document]:
    for place, (region, name) in enumerate(PLACES.items()):
        running = f" running in {name}" if region == "us-central1" else f" in {name}"
        for family, prices in _MACHINES.items():
            for part, unit, amounts in (("Core", "h", prices[0]), ("Ram", "GiBy.h", prices[1])):
                what = f"{family} Instance {part}{running}"
                yield _sku("Compute Engine", what, amounts[place], unit, [region], group="CPU")
                yield _sku(
                    "Compute Engine", f"Spot Preemptible {what}", amounts[place] / 3, unit, [region], usage="Preemptible"
                )
                yield _sku("Compute Engine", f"Commitment v1: {what} for 1 Year", amounts[place] / 2, unit, [region],
                           usage="Commit1Yr")  # fmt: skip
        for disk, amounts in _DISKS.items():
            what = disk if region == "us-central1" else f"{disk} in {name}"
            yield _sku("Compute Engine", what, amounts[place], "GiBy.mo", [region], group="SSD", free=30)
            yield _sku("Compute Engine", f"Regional {what}", 2 * amounts[place], "GiBy.mo", [region], group="SSD")


def _database() -> Iterator[Document]:
    for place, (region, name) in enumerate(PLACES.items()):
        for what, (amounts, unit) in _DATABASE.items():
            for engine in ("MySQL", "PostgreSQL"):
                for kind, times in (("Zonal", 1), ("Regional", 2)):
                    description = f"Cloud SQL for {engine}: {kind} - {what} in {name}"
                    yield _sku("Cloud SQL", description, times * amounts[place], unit, [region])
            yield _sku("Cloud SQL", f"Cloud SQL for MySQL: Enterprise Plus - Zonal - {what} in {name}", 1.3 * amounts[place],
                       unit, [region])  # fmt: skip
        yield _sku("Cloud SQL", f"Cloud SQL: Backups in {name}", (0.08, 0.08, 0.104)[place], "GiBy.mo", [region])


def _storage() -> Iterator[Document]:
    for place, (region, name) in enumerate(PLACES.items()):
        where = "US Regional" if region == "us-central1" else name
        price = (0.020, 0.020, 0.023)[place]
        yield _sku("Cloud Storage", f"Standard Storage {where}", price, "GiBy.mo", [region], group="RegionalStorage", free=5)
        yield _sku("Cloud Storage", f"Nearline Storage {where} (Early Delete)", price / 2, "GiBy.mo", [region])


def _sku(
    service: str, what: str, price: float, unit: str, regions: list[str], *, group: str = "", usage: str = "OnDemand",
    free: float = 0,
) -> Document:  # fmt: skip
    rates: list[dict[str, Any]] = [{"startUsageAmount": free, "unitPrice": _money(price)}]
    if free:
        rates.insert(0, {"startUsageAmount": 0, "unitPrice": _money(0)})
    expression = {"usageUnit": unit, "displayQuantity": 1, "tieredRates": rates}
    return {
        "description": what,
        "category": {"serviceDisplayName": service, "resourceFamily": "", "resourceGroup": group, "usageType": usage},
        "serviceRegions": regions,
        "pricingInfo": [{"effectiveTime": EFFECTIVE, "summary": "", "pricingExpression": expression}],
        "serviceProviderName": "Google",
    }


def _money(price: float) -> Document:
    units = int(price)
    return {"currencyCode": "USD", "units": str(units), "nanos": round((price - units) * 1e9)}
