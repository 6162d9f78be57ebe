"""How much of each quota an environment takes: from nothing, and beside what is there already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.parameters.specification import resolve
from core.prerequisites.amounts import Wanted, wanted_of
from core.prerequisites.there import Machines, There

VCPUS = {"e2-standard-2": 2, "e2-standard-4": 4, "e2-standard-8": 8, "n1-standard-4": 4, "n2-standard-8": 8}


def wanted(found: There, **given: Any) -> Wanted:
    return wanted_of(resolve(given, environment="demo"), VCPUS, found)


SMALL, BIG = Machines(1, "e2-standard-4"), Machines(1, "e2-standard-8")
NODE = Machines(1, "e2-standard-4", 100)
PUBLIC = replace(NODE, private=False)


def standing(nodes: Machines | None = NODE, notebook: Machines | None = None) -> There:
    return There(network=True, router=True, cluster=True, nodes=nodes, notebook=notebook)


def cpus(number: int, **more: int) -> dict[str, int]:
    return {"CPUS": number, "CPUS_ALL_REGIONS": number, **more}


FIRST: list[tuple[There, dict[str, Any], dict[str, int]]] = [
    (There(), {}, cpus(6, NETWORKS=1, ROUTERS=1, DISKS_TOTAL_GB=30, SSD_TOTAL_GB=120)),
    (There(network=True), {}, cpus(6, ROUTERS=1, DISKS_TOTAL_GB=30, SSD_TOTAL_GB=120)),
    (There(), {"private_nodes": False}, cpus(6, NETWORKS=1, DISKS_TOTAL_GB=30, SSD_TOTAL_GB=120, IN_USE_ADDRESSES=2)),
    (replace(standing(PUBLIC), router=False), {"private_nodes": False, "notebook": "vm"},
     cpus(4, ROUTERS=1, SSD_TOTAL_GB=250)),
    (standing(None), {}, cpus(4, SSD_TOTAL_GB=120)),
    (standing(), {}, {}),
    (standing(), {"notebook": "vm"}, cpus(4, SSD_TOTAL_GB=250)),
    (standing(notebook=SMALL), {"notebook": "vm"}, {}),
    (standing(notebook=SMALL), {"notebook": "vm", "notebook_machine_type": "e2-standard-8"}, cpus(4)),
    (standing(notebook=BIG), {"notebook": "vm"}, {}),
    (standing(notebook=Machines(0, "e2-standard-4")), {"notebook": "vm"}, {}),
    # new nodes beside the old ones, as many as the profile's surge has
    (standing(), {"node_machine_type": "e2-standard-8"}, cpus(8, SSD_TOTAL_GB=100)),
    (standing(Machines(3, "e2-standard-4", 100)), {"node_machine_type": "e2-standard-8"}, cpus(16, SSD_TOTAL_GB=100)),
    (standing(Machines(3, "e2-standard-8", 100)), {}, cpus(4, SSD_TOTAL_GB=100)),
    # the vCPUs of most families have a quota of their own besides
    (standing(), {"node_machine_type": "n2-standard-8"}, cpus(8, SSD_TOTAL_GB=100, N2_CPUS=8)),
    (standing(), {"notebook": "vm", "notebook_machine_type": "n2-standard-8"}, cpus(8, SSD_TOTAL_GB=250, N2_CPUS=8)),
    (standing(), {"notebook": "vm", "notebook_machine_type": "n1-standard-4"}, cpus(4, SSD_TOTAL_GB=250)),
    # a trial's go one by one, and no other stands beside them
    (standing(Machines(2, "e2-standard-2", 50)), {"profile": "trial", "node_machine_type": "e2-standard-4"}, cpus(4)),
    # all of them anew, once the old ones are gone
    (standing(), {"private_nodes": False}, {"IN_USE_ADDRESSES": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("found", "given", "first"), FIRST)
def test_what_is_taken_at_first(found: There, given: dict[str, Any], first: dict[str, int]) -> None:
    assert {metric: amount for metric, amount in wanted(found, **given).first.items() if amount} == first


def test_what_it_may_grow_to_is_the_largest_pool_and_a_notebook_that_someone_starts() -> None:
    assert wanted(standing()).most["CPUS"] == 4 * (3 + 1) - 4
    stopped = standing(notebook=Machines(0, "e2-standard-4"))
    assert wanted(stopped, notebook="vm").most["CPUS"] == 4 * (3 + 1) - 4 + 4
    assert wanted(standing(Machines(9, "e2-standard-4", 100))).most["CPUS"] == 0, "somebody let it grow further"
