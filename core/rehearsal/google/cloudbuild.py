"""Cloud Build: builds that read their source, write their log as they go, and push an image, all as their own account.

A build fails as the real one does where its account lacks a right: not the call that began it, but the build, a while
later, with a sentence in its log. Its log is an object that is written anew each time it grows; before the first words it
is not there. The steps of a log are those of the source's own Dockerfile.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import tarfile
import uuid

from core.rehearsal.google import artifactregistry, offers, operations, org_policies
from core.rehearsal.google.calls import Call, answers, listing, project_of
from core.rehearsal.google.compute_catalogue import REGIONS
from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.storage_objects import append
from core.rehearsal.store import Document
from core.rehearsal.world import World

KIND = "cloudbuild.builds"
_PLACES = "cloudbuild.projects.locations.builds"
_ACTIVE = ("QUEUED", "WORKING")
_QUEUED = 8.0
"""Simulated seconds until a machine for a build is there."""
_LARGE = re.compile(r"/workbench-container-\d")
_LARGE_FACTOR = 3.0
"""How much longer everything takes on the base of 22 GB."""


@answers("cloudbuild.projects.builds.create", f"{_PLACES}.create", permission="cloudbuild.builds.create", on=project_of)
def create(call: Call) -> Document:
    """Begins a build."""
    location = _location(call)
    if location not in (*REGIONS, "global"):
        raise ApiError(400, f"invalid location {location}")
    if offers.lacks(call.world, location, offers.BUILDS):
        raise ApiError(
            400,
            "failed precondition: due to quota restrictions, Cloud Build cannot run builds in this region, see "
            "https://cloud.google.com/build/docs/locations#restricted_regions_for_some_projects",
            status="FAILED_PRECONDITION",
        )
    _check(call)
    id = str(uuid.uuid4())
    build: Document = {
        "timeout": "600s", "queueTtl": "3600s", **call.body,
        "id": id, "name": f"projects/{call.world.number}/locations/{location}/builds/{id}", "projectId": call.project,
        "status": "QUEUED", "createTime": call.now, "artifacts": {"images": call.body.get("images", [])},
        "logUrl": f"https://console.cloud.google.com/cloud-build/builds;region={location}/{id}?project={call.world.number}",
    }  # fmt: skip
    fault = call.world.faults.operation(call.method.id)
    failing = {"status": fault.reason or "FAILURE", "message": fault.message} if fault else None
    call.store.put(KIND, id, {"build": build, "failing": failing, "begun": call.world.clock.now()})
    operations.later(call.world, "cloudbuild.start", _QUEUED, build=id)
    return _operation(call, id)


def _location(call: Call) -> str:
    return call.full("parent").split("/")[3] if call.get("parent") else "global"


def _check(call: Call) -> None:
    """Refuses what the service refuses before it makes a build of it."""
    body, options = call.body, call.body.get("options") or {}
    if not body.get("steps") or not all(step.get("name") for step in body["steps"]):
        raise ApiError(400, "invalid build: no build steps specified")
    pool = str((options.get("pool") or {}).get("name", ""))
    if org_policies.refuses(call.world, "cloudbuild.allowedWorkerPools", pool):
        raise ApiError(
            400, "failed precondition: constraint constraints/cloudbuild.allowedWorkerPools violated: the pool of the "
            "build is not among those that are allowed", status="FAILED_PRECONDITION",
        )  # fmt: skip
    account = _account(body)
    if not account:
        raise ApiError(501, "The rehearsal cloud builds only under an account that is named.")
    own_log = body.get("logsBucket") or options.get("logging") in ("CLOUD_LOGGING_ONLY", "NONE")
    if not own_log and options.get("defaultLogsBucketBehavior") != "REGIONAL_USER_OWNED_BUCKET":
        raise ApiError(
            400,
            "if 'build.service_account' is specified, the build must have a 'build.logs_bucket', the behavior "
            "REGIONAL_USER_OWNED_BUCKET, or CLOUD_LOGGING_ONLY or NONE as its logging",
        )
    if call.store.get("iam.serviceAccounts", account) is None:
        raise ApiError(400, f"invalid service account: {account} does not exist", status="FAILED_PRECONDITION")
    call.require("iam.serviceAccounts.actAs", f"projects/{call.project}/serviceAccounts/{account}")


@answers("cloudbuild.projects.builds.list", f"{_PLACES}.list", permission="cloudbuild.builds.list", on=project_of)
def builds(call: Call) -> Document:
    """The builds of one place, the newest first; a filter may ask for tags and a status."""
    here = f"/locations/{_location(call)}/"
    found = [record["build"] for _, record in call.store.items(KIND) if here in record["build"]["name"]]
    wanted = str(call.get("filter") or "")
    for tag in re.findall(r'tags\s*=\s*"?([\w.-]+)"?', wanted):
        found = [b for b in found if tag in b.get("tags", [])]
    states = re.findall(r'status\s*=\s*"?(\w+)"?', wanted)
    found = [b for b in found if not states or b["status"] in states]
    return listing(call, "builds", sorted(found, key=lambda b: str(b["createTime"]), reverse=True))


@answers("cloudbuild.projects.builds.get", f"{_PLACES}.get", permission="cloudbuild.builds.get", on=project_of)
def build(call: Call) -> Document:
    """One build."""
    found: Document = _record(call)["build"]
    return found


@answers("cloudbuild.projects.builds.cancel", f"{_PLACES}.cancel", permission="cloudbuild.builds.update", on=project_of)
def cancel(call: Call) -> Document:
    """Ends a build."""
    record = _record(call)
    if record["build"]["status"] not in _ACTIVE:
        raise ApiError(400, "build is already finished", status="FAILED_PRECONDITION")
    return _end(call.world, record["build"]["id"], "CANCELLED")


@answers("cloudbuild.operations.get", "cloudbuild.projects.locations.operations.get",
         permission="cloudbuild.builds.get", on=project_of)  # fmt: skip
def operation(call: Call) -> Document:
    """A build as a long operation."""
    id = _build_of(call.full().rpartition("/")[2])
    if call.store.get(KIND, id) is None:
        raise ApiError(404, f"Operation not found: {call['name']}")
    return _operation(call, id)


def _build_of(operation: str) -> str:
    """The build's id in an operation's name; empty where the name is none of ours."""
    try:
        return base64.urlsafe_b64decode(operation.encode() + b"==").decode()
    except ValueError:
        return ""


def _operation(call: Call, id: str) -> Document:
    record = call.store.get(KIND, id)
    assert record is not None
    found = record["build"]
    answer: Document = {
        "name": f"operations/build/{call.project}/{base64.urlsafe_b64encode(id.encode()).decode().rstrip('=')}",
        "metadata": {
            "@type": "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata",
            "build": found,
        },
    }
    if found["status"] in _ACTIVE:
        return answer
    if found["status"] == "SUCCESS":
        return {
            **answer,
            "done": True,
            "response": {"@type": "type.googleapis.com/google.devtools.cloudbuild.v1.Build", **found},
        }
    return {**answer, "done": True, "error": {"code": 2, "message": f"Build failed; status is {found['status']}"}}


@operations.effect("cloudbuild.start")
def _start(world: World, effect: Document) -> None:
    """A machine is there: the source is fetched, and what follows is laid out over the time that it takes."""
    id, at = effect["build"], float(effect["end"])
    record = world.store.get(KIND, id)
    if record is None or record["build"]["status"] not in _ACTIVE:
        return
    found = {**record["build"], "status": "WORKING", "startTime": world.clock.timestamp(at)}
    world.store.put(KIND, id, {**record, "build": found})
    source = (found.get("source") or {}).get("storageSource") or {}
    bucket, name, account = str(source.get("bucket")), str(source.get("object")), _account(found)
    if not world.identity.allowed(account, "storage.objects.get", f"buckets/{bucket}"):
        text = f"403: {account} does not have storage.objects.get access to the Google Cloud Storage object."
        _fail(world, id, "FETCH_SOURCE_FAILED", f"could not resolve source: {text}")
        return
    data = _object(world, bucket, name)
    if data is None:
        _fail(world, id, "FETCH_SOURCE_FAILED", f"could not resolve source: No such object: {bucket}/{name}")
        return
    lines = _dockerfile(data)
    total = world.scenario.duration(f"{_PLACES}.create")
    total *= _LARGE_FACTOR if lines and _LARGE.search(lines[0]) else 1.0
    _lay_out(world, id, record, lines, total - _QUEUED, at, data)


def _lay_out(world: World, id: str, record: Document, lines: list[str], seconds: float, at: float, data: bytes) -> None:
    """Lets the log grow step by step, and the build end: well, by the scenario's fault, or because its time is over."""
    parts = [f'starting build "{id}"\n\nFETCHSOURCE\nBUILD\n']
    parts += [f"Step {n}/{len(lines)} : {line}\n ---> {uuid.uuid5(uuid.NAMESPACE_URL, line).hex[:12]}\n"
              for n, line in enumerate(lines, 1)]  # fmt: skip
    failing, limit = record["failing"], _seconds(record["build"].get("timeout"))
    if seconds > limit:
        failing, seconds = {"status": "TIMEOUT", "message": "context deadline exceeded"}, limit
    if failing:
        parts = parts[: max(2, len(parts) * 2 // 3)]
    if world.clock.speed == 0:
        parts = ["".join(parts)]
    for number, text in enumerate(parts):
        operations.later(world, "cloudbuild.log", seconds * number / len(parts), start=at, build=id, text=text)
    operations.later(
        world, "cloudbuild.end", seconds, start=at, build=id, failing=failing,
        digest="sha256:" + hashlib.sha256(data).hexdigest(),
    )  # fmt: skip


@operations.effect("cloudbuild.log")
def _log(world: World, effect: Document) -> None:
    record = world.store.get(KIND, effect["build"])
    if record is not None and record["build"]["status"] == "WORKING":
        _write(world, record["build"], str(effect["text"]))


@operations.effect("cloudbuild.end")
def _finish(world: World, effect: Document) -> None:
    record, failing = world.store.get(KIND, effect["build"]), effect["failing"]
    if record is None or record["build"]["status"] != "WORKING":
        return
    found = record["build"]
    if failing:
        said = failing["message"] or "The command '/bin/bash -euo pipefail -c' returned a non-zero code: 1"
        _write(world, found, f"{said}\n")
        step = f'build step 0 "{found["steps"][0]["name"]}" failed: step exited with non-zero status: 1'
        _fail(world, found["id"], "USER_BUILD_STEP", step, status=failing["status"])
        return
    pushed = []
    for image in found.get("images", []):
        refused = artifactregistry.push(world, _account(found), image, effect["digest"])
        if refused:
            _fail(world, found["id"], "PUSH_NOT_AUTHORIZED", f'failed to push "{image}": {refused}')
            return
        pushed.append({"name": image, "digest": effect["digest"]})
    names = "".join(f"{p['name']}: digest: {p['digest']}\n" for p in pushed)
    _write(world, found, f"PUSH\n{names}DONE\n")
    done = _end(world, found["id"], "SUCCESS")
    world.store.put(KIND, found["id"], {**record, "build": {**done, "results": {"images": pushed}}})


def _fail(world: World, id: str, kind: str, detail: str, *, status: str = "FAILURE") -> None:
    record = world.store.get(KIND, id)
    assert record is not None
    _write(world, record["build"], f"ERROR\nERROR: {detail}\n")
    ended = _end(world, id, status)
    failed = {**ended, "statusDetail": detail, "failureInfo": {"type": kind, "detail": detail}}
    world.store.put(KIND, id, {**record, "build": failed})


def _end(world: World, id: str, status: str) -> Document:
    record = world.store.get(KIND, id)
    assert record is not None
    found = {**record["build"], "status": status, "finishTime": world.clock.timestamp()}
    world.store.put(KIND, id, {**record, "build": found})
    return found


def _write(world: World, found: Document, text: str) -> None:
    """Lets the log grow, if the account may write it: where not, the build goes on without one."""
    bucket = str(found.get("logsBucket", "")).removeprefix("gs://").partition("/")[0]
    if bucket and world.identity.allowed(_account(found), "storage.objects.create", f"buckets/{bucket}"):
        append(world, bucket, f"log-{found['id']}.txt", text.encode(), email=_account(found))


def _record(call: Call) -> Document:
    id = str(call.get("id") or call.full().rpartition("/")[2])
    found = call.store.get(KIND, id)
    if found is None:
        raise ApiError(404, f"Requested entity was not found: build {id}.")
    return found


def _account(build: Document) -> str:
    return str(build.get("serviceAccount", "")).rpartition("/")[2]


def _object(world: World, bucket: str, name: str) -> bytes | None:
    found = world.store.get("storage.objects", f"{bucket}/{name}")
    return world.store.blob(f"storage/{bucket}/{name}#{found['generation']}") if found else None


def _dockerfile(data: bytes) -> list[str]:
    """The instructions of the Dockerfile in a source, one line each."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
            file = archive.extractfile("Dockerfile")
            text = file.read().decode() if file else ""
    except (tarfile.TarError, KeyError, OSError, UnicodeDecodeError):
        return []
    plain = "\n".join(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    return [" ".join(part.split()) for part in re.sub(r"\\\n", " ", plain).splitlines()]


def _seconds(timeout: object) -> float:
    return float(str(timeout or "600s").rstrip("s"))
