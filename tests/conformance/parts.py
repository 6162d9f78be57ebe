"""The parts, by name, in the order in which they run; each is imported only when it runs."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from tests.conformance.frame import Outcome, Part, Place


def _part(module: str, *arguments: str) -> Part:
    """The part that a module's ``checks`` makes."""

    def checks(place: Place) -> Iterable[Outcome]:
        found: Iterable[Outcome] = importlib.import_module(f"tests.conformance.{module}").checks(place, *arguments)
        return found

    return checks


PARTS: dict[str, Part] = {
    "kubernetes-1.34": _part("kubernetes", "v1.34"),
    "kubernetes-1.36": _part("kubernetes", "v1.36"),
    "terraform": _part("terraform"),
    "clients": _part("clients"),
}
