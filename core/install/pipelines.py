"""The step ``pipelines``: Kubeflow Pipelines itself, applied in order and watched until it really works.

What no node has to run (CRDs, rights, settings, Services) is applied as soon as the namespace is there, the object store
once there are nodes, and the other workloads once the database's user is proven. A rollout proves little, since most of
these Deployments have no readiness probe: after them it is watched whether anything restarts, and the API server must say
of itself that it is ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import PermanentError
from core.install import shown
from core.install.connection import connect
from core.install.installation import Installation
from core.install.kubeflow import Kubeflow
from core.install.secrets import DATABASE, OBJECT_STORE, USER_KEY
from core.kubernetes.apply import Applied, any_changed, apply_all
from core.kubernetes.client import Cluster
from core.kubernetes.diagnosis import pod_trouble
from core.kubernetes.port_forward import Target, forward
from core.kubernetes.resources import Object, key, label
from core.kubernetes.rollouts import rollouts, settled
from core.run.clock import Clock
from core.run.step import Context, Outcome, Reporter, Step
from core.run.together import together

if TYPE_CHECKING:
    from core.kustomize import Manifests

UI_SERVICE, UI_PORT = "ml-pipeline-ui", 80
STORE = "seaweedfs"
"""The object store, which needs no database: with its volume it takes longest to come up."""
READY_LOOKS = 120
SETTLE_SECONDS = 10.0


def step(installation: Installation) -> Step:
    """The step that installs Kubeflow Pipelines; it publishes ``pipelines`` once its API server is ready."""

    async def run(context: Context) -> Outcome | None:
        async with connect(installation, context.fact("cluster_endpoint")) as cluster:
            if await _apply(installation, cluster, context):
                context.changed()
                context.progress("looking whether everything stays up")
                staying = settled(cluster, installation.names.namespace, SETTLE_SECONDS)
                await together([_answer(installation, cluster, context), staying])
            else:
                await _answer(installation, cluster, context)
        return None

    return Step(
        "pipelines",
        "Kubeflow Pipelines",
        run,
        needs=("cluster_endpoint", "namespace", "manifests"),
        publishes=("pipelines",),
        seconds=330,
        deadline=7200,
    )


def ui(installation: Installation) -> Target:
    """Where a port-forward reaches Kubeflow's UI, which passes the API on."""
    return Target(installation.names.namespace, UI_SERVICE, UI_PORT)


async def _apply(installation: Installation, cluster: Cluster, context: Context) -> bool:
    from core import kustomize
    from core.install.manifests import for_database

    manifests = kustomize.load(context.fact("manifests")["folder"])
    _refuse_secrets(list(manifests))
    await shown.hold_alike(installation, cluster, [*manifests.cluster, *manifests.configuration])
    early = await apply_all(cluster, [*manifests.cluster, *manifests.configuration], context)
    _note(early, context)
    await context.wait_for("secrets")
    workloads = await _workloads(installation, cluster, manifests)
    await shown.hold_alike(installation, cluster, workloads)
    context.progress("waiting for a node")
    await context.wait_for("node_pool")
    store = await apply_all(cluster, [o for o in workloads if o["metadata"]["name"] == STORE], context)
    _note(store, context)
    for fact in ("database_user", "artifact_bucket"):
        await context.wait_for(fact)
    if (now := await for_database(installation, context, manifests)) is not manifests:
        workloads = await _workloads(installation, cluster, now)  # which bear a mark of the settings that name it
    late = await apply_all(cluster, [o for o in workloads if o["metadata"]["name"] != STORE], context)
    _note(late, context)
    changed = any_changed((*early, *store, *late))
    names = [o["metadata"]["name"] for o in manifests.workloads if o["kind"] == "Deployment"]
    restarted = await start_again(cluster, installation.names.namespace)
    for pod in restarted:
        context.log(f"Deleted pod {pod}, which waited between crashes for something that is there now.")
    await rollouts(cluster, installation.names.namespace, names, context)
    return changed or bool(restarted)


async def _workloads(installation: Installation, cluster: Cluster, manifests: Manifests) -> list[Object]:
    """What runs, as it is applied."""
    known = {key(obj) for obj in manifests.workloads}
    return [o for o in await marked(cluster, installation.names.namespace, list(manifests)) if key(o) in known]


def _refuse_secrets(objects: list[Object]) -> None:
    """A Secret in the manifests would take the place of the environment's own, with a password that everybody knows."""
    for obj in objects:
        if obj["kind"] == "Secret" and obj["metadata"]["name"] in (DATABASE, OBJECT_STORE, USER_KEY):
            raise PermanentError(
                f"The manifests bring {label(obj)}, which is the environment's own.",
                code="secret-in-manifests",
                cause="Its values would be overwritten by the release's, which everybody knows.",
                hint="Take manifests without Secrets.",
            )


async def _answer(installation: Installation, cluster: Cluster, context: Context) -> None:
    """Publishes that Kubeflow Pipelines runs once its API server says so: what needs it need not watch it settle."""
    async with forward(cluster, ui(installation), context) as port, Kubeflow(port, context.clock) as kubeflow:
        await until_ready(kubeflow, context.clock, context)
    context.publish("pipelines", installation.values["kfp_version"])


async def until_ready(kubeflow: Kubeflow, clock: Clock, reporter: Reporter, *, looks: int = READY_LOOKS) -> None:
    """Waits until the UI answers that the API server behind it is ready; raises `PermanentError` where it never is."""
    answer: dict[str, object] = {}
    for _ in range(looks):
        answer = await kubeflow.health()
        if answer.get("apiServerReady") is True:
            return
        reporter.progress("waiting for Kubeflow's API server")
        await clock.sleep(5)
    raise PermanentError(
        "Kubeflow's UI runs, but the API server behind it is not ready.",
        code="api-server-not-ready",
        cause=f"The UI's health page says {answer}.",
        hint="The log of ml-pipeline says what it waits for: mostly the database.",
        command="kubectl logs deployment/ml-pipeline",
    )


async def start_again(cluster: Cluster, namespace: str) -> list[str]:
    """Deletes the pods that wait between crashes, up to five minutes each, so that they start at once; their names."""
    pods = await cluster.all("v1", "Pod", namespace)
    crashed = [pod for pod in pods if _between_crashes(pod)]
    await together(cluster.delete("v1", "Pod", pod["metadata"]["name"], namespace) for pod in crashed)
    return [pod["metadata"]["name"] for pod in crashed]


def _between_crashes(pod: Object) -> bool:
    trouble = pod_trouble(pod)
    owned = any(owner.get("kind") == "ReplicaSet" for owner in pod["metadata"].get("ownerReferences") or [])
    return owned and trouble is not None and trouble.reason == "CrashLoopBackOff"


def _note(applied: list[Applied], context: Context) -> None:
    if any_changed(applied):
        context.changed()


async def marked(cluster: Cluster, namespace: str, objects: list[Object]) -> list[Object]:
    """The objects as they are applied: a pod is started anew when a Secret that it reads has changed.

    The mark is the Secret's version and not a hash of it: no hash of a secret is written anywhere.
    """
    from core import kustomize

    secrets = await cluster.all("v1", "Secret", namespace)
    versions = {s["metadata"]["name"]: f"{s['metadata']['uid']}/{s['metadata']['resourceVersion']}" for s in secrets}
    return kustomize.annotate(objects, versions=versions)
