"""Runs for tests: journals written event by event, and locks that make them live."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from core import events
from core.environment import Environment, Home
from core.environment.lock import Holder, Lock
from core.events import Event, Record
from core.run import journal, runs

NOW = 1_790_000_000.0
"""The moment at which tests look: 2026-09-21."""
RUN = "20260921T141000Z-abc123"

_STEPS = """
prerequisites   | Prerequisites          | 5   |                                    | prerequisites
services        | Services               | 120 | prerequisites                      | services
state           | State and password     | 10  | services                           | state_bucket
manifests       | Kubeflow's manifests   | 3   |                                    | manifests
platform        | Platform               | 900 | services state_bucket              | platform node_pool sql_instance bucket
build-access    | Access to build        | 5   | services                           | build_access
cluster         | Cluster                | 10  | node_pool                          | cluster_endpoint
namespace       | Namespace              | 2   | cluster_endpoint                   | namespace
secrets         | Secrets of the pods    | 3   | namespace                          | secrets
sql-proxy       | Cloud SQL Auth Proxy   | 45  | manifests namespace sql_instance   | sql_proxy
database-user   | Database user          | 20  | sql_proxy secrets                  | database_user
pipelines       | Kubeflow Pipelines     | 180 | manifests database_user bucket     | pipelines
access          | Access                 | 5   | pipelines                          | pipelines_ui
verify          | Verification           | 120 | pipelines_ui                       | verification
protect         | Deletion protection    | 60  | verification platform              | protected
"""


def steps(optional: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The steps of an installation, as its first event carries them."""
    found = []
    for row in _STEPS.strip().splitlines():
        id, title, seconds, needs, publishes = (cell.strip() for cell in row.split("|"))
        found.append({
            "id": id, "title": title, "seconds": float(seconds), "needs": needs.split(), "publishes": publishes.split(),
            "optional": id in optional,
        })  # fmt: skip
    return found


def environment(home: Home, name: str = "demo", *, cloud: str = "rehearsal", **given: Any) -> Environment:
    """A saved environment whose id is always the same."""
    made = Environment.new(home, name, cloud=cloud, given=given)
    resolved = {"project_id": f"{name}-project"}
    return Environment(home, name, "abcdef", cloud, made.given, resolved, made.versions).save()


def write(environment: Environment, happened: Sequence[tuple[float, Event]], *, run: str = RUN, more: bool = False) -> str:
    """Writes a journal: each event at so many seconds before `NOW`; returns the run's id."""
    folder = runs.folder(environment, run)
    folder.mkdir(parents=True, exist_ok=True)
    first = len((folder / journal.FILE).read_bytes().splitlines()) + 1 if more else 1
    lines = [
        json.dumps(Record(n, journal.timestamp(NOW - ago), run, event).to_dict()) + "\n"
        for n, (ago, event) in enumerate(happened, first)
    ]
    with (folder / journal.FILE).open("a" if more else "w") as file:
        file.writelines(lines)
    return run


def begin(
    ago: float = 760, *, rate: float = 1.0, optional: Sequence[str] = (), action: str = "install"
) -> tuple[float, Event]:
    """The first event."""
    return ago, events.RunStarted(action=action, rate=rate, pid=1, steps=steps(optional))


def done(ago: float, step: str, seconds: float, state: str = "done", **facts: Any) -> list[tuple[float, Event]]:
    """A step that began and ended, with what it published."""
    published = [(ago, events.FactPublished(step=step, name=name, value=value)) for name, value in facts.items()]
    return [
        (ago + seconds, events.StepStarted(step=step)),
        *published,
        (ago, events.StepFinished(step=step, state=state, seconds=seconds)),
    ]


def resource(ago: float, step: str, kind: str, id: str, state: str, seconds: float = 0.0) -> tuple[float, Event]:
    """A resource as it was reported."""
    return ago, events.ResourceChanged(step=step, kind=kind, id=id, action="create", state=state, seconds=seconds)


def halfway() -> list[tuple[float, Event]]:
    """A run in which the platform is being made."""
    return [
        begin(),
        *done(756, "prerequisites", 4, "unchanged", prerequisites=True),
        *done(755, "manifests", 1, manifests={"source": "stand-in"}),
        *done(684, "services", 72, services=["compute"]),
        *done(678, "state", 6, state_bucket="bucket"),
        *done(675, "build-access", 2, "unchanged", build_access=""),
        (678, events.StepStarted(step="platform")),
        resource(650, "platform", "google_compute_network", "module.network.google_compute_network.this", "done", 21),
        resource(300, "platform", "google_container_cluster", "module.cluster.google_container_cluster.this", "done", 363),
        resource(30, "platform", "google_sql_database_instance", "module.database.this[each.key]", "progress", 648),
        (20, events.FactPublished(step="platform", name="node_pool", value="pool")),
        *done(10, "cluster", 8, cluster_endpoint="https://x"),
        (3, events.StepProgress(step="platform", message="Cloud SQL is being made")),
    ]


def at_sixty_times(*, rate: float = 60.0) -> list[tuple[float, Event]]:
    """A run on a quicker clock: ten of its minutes have passed in ten seconds, five of them on its platform."""
    return [
        begin(10, rate=rate),
        *done(10, "prerequisites", 4, "unchanged", prerequisites=True),
        *done(8, "services", 72, services=[]),
        *done(6, "state", 6, state_bucket="b"),
        (5, events.StepStarted(step="platform")),
    ]


ERROR = {
    "code": "image-pull", "message": "ml-pipeline-ui cannot pull its image.",
    "cause": "ghcr.io/kubeflow/kfp-frontend:2.17.0: i/o timeout. The nodes are private and reach the internet by Cloud NAT.",
    "hint": "Give NAT more ports, or copy the images into the environment's own registry, then retry.",
    "command": "kubectl --namespace kubeflow describe pod ml-pipeline-ui-7c9d8f6b5-x2x4q",
    "url": "https://console.cloud.google.com/net-services/nat/list?project=demo-project",
    "actions": ["retry"], "temporary": False, "exit_code": 1,
}  # fmt: skip


def failed() -> list[tuple[float, Event]]:
    """A run that failed at its pipelines."""
    before = halfway()[:-1]
    return [
        *before,
        *done(9, "platform", 650, platform=True, sql_instance="i", bucket="b"),
        *done(9, "namespace", 1, namespace="kubeflow"),
        *done(8, "secrets", 1, secrets=True),
        *done(7, "sql-proxy", 1, sql_proxy=True),
        *done(6, "database-user", 1, database_user="root"),
        (5, events.StepStarted(step="pipelines")),
        resource(4, "pipelines", "Deployment", "kubeflow/ml-pipeline-ui", "failed", 2),
        (2, events.StepFailed(step="pipelines", seconds=72, error=ERROR)),
        (1, events.StepCancelled(step="access", reason="it needs pipelines from pipelines")),
        (1, events.StepCancelled(step="verify", reason="it needs pipelines_ui from access")),
        (1, events.StepCancelled(step="protect", reason="it needs verification from verify")),
        (0, events.RunFailed(seconds=760, error=ERROR)),
    ]


def installed() -> list[tuple[float, Event]]:
    """A run that ended well."""
    verification = [
        {"check": "Kubeflow API", "state": "pass", "detail": "The API server is ready."},
        {"check": "hello pipeline", "state": "pass", "detail": "It ran as demo-kfp@demo-project.iam.gserviceaccount.com."},
    ]
    return [
        *failed()[:-6],
        *done(4, "pipelines", 1, pipelines="2.17.0"),
        *done(3, "access", 1, "unchanged", pipelines_ui={"url": "http://localhost:8080", "via": "port-forward"}),
        *done(2, "verify", 1, verification=verification),
        *done(1, "protect", 1, protected=True),
        (0, events.RunFinished(seconds=764)),
    ]


def made() -> list[tuple[float, Event]]:
    """A run that ended well, with something of everything that a run makes."""
    artifacts = "module.storage.google_storage_bucket.artifacts[0]"
    return [
        *installed()[:-1],
        resource(1, "services", "services", "compute.googleapis.com", "done"),
        resource(1, "services", "services", "container.googleapis.com", "done"),
        resource(1, "state", "storage.buckets", "demo-state-abcdef", "done"),
        resource(1, "state", "storage.buckets.iam", "demo-state-abcdef", "done"),
        resource(1, "state", "secrets", "demo-sql-password-abcdef", "done"),
        resource(1, "platform", "google_storage_bucket", artifacts, "done"),
        resource(1, "namespace", "Namespace", "kubeflow", "done"),
        (0, events.RunFinished(seconds=764)),
    ]


def cancelled() -> list[tuple[float, Event]]:
    """A run that was asked to stop."""
    return [
        *halfway(),
        (1, events.StepCancelled(step="platform", seconds=677, reason="the run was stopped")),
        (0, events.RunCancelled(seconds=760, reason="it was cancelled in the app")),
    ]


def _destroy() -> list[dict[str, Any]]:
    titles = {"unprotect": "Protection off", "workloads": "Namespace and volumes", "platform": "Platform", "state": "State"}
    names, found = list(titles), []
    for number, id in enumerate(names):
        needs = [f"{names[number - 1]}_gone"] if number else []
        found.append({"id": id, "title": titles[id], "seconds": 60.0, "needs": needs, "publishes": [f"{id}_gone"]})
    return found


def destroying() -> list[tuple[float, Event]]:
    """A destruction that goes on."""
    return [
        (120, events.RunStarted(action="destroy", rate=1.0, pid=1, steps=_destroy())),
        *done(60, "unprotect", 60, unprotect_gone=True),
        (50, events.StepStarted(step="workloads")),
        (10, events.ResourceChanged(step="workloads", kind="Namespace", id="kubeflow", action="delete", state="progress")),
    ]


def destroyed() -> list[tuple[float, Event]]:
    """A destruction that ended well."""
    return [
        *destroying(),
        *done(5, "workloads", 45, workloads_gone=True),
        *done(2, "platform", 3, platform_gone=True),
        *done(1, "state", 1, state_gone=True),
        (0, events.RunFinished(seconds=120)),
    ]


def waiting(kind: str = "sign-in") -> tuple[float, Event]:
    """The run waits for a person."""
    return 1, events.RunWaiting(
        kind=kind,
        message="The sign-in has run out.",
        hint="Sign in again; the run goes on by itself.",
        command="gcloud auth application-default login",
    )


@contextmanager
def alive(environment: Environment, run: str = RUN) -> Iterator[None]:
    """Holds the environment as its run would."""
    lock = Lock(runs.lock_path(environment))
    lock.acquire(Holder.me(run=run, action="install"))
    try:
        yield
    finally:
        lock.release()


def write_log(environment: Environment, step: str, lines: Sequence[str], *, run: str = RUN) -> None:
    """Appends to a step's log."""
    folder = runs.folder(environment, run) / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{step}.log").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)
