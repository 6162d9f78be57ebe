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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import Row, in_turns, run
from bench.rehearsed import Rehearsed, objects_file, rehearsal

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
        kubectl = [
            *find("kubectl").command,
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            str(objects_file(installed, objects)),
        ]
        way = _Way.of(installed, shell)
        ratios = in_turns(lambda: asyncio.run(_apply(way, objects)), lambda: run(kubectl, variables=shell), rounds=3)
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


@dataclass(frozen=True, slots=True)
class _Way:
    """How the cluster is reached; asked for before anything is timed, as a run knows it when it applies."""

    endpoint: str
    token: str
    authority: bytes

    @classmethod
    def of(cls, installed: Rehearsed, shell: dict[str, str]) -> _Way:
        from core.kubernetes import kubeconfig

        credential = json.loads(installed.call("kubernetes-token", installed.name))
        authority = kubeconfig.authority(Path(shell["KUBECONFIG"]))
        return cls(installed.fact("cluster_endpoint"), credential["status"]["token"], authority)


async def _apply(way: _Way, objects: list[dict[str, Any]]) -> None:
    from core.kubernetes.apply import apply_all
    from core.kubernetes.client import Cluster
    from core.run.clock import Clock

    async def token() -> str:
        return way.token

    trust = ssl.create_default_context(cadata=way.authority.decode()) if way.authority else None
    async with Cluster(way.endpoint, token=token, clock=Clock(0), trust=trust) as cluster:
        await apply_all(cluster, objects, _Silent())
