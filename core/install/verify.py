"""The step ``verify``: whether what was installed does what it is for, each check with its own result.

Three things are looked at every time: Kubeflow's API says it is ready, the database's user signs in as ML Metadata does and
sees the tables, and nothing restarts. Where nothing has changed that is done beside Terraform's own look. The hello
pipeline runs when something changed since it last ran through, which the journals tell, or when it is asked for; each
managed service's answer to it is a check of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from core import events
from core.errors import MlopsError, PersonNeeded, VerificationError
from core.install import hello, pods, sql_proxy
from core.install.connection import connect
from core.install.installation import Installation
from core.install.kubeflow import Kubeflow
from core.install.mysql import NATIVE, Account, NoAnswer, SignInRefused
from core.install.pipelines import ui, until_ready
from core.install.secrets import sql_password
from core.kubernetes.client import Cluster
from core.kubernetes.port_forward import forward
from core.run import journal, runs
from core.run.step import Context, Outcome, Reporter, Step

SERVICES = {
    "storage": "Cloud Storage",
    "bigquery": "BigQuery",
    "dataflow": "Dataflow",
    "vertex-training": "Vertex AI training",
    "vertex-prediction": "Vertex AI prediction",
    "artifact-registry": "Artifact Registry",
}
AFTER = frozenset({"verify", "protect"})
"""Steps whose changes need no new proof."""

READY_LOOKS = 12
"""A minute: what was installed is ready already."""

Check = dict[str, str]
"""``{"check", "state": "pass" | "fail" | "warn", "detail"}``."""


def step(installation: Installation) -> Step:
    """The step that verifies the installation; it publishes ``verification``."""

    async def run(context: Context) -> Outcome | None:
        checks = await _before_terraform(installation, context)
        await context.wait_for("platform")
        run_hello = changed_since_proof(installation)
        if checks is None or run_hello:
            checks = await verify(installation, context, run_hello=run_hello)
        if run_hello:
            context.changed()
        context.publish("verification", checks)
        return None

    return Step(
        "verify",
        "Verification",
        run,
        needs=("pipelines_ui", "build_access", "cluster_endpoint", "sql_password_version", "database_user"),
        publishes=("verification",),
        seconds=120,
        deadline=3600,
    )


async def _before_terraform(installation: Installation, context: Context) -> list[Check] | None:
    """The checks while Terraform still looks for what is to be done; None where they can't hold for what comes after.

    Where it changes something, or where they failed because something is missing that it brings back, all of it is looked
    at anew.
    """
    if changed_since_proof(installation):
        return None
    try:
        return await verify(installation, context, run_hello=False)
    except PersonNeeded:
        raise
    except MlopsError as error:
        context.log(f"{error.message} {error.cause} It is looked at again once Terraform is done.")
        return None


async def verify(installation: Installation, reporter: Reporter, *, run_hello: bool) -> list[Check]:
    """Every check with its result; raises `VerificationError`, which names the first that failed, and holds them all."""
    endpoint = await _endpoint(installation)
    async with connect(installation, endpoint) as cluster:
        results = _Results(reporter)
        async with forward(cluster, ui(installation), reporter) as port, Kubeflow(port, installation.clock) as kubeflow:
            await results.take("Kubeflow API", lambda: _api(installation, kubeflow, reporter))
            before = await pods.census(cluster, installation.names.namespace)
            running = asyncio.ensure_future(_hello(installation, kubeflow, reporter)) if run_hello else None
            try:
                await results.take("database", lambda: _database(installation, cluster, reporter))
                if running is not None and not results.failed:
                    await _report(running, results)
            finally:
                await _end(running)
            await _recurring(installation, cluster, kubeflow, results)
            await results.take("pods", lambda: pods.steady(installation, cluster, before, aged=run_hello))
    results.judge()
    return results.checks


def changed_since_proof(installation: Installation) -> bool:
    """Whether any run changed anything after the hello pipeline last ran through, as the journals say."""
    environment = installation.environment
    for run in reversed(runs.ids(environment)):
        told = journal.read(runs.folder(environment, run), only=(events.StepFinished, events.ResourceChanged))
        for record in reversed(list(told)):
            event = record.event
            if isinstance(event, events.StepFinished) and event.step == "verify" and event.state == "done":
                return False
            made = isinstance(event, events.ResourceChanged) and event.action != "read"
            done = isinstance(event, events.StepFinished) and event.state == "done"
            if (made or done) and event.step not in AFTER:
                return True
    return True


@dataclass
class _Results:
    """The checks so far, each reported as it ends."""

    reporter: Reporter

    def __post_init__(self) -> None:
        self.checks: list[Check] = []
        self.errors: list[tuple[str, MlopsError]] = []

    @property
    def failed(self) -> bool:
        return bool(self.errors)

    async def take(self, name: str, check: Callable[[], Awaitable[str]]) -> None:
        """Does one check; an error is its result, but for one that only a person can help with."""
        self.reporter.progress(f"checking {name}")
        try:
            self.note(name, "pass", await check())
        except PersonNeeded:
            raise
        except MlopsError as error:
            self.errors.append((name, error))
            self.note(name, "fail", f"{error.message} {error.cause}".strip())

    def note(self, name: str, state: str, detail: str) -> None:
        """Keeps and reports one result."""
        self.checks.append({"check": name, "state": state, "detail": detail})
        self.reporter.log(f"{name}: {state}. {detail}")

    def judge(self) -> None:
        """Raises the first failure as the step's, all others named in its cause."""
        if not self.errors:
            return
        name, error = self.errors[0]
        others = ", ".join(other for other, _ in self.errors[1:])
        cause = f"{error.message} {error.cause}".strip()
        raise VerificationError(
            f"The check of {name} failed.",
            code="verification",
            cause=f"{cause} Failed as well: {others}." if others else cause,
            hint=error.hint or "Mend what the cause names, then run: mlops-env retry NAME",
            command=error.command,
            checks=self.checks,
        ) from error


async def _endpoint(installation: Installation) -> str:
    from core.install.cluster import endpoint

    names = installation.names
    found, _ = await endpoint(installation, f"projects/{names.project}/locations/{names.zone}/clusters/{names.cluster}")
    return found


async def _api(installation: Installation, kubeflow: Kubeflow, reporter: Reporter) -> str:
    await until_ready(kubeflow, installation.clock, reporter, looks=READY_LOOKS)
    return "The API server is ready."


async def _database(installation: Installation, cluster: Cluster, reporter: Reporter) -> str:
    """The user signs in as ML Metadata does, and sees its tables."""
    names = installation.names
    password = await sql_password(installation, names.sql_password_secret)
    config = await cluster.get("v1", "ConfigMap", "pipeline-install-config", names.namespace)
    wanted = [str(config["data"][key]) for key in ("pipelineDb", "mlmdDb")]
    async with forward(cluster, sql_proxy.target(installation), reporter) as port:
        account = Account(port, str(installation.values["sql_username"]), password)
        try:
            await account.prove(native=True)
            plugin = await account.plugin()
            counts = await account.tables(*wanted)
        except (SignInRefused, NoAnswer) as error:
            raise VerificationError(
                "ML Metadata could not sign in to the database.",
                cause=str(error),
                hint="A password that is set in the console brings another plugin: mlops-env install NAME mends it.",
            ) from error
    empty = [database for database, tables in counts.items() if not tables]
    if empty:
        raise VerificationError(f"The database {empty[0]} has no tables.", cause="The component that makes them did not.")
    shown = ", ".join(f"{database} {tables}" for database, tables in counts.items())
    return f"Signed in with {plugin or NATIVE}; tables: {shown}."


async def _hello(installation: Installation, kubeflow: Kubeflow, reporter: Reporter) -> hello.Report:
    return await hello.prove(installation, kubeflow, reporter, hello.document())


async def _report(running: Awaitable[hello.Report], results: _Results) -> None:
    """The hello pipeline's end as one check, and what each service answered it as one more."""
    report: hello.Report | None = None

    async def ended() -> str:
        nonlocal report
        report = await running
        return f"It ran as {report.account}."

    await results.take("hello pipeline", ended)
    for name, found in report.checks.items() if report else ():
        await results.take(SERVICES.get(name, name), _told(name, found))


async def _end(running: asyncio.Future[hello.Report] | None) -> None:
    """Ends a pipeline's watch that nobody waits for any more."""
    if running is not None:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _recurring(installation: Installation, cluster: Cluster, kubeflow: Kubeflow, results: _Results) -> None:
    """Names the recurring runs that never fire: their database outlived the namespace that held their schedules."""
    try:
        enabled = [r for r in await kubeflow.recurring() if r.get("status") == "ENABLED"]
    except MlopsError:
        return
    if not enabled:
        return
    schedules = await cluster.all("kubeflow.org/v1beta1", "ScheduledWorkflow", installation.names.namespace)
    known = {schedule["metadata"]["uid"] for schedule in schedules}
    lost = [str(r.get("display_name", r["recurring_run_id"])) for r in enabled if r["recurring_run_id"] not in known]
    if lost:
        detail = f"Shown as enabled, and never run any more: {', '.join(lost)}. Delete and make them again."
        results.note("recurring runs", "warn", detail)


def _told(name: str, found: dict[str, Any]) -> Callable[[], Awaitable[str]]:
    async def check() -> str:
        detail = str(found.get("detail", ""))
        if not found.get("ok"):
            raise VerificationError(
                f"{SERVICES.get(name, name)} does not answer the pipelines' account.",
                cause=detail,
                hint="The account lacks a role, or the API is off; a grant takes some minutes to work.",
            )
        return detail

    return check
