"""The simulated cluster as the other side: served in this process, with the controllers that a phase lets run."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from core.rehearsal.google import iam_policy
from core.rehearsal.kubernetes import controllers
from core.rehearsal.kubernetes.controllers import basics
from tests.rehearsal.kubernetes.simulated_cluster import PROJECT, Served, serving, world_in

API_ALONE: tuple[Callable[[Any], None], ...] = (basics.definitions,)
"""What of the controllers is the API server's own work."""


@asynccontextmanager
async def simulated(
    folder: Path, users: dict[str, tuple[str, ...]], *, alone: bool
) -> AsyncIterator[tuple[Served, dict[str, str]]]:
    """Serves a simulated cluster; the tokens of its users by name. ``alone``: without controllers."""
    world = world_in(folder)
    tokens = {}
    for name, groups in users.items():
        role = "roles/owner" if "system:masters" in groups else "roles/container.clusterViewer"
        iam_policy.grant(world, f"projects/{PROJECT}", role, f"user:{name}", at_once=True)
        tokens[name] = world.identity.mint(name)[0]
    order = API_ALONE if alone else controllers._ORDER
    with patch.object(controllers, "_ORDER", order):
        async with serving(world) as served:
            config = json.loads(served.kubeconfig.read_text())
            config["users"][0]["user"]["token"] = next(iter(tokens.values()))
            served.kubeconfig.write_text(json.dumps(config))
            yield served, tokens
