"""What a request asks for beside its path: options of writing, pages, versions, the form of the answer; and that answer."""

from __future__ import annotations

import base64
import json

from aiohttp import web

from core.rehearsal.kubernetes import tables
from core.rehearsal.kubernetes.objects import Options
from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import ApiError, Obj, bad_request, option

_LONGEST_MANAGER = 128
_MODES = ("Ignore", "Strict", "Warn")
_POLICIES = ("Foreground", "Background", "Orphan")
_FORMS = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "*/*", "application/*")
_AVAILABLE = (
    "application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, "
    "application/vnd.kubernetes.protobuf;stream=watch"
)


def dry(request: web.Request) -> bool:
    """Whether nothing is to be kept."""
    return request.query.get("dryRun") == "All"


def options(request: web.Request, subresource: str) -> Options:
    """How to write; raises `ApiError` (422) for what can't be."""
    kind = {"POST": "CreateOptions", "PUT": "UpdateOptions"}.get(request.method, "PatchOptions")
    query = request.query
    manager, mode, trial = query.get("fieldManager", ""), query.get("fieldValidation", ""), query.getall("dryRun", [])
    if request.content_type.startswith("application/apply-patch") and not manager:
        raise option(kind, [("fieldManager", "FieldValueRequired", "Required value: is required for apply patch")])
    if len(manager) > _LONGEST_MANAGER:
        words = f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
        raise option(kind, [("fieldManager", "FieldValueTooLong", words)])
    if trial and trial != ["All"]:
        words = f'Unsupported value: {json.dumps(trial)}: supported values: "All"'
        raise option(kind, [("dryRun", "FieldValueNotSupported", words)])
    if mode and mode not in _MODES:
        listed = ", ".join(f'"{m}"' for m in ("", *_MODES))
        words = f'Unsupported value: "{mode}": supported values: {listed}'
        raise option(kind, [("fieldValidation", "FieldValueNotSupported", words)])
    agent = request.headers.get("User-Agent", "unknown").split("/", maxsplit=1)[0]
    return Options(
        manager=manager or agent,
        subresource=subresource,
        dry_run=bool(trial),
        force=query.get("force", "").lower() in ("true", "1"),
        validation=mode or "Warn",
    )


def check_deletion(policy: str) -> None:
    """Raises where a deletion is asked for in a way that is none."""
    if policy and policy not in _POLICIES:
        listed = ", ".join(f'"{p}"' for p in (*_POLICIES, "nil"))
        words = f'Unsupported value: "{policy}": supported values: {listed}'
        raise option("DeleteOptions", [("propagationPolicy", "FieldValueNotSupported", words)])


def check_version(request: web.Request, newest: int) -> None:
    """Raises where a list or a watch is to begin at a version that can't be, or is still to come."""
    version, watched = request.query.get("resourceVersion", ""), request.query.get("watch") in ("true", "1", "True")
    if version and not version.isdecimal():
        words = f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'
        raise ApiError(500, "", words) if watched else bad_request(f"invalid resource version: {words}")
    if version and int(version) > newest and not watched:
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        words = f"Timeout: Too large resource version: {version}, current: {newest}"
        raise ApiError(504, "Timeout", words, {"causes": [cause], "retryAfterSeconds": 1})
    if (
        request.query.get("sendInitialEvents") in ("true", "1")
        and request.query.get("resourceVersionMatch") != "NotOlderThan"
    ):
        words = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise option("ListOptions", [("resourceVersionMatch", "FieldValueForbidden", words)])
    for name in ("timeoutSeconds", "limit"):
        given = request.query.get(name, "")
        if given and not given.lstrip("-").isdecimal():
            raise bad_request(f'strconv.ParseInt: parsing "{given}": invalid syntax')


def page(request: web.Request, found: list[Obj]) -> tuple[list[Obj], Obj]:
    """One page of a list, and what its metadata says of the rest."""
    token, size = request.query.get("continue", ""), int(request.query.get("limit") or 0)
    try:
        start = int(base64.b64decode(token)) if token else 0
    except ValueError as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
    shown = found[start : start + size] if size else found[start:]
    left = len(found) - start - len(shown)
    if not left:
        return shown, {}
    more: Obj = {"continue": base64.b64encode(str(start + len(shown)).encode()).decode()}
    selected = request.query.get("labelSelector") or request.query.get("fieldSelector")
    return shown, more if selected else {**more, "remainingItemCount": left}


def form(request: web.Request) -> str:
    """The form in which an answer is wanted: ``Table``, ``PartialObjectMetadata…``, or empty for the objects."""
    accept = request.headers.get("Accept", "")
    if tables.wanted(accept):
        return "Table"
    first = accept.split(",", maxsplit=1)[0]
    for name in ("PartialObjectMetadataList", "PartialObjectMetadata"):
        if f"as={name}" in first.split(";"):
            return name
    kinds = [part.split(";", maxsplit=1)[0].strip() for part in accept.split(",")]
    if accept and not any(kind in _FORMS for kind in kinds):
        words = f"406: Not Acceptable\n\nAvailable representations: {_AVAILABLE}"
        raise ApiError(406, "NotAcceptable", words, {})
    return ""


def answer(resource: Resource, obj: Obj, *, status: int = 200, warnings: list[str] | None = None) -> web.Response:
    """An object, with what is to be said of it."""
    response = web.json_response({**obj, "apiVersion": resource.api_version}, status=status)
    for warning in dict.fromkeys(warnings or ()):
        response.headers.add("Warning", f"299 - {json.dumps(warning)}")
    return response


def listed(resource: Resource, found: list[Obj], version: int) -> Obj:
    """A list; only custom objects say in it what they are."""
    if resource.custom:
        items = [{**obj, "apiVersion": resource.api_version} for obj in found]
    else:
        items = [{k: v for k, v in obj.items() if k not in ("apiVersion", "kind")} for obj in found]
    metadata = {"continue": "", "resourceVersion": str(version)} if resource.custom else {"resourceVersion": str(version)}
    return {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata, "items": items}


def metadata_of(obj: Obj) -> Obj:
    """An object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def listed_metadata(found: list[Obj], version: int) -> Obj:
    """The metadata of a list's objects."""
    items = [metadata_of(obj) for obj in found]
    kind = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
    return {**kind, "metadata": {"resourceVersion": str(version)}, "items": items}
