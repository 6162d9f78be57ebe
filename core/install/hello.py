"""The hello pipeline: the one proof that a pipeline really runs, and reaches each managed service as its own account.

Its container writes one JSON object, ``{"account", "checks": {name: {"ok", "detail"}}}``, into the artifact bucket; this
reads it back under a name that no run had before, so neither a cache nor an earlier run can pass for it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import PermanentError
from core.install.installation import Installation
from core.install.kubeflow import Kubeflow
from core.run.step import Reporter

PIPELINE = "mlops-env-hello"
FOLDER = "mlops-env/hello"
FAILED = "hello-failed"
TRIES, PAUSE = 3, 60.0
LIMIT = 1500.0
"""Seconds of the clock for a run: the first one pulls images that no Deployment has."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the pipeline's container found: its Google account, and each service's answer to it."""

    account: str
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)


def document() -> bytes:
    """The pipeline as it is checked in: Kubeflow's own intermediate form."""
    return (Path(__file__).parent / "data" / "hello.yaml").read_bytes()


async def prove(installation: Installation, kubeflow: Kubeflow, reporter: Reporter, document: bytes) -> Report:
    """Runs the pipeline until every service answers it, at most `TRIES` times: a grant takes minutes to work.

    Returns the last report; raises where the last run itself failed.
    """
    for attempt in range(1, TRIES + 1):
        try:
            report = await run(installation, kubeflow, reporter, document)
            if attempt == TRIES or all(check.get("ok") for check in report.checks.values()):
                return report
            reporter.log(f"Not every service answered {report.account}; trying again, since a grant takes minutes to work.")
        except PermanentError as error:
            if attempt == TRIES or error.code != FAILED:
                raise
            reporter.log(f"{error.message} {error.cause}")
        await installation.clock.sleep(PAUSE)
    raise AssertionError("unreachable")


async def run(installation: Installation, kubeflow: Kubeflow, reporter: Reporter, document: bytes) -> Report:
    """Uploads the pipeline if need be, runs it to its end and reads what it left; raises where it failed."""
    token = secrets.token_hex(4)
    version = f"{PIPELINE}-{hashlib.sha256(document).hexdigest()[:10]}"
    pipeline, version_id = await kubeflow.upload(PIPELINE, version, document)
    name = f"{FOLDER}/{token}.json"
    id = await kubeflow.run(f"{PIPELINE}-{token}", pipeline, version_id, _parameters(installation, document, name))
    reporter.log(f"Started the run {id} of {PIPELINE}.")
    try:
        async with installation.clock.deadline(LIMIT):
            ended = await kubeflow.ended(id, lambda state: reporter.progress(f"hello pipeline: {state.lower()}"))
    except TimeoutError:
        raise PermanentError(
            f"The hello pipeline has not ended after {LIMIT / 60:.0f} min.",
            code="hello-timeout",
            cause="Its pods may wait for a node or an image.",
            command=f"kubectl get pods -n {installation.names.namespace} -l workflows.argoproj.io/workflow",
        ) from None
    if ended.get("state") != "SUCCEEDED":
        raise PermanentError(f"The hello pipeline ended {ended.get('state')}.", code=FAILED, cause=_why(ended), hint=_HINT)
    await _stored(installation, id)
    return await _read(installation, name)


_HINT = "The run's page in Kubeflow's UI has the logs of its steps."


def _parameters(installation: Installation, document: bytes, name: str) -> dict[str, str]:
    """The values for the inputs that the pipeline declares."""
    import yaml

    names = installation.names
    known = {
        "bucket": names.artifact_bucket,
        "name": name,
        "project": names.project,
        "region": names.region,
        "registry": names.registry_path,
    }
    spec = next(iter(yaml.safe_load_all(document)))
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    return {key: known[key] for key in declared if key in known}


async def _stored(installation: Installation, run: str) -> None:
    """Raises where the run's artifact is not under the pipeline root in the bucket; with another root it succeeds too."""
    bucket, _, root = installation.names.storage_root.removeprefix("gs://").partition("/")
    prefix = f"{root}/{PIPELINE}/{run}/"
    if not await installation.google.list("storage", "v1", "objects.list", items="items", bucket=bucket, prefix=prefix):
        raise PermanentError(
            "The hello pipeline left its artifact somewhere else than in the bucket.",
            code="hello-artifact",
            cause=f"There is nothing under gs://{bucket}/{prefix}.",
            hint=f"The ConfigMap kfp-launcher must hold defaultPipelineRoot: {installation.names.storage_root}",
        )


async def _read(installation: Installation, name: str) -> Report:
    """The object that the run left, which is deleted once it is read."""
    from core.gcp.errors import NotFound

    google, bucket = installation.google, installation.names.artifact_bucket
    try:
        content = await google.download("storage", "v1", "objects.get", bucket=bucket, object=name)
        await google.call("storage", "v1", "objects.delete", bucket=bucket, object=name)
    except NotFound as error:
        raise PermanentError(
            "The hello pipeline succeeded, and left nothing in the bucket.",
            code="hello-no-object",
            cause=f"There is no object {name} in {bucket}.",
            hint=_HINT,
        ) from error
    try:
        found = json.loads(content)
        return Report(str(found["account"]), dict(found["checks"]))
    except (ValueError, KeyError, TypeError) as error:
        raise PermanentError("The hello pipeline left something else than its report.", code="hello-report") from error


def _why(ended: dict[str, Any]) -> str:
    """What Kubeflow says of a run that failed: its own error, then those of its tasks."""
    found = [str((ended.get("error") or {}).get("message", ""))]
    for task in (ended.get("run_details") or {}).get("task_details") or []:
        message = (task.get("error") or {}).get("message")
        if message:
            found.append(f"{task.get('display_name', 'a task')}: {message}")
    return " ".join(dict.fromkeys(text for text in found if text)) or "Kubeflow does not say why."
