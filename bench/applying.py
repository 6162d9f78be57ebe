"""How fast the overlay's objects are applied over a network that takes its time, against kubectl.

The release's true manifests are taken where a copy is at hand (``MLOPS_ENV_SHARED``, or the folder ``shared`` beside the
checkout), the stand-in set elsewhere. Both sides apply the same objects to the same simulated cluster, onto what is there
already: every object is one request of each, answered 80 ms late.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from pathlib import Path
from typing import Any

from bench.measure import Row, in_turns, run
from bench.rehearsed import Rehearsed, rehearsal

LATENCY = "speed = 0\nlatency_ms = 80\n"
ROOT = Path(__file__).resolve().parent.parent


def applying() -> Row:
    """The overlay's objects by `core.kubernetes.apply`, against ``kubectl apply --server-side``."""
    from core import kustomize
    from core.toolchain import find

    release = true_manifests()
    chosen = ["--set", f"kfp_manifests={release}"] if release else []
    with rehearsal(LATENCY, *chosen) as installed:
        shell = installed.shell()
        manifests = kustomize.load(installed.fact("manifests")["folder"])
        objects = [obj for obj in manifests if obj["kind"] != "Namespace"]
        target = installed.home.parent / "objects.json"
        target.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        kubectl = [*find("kubectl").command, "apply", "--server-side", "--force-conflicts", "-f", str(target)]
        ratios = in_turns(
            lambda: asyncio.run(_apply(installed, shell, objects)), lambda: run(kubectl, variables=shell), rounds=3
        )
    against = f"kubectl apply --server-side, {len(objects)} {'true' if release else 'stand-in'} objects, 80 ms"
    return Row.of("apply the overlay", ratios, goal=0.15, against=against)


def true_manifests() -> Path | None:
    """The release's own manifests, where there is a copy."""
    shared = Path(os.environ.get("MLOPS_ENV_SHARED") or ROOT.parent / "shared")
    folder = shared / "upstream" / "manifests"
    return folder if folder.is_dir() else None


class _Silent:
    """A reporter that tells nobody."""

    def log(self, text: str) -> None:
        """Nothing."""

    def progress(self, message: str, fraction: float | None = None) -> None:
        """Nothing."""

    def resource(self, kind: str, id: str, action: str, state: str, seconds: float = 0.0) -> None:
        """Nothing."""


async def _apply(installed: Rehearsed, shell: dict[str, str], objects: list[dict[str, Any]]) -> None:
    from core.kubernetes import kubeconfig
    from core.kubernetes.apply import apply_all
    from core.kubernetes.client import Cluster
    from core.run.clock import Clock

    token = json.loads(installed.call("kubernetes-token", installed.name))["status"]["token"]

    async def give() -> str:
        return str(token)

    authority = kubeconfig.authority(Path(shell["KUBECONFIG"]))
    trust = ssl.create_default_context(cadata=authority.decode()) if authority else None
    async with Cluster(installed.fact("cluster_endpoint"), token=give, clock=Clock(0), trust=trust) as cluster:
        await apply_all(cluster, objects, _Silent())
