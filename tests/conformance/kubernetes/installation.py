"""The Kubernetes half of an installation, unchanged, on the real control plane: made, made again, and destroyed.

`cluster`, `namespace`, `secrets`, `sql-proxy` and `pipelines` run as they are, with the release's true manifests where they
are at hand. Given is what they would have of Google's, and what takes a container that runs: the database's user, and the
answer of Kubeflow's API through a port-forward.
"""

from __future__ import annotations

import asyncio
import base64
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from core import kustomize
from core.environment import Cloud, Environment, Home
from core.install import cluster, namespace, namespace_removal, pipelines, secrets, sql_proxy
from core.install.installation import Installation
from core.run.clock import VirtualClock
from core.run.redact import Redactor
from core.run.step import Step
from core.toolchain import find
from tests.conformance.frame import Check, LeftOut, Outcome
from tests.conformance.kubernetes.side import ADMIN, Side
from tests.install.step_bench import FakeGoogle, StepContext
from tests.kustomize.kustomize_built import TRUE, release

STEPS: tuple[Callable[[Installation], Step], ...] = (
    cluster.step,
    namespace.step,
    secrets.step,
    sql_proxy.step,
    pipelines.step,
)
FASTER = 20.0
"""How much faster than real the steps' own waits are."""


class QuickClock(VirtualClock):
    """Waits are real, and short: the controllers on the other side need the time."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds) / FASTER)
        self.advance(seconds)


@dataclass
class Half:
    """What ran, and what came of it."""

    outcomes: list[Outcome] = field(default_factory=list)


async def installed(real: Side) -> Half:
    """Runs the half of an installation, twice, and its destruction."""
    half = Half()
    with tempfile.TemporaryDirectory(prefix="installation-") as folder, ExitStack() as stack:
        stack.enter_context(_given())
        bench = await _bench(Path(folder), real, half)
        for turn, wanted in (("first", "done"), ("second", "unchanged")):
            before = await _versions(real)
            for make in STEPS:
                await _step(bench, make, f"{turn} installation", wanted, half)
            if turn == "second":
                half.outcomes.append(
                    Check("second installation: versions of what it applied", before, await _versions(real))
                )
        await _destroyed(bench, real, half)
    return half


async def _bench(folder: Path, real: Side, half: Half) -> _Bench:
    bench = _Bench(Home(folder / "home"), real)
    source = "release" if TRUE.is_dir() else "stand-in"
    if source == "stand-in":
        half.outcomes.append(LeftOut("installation of the release", "the release's true manifests are not at hand"))
    values = kustomize.Values.of(bench.installation.names, inverse_proxy=False)
    built = await kustomize.build(release(source), values, folder / "work", kubectl=find("kubectl").command)
    kept = bench.installation.environment.home.ensure("environments", "demo", "manifests")
    built.store(kept, "inputs")
    bench.facts["manifests"] = {"folder": str(kept), "digest": built.digest, "source": built.source}
    half.outcomes.append(LeftOut("installation: Kubeflow's answer through a port-forward", "it takes a container that runs"))
    return bench


async def _step(bench: _Bench, make: Callable[[Installation], Step], turn: str, wanted: str, half: Half) -> None:
    step = make(bench.installation)
    context = StepContext(bench.facts, bench.installation.redactor, bench.clock)
    try:
        async with asyncio.timeout(180):
            outcome = await step.run(context) or ("done" if context.has_changed else "unchanged")
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}: {getattr(error, 'cause', '')}"
    bench.facts.update(context.published)
    half.outcomes.append(Check(f"{turn}: {step.id}", wanted, outcome))


async def _versions(real: Side) -> dict[str, str]:
    """The versions of all that the namespace and the cluster hold of the environment, without what controllers write."""
    found = {}
    for path in _KEPT:
        for item in (await real.tell("GET", path)).body["items"]:
            found[f"{path.rpartition('/')[2]}/{item['metadata']['name']}"] = str(
                item["metadata"].get("generation", "")
            ) or str(item["metadata"]["resourceVersion"])
    return found


_NAMESPACED = (
    "/api/v1/namespaces/kubeflow/configmaps", "/api/v1/namespaces/kubeflow/secrets", "/api/v1/namespaces/kubeflow/services",
    "/api/v1/namespaces/kubeflow/serviceaccounts", "/apis/apps/v1/namespaces/kubeflow/deployments",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/kubeflow/roles",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/kubeflow/rolebindings",
)  # fmt: skip
_KEPT = (
    *_NAMESPACED,
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
)


async def _destroyed(bench: _Bench, real: Side, half: Half) -> None:
    context = StepContext(bench.facts, bench.installation.redactor, bench.clock)
    try:
        async with asyncio.timeout(180):
            await namespace_removal.destroy_namespace(bench.installation, context)
        said = "done"
    except Exception as error:
        said = f"{type(error).__name__}: {error}: {getattr(error, 'cause', '')}"
    half.outcomes.append(Check("destruction", "done", said))
    left = {path: len((await real.tell("GET", path)).body["items"]) for path in (*_NAMESPACED, _KEPT[-2])}
    half.outcomes.append(Check("destruction: what is left", dict.fromkeys(left, 0), left))


class _Bench:
    """An installation whose steps run one by one against the control plane, with Google's answers given."""

    def __init__(self, home: Home, real: Side) -> None:
        values = {"project_id": "project-1", "zone": "us-central1-a"}
        environment = Environment.new(home, "demo", cloud="google", given=values).save()
        self.clock = QuickClock()
        self.installation = Installation(
            environment=environment, cloud=Cloud(), clock=self.clock, redactor=Redactor(), run_folder=environment.folder
        )
        google = _SignedIn(real.tokens[ADMIN])
        google.redactor = self.installation.redactor
        google.answers = {
            "secretmanager.projects.secrets.versions.access": {"payload": {"data": base64.b64encode(b"given").decode()}},
            "container.projects.locations.clusters.get": {
                "status": "RUNNING",
                "endpoint": real.url.removeprefix("https://"),
                "masterAuth": {"clusterCaCertificate": base64.b64encode(real.authority.read_bytes()).decode()},
                "resourceLabels": self.installation.names.labels,
            },
            "compute.disks.list": {"items": []},
        }
        self.installation.__dict__["google"] = google
        self.facts: dict[str, Any] = {
            "cluster": "projects/project-1/locations/us-central1-a/clusters/demo",
            "node_pool": "demo-pool",
            "sql_password_version": "projects/1/secrets/s/versions/1",
            "database_user": "root",
            "artifact_bucket": "bucket",
            "sql_instance": "project-1:us-central1:sql",
            "workload_identity": True,
        }


class _SignedIn(FakeGoogle):
    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    async def token(self) -> str:
        return self._token


def _given() -> AbstractContextManager[Any]:
    """Kubeflow's answer, which takes a container: the port is given, and the API behind it says that it is ready."""

    @asynccontextmanager
    async def forward(*_: Any) -> AsyncIterator[int]:
        yield 0

    async def ready(self: Any) -> dict[str, object]:
        return {"apiServerReady": True}

    stack = ExitStack()
    stack.enter_context(patch.object(pipelines, "forward", forward))
    stack.enter_context(patch.object(pipelines.Kubeflow, "health", ready))
    return stack
