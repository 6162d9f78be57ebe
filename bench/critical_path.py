"""How long an installation must take, whoever makes it: the longest way through what needs what.

The table is written by hand from Google's and Kubernetes' documentation, and says nothing of the program's own steps. Its
durations are the simulated cloud's, by the same names, so that both sides of the ratio stand on the same numbers. What
the program could leave out, and what costs nothing in the simulation, is not in it; what proves that the installation
works is in it, since without the proof nothing may be protected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing that takes time: the names of its durations, one after the other, and what must be there before it."""

    takes: tuple[str, ...]
    needs: tuple[str, ...] = ()
    seconds: float = 0.0
    """What its documentation says that it takes besides, whichever cloud it runs on."""


TABLE: dict[str, Piece] = {
    # An API answers some time after it was enabled.
    "services": Piece(("serviceusage.services.batchEnable", "delays.services")),
    "accounts": Piece(("iam.projects.serviceAccounts.create",), ("services",)),
    "network": Piece(("compute.networks.insert",), ("services",)),
    "subnetwork": Piece(("compute.subnetworks.insert",), ("network",)),
    "router": Piece(("compute.routers.insert",), ("network",)),
    # Private nodes pull their images through it.
    "nat": Piece(("compute.routers.patch",), ("router", "subnetwork")),
    "address": Piece(("compute.globalAddresses.insert",), ("network",)),
    "peering": Piece(("servicenetworking.services.connections.create",), ("address",)),
    "database": Piece(("sql.instances.insert",), ("peering",)),
    # Made with a default pool, which Terraform's provider takes away before the cluster counts as made: a pool of its own,
    # which can be changed later without another cluster, comes after that.
    "cluster": Piece(("container.projects.locations.clusters.create",), ("subnetwork", "accounts")),
    "default pool gone": Piece(("container.projects.locations.clusters.nodePools.delete",), ("cluster",)),
    "node pool": Piece(("container.projects.locations.clusters.nodePools.create",), ("default pool gone",)),
    # The identity pool exists with the first cluster, and a grant works some time after it was made.
    "workload identity": Piece(("delays.iam",), ("cluster",)),
    # The Auth Proxy needs a node to run on, an address to leave by, an identity, and the database behind it.
    "proxy": Piece(("kubernetes:pod",), ("node pool", "nat", "workload identity", "database")),
    # Google makes a user by API; that MySQL takes its password is only seen through the proxy.
    "database user": Piece(("sql.users.insert",), ("database",)),
    # ML Metadata gets ready only with a user that it can sign in as.
    "object store": Piece(("kubernetes:volume", "kubernetes:pod"), ("node pool", "nat")),
    "pipelines": Piece(("kubernetes:pod",), ("proxy", "database user")),
    "hello pipeline": Piece(("kfp:run",), ("pipelines", "object store")),
    # The metadata writer has no probe: without its server it counts as available for a hundred seconds before it gives up.
    "nothing gives up": Piece((), ("pipelines",), seconds=100),
    # Only what works is protected: until then it must be possible to take it down again.
    "cluster protected": Piece(("container.projects.locations.clusters.update",), ("hello pipeline", "nothing gives up")),
    "database protected": Piece(("sql.instances.patch",), ("hello pipeline", "nothing gives up")),
}


def longest(duration: Callable[[str], float], table: dict[str, Piece] | None = None) -> tuple[float, list[str]]:
    """The seconds of the longest way, and the pieces on it in order."""
    pieces = TABLE if table is None else table

    @cache
    def until(name: str) -> tuple[float, tuple[str, ...]]:
        before = max((until(need) for need in pieces[name].needs), default=(0.0, ()))
        return before[0] + pieces[name].seconds + sum(map(duration, pieces[name].takes)), (*before[1], name)

    total, way = max(until(name) for name in pieces)
    return total, list(way)


def of_a_default_scenario() -> tuple[float, list[str]]:
    """The longest way with the durations that a rehearsal has without a scenario."""
    from core.rehearsal.scenario import DURATIONS, Scenario

    scenario = Scenario()
    delays = {"delays.iam": scenario.delays.iam, "delays.services": scenario.delays.services}

    def duration(name: str) -> float:
        return delays[name] if name in delays else DURATIONS[name]

    return longest(duration)
