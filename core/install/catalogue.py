"""The prices of Cloud Billing's catalogue, where it answers: every region's, reduced to what an environment is made of.

A price is found by its SKU's description, and only among those that are paid as one uses them. It is believed if it lies
near the package's table: a unit that was misread, or a tier that is another, is far from it; then, as where the catalogue
has no such SKU, the table's price stands in for that line, and that is said. What was found is kept for a day in the user's
own folder: Compute's list alone has tens of thousands of entries.

The descriptions are as public programs that read the catalogue match them, seen in 2026: infracost's resources (Cloud SQL,
its storage and backups, NAT, disks, the cluster's fee, Artifact Registry), and mappings of the catalogue's own answers
(``E2 Instance Core running in Americas``, but ``E2 Instance Core in Montreal``; ``Networking Cloud NAT IP Usage``). Services
are found by their names, since sources differ on some ids.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.environment import Home
from core.environment.files import write_atomically
from core.errors import MlopsError
from core.install import prices as tables
from core.install.prices import Prices
from core.prerequisites import shared
from core.run.together import together

if TYPE_CHECKING:
    from core.gcp import Google

PAGE = 5000
"""SKUs in one answer, the most that the API gives."""
PATIENCE = 30.0
"""Real seconds that the whole catalogue may take: an estimate is not worth more."""
NEAR = 4.0
"""How many times the table's price, or what part of it, a price of the catalogue may be."""
GLOBAL = "global"
FORMAT = 1

Found = dict[str, dict[str, float]]
"""Price by its key in the table, by region; `GLOBAL` where it is the same everywhere."""


@dataclass(frozen=True, slots=True)
class Sku:
    """What a price is called: the service, and the whole description. ``memory`` is what a vCPU has of it, in GiB."""

    service: str
    description: re.Pattern[str]
    memory: float = 0.0


def _sku(service: str, description: str, memory: float = 0.0) -> Sku:
    return Sku(service, re.compile(description, re.IGNORECASE), memory)


_COMPUTE, _SQL = "Compute Engine", "Cloud SQL"
SKUS: dict[str, tuple[Sku, ...]] = {
    "cluster": (_sku("Kubernetes Engine", r"Zonal Kubernetes Clusters"),),
    "nat_vm": (_sku("Networking", r"Networking Cloud NAT Gateway Uptime"),),
    "nat_gib": (_sku("Networking", r"Networking Cloud NAT Data Processing"),),
    "nat_address": (_sku("Networking", r"Networking Cloud NAT IP Usage"),),
    "registry": (_sku("Artifact Registry", r"Artifact Registry Storage"),),
    "bucket": (_sku("Cloud Storage", r"(Standard|Regional) Storage (?!.*(early delete|dual-region|multi-region)).+"),),
    **{
        family: (
            _sku(_COMPUTE, rf"{name} Instance Core( running)? in .+"),
            _sku(_COMPUTE, rf"{name} Instance Ram( running)? in .+", memory),
        )
        for family, name, memory in (("e2", "E2", 4.0), ("n2", "N2", 4.0), ("n1", "N1 Predefined", 3.75))
    },
    "pd_standard": (_sku(_COMPUTE, r"Storage PD Capacity( in .+)?"),),
    "pd_balanced": (_sku(_COMPUTE, r"Balanced PD Capacity( in .+)?"),),
    "pd_ssd": (_sku(_COMPUTE, r"SSD backed PD Capacity( in .+)?"),),
    "sql_vcpu": (_sku(_SQL, r"Cloud SQL for MySQL: Zonal - vCPU in .+"),),
    "sql_gib": (_sku(_SQL, r"Cloud SQL for MySQL: Zonal - RAM in .+"),),
    "sql_ssd": (_sku(_SQL, r"Cloud SQL for MySQL: Zonal - (Standard|SSD) storage in .+"),),
    "sql_backup": (_sku(_SQL, r"Cloud SQL(?: for MySQL)?: Backups in .+"),),
    "db-f1-micro": (_sku(_SQL, r"Cloud SQL for MySQL: Zonal - Micro instance in .+"),),
    "db-g1-small": (_sku(_SQL, r"Cloud SQL for MySQL: Zonal - Small instance in .+"),),
}
"""Key of the package's table → the SKUs whose prices add up to it. Cloud Build's are not among them."""
SERVICES = frozenset(sku.service for parts in SKUS.values() for sku in parts)


async def ask(google: Google, home: Home, region: str) -> Prices | None:
    """The prices of a region as the catalogue has them today; None where it does not answer, or not in time."""
    kept = of_today(home, google.cloud.kind, region)
    if kept is not None:
        return kept
    try:
        async with asyncio.timeout(PATIENCE):
            found = await _whole(google)
    except (MlopsError, TimeoutError):
        return None
    with suppress(OSError):  # where there is no room for it, the next asks again
        _keep(home, google.cloud.kind, found)
    return _prices(found, region)


def of_today(home: Home, cloud: str, region: str) -> Prices | None:
    """The prices of a region, where the catalogue was asked today already; reads one small file."""
    try:
        kept = json.loads(_file(home, cloud).read_bytes())
        if (kept["format"], kept["date"]) != (FORMAT, _today()):
            return None
        return _prices(kept["prices"], region)
    except (OSError, ValueError, TypeError, KeyError):
        return None


# -- asking


async def _whole(google: Google) -> Found:
    listed = await shared.listed(google, "cloudbilling", "v1", "services.list", items="services", pageSize=PAGE)
    ids = {str(s["displayName"]): str(s["name"]) for s in listed if s.get("displayName") in SERVICES}
    parts = await together(_of_service(google, service, name) for service, name in ids.items())
    return {key: regions for part in parts for key, regions in part.items()}


async def _of_service(google: Google, service: str, name: str) -> Found:
    """The prices of a service, page by page: only what is wanted stays in memory."""
    wanted = [(key, place, sku) for key, parts in SKUS.items() for place, sku in enumerate(parts) if sku.service == service]
    found: dict[str, dict[str, dict[int, float]]] = {}
    async for item in google.list("cloudbilling", "v1", "services.skus.list", items="skus", parent=name, pageSize=PAGE):
        if (item.get("category") or {}).get("usageType") != "OnDemand":
            continue
        for key, place, sku in wanted:
            if sku.description.fullmatch(str(item.get("description", ""))):
                price = _price(item)
                for region in item.get("serviceRegions", ()) if price else ():
                    found.setdefault(key, {}).setdefault(region, {})[place] = price * (sku.memory or 1.0)
    return {
        key: {region: sum(parts.values()) for region, parts in regions.items() if len(parts) == len(SKUS[key])}
        for key, regions in found.items()
    }


def _price(item: Mapping[str, Any]) -> float:
    """The price of one unit beyond what is free; 0 where there is none in dollars."""
    newest = (item.get("pricingInfo") or [{}])[-1]
    for rate in reversed((newest.get("pricingExpression") or {}).get("tieredRates") or ()):
        money = rate.get("unitPrice") or {}
        if money.get("currencyCode", "USD") == "USD":
            return int(money.get("units") or 0) + int(money.get("nanos") or 0) / 1e9
    return 0.0


# -- what it makes of them


def _prices(found: Mapping[str, Mapping[str, float]], region: str) -> Prices | None:
    """The catalogue's prices on top of the table's; None where it has none of the region's own."""
    table = tables.of_region(region)
    known = dict(_known(found, region, table))
    if not any(region in found.get(key, {}) for key in ("e2", "sql_vcpu", "pd_balanced")):
        return None
    missing = frozenset(key for key in table.amounts if key in SKUS and key not in known)
    return Prices(
        _today(), table.currency, region, "catalogue", {**table.amounts, **known},
        instead=missing | (frozenset(table.amounts) - set(SKUS) - GIVEN), table=table.date, stands_in=table.region,
    )  # fmt: skip


GIVEN = frozenset({"cluster_credit", "nat_vms", "registry_free", "build_free"})
"""What is no price of a SKU: credits, and what is free."""


def _known(found: Mapping[str, Mapping[str, float]], region: str, table: Prices) -> Iterator[tuple[str, float]]:
    for key, regions in found.items():
        price = regions.get(region, regions.get(GLOBAL))
        usual = table.amounts.get(key)
        if price and usual and usual / NEAR <= price <= usual * NEAR:
            yield key, price


def _keep(home: Home, cloud: str, found: Found) -> None:
    home.ensure("cache", "prices")
    write_atomically(_file(home, cloud), json.dumps({"format": FORMAT, "date": _today(), "prices": found}) + "\n")


def _file(home: Home, cloud: str) -> Path:
    return home.cache / "prices" / f"{cloud}.json"


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()
