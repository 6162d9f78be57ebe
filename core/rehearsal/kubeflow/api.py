"""Kubeflow Pipelines' REST API (v2beta1) as its API server answers it, and the UI's server in front of it.

The UI answers whatever happens behind it: its health page says whether the API server does, and what it passes on fails
with 504 where nothing is there to pass it on to.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import yaml
from aiohttp import BodyPartReader, web

from core.rehearsal.kubeflow import filtering
from core.rehearsal.kubeflow.records import EXPERIMENTS, PIPELINES, RUNS, VERSIONS, Record, Records
from core.rehearsal.kubernetes.bodies import documents
from core.rehearsal.kubernetes.programs import database
from core.rehearsal.kubernetes.programs.process import Process, running
from core.rehearsal.mysql.accounts import Accounts

TAG = "2.17.0"
MOST = 64 << 20
BASES = ("/apis/v2beta1", "/apis/v1beta1")
ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
Started = Callable[[Process, Records, Record], None]
Found = dict[str, str]
Answer = Callable[[Records, web.Request, Found], Awaitable[Any]]
_PAGE = """<!doctype html>
<html lang="en"><head><title>Kubeflow Pipelines</title></head>
<body><div id="root">Kubeflow Pipelines, rehearsed: this page stands in for the real UI.</div></body></html>
"""


class Refusal(Exception):
    """Raised when the API refuses; ``code`` is gRPC's."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def _invalid(message: str) -> Refusal:
    return Refusal(400, 3, f"Invalid input error: {message}")


def _missing(what: str, id: str) -> Refusal:
    return Refusal(404, 5, f"ResourceNotFoundError: {what} {id} not found.")


_NOT_FOUND = Refusal(404, 5, "Not Found")


@functools.cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(path.replace("ID", r"(?P<id>[^/:]+)").replace("VERSION", r"(?P<version>[^/]+)"))


@web.middleware
async def _refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as error:
        body = {"error": error.message, "code": error.code, "message": error.message, "details": []}
        return web.json_response(body, status=error.status)


class ApiServer:
    """The API server's process; ``started`` is told of every new run."""

    def __init__(self, process: Process, started: Started) -> None:
        self._process, self._started = process, started

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers one request."""
        base = next((b for b in BASES if request.path.startswith(b + "/")), None)
        if base is None:
            raise _NOT_FOUND
        path = request.path.removeprefix(base)
        for method, pattern, call, answer in self._routes():
            if method == request.method and (m := pattern.fullmatch(path)) is not None:
                reply = functools.partial(self._answer, answer, request, m.groupdict())
                return await struck(self._process, f"kfp:{call}", request, reply)
        raise _NOT_FOUND

    def _routes(self) -> list[tuple[str, re.Pattern[str], str, Answer]]:
        """The methods: HTTP's word, the path, what a scenario calls it, and who answers."""
        table: list[tuple[str, str, str, Answer]] = [
            ("GET", "/healthz", "healthz", self._health),
            ("POST", "/pipelines/upload", "pipelines.upload", self._upload),
            ("POST", "/pipelines/upload_version", "pipelines.upload_version", self._upload_version),
            ("GET", "/pipelines", "pipelines.list", self._pipelines),
            ("GET", "/pipelines/ID", "pipelines.get", self._pipeline),
            ("DELETE", "/pipelines/ID", "pipelines.delete", self._delete_pipeline),
            ("GET", "/pipelines/ID/versions", "pipeline_versions.list", self._versions),
            ("GET", "/pipelines/ID/versions/VERSION", "pipeline_versions.get", self._version),
            ("DELETE", "/pipelines/ID/versions/VERSION", "pipeline_versions.delete", self._delete_version),
            ("GET", "/experiments", "experiments.list", self._experiments),
            ("POST", "/experiments", "experiments.create", self._make_experiment),
            ("GET", "/experiments/ID", "experiments.get", self._experiment),
            ("DELETE", "/experiments/ID", "experiments.delete", self._delete_experiment),
            ("GET", "/runs", "runs.list", self._runs),
            ("POST", "/runs", "runs.create", self._make_run),
            ("GET", "/runs/ID", "runs.get", self._run),
            ("POST", "/runs/ID:archive", "runs.archive", functools.partial(self._keep_run, "ARCHIVED")),
            ("POST", "/runs/ID:unarchive", "runs.unarchive", functools.partial(self._keep_run, "AVAILABLE")),
            ("DELETE", "/runs/ID", "runs.delete", self._delete_run),
            ("GET", "/recurringruns", "recurringruns.list", self._recurring),
        ]
        return [(method, _pattern(path), call, answer) for method, path, call, answer in table]

    async def _answer(self, answer: Answer, request: web.Request, found: dict[str, str]) -> web.Response:
        server = database.api_server(self._process)
        if not isinstance(server, Accounts):
            raise Refusal(500, 13, f"Internal error: {server}")
        records = Records(self._process.world, f"{server.instance}/{database.api_server_database(self._process)}")
        return web.json_response(await answer(records, request, found))

    def _make(self, records: Records, what: str, **values: Any) -> Record:
        """A new record, if the connection's characters hold its texts: MySQL's own utf8 ends where emoji begin."""
        extra = json.loads(self._process.env.get("DBCONFIG_MYSQLCONFIG_EXTRAPARAMS") or "{}")
        texts = (str(values.get(key, "")) for key in ("name", "description"))
        if extra.get("charset") != "utf8mb4" and any(ord(char) > 0xFFFF for text in texts for char in text):
            raise Refusal(500, 13, "Internal error: Error 1366 (HY000): Incorrect string value for column 'Name' at row 1")
        return records.make(what, **values)

    async def _health(self, records: Records, request: web.Request, found: Found) -> Any:
        return {"commit_sha": "rehearsal", "tag_name": TAG, "multi_user": False}

    # -- pipelines

    async def _upload(self, records: Records, request: web.Request, found: Found) -> Any:
        spec, filename = await _uploaded(request)
        name = request.query.get("display_name") or request.query.get("name") or filename
        if any(p["name"] == name for p in records.all(PIPELINES)):
            raise Refusal(409, 6, f"Already exist error: The name {name} already exist. Please specify a new name")
        made = self._make(records, PIPELINES, name=name, namespace="", description=request.query.get("description", ""))
        self._make(records, VERSIONS, name=name, pipeline=made["id"], spec=spec)
        return _pipeline(made)

    async def _upload_version(self, records: Records, request: web.Request, found: Found) -> Any:
        spec, filename = await _uploaded(request)
        pipeline = request.query.get("pipelineid", "")
        if records.get(PIPELINES, pipeline) is None:
            raise _missing("Pipeline", pipeline)
        name = request.query.get("display_name") or request.query.get("name") or filename
        if any(v["name"] == name and v["pipeline"] == pipeline for v in records.all(VERSIONS)):
            raise Refusal(409, 6, f"Already exist error: The name {name} already exist. Please specify a new name")
        return _version(self._make(records, VERSIONS, name=name, pipeline=pipeline, spec=spec))

    async def _pipelines(self, records: Records, request: web.Request, found: Found) -> Any:
        return _listed(request, PIPELINES, [_pipeline(p) for p in records.all(PIPELINES)])

    async def _pipeline(self, records: Records, request: web.Request, found: Found) -> Any:
        return _pipeline(_found(records, PIPELINES, found["id"]))

    async def _delete_pipeline(self, records: Records, request: web.Request, found: Found) -> Any:
        pipeline = _found(records, PIPELINES, found["id"])["id"]
        if any(v["pipeline"] == pipeline for v in records.all(VERSIONS)):
            raise _invalid("pipeline has versions; delete them first")
        records.drop(PIPELINES, pipeline)
        return {}

    async def _delete_version(self, records: Records, request: web.Request, found: Found) -> Any:
        records.drop(VERSIONS, _found(records, VERSIONS, found["version"])["id"])
        return {}

    async def _versions(self, records: Records, request: web.Request, found: Found) -> Any:
        pipeline = _found(records, PIPELINES, found["id"])["id"]
        return _listed(request, VERSIONS, [_version(v) for v in records.all(VERSIONS) if v["pipeline"] == pipeline])

    async def _version(self, records: Records, request: web.Request, found: Found) -> Any:
        return _version(_found(records, VERSIONS, found["version"]))

    # -- experiments and runs

    async def _experiments(self, records: Records, request: web.Request, found: Found) -> Any:
        records.default_experiment()
        return _listed(request, EXPERIMENTS, [_experiment(e) for e in records.all(EXPERIMENTS)])

    async def _make_experiment(self, records: Records, request: web.Request, found: Found) -> Any:
        body = await _body(request)
        name = body.get("display_name") or body.get("name")
        if not name:
            raise _invalid("Experiment name is empty. Please specify a valid experiment name")
        if any(e["name"] == name for e in records.all(EXPERIMENTS)):
            raise Refusal(409, 6, f"Already exist error: The name {name} already exists. Please specify a new name")
        return _experiment(
            self._make(records, EXPERIMENTS, name=name, namespace="", description=body.get("description", ""))
        )

    async def _experiment(self, records: Records, request: web.Request, found: Found) -> Any:
        return _experiment(_found(records, EXPERIMENTS, found["id"]))

    async def _delete_experiment(self, records: Records, request: web.Request, found: Found) -> Any:
        records.drop(EXPERIMENTS, _found(records, EXPERIMENTS, found["id"])["id"])
        return {}

    async def _runs(self, records: Records, request: web.Request, found: Found) -> Any:
        wanted = request.query.get("experiment_id", "")
        runs = [r for r in records.all(RUNS) if wanted in ("", r["experiment"])]
        return _listed(request, RUNS, [shown(r) for r in runs])

    async def _keep_run(self, storage: str, records: Records, request: web.Request, found: Found) -> Any:
        records.put(RUNS, {**_found(records, RUNS, found["id"]), "storage": storage})
        return {}

    async def _delete_run(self, records: Records, request: web.Request, found: Found) -> Any:
        records.drop(RUNS, _found(records, RUNS, found["id"])["id"])
        return {}

    async def _run(self, records: Records, request: web.Request, found: Found) -> Any:
        return shown(_found(records, RUNS, found["id"]))

    async def _make_run(self, records: Records, request: web.Request, found: Found) -> Any:
        body = await _body(request)
        name = body.get("display_name")
        if not name:
            raise _invalid("The display_name of the run is empty. Please specify a valid name")
        version = self._version_of(records, body)
        config = body.get("runtime_config") or {}
        given = config.get("parameters") or {}
        declared = ((version["spec"].get("root") or {}).get("inputDefinitions") or {}).get("parameters") or {}
        unknown = sorted(set(given) - set(declared))
        if unknown:
            raise _invalid(f"Unknown input parameters: {', '.join(unknown)}")
        run = self._make(
            records,
            RUNS,
            name=name,
            experiment=body.get("experiment_id") or records.default_experiment()["id"],
            pipeline=version["pipeline"],
            version=version["id"],
            parameters=given,
            root=config.get("pipeline_root", ""),
            service_account=body.get("service_account") or "pipeline-runner",
            state="PENDING",
            history=[{"update_time": records.world.clock.timestamp(), "state": "PENDING"}],
        )
        self._started(self._process, records, run)
        return shown(run)

    def _version_of(self, records: Records, body: Record) -> Record:
        """The version that a run is of: the one that it names, or the pipeline that it brings along."""
        spec = body.get("pipeline_spec") or {}
        spec = spec.get("pipeline_spec", spec)
        if spec:
            return self._make(records, VERSIONS, name=str(body["display_name"]), pipeline="", spec=spec)
        reference = body.get("pipeline_version_reference") or {}
        version = records.get(VERSIONS, str(reference.get("pipeline_version_id", "")))
        if version is None:
            raise _invalid("Failed to fetch a pipeline version: neither pipeline_spec nor a known version was given")
        return version

    async def _recurring(self, records: Records, request: web.Request, found: Found) -> Any:
        return {}


async def struck(
    process: Process, call: str, request: web.Request, answer: Callable[[], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answers, unless the scenario has a fault here, before or after."""
    faults = process.world.faults
    for when in ("before", "after"):
        if when == "after":
            response = await answer()
        fault = faults.take(call, when)
        if fault is None:
            continue
        if fault.error:
            if fault.error == "timeout":
                await process.world.clock.sleep(120)
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        body = {"error": fault.message or fault.reason, "code": 14, "message": fault.message or f"fault: {fault.status}"}
        return web.json_response(body, status=fault.status)
    return response


async def _uploaded(request: web.Request) -> tuple[Record, str]:
    """The pipeline's IR in a multipart upload, and its file's name."""
    if not request.content_type.startswith("multipart/"):
        raise Refusal(400, 3, "Failed to read pipeline spec file: request Content-Type isn't multipart/form-data")
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name != "uploadfile":
            continue
        content = bytes(await part.read(decode=False))
        try:
            found = [d for d in documents(content) if isinstance(d, dict)]
        except yaml.YAMLError as error:
            raise _invalid(f"the pipeline is not YAML: {error}") from error
        spec = next((d for d in found if "deploymentSpec" in d), None)
        if spec is None or "root" not in spec or not str(spec.get("schemaVersion", "")).startswith("2."):
            raise _invalid("unknown template format: pipeline spec is invalid")
        return spec, str(part.filename or "pipeline")
    raise _invalid("Failed to read pipeline spec file: no file named uploadfile")


async def _body(request: web.Request) -> Record:
    try:
        found = json.loads(await request.read() or b"{}")
    except ValueError as error:
        raise _invalid(f"the body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise _invalid("the body is no object")
    return found


def _found(records: Records, what: str, id: str) -> Record:
    found = records.get(what, id)
    if found is None:
        raise _missing(what, id)
    return found


def _listed(request: web.Request, field: str, items: list[Record]) -> Record:
    """A page of a list, of what the filter lets through, in the order that is asked for."""
    try:
        items = filtering.ordered(filtering.chosen(items, request.query.get("filter", "")), request.query.get("sort_by", ""))
    except filtering.Unusable as error:
        raise _invalid(str(error)) from error
    try:
        start, size = int(request.query.get("page_token") or 0), int(request.query.get("page_size") or 20)
    except ValueError as error:
        raise _invalid("the page token or the page size is no number") from error
    answer: Record = {"total_size": len(items)}
    if page := items[start : start + size]:
        answer[field] = page
    if start + size < len(items):
        answer["next_page_token"] = str(start + size)
    return answer


def _pipeline(record: Record) -> Record:
    names = {"display_name": record["name"], "name": record["name"]}
    return {"pipeline_id": record["id"], **names, "created_at": record["created_at"], "description": record["description"]}


def _version(record: Record) -> Record:
    return {
        "pipeline_id": record["pipeline"],
        "pipeline_version_id": record["id"],
        "display_name": record["name"],
        "name": record["name"],
        "created_at": record["created_at"],
        "pipeline_spec": record["spec"],
    }


def _experiment(record: Record) -> Record:
    return {
        "experiment_id": record["id"],
        "display_name": record["name"],
        "created_at": record["created_at"],
        "description": record["description"],
        "namespace": record["namespace"],
        "storage_state": "AVAILABLE",
    }


def shown(run: Record) -> Record:
    """A run as the API shows it."""
    answer: Record = {
        "run_id": run["id"],
        "display_name": run["name"],
        "experiment_id": run["experiment"],
        "storage_state": run.get("storage", "AVAILABLE"),
        "runtime_config": {"parameters": run["parameters"], "pipeline_root": run["root"]},
        "service_account": run["service_account"],
        "created_at": run["created_at"],
        "scheduled_at": run["created_at"],
        "finished_at": run.get("finished_at", "1970-01-01T00:00:00Z"),
        "state": run["state"],
        "state_history": run["history"],
    }
    if run["pipeline"]:
        answer["pipeline_version_reference"] = {"pipeline_id": run["pipeline"], "pipeline_version_id": run["version"]}
    if run.get("error"):
        answer["error"] = {"code": 13, "message": run["error"]}
    if run.get("tasks"):
        answer["run_details"] = {"task_details": run["tasks"]}
    return answer


def api_server(process: Process, started: Started) -> web.Application:
    """The API server's HTTP side."""
    app = web.Application(middlewares=[_refusals], client_max_size=MOST)
    app.router.add_route("*", "/{path:.*}", ApiServer(process, started).handle)
    return app


def frontend(process: Process, started: Started) -> web.Application:
    """The UI's server: its page, its health, and the API server's answers passed on."""
    app = web.Application(client_max_size=MOST, middlewares=[_refusals])

    def behind() -> Process | str:
        if not process.env.get("ML_PIPELINE_SERVICE_HOST"):
            return "connect ECONNREFUSED 127.0.0.1:3001"
        pods = process.backends("ml-pipeline", 8888)
        if isinstance(pods, str):
            return pods
        found = [running(process.world, process.cluster, pods[0], c) for c in pods[0]["spec"]["containers"]]
        return next((p for p in found if p is not None), "connect ECONNREFUSED")

    async def health(request: web.Request) -> web.StreamResponse:
        found = behind()
        ready = not isinstance(found, str) and isinstance(database.api_server(found), Accounts)
        answer: Record = {"frontendCommitHash": "rehearsal", "frontendTagName": TAG, "apiServerReady": ready}
        if ready:
            answer |= {"apiServerCommitHash": "rehearsal", "apiServerTagName": TAG, "apiServerMultiUser": False}
        return web.json_response(answer)

    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(text=_PAGE, content_type="text/html")

    async def passed_on(request: web.Request) -> web.StreamResponse:
        found = behind()
        if isinstance(found, str):
            return web.Response(status=504, text=f"Error occurred while trying to proxy: {found}")
        return await ApiServer(found, started).handle(request)

    async def checked(request: web.Request) -> web.StreamResponse:
        return await struck(process, "kfp:healthz", request, lambda: health(request))

    for base in BASES:
        app.router.add_get(f"{base}/healthz", checked)
        app.router.add_route("*", base + "/{rest:.+}", passed_on)
    app.router.add_get("/", page)
    app.router.add_get("/pipeline/", page)
    return app
