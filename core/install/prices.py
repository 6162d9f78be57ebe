"""What Google Cloud asks for: list prices from the package's table (``data/prices.toml``), which says its date.

A machine type that the table does not know has no price here, and is named as one without; so is a region: the prices of
`USUAL` stand in for its own, and that is said.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

USUAL = "us-central1"
_STANDARD = re.compile(r"(e2|n2|n1)-standard-(\d+)")
_CUSTOM = re.compile(r"db-custom-(\d+)-(\d+)")
_MEBIBYTES = 1024


@dataclass(frozen=True)
class Prices:
    """Prices of one region; ``source`` is ``table`` or ``catalogue``, ``region`` whose prices they are.

    Of a catalogue, ``instead`` are the keys for which the table of the date ``table`` stands in, with the prices of the
    region ``stands_in``. ``used`` collects the keys that were asked for.
    """

    date: str
    currency: str
    region: str
    source: str
    amounts: dict[str, float]
    instead: frozenset[str] = frozenset()
    table: str = ""
    stands_in: str = ""
    used: set[str] = field(default_factory=set, compare=False, repr=False)

    def __getitem__(self, what: str) -> float:
        """A price by its key in the table; KeyError where there is none."""
        self.used.add(what)
        return self.amounts[what]

    def machine(self, machine_type: str) -> float | None:
        """An hour of a machine type; None where its price is not known."""
        found = _STANDARD.fullmatch(machine_type)
        return self[found[1]] * int(found[2]) if found and found[1] in self.amounts else None

    def database(self, tier: str) -> float | None:
        """An hour of a Cloud SQL tier in one zone; None where its price is not known."""
        found = _CUSTOM.fullmatch(tier)
        if found:
            return self["sql_vcpu"] * int(found[1]) + self["sql_gib"] * int(found[2]) / _MEBIBYTES
        return self[tier] if tier in self.amounts else None


def of_region(region: str) -> Prices:
    """The table's prices of a region, or those of `USUAL` where it has none."""
    table = _table()
    known = region if region in table["regions"] else USUAL
    amounts = {**table["everywhere"], **table["regions"][known]}
    return Prices(table["date"], table["currency"], known, "table", amounts)


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return tomllib.loads((files("core.install") / "data" / "prices.toml").read_text(encoding="utf-8"))
