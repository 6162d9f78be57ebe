"""How long a rehearsal takes what it takes: within what was seen of the real cloud."""

from __future__ import annotations

import pytest

from core.rehearsal.scenario import DURATIONS

CLUSTERS = "container.projects.locations.clusters"
SEEN: dict[str, tuple[float, float]] = {
    "serviceusage.services.batchEnable": (60, 180),
    "iam.projects.serviceAccounts.create": (10, 15),
    "servicenetworking.services.connections.create": (60, 120),
    f"{CLUSTERS}.create": (360, 540),
    f"{CLUSTERS}.nodePools.create": (120, 240),
    f"{CLUSTERS}.nodePools.delete": (120, 360),
    f"{CLUSTERS}.delete": (240, 360),
    "cloudbuild.projects.locations.builds.create": (480, 900),
    "notebooks.projects.locations.instances.create": (180, 300),
    "sql.instances.insert": (360, 900),
    "sql.instances.delete": (60, 180),
}
"""Seconds, from the shortest to the longest of the ordinary ones."""


@pytest.mark.parametrize("call", SEEN)
def test_a_duration_is_an_ordinary_one(call: str) -> None:
    least, most = SEEN[call]
    assert least <= DURATIONS[call] <= most


def test_the_cluster_with_its_own_pool_comes_after_the_database() -> None:
    pools = DURATIONS[f"{CLUSTERS}.nodePools.delete"] + DURATIONS[f"{CLUSTERS}.nodePools.create"]
    cluster = DURATIONS[f"{CLUSTERS}.create"] + pools
    assert 660 <= cluster <= 960
    assert cluster > DURATIONS["sql.instances.insert"]
