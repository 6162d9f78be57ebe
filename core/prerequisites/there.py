"""What of an environment is there already: it holds its share of the quotas, and has passed the policies.

An installation may be a second one that adds to what stands, or goes on where one broke off. Then only what it makes anew
can be refused, and what is the environment's own must not be counted twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.gcp.errors import ApiError
from core.parameters.specification import LONGEST_PREFIX_LENGTH, needs_nat
from core.prerequisites import existing, shared
from core.prerequisites.existing import INSTANCE, Document, Expected
from core.run.together import together

if TYPE_CHECKING:
    from core.gcp import Google
    from core.names import Names
    from core.prerequisites.check import Subject

PLATFORM, NETWORK, NAT, NOTEBOOK, IMAGE, KEY = "platform", "network", "nat", "notebook", "image", "key"
PARTS = frozenset({PLATFORM, NETWORK, NAT, NOTEBOOK, IMAGE, KEY})
"""What may be made at different times: the network with the cluster in it is made anew where its ranges change, the way out
of it comes with the first machine that needs one; the key is that of ``user_gcp_sa``."""
REPLACING = ("private_nodes", *LONGEST_PREFIX_LENGTH)
"""The parameters that it takes to make the network and the cluster anew."""
OF_NAT = frozenset({"router", "NAT"})
"""What is there only where a machine needs a way out of the network."""


@dataclass(frozen=True, slots=True)
class Machines:
    """Machines of one kind: how many run, their type, the gigabytes of the disk of each, and whether they are private."""

    count: int
    type: str
    disk_gb: int = 0
    private: bool = True


@dataclass(frozen=True, slots=True)
class There:
    """What is there of that which quotas count: ``nodes`` are those of the environment's pool, None where it has none."""

    network: bool = False
    router: bool = False
    cluster: bool = False
    nodes: Machines | None = None
    notebook: Machines | None = None


NOTHING = There()


async def there(google: Google, names: Names, *, notebook: bool) -> There:
    """What is there, of a ``notebook`` too if that is asked for; what can't be looked at counts as if it were not."""
    kinds = {e.what: e for e in existing.expected(names).values()}
    looked = [kinds["network"], kinds["router"], kinds["cluster"]]
    if notebook:
        looked += [e for e in existing.of_notebook(names) if e.address == INSTANCE]
    network, router, cluster, *instance = await together(_own(google, item) for item in looked)
    pool = next((p for p in (cluster or {}).get("nodePools") or () if p.get("name") == names.node_pool), None)
    return There(
        network is not None,
        router is not None,
        cluster is not None,
        None if pool is None else _nodes(pool, await _groups(google, names)),
        _notebook(instance[0]) if instance and instance[0] is not None else None,
    )


def parts(values: Mapping[str, Any]) -> frozenset[str]:
    """Those of `PARTS` that parameters ask for."""
    wanted = {
        PLATFORM: True,
        NETWORK: True,
        NAT: needs_nat(values),
        NOTEBOOK: values["notebook"] != "none",
        IMAGE: values["image"] != "none",
        KEY: bool(values["user_gcp_sa"]),
    }
    return frozenset(part for part, is_wanted in wanted.items() if is_wanted)


async def parts_there(subject: Subject, names: Names) -> frozenset[str]:
    """Those that are there, and no value of whose changes so that they are made anew."""
    google, values, made = subject.google, subject.values, subject.made
    ours = existing.expected(names).values()
    platform, nat = ([e for e in ours if (e.what in OF_NAT) is of_nat] for of_nat in (False, True))
    whole, way_out, notebook = await together(
        [_all(google, platform), _all(google, nat), _all(google, existing.of_notebook(names))]
    )
    network = whole and not any(key in made and made[key] != values[key] for key in REPLACING)
    standing = {
        PLATFORM: whole,
        NETWORK: network,
        NAT: network and way_out,
        NOTEBOOK: notebook,
        IMAGE: all(made.get(key) == values[key] for key in ("image", "build_region")),
        KEY: bool(made.get("user_gcp_sa")),
    }
    return frozenset(part for part, is_there in standing.items() if is_there)


async def _own(google: Google, item: Expected) -> Document | None:
    try:
        found = await existing.get(google, item)
    except ApiError:
        return None
    return found if found is not None and item.owned(found) else None


async def _all(google: Google, items: list[Expected]) -> bool:
    return None not in await together(_own(google, item) for item in items)


async def _groups(google: Google, names: Names) -> dict[str, int]:
    """The sizes of the zone's groups of machines by their place: only they know how many nodes a pool has."""
    try:
        listed = await shared.listed(
            google, "compute", "v1", "instanceGroupManagers.list", items="items", project=google.project, zone=names.zone
        )
    except ApiError:
        return {}
    return {_place(group["selfLink"]): int(group.get("targetSize", 0)) for group in listed}


def _place(link: str) -> str:
    """A link without the host and the version of the API that it was written by."""
    return link.partition("/zones/")[2]


def _nodes(pool: Mapping[str, Any], groups: Mapping[str, int]) -> Machines:
    config, network = pool.get("config") or {}, pool.get("networkConfig") or {}
    count = sum(groups.get(_place(link), 0) for link in pool.get("instanceGroupUrls") or ())
    disk, private = int(config.get("diskSizeGb", 0)), bool(network.get("enablePrivateNodes"))
    return Machines(count, str(config.get("machineType", "")), disk, private)


def _notebook(found: Document) -> Machines:
    """A notebook; one that is stopped holds no machine, and keeps its disks."""
    kind = str((found.get("gceSetup") or {}).get("machineType", "")).rpartition("/")[2]
    return Machines(int(found.get("state") not in ("STOPPED", "SUSPENDED")), kind)
