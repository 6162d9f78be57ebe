"""Whether the address ranges are free in the network that they are to stand in.

In a network that is not there yet nothing can be taken, and how the ranges must lie to each other and to Docker's own is
the parameters' rule. Where the environment's network is there already, from a run that broke off, others may have put
subnetworks and reserved ranges into it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.gcp import Google
from core.gcp.errors import PermissionDenied, ServiceDisabled
from core.names import Names
from core.parameters.rules import DOCKER
from core.parameters.specification import LONGEST_PREFIX_LENGTH
from core.prerequisites.check import Answer, Check, Subject
from core.run.together import together

RANGES = "The address ranges are free"
POOL = ipaddress.IPv4Network("10.0.0.0/8")
"""Where a free range is looked for."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A range that somebody has, and who."""

    range: ipaddress.IPv4Network
    by: str


async def check(subject: Subject) -> list[Check]:
    """One check for each range that is taken; one that passes where none is."""
    google, names = subject.google, subject.names
    if not google.project or names is None or subject.standing:
        return []
    network = f"/projects/{google.project}/global/networks/{names.network}"
    try:
        subnets, reserved = await together([_subnetworks(google, names, network), _reserved(google, names, network)])
    except ServiceDisabled as error:
        return [Check("ranges", RANGES, "skip", names.network, f"{error.service} is off", "Looked at once it is on.")]
    except PermissionDenied as error:
        return [Check("ranges", RANGES, "skip", names.network, error.message.rstrip("."), error.hint)]
    return collisions(subject.values, [*subnets, *reserved], names.network)


def collisions(values: Mapping[str, Any], taken: list[Taken], network: str) -> list[Check]:
    """How the ranges of the parameters meet those that others have in a network."""
    ours = {key: ipaddress.IPv4Network(values[key]) for key in LONGEST_PREFIX_LENGTH}
    found = []
    for key, wanted in ours.items():
        others = [t for t in taken if t.range.overlaps(wanted)]
        if not others:
            continue
        listed = "; ".join(f"{t.range}, {t.by}" for t in others)
        free = _free(wanted, [t.range for t in taken] + [n for k, n in ours.items() if k != key])
        why = f"{key} {wanted} overlaps what is in {network} already: {listed}"
        hint = f"{free} is free." if free else "Choose a range that nobody has."
        allowed = f"a range that is free in {network}"
        answers = (Answer(key, str(free), f"it is free in {network}"),) if free else ()
        command = f"gcloud compute networks subnets list --network={network}"
        found.append(Check(key, RANGES, "block", str(wanted), why, hint, command, key=key, allowed=allowed, answers=answers))
    seen = f"{len(ours)} ranges, {len(taken)} of others in {network}" if taken else f"{len(ours)} ranges"
    return found or [Check("ranges", RANGES, "pass", seen)]


def _free(wanted: ipaddress.IPv4Network, taken: list[ipaddress.IPv4Network]) -> ipaddress.IPv4Network | None:
    """The first range of the same size that overlaps none of these."""
    candidates = POOL.subnets(new_prefix=max(wanted.prefixlen, POOL.prefixlen + 1))
    return next((c for c in candidates if not any(c.overlaps(t) for t in (*taken, DOCKER))), None)


async def _subnetworks(google: Google, names: Names, network: str) -> list[Taken]:
    found = await google.call("compute", "v1", "subnetworks.aggregatedList", project=google.project)
    everywhere: dict[str, Any] = found.get("items") or {}
    listed = [s for scope in everywhere.values() for s in scope.get("subnetworks") or ()]
    return [
        Taken(ipaddress.IPv4Network(cidr), f"the subnetwork {s['name']} in {str(s['region']).rpartition('/')[2]}")
        for s in listed
        if str(s.get("network", "")).endswith(network) and s["name"] != names.subnetwork
        for cidr in [s["ipCidrRange"], *(r["ipCidrRange"] for r in s.get("secondaryIpRanges") or ())]
    ]


async def _reserved(google: Google, names: Names, network: str) -> list[Taken]:
    """What is reserved for Google's own services, which peer with the network; whoever may not look sees none."""
    try:
        listed = await google.list("compute", "v1", "globalAddresses.list", items="items", project=google.project)
    except PermissionDenied:
        return []
    return [
        Taken(ipaddress.IPv4Network(f"{a['address']}/{a['prefixLength']}"), f"the address range {a['name']}")
        for a in listed
        if str(a.get("network", "")).endswith(network) and a.get("prefixLength") and a["name"] != names.sql_range
    ]
