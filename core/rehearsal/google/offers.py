"""What a zone or a region offers: everything, but what the scenario says that it lacks.

``[lacks]`` names machine types, Cloud SQL's tiers, a release channel of GKE's, ``builds`` for Cloud Build's, and ``zone``
for a zone that is down.
"""

from __future__ import annotations

from core.rehearsal.world import World

BUILDS, ZONE = "builds", "zone"


def lacks(world: World, place: str, what: str) -> bool:
    """Whether a zone or its region, or a region, lacks something."""
    region = place.rpartition("-")[0] if place.count("-") == 2 else place
    named = world.scenario.lacks
    return what in named.get(place, ()) or what in named.get(region, ())
