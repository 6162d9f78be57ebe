"""The HTTP front of the simulated cluster: paths, verbs and content types, in the words of the real API server."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from core.rehearsal.kubernetes import access, bodies, discovery, selectors, tables, watching
from core.rehearsal.kubernetes.objects import Cluster, Options
from core.rehearsal.kubernetes.rbac import Action
from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import ApiError, Obj, bad_request, no_resource
from core.rehearsal.world import World

_TRUE = ("true", "1", "True")
_PATCHES = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
}
_APPLY = ("application/apply-patch+yaml", "application/apply-patch+json")
Extra = Callable[[web.Request, Cluster, Obj], Awaitable[web.StreamResponse]]
"""Serves one subresource of a pod: its logs, its ports."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a request's path names."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


class Api:
    """Answers the requests for the objects of whatever cluster runs."""

    def __init__(self, world: World, running: Callable[[], Cluster], extras: dict[str, Extra]) -> None:
        self._world, self._running, self._extras = world, running, extras

    def routes(self, app: web.Application) -> None:
        """Puts the API's paths into an application."""
        router = app.router
        for path in ("/version", "/version/"):
            router.add_get(path, self._say(lambda c, r: discovery.VERSION))
        for path in ("/healthz", "/livez", "/readyz"):
            router.add_get(path, self._healthy)
        router.add_get("/api", self._say(lambda c, r: {"kind": "APIVersions", "versions": ["v1"]}))
        router.add_get("/api/v1", self._say(lambda c, r: discovery.resources(c, "", "v1")))
        router.add_get("/apis", self._say(lambda c, r: discovery.groups(c)))
        router.add_get("/apis/{group}", self._say(lambda c, r: discovery.group(c, r.match_info["group"])))
        described = self._say(lambda c, r: discovery.resources(c, r.match_info["group"], r.match_info["version"]))
        router.add_get("/apis/{group}/{version}", described)
        router.add_get("/openapi/v3", self._say(lambda c, r: discovery.openapi_paths(c)))
        router.add_get("/openapi/v3/{base:.+}", self._say(lambda c, r: discovery.openapi(c, r.match_info["base"])))
        router.add_route("*", "/api/{version}/{rest:.+}", self._objects)
        router.add_route("*", "/apis/{group}/{version}/{rest:.+}", self._objects)

    def _say(self, answer: Callable[[Cluster, web.Request], Obj]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handler(request: web.Request) -> web.StreamResponse:
            access.caller(self._world, request)
            return web.json_response(answer(self._running(), request))

        return handler

    async def _healthy(self, request: web.Request) -> web.StreamResponse:
        self._running()
        return web.Response(text="ok")

    async def _objects(self, request: web.Request) -> web.StreamResponse:
        email = access.caller(self._world, request)
        cluster = self._running()
        group, parts = request.match_info.get("group", ""), request.match_info["rest"].split("/")
        if (kind := discovery.REVIEWS.get(group, {}).get(parts[-1])) and request.method == "POST":
            return await self._review(request, cluster, email, kind)
        target = _target(cluster, group, request.match_info["version"], parts)
        verb = _verb(request, target)
        below = f"/{target.subresource}" if target.subresource else ""
        action = Action(verb, group, target.resource.plural + below, target.namespace, target.name)
        access.demand(self._world, cluster, email, target.resource, action)
        if target.subresource in self._extras and target.resource.kind == "Pod":
            pod = cluster.get(target.resource, target.namespace, target.name)
            return await self._extras[target.subresource](request, cluster, pod)
        if target.subresource == "scale":
            return await self._scale(request, cluster, target)
        if target.name:
            return await self._object(request, cluster, target)
        return await self._collection(request, cluster, target)

    # -- collections

    async def _collection(self, request: web.Request, cluster: Cluster, target: Target) -> web.StreamResponse:
        if request.method == "GET":
            return await self._list(request, cluster, target)
        if request.method == "POST":
            given = bodies.decode(await request.read(), request.content_type)
            options = _options(request, target)
            if target.resource.namespaced and not target.namespace:
                raise bad_request("an empty namespace may not be set during creation")
            made, warnings = cluster.create(target.resource, target.namespace, given, options)
            return _answer(target.resource, made, status=201, warnings=warnings)
        if request.method == "DELETE":
            found = cluster.list(target.resource, target.namespace, selectors.of_query(request.query))
            for obj in found:
                metadata = obj["metadata"]
                cluster.delete(target.resource, metadata.get("namespace", ""), metadata["name"], dry_run=_dry(request))
            return web.json_response(_list_of(target.resource, found, cluster.version))
        raise _not_allowed()

    async def _list(self, request: web.Request, cluster: Cluster, target: Target) -> web.StreamResponse:
        match = selectors.of_query(request.query)
        if request.query.get("watch") in _TRUE:
            watch = watching.Watch(cluster, target.resource, target.namespace, match)
            return await watching.serve(request, cluster, watch, target.resource)
        found = cluster.list(target.resource, target.namespace, match)
        found, more = _page(found, request.query.get("limit", ""), request.query.get("continue", ""))
        if tables.wanted(request.headers.get("Accept", "")):
            answer = tables.table(target.resource, found, cluster.clock.now(), str(cluster.version))
        else:
            answer = _list_of(target.resource, found, cluster.version)
        answer["metadata"] |= more
        return web.json_response(answer)

    # -- single objects

    async def _object(self, request: web.Request, cluster: Cluster, target: Target) -> web.StreamResponse:
        resource, namespace, name = target.resource, target.namespace, target.name
        if request.method == "GET":
            obj = cluster.get(resource, namespace, name)
            if tables.wanted(request.headers.get("Accept", "")):
                return web.json_response(tables.table(resource, [obj], cluster.clock.now(), str(cluster.version)))
            return _answer(resource, obj)
        if request.method == "DELETE":
            return await self._delete(request, cluster, target)
        options = _options(request, target)
        if request.method == "PUT":
            given = bodies.decode(await request.read(), request.content_type)
            obj, warnings = cluster.update(resource, namespace, name, given, options)
            return _answer(resource, obj, warnings=warnings)
        if request.method == "PATCH":
            return await self._patch(request, cluster, target, options)
        raise _not_allowed()

    async def _patch(self, request: web.Request, cluster: Cluster, target: Target, options: Options) -> web.StreamResponse:
        resource, namespace, name = target.resource, target.namespace, target.name
        body, content_type = await request.read(), request.content_type
        if content_type in _APPLY:
            if not request.query.get("fieldManager"):
                words = 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
                raise ApiError(422, "Invalid", words)
            obj, created = cluster.apply(resource, namespace, name, bodies.decode(body, "application/yaml"), options)
            return _answer(resource, obj, status=201 if created else 200)
        if (kind := _PATCHES.get(content_type)) is None:
            words = f"the body of the request was in an unknown format: {content_type}"
            raise ApiError(415, "UnsupportedMediaType", words)
        obj, warnings = cluster.patch(resource, namespace, name, kind, bodies.decode_patch(body), options)
        return _answer(resource, obj, warnings=warnings)

    async def _delete(self, request: web.Request, cluster: Cluster, target: Target) -> web.StreamResponse:
        resource, namespace, name = target.resource, target.namespace, target.name
        options = bodies.decode(await request.read(), request.content_type)
        live = cluster.get(resource, namespace, name)
        wanted = (options.get("preconditions") or {}).get("uid")
        if wanted and wanted != live["metadata"]["uid"]:
            words = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {live['metadata']['uid']}"
            raise ApiError(409, "Conflict", words)
        policy = options.get("propagationPolicy") or request.query.get("propagationPolicy")
        dry_run = _dry(request) or bool(options.get("dryRun"))
        gone = cluster.delete(resource, namespace, name, dry_run=dry_run, orphan=policy == "Orphan")
        at_once = str(options.get("gracePeriodSeconds", request.query.get("gracePeriodSeconds"))) == "0"
        if resource.kind == "Pod" and at_once and not dry_run:
            cluster.finish(resource, namespace, name)
        left = cluster.find(resource, namespace, name)
        if left is not None or dry_run:
            return _answer(resource, left or gone)
        details = {"name": name, "group": resource.group, "kind": resource.plural, "uid": live["metadata"]["uid"]}
        return web.json_response(
            {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        )

    async def _scale(self, request: web.Request, cluster: Cluster, target: Target) -> web.StreamResponse:
        live = cluster.get(target.resource, target.namespace, target.name)
        if request.method in ("PUT", "PATCH"):
            given = bodies.decode_patch(await request.read())
            replicas = (given.get("spec") or {}).get("replicas")
            new = {**live, "spec": {**live["spec"], "replicas": replicas}}
            options = _options(request, target, subresource="")
            live, _ = cluster.update(target.resource, target.namespace, target.name, new, options)
        metadata = {k: v for k, v in live["metadata"].items() if k in ("name", "namespace", "uid", "resourceVersion")}
        status = {"replicas": (live.get("status") or {}).get("replicas", 0)}
        scale = {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata}
        return web.json_response({**scale, "spec": {"replicas": live["spec"].get("replicas", 0)}, "status": status})

    # -- questions

    async def _review(self, request: web.Request, cluster: Cluster, email: str, kind: str) -> web.StreamResponse:
        given = bodies.decode(await request.read(), request.content_type)
        answer: Obj = {"apiVersion": given.get("apiVersion"), "kind": kind, "metadata": {}, "spec": given.get("spec") or {}}
        if kind == "SelfSubjectReview":
            groups = ["system:authenticated"]
            answer["status"] = {"userInfo": {"username": email, "groups": groups}}
            return web.json_response(answer, status=201)
        if kind == "SelfSubjectRulesReview":
            answer["status"] = {"resourceRules": [], "nonResourceRules": [], "incomplete": True}
            return web.json_response(answer, status=201)
        asked = answer["spec"].get("resourceAttributes") or {}
        who = answer["spec"].get("user") or email
        answer["status"] = {"allowed": self._would(cluster, who, asked)}
        return web.json_response(answer, status=201)

    def _would(self, cluster: Cluster, email: str, asked: Obj) -> bool:
        group, plural = asked.get("group", ""), asked.get("resource", "")
        found = next((r for r in cluster.resources() if r.group == group and r.plural == plural), None)
        resource = found or Resource(group, "v1", plural, plural.rstrip("s").capitalize())
        below = f"/{asked['subresource']}" if asked.get("subresource") else ""
        action = Action(asked.get("verb", ""), group, plural + below, asked.get("namespace", ""), asked.get("name", ""))
        return access.may(self._world, cluster, email, resource, action)


def _target(cluster: Cluster, group: str, version: str, parts: list[str]) -> Target:
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2 and parts[2] not in ("status", "finalize"):
        namespace, parts = parts[1], parts[2:]
    if len(parts) > 3 or not all(parts):
        raise no_resource()
    resource = cluster.resource(group, version, parts[0])
    name, below = (*parts[1:], "", "")[:2]
    if below and below not in resource.subresources:
        raise no_resource()
    if name and resource.namespaced and not namespace:
        raise no_resource()
    return Target(resource, namespace if resource.namespaced else "", name, below)


def _verb(request: web.Request, target: Target) -> str:
    if request.method == "GET":
        if target.subresource == "portforward":
            return "create"
        if request.query.get("watch") in _TRUE:
            return "watch"
        return "get" if target.name else "list"
    verbs = {"POST": "create", "PUT": "update", "PATCH": "patch"}
    return verbs.get(request.method) or ("delete" if target.name else "deletecollection")


def _dry(request: web.Request) -> bool:
    return request.query.get("dryRun") == "All"


def _options(request: web.Request, target: Target, subresource: str | None = None) -> Options:
    agent = request.headers.get("User-Agent", "unknown").split("/", maxsplit=1)[0]
    return Options(
        manager=request.query.get("fieldManager") or agent,
        subresource=target.subresource if subresource is None else subresource,
        dry_run=_dry(request),
        force=request.query.get("force", "").lower() in ("true", "1"),
        validation=request.query.get("fieldValidation") or "Warn",
    )


def _answer(resource: Resource, obj: Obj, *, status: int = 200, warnings: list[str] | None = None) -> web.Response:
    response = web.json_response({**obj, "apiVersion": resource.api_version}, status=status)
    for warning in warnings or ():
        response.headers.add("Warning", f"299 - {json.dumps(warning)}")
    return response


def _list_of(resource: Resource, found: list[Obj], version: int) -> Obj:
    items = [{**o, "apiVersion": resource.api_version} for o in found] if resource.custom else found
    metadata = {"resourceVersion": str(version)}
    return {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata, "items": items}


def _page(found: list[Obj], limit: str, token: str) -> tuple[list[Obj], Obj]:
    """One page of a list, and what its metadata says of the rest."""
    try:
        start = int(base64.b64decode(token)) if token else 0
        size = int(limit or 0)
    except ValueError as error:
        raise bad_request("continue key is not valid") from error
    page = found[start : start + size] if size else found[start:]
    left = len(found) - start - len(page)
    if not left:
        return page, {}
    return page, {"continue": base64.b64encode(str(start + len(page)).encode()).decode(), "remainingItemCount": left}


def _not_allowed() -> ApiError:
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def fault_name(request: web.Request) -> str:
    """What a scenario calls a request: ``kubernetes:VERB:RESOURCE``."""
    parts: Any = request.path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if not rest:
        return f"kubernetes:get:{parts[0] or 'root'}"
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    name = rest[1] if len(rest) > 1 else ""
    below = rest[2] if len(rest) > 2 else ""
    resource = Resource("", "", rest[0], "")
    return f"kubernetes:{_verb(request, Target(resource, '', name, below))}:{rest[0]}" + (f"/{below}" if below else "")
