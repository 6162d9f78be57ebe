"""Services of which an installation makes nothing: they are asked whether they answer, for this account, in this project."""

from __future__ import annotations

import re
import secrets

from core.rehearsal.google.calls import Call, answers, project_of
from core.rehearsal.google.compute_catalogue import REGIONS
from core.rehearsal.google.errors import ApiError, unauthenticated
from core.rehearsal.store import Document


@answers("cloudbuild.projects.locations.getDefaultServiceAccount", permission="cloudbuild.builds.get", on=project_of)
def default_build_account(call: Call) -> Document:
    """The account that builds run as where they name none: Compute's, in a project of today."""
    location = call.full().split("/")[3]
    email = f"{call.world.number}-compute@developer.gserviceaccount.com"
    return {
        "name": f"projects/{call.world.number}/locations/{location}/defaultServiceAccount",
        "serviceAccountEmail": f"projects/{call.project}/serviceAccounts/{email}",
    }


@answers(
    "cloudbuild.projects.triggers.list",
    "cloudbuild.projects.locations.triggers.list",
    permission="cloudbuild.builds.list",
    on=project_of,
)
def triggers(call: Call) -> Document:
    """No triggers."""
    return {}


@answers("bigquery.jobs.query", permission="bigquery.jobs.create", on=project_of)
def query(call: Call) -> Document:
    """A query, as a dry run: what it would read."""
    if not call.body.get("dryRun"):
        raise ApiError(501, "The rehearsal cloud runs no query; set dryRun.")
    _plausible(str(call.body.get("query", "")))
    return {
        "kind": "bigquery#queryResponse",
        "schema": {"fields": [{"name": "f0_", "type": "INTEGER", "mode": "NULLABLE"}]},
        "jobReference": {"projectId": call.project, "location": call.body.get("location") or "US"},
        "totalBytesProcessed": "0",
        "jobComplete": True,
        "cacheHit": False,
    }


@answers("bigquery.jobs.insert", permission="bigquery.jobs.create", on=project_of)
def job(call: Call) -> Document:
    """A job, as a dry run."""
    configuration = call.body.get("configuration") or {}
    if not configuration.get("dryRun"):
        raise ApiError(501, "The rehearsal cloud runs no job; set configuration.dryRun.")
    _plausible(str((configuration.get("query") or {}).get("query", "")))
    reference = {"projectId": call.project, "location": "US", **(call.body.get("jobReference") or {})}
    return {
        "kind": "bigquery#job",
        "jobReference": reference,
        "configuration": {**configuration, "jobType": "QUERY"},
        "status": {"state": "DONE"},
        "statistics": {
            "totalBytesProcessed": "0",
            "query": {"totalBytesProcessed": "0", "statementType": "SELECT", "cacheHit": False},
        },
        "user_email": call.email,
    }


def _plausible(query: str) -> None:
    if not re.match(r"\s*(select|with)\b", query, re.I):
        first = (query.split() or [""])[0]
        raise ApiError(400, f'Syntax error: Unexpected identifier "{first}" at [1:1]', reason="invalidQuery")


@answers("bigquery.datasets.list", permission="bigquery.datasets.get", on=project_of)
def datasets(call: Call) -> Document:
    """No datasets."""
    return {"kind": "bigquery#datasetList", "etag": secrets.token_hex(8)}


@answers("bigquery.jobs.list", permission="bigquery.jobs.list", on=project_of)
def jobs(call: Call) -> Document:
    """No jobs are kept."""
    return {"kind": "bigquery#jobList", "etag": secrets.token_hex(8)}


@answers("dataflow.projects.jobs.list", "dataflow.projects.jobs.aggregated", "dataflow.projects.locations.jobs.list",
         permission="dataflow.jobs.list", on=project_of)  # fmt: skip
def dataflow_jobs(call: Call) -> Document:
    """No Dataflow jobs."""
    _region(call, str(call.get("location") or "us-central1"))
    return {}


_LOCATION = "aiplatform.projects.locations"


@answers(
    *(f"{_LOCATION}.{c}.list" for c in ("customJobs", "pipelineJobs", "batchPredictionJobs", "hyperparameterTuningJobs"))
)
def vertex_jobs(call: Call) -> Document:
    """No jobs of Vertex AI's."""
    return _vertex(call)


@answers(*(f"{_LOCATION}.{c}.list" for c in ("endpoints", "models", "datasets", "trainingPipelines")))
def vertex_things(call: Call) -> Document:
    """No endpoints or models."""
    return _vertex(call)


def _vertex(call: Call) -> Document:
    call.require(f"aiplatform.{call.method.id.split('.')[3]}.list", f"projects/{call.project}")
    _region(call, call.full("parent").split("/")[3])
    return {}


def _region(call: Call, region: str) -> None:
    if region not in REGIONS and region != "-":
        raise ApiError(400, f"List of found errors:\t1.Field: parent; Message: The region {region} is not supported.\t")


@answers("logging.entries.list", permission="")
def log_entries(call: Call) -> Document:
    """No log entries are kept."""
    call.require("logging.logEntries.list", f"projects/{call.world.project}")
    return {}


@answers("logging.projects.logs.list", permission="logging.logs.list", on=project_of)
def logs(call: Call) -> Document:
    """No logs."""
    return {}


@answers(
    "monitoring.projects.timeSeries.list",
    "monitoring.projects.metricDescriptors.list",
    permission="monitoring.timeSeries.list",
    on=project_of,
)
def series(call: Call) -> Document:
    """No metrics are kept."""
    return {}


@answers("oauth2.tokeninfo")
def token_info(call: Call) -> Document:
    """Whose token it is, and how long it lasts."""
    token = str(call.get("access_token") or call.headers.get("authorization", "").partition(" ")[2])
    email = call.world.identity.who(token)
    if email is None:
        raise unauthenticated()
    left = int(call.world.identity.expires(token) - call.world.clock.now())
    return {"email": email, "expires_in": left, "scope": "https://www.googleapis.com/auth/cloud-platform",
        "verified_email": True,
            "issued_to": "rehearsal", "audience": "rehearsal", "user_id": "1"}  # fmt: skip


@answers("oauth2.userinfo.get", "oauth2.userinfo.v2.me.get")
def user_info(call: Call) -> Document:
    """Who is signed in."""
    return {"email": call.email, "verified_email": True, "id": "1"}
