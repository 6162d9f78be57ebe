"""What the rules of an organization policy say of a value: forbidden, allowed, or not to be told from here.

A rule is as the Organization Policy API has it: ``enforce``, ``denyAll``, ``allowAll``, or ``values`` with
``allowedValues`` and ``deniedValues``, whose entries may name one thing (``is:``), all below one (``under:``), or a group
of Google's (``in:``). What stands under a folder or an organization can't be told without seeing that far up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

Rules = Sequence[Mapping[str, Any]]
CONTINENTS = {"us": "us-", "europe": "europe-", "asia": "asia-", "australia": "australia-", "africa": "africa-",
              "southamerica": "southamerica-"}  # fmt: skip


def enforced(rules: Rules) -> bool:
    """Whether a constraint that is either on or off is on."""
    return any(rule.get("enforce") is True or rule.get("denyAll") is True for rule in rules)


def restricted(rules: Rules) -> bool:
    """Whether a constraint restricts anything at all."""
    return enforced(rules) or any(rule.get("values") for rule in rules)


def refused(rules: Rules, names: Collection[str]) -> bool | None:
    """Whether something of ours is refused, which is known under these names; None where that can't be told."""
    return _refused(rules, lambda entries: _among(names, entries))


def all_refused_but(rules: Rules, names: Collection[str] = ()) -> bool | None:
    """The same of a constraint whose list decides alone: it is refused wherever there is a list without it."""
    return refused(rules, names) if any(_values(rule, "allowedValues") for rule in rules) or enforced(rules) else False


def refused_of(rules: Rules, names: Iterable[str]) -> list[str]:
    """Those of several things that are refused for certain."""
    return [name for name in names if refused(rules, (name,))]


def elsewhere(rules: Rules, places: Iterable[str]) -> bool | None:
    """Whether one of the places is none of the allowed locations; None where a group is named that is not known here."""
    answers = [_refused(rules, partial(_located, place)) for place in places]
    return True if True in answers else None if None in answers else False


def _refused(rules: Rules, among: Callable[[Sequence[str]], bool | None]) -> bool | None:
    """Whether rules refuse what ``among`` finds in a list of entries, or can't tell of."""
    open_question = False
    for rule in rules:
        denied = among(_values(rule, "deniedValues"))
        allowed_values = _values(rule, "allowedValues")
        allowed = among(allowed_values) if allowed_values else True
        if enforced([rule]) or denied or allowed is False:
            return True
        open_question = open_question or denied is None or allowed is None
    return None if open_question else False


def _values(rule: Mapping[str, Any], key: str) -> list[str]:
    return [str(value) for value in (rule.get("values") or {}).get(key) or ()]


def _among(names: Collection[str], entries: Sequence[str]) -> bool | None:
    """Whether one of the names is among the entries; None where one is of a kind that can't be looked into."""
    if any(_named(name, entry) for name in names for entry in entries):
        return True
    return None if any(_opaque(entry) for entry in entries) else False


def _named(name: str, entry: str) -> bool:
    above = entry.removeprefix("under:")
    if above != entry:
        return name == above or name.startswith(f"{above}/")
    return name == entry.removeprefix("is:")


def _opaque(entry: str) -> bool:
    return entry.startswith(("in:", "under:organizations/", "under:folders/"))


def _located(place: str, entries: Sequence[str]) -> bool | None:
    """Whether a place is in one of the locations; None where a group may hold it that only Google can tell."""
    found = [_within(place, entry) for entry in entries]
    return True if True in found else None if None in found else False


def _within(place: str, value: str) -> bool | None:
    """Whether a region is the location, or in the group of locations; None for a group that only Google can tell."""
    plain = value.removeprefix("is:")
    if not plain.startswith("in:"):
        return plain == place  # a multi-region allows none of the regions in it
    group = plain.removeprefix("in:").removesuffix("-locations")
    if group == place:
        return True
    return place.startswith(CONTINENTS[group]) if group in CONTINENTS else None
