"""What an environment costs a month, line by line: a range, since much depends on how it is used.

List prices, without discounts, taxes, or what pipelines start themselves (Vertex AI, Dataflow, BigQuery) and send out of
the region. The lower end is an environment that stands by; the upper one is used every day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.install import prices as tables
from core.install.prices import Prices
from core.parameters.specification import PARAMETERS, PROFILES, needs_nat, resolve

HOURS = 730
"""Hours of a month, as Google counts them."""
VOLUME_GIB = 20
"""The disk of Kubeflow's object store; see the release's ``seaweedfs-pvc``."""
NOTEBOOK_DISKS_GIB = 150 + 100
SQL_DISK_GIB = 10
WORKING_HOURS = 160
"""Hours a month that a notebook runs which idle shutdown, or a person, stops."""
BUILD_MINUTES = 25
"""What one build of an image takes, about."""


@dataclass(frozen=True)
class Use:
    """How much is used a month, in GiB and in builds of the image."""

    artifacts: float
    database: float
    through_nat: float
    images: float
    builds: int


STANDING_BY = Use(artifacts=1, database=SQL_DISK_GIB, through_nat=5, images=8, builds=1)
EVERY_DAY = Use(artifacts=100, database=50, through_nat=100, images=40, builds=10)


@dataclass(frozen=True)
class Line:
    """One thing and what it costs a month, from ``low`` to ``high``; ``detail`` says what was counted.

    ``source`` is whose prices it was worked out with: the ``catalogue``'s, or the ``table``'s.
    """

    what: str
    detail: str
    low: float
    high: float
    source: str = "table"


@dataclass(frozen=True)
class Saving:
    """What would be saved a month, at the upper end, by doing something."""

    how: str
    monthly: float


@dataclass(frozen=True)
class Cost:
    """Every line; ``unknown`` are things that no price is known for, ``note`` what must be said beside the sum."""

    prices: Prices
    lines: tuple[Line, ...]
    unknown: tuple[str, ...] = ()
    savings: tuple[Saving, ...] = field(default=())
    note: str = ""

    @property
    def low(self) -> float:
        """The sum of the lower ends."""
        return sum(line.low for line in self.lines)

    @property
    def high(self) -> float:
        """The sum of the upper ends."""
        return sum(line.high for line in self.lines)

    def to_dict(self) -> dict[str, Any]:
        """The document of ``plan``."""
        return {
            "currency": self.prices.currency,
            "monthly": {"low": round(self.low, 2), "high": round(self.high, 2)},
            "date": self.prices.date,
            "source": self.prices.source,
            "region": self.prices.region,
            "lines": [
                {
                    "what": line.what,
                    "detail": line.detail,
                    "low": round(line.low, 2),
                    "high": round(line.high, 2),
                    "source": line.source,
                }
                for line in self.lines
            ],
            "unknown": list(self.unknown),
            "savings": [{"how": each.how, "monthly": round(each.monthly, 2)} for each in self.savings],
            "note": self.note,
        }


def estimate(given: Mapping[str, Any], *, environment: str, prices: Prices | None = None) -> Cost:
    """The cost of the given parameters, defaults filled in; by the package's table where no prices are handed in."""
    values = resolve(given, environment=environment)
    prices = prices or tables.of_region(str(values["region"]))
    lines, unknown = _sum(values, prices)
    savings = tuple(_savings(given, values, prices, environment))
    return Cost(prices, lines, unknown, savings, _note(values, prices, lines))


def _sum(values: Mapping[str, Any], prices: Prices) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    lines: list[Line] = []
    unknown: list[str] = []
    prices.used.clear()
    for line in _lines(values, prices):
        if isinstance(line, Line):
            lines.append(replace(line, source="table" if prices.used & prices.instead else prices.source))
        else:
            unknown.append(line)
        prices.used.clear()  # the next line is worked out when it is asked for
    return tuple(lines), tuple(unknown)


def _lines(values: Mapping[str, Any], prices: Prices) -> Iterator[Line | str]:
    """A line, or the name of what has no price."""
    yield _cluster(prices)
    yield from _nodes(values, prices)
    yield Line("Kubeflow's volume", f"{VOLUME_GIB} GiB pd-balanced", *(VOLUME_GIB * prices["pd_balanced"],) * 2)
    if needs_nat(values):
        yield _nat(values, prices)
    yield from _database(values, prices)
    low, high = (use.artifacts * prices["bucket"] for use in (STANDING_BY, EVERY_DAY))
    yield Line("Cloud Storage", f"{STANDING_BY.artifacts:g} to {EVERY_DAY.artifacts:g} GiB of artifacts", low, high)
    if values["image"] != "none":
        yield from _image(values, prices)
    if values["notebook"] != "none":
        yield from _notebook(values, prices)


def _cluster(prices: Prices) -> Line:
    fee = prices["cluster"] * HOURS
    free = max(0.0, fee - prices["cluster_credit"])
    return Line("GKE cluster fee", "nothing for the first zonal cluster of a billing account", free, fee)


def _nodes(values: Mapping[str, Any], prices: Prices) -> Iterator[Line | str]:
    least, most, kind = values["node_min"], values["node_max"], values["node_machine_type"]
    count = str(least) if least == most else f"{least} to {most}"
    hour = prices.machine(kind)
    if hour is None:
        yield f"nodes of {kind}"
    else:
        yield Line("Nodes", f"{count} {kind}", least * hour * HOURS, most * hour * HOURS)
    size = PROFILES[values["profile"]].node_disk_gb
    disk = size * prices["pd_balanced"]
    yield Line("Nodes' disks", f"{count} of {size} GiB pd-balanced", least * disk, most * disk)


def _nat(values: Mapping[str, Any], prices: Prices) -> Line:
    low, high = (
        HOURS * (prices["nat_address"] + prices["nat_vm"] * min(nodes, prices["nat_vms"])) + gib * prices["nat_gib"]
        for nodes, gib in zip(_behind_nat(values), (STANDING_BY.through_nat, EVERY_DAY.through_nat), strict=True)
    )
    return Line("Cloud NAT", f"{STANDING_BY.through_nat:g} to {EVERY_DAY.through_nat:g} GiB through it", low, high)


def _behind_nat(values: Mapping[str, Any]) -> tuple[int, int]:
    """The fewest and the most machines that reach out through NAT: the nodes, else the notebook alone."""
    return (values["node_min"], values["node_max"]) if values["private_nodes"] else (1, 1)


def _database(values: Mapping[str, Any], prices: Prices) -> Iterator[Line | str]:
    tier, twice = values["sql_tier"], 2 if values["sql_availability"] == "REGIONAL" else 1
    hour = prices.database(tier)
    where = "with a standby" if twice == 2 else "in one zone"
    if hour is None:
        yield f"Cloud SQL {tier}"
    else:
        yield Line("Cloud SQL", f"{tier}, {where}", *(twice * hour * HOURS,) * 2)
    low, high = (use.database * (twice * prices["sql_ssd"] + prices["sql_backup"]) for use in (STANDING_BY, EVERY_DAY))
    yield Line(
        "Cloud SQL's disk", f"{STANDING_BY.database:g} to {EVERY_DAY.database:g} GiB of SSD, and backups of it", low, high
    )


def _image(values: Mapping[str, Any], prices: Prices) -> Iterator[Line]:
    low, high = (max(0.0, use.images - prices["registry_free"]) * prices["registry"] for use in (STANDING_BY, EVERY_DAY))
    yield Line("Artifact Registry", f"{STANDING_BY.images:g} to {EVERY_DAY.images:g} GiB of images", low, high)
    small = values["profile"] == "trial"
    low, high = (
        max(0.0, use.builds * BUILD_MINUTES - prices["build_free"]) * prices["build_minute"]
        if small
        else use.builds * BUILD_MINUTES * prices["build_minute_large"]
        for use in (STANDING_BY, EVERY_DAY)
    )
    yield Line("Cloud Build", f"{STANDING_BY.builds} to {EVERY_DAY.builds} builds of the image", low, high)


def _notebook(values: Mapping[str, Any], prices: Prices) -> Iterator[Line | str]:
    kind = values["notebook_machine_type"]
    hour = prices.machine(kind)
    if hour is None:
        yield f"a notebook on {kind}"
    else:
        yield Line("Notebook", f"{kind}, {WORKING_HOURS} to {HOURS} hours", hour * WORKING_HOURS, hour * HOURS)
    disk = PROFILES[values["profile"]].notebook_disk_type.lower()
    whole = NOTEBOOK_DISKS_GIB * prices[disk]
    yield Line("Notebook's disks", f"{NOTEBOOK_DISKS_GIB} GiB {disk.replace('_', '-')}, stopped too", whole, whole)


def _savings(given: Mapping[str, Any], values: Mapping[str, Any], prices: Prices, environment: str) -> Iterator[Saving]:
    """What the two things save that one can do about it; one that would save nothing is left out."""
    hour = prices.machine(values["notebook_machine_type"]) if values["notebook"] != "none" else None
    if hour is not None:
        yield Saving(f"mlops-env notebook stop {environment}", hour * (HOURS - WORKING_HOURS))
    if values["profile"] == "trial":
        return
    sizes = {p.key for p in PARAMETERS if p.from_profile}
    smaller = {key: value for key, value in given.items() if key not in sizes} | {"profile": "trial"}
    difference = _high(values, prices) - _high(resolve(smaller, environment=environment), prices)
    if difference > 0:
        yield Saving("profile = trial", difference)


def _high(values: Mapping[str, Any], prices: Prices) -> float:
    return sum(line.high for line in _sum(values, prices)[0])


def _note(values: Mapping[str, Any], prices: Prices, lines: Sequence[Line]) -> str:
    notes = []
    instead = [line.what for line in lines if line.source == "table"] if prices.source == "catalogue" else []
    if instead:
        whose = f" for {prices.stands_in}" if prices.stands_in != prices.region else ""
        told = ", ".join(instead)
        notes.append(f"By this version's table of {prices.table}{whose}, since the catalogue lacks a price: {told}.")
    if prices.region != values["region"]:
        notes.append(f"No price of {values['region']} is known here: those of {prices.region} stand in for them.")
    if values["sql_version"] == "MYSQL_8_0":
        notes.append("MySQL 8.0's surcharge for extended support is not in it.")
    return " ".join(notes)
