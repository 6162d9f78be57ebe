"""The HTTP front of the simulated cluster: paths, verbs and content types, in the words of the real API server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from core.rehearsal.kubernetes import access, admission, bodies, discovery, questions, selectors, tables, watching
from core.rehearsal.kubernetes.objects import Cluster, Options
from core.rehearsal.kubernetes.rbac import Action
from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import ApiError, Obj, bad_request, conflict, no_resource, not_found
from core.rehearsal.world import World

_TRUE = ("true", "1", "True")
_PATCHES = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
}
_APPLY = ("application/apply-patch+yaml", "application/apply-patch+json")
_SCALED = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
_RETURNED = ("ServiceAccount", "Service", "PersistentVolumeClaim", "PersistentVolume", "ResourceQuota", "StorageClass")
"""The kinds whose object is given back when it is deleted, and not a `Status`."""
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
        if group and not any(r.group == group for r in cluster.resources()) and group not in discovery.REVIEWS:
            raise web.HTTPNotFound
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
        everywhere = target.resource.namespaced and not target.namespace
        if request.method == "GET":
            return await self._list(request, cluster, target)
        if request.method == "POST" and not everywhere:
            options = questions.options(request, target.subresource)
            given = bodies.decode(await request.read(), request.content_type, target.resource.kind)
            if target.resource.custom and not given.get("apiVersion"):
                words = "the API version in the data () does not match the expected API version"
                raise bad_request(f"{words} ({target.resource.api_version})")
            made, warnings = cluster.create(target.resource, target.namespace, given, options)
            warnings = [*warnings, *admission.warnings(cluster, target.resource, target.namespace, made)]
            return questions.answer(target.resource, made, status=201, warnings=warnings)
        if request.method == "DELETE" and not everywhere:
            found = cluster.list(target.resource, target.namespace, selectors.of_query(request.query, target.resource))
            for obj in found:
                metadata = obj["metadata"]
                dry_run = questions.dry(request)
                cluster.delete(target.resource, metadata.get("namespace", ""), metadata["name"], dry_run=dry_run)
            return web.json_response(questions.listed(target.resource, found, cluster.version))
        raise _not_allowed()

    async def _list(self, request: web.Request, cluster: Cluster, target: Target) -> web.StreamResponse:
        match = selectors.of_query(request.query, target.resource)
        questions.check_version(request, cluster.version)
        if request.query.get("watch") in _TRUE:
            watch = watching.Watch(cluster, target.resource, target.namespace, match)
            return await watching.serve(request, cluster, watch, target.resource)
        found = cluster.list(target.resource, target.namespace, match)
        found, more = questions.page(request, found)
        form = questions.form(request)
        if form == "Table":
            include = request.query.get("includeObject", "")
            answer = tables.table(target.resource, found, cluster.clock.now(), str(cluster.version), include=include)
        elif form == "PartialObjectMetadataList":
            answer = questions.listed_metadata(found, cluster.version)
        else:
            answer = questions.listed(target.resource, found, cluster.version)
        answer["metadata"] |= more
        return web.json_response(answer)

    # -- single objects

    async def _object(self, request: web.Request, cluster: Cluster, target: Target) -> web.StreamResponse:
        resource, namespace, name = target.resource, target.namespace, target.name
        if request.method == "GET":
            obj, form = cluster.get(resource, namespace, name), questions.form(request)
            if form == "Table":
                include = request.query.get("includeObject", "")
                version = obj["metadata"]["resourceVersion"]
                return web.json_response(tables.table(resource, [obj], cluster.clock.now(), version, include=include))
            if form == "PartialObjectMetadata":
                return web.json_response(questions.metadata_of(obj))
            return questions.answer(resource, obj)
        if request.method == "DELETE":
            return await self._delete(request, cluster, target)
        options = questions.options(request, target.subresource)
        if request.method == "PUT":
            given = bodies.decode(await request.read(), request.content_type, resource.kind)
            obj, warnings = cluster.update(resource, namespace, name, given, options)
            return questions.answer(resource, obj, warnings=warnings)
        if request.method == "PATCH":
            return await self._patch(request, cluster, target, options)
        raise _not_allowed()

    async def _patch(self, request: web.Request, cluster: Cluster, target: Target, options: Options) -> web.StreamResponse:
        resource, namespace, name = target.resource, target.namespace, target.name
        body, content_type = await request.read(), request.content_type
        if content_type in _APPLY:
            given = bodies.decode_applied(body)
            obj, created = cluster.apply(resource, namespace, name, given, options)
            warnings = admission.warnings(cluster, resource, namespace, obj)
            return questions.answer(resource, obj, status=201 if created else 200, warnings=warnings)
        kind = _PATCHES.get(content_type)
        if kind is None or (kind == "strategic" and resource.custom):
            raise _unknown_patch(resource)
        patch = bodies.decode_patch(body, kind)
        obj, warnings = cluster.patch(resource, namespace, name, kind, patch, options)
        warnings = [*warnings, *admission.warnings(cluster, resource, namespace, obj)]
        return questions.answer(resource, obj, warnings=warnings)

    async def _delete(self, request: web.Request, cluster: Cluster, target: Target) -> web.StreamResponse:
        resource, namespace, name = target.resource, target.namespace, target.name
        options = bodies.decode(await request.read(), request.content_type, "DeleteOptions")
        live = cluster.get(resource, namespace, name)
        policy = str(options.get("propagationPolicy") or request.query.get("propagationPolicy") or "")
        questions.check_deletion(policy)
        _check_preconditions(resource, live, options.get("preconditions") or {})
        dry_run = questions.dry(request) or bool(options.get("dryRun"))
        gone = cluster.delete(resource, namespace, name, dry_run=dry_run, policy=policy)
        at_once = str(options.get("gracePeriodSeconds", request.query.get("gracePeriodSeconds"))) == "0"
        unbound = gone["metadata"].get("deletionGracePeriodSeconds") == 0
        if resource.kind == "Pod" and (at_once or unbound) and not dry_run:
            gone["metadata"]["deletionGracePeriodSeconds"] = 0
            cluster.finish(resource, namespace, name)
        going = bool(gone["metadata"].get("deletionTimestamp"))
        if going or (resource.kind in _RETURNED and not resource.custom):
            return questions.answer(resource, gone)
        details = {"name": name, "group": resource.group, "kind": resource.plural, "uid": live["metadata"]["uid"]}
        details = {key: value for key, value in details.items() if value}
        return web.json_response(
            {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        )

    async def _scale(self, request: web.Request, cluster: Cluster, target: Target) -> web.StreamResponse:
        live = cluster.get(target.resource, target.namespace, target.name)
        if request.method in ("PUT", "PATCH"):
            given = bodies.decode_patch(await request.read(), "merge")
            replicas = (given.get("spec") or {}).get("replicas")
            new = {**live, "spec": {**live["spec"], "replicas": replicas}}
            options = questions.options(request, "scale")
            live, _ = cluster.update(target.resource, target.namespace, target.name, new, options)
        metadata = {k: v for k, v in live["metadata"].items() if k in _SCALED}
        replicas, labels = live["spec"].get("replicas"), (live["spec"].get("selector") or {}).get("matchLabels") or {}
        status = {"replicas": (live.get("status") or {}).get("replicas", 0)}
        status |= {"selector": ",".join(f"{k}={v}" for k, v in sorted(labels.items()))} if labels else {}
        scale = {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata}
        return web.json_response({**scale, "spec": {"replicas": replicas} if replicas else {}, "status": status})

    # -- questions

    async def _review(self, request: web.Request, cluster: Cluster, email: str, kind: str) -> web.StreamResponse:
        given = bodies.decode(await request.read(), request.content_type, kind)
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
        raise not_found(resource.plural, group, name) if resource.custom else no_resource()
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


def _check_preconditions(resource: Resource, live: Obj, wanted: Obj) -> None:
    metadata = live["metadata"]
    for key, word, why in (
        ("uid", "UID", "The object might have been deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "The object might have been modified"),
    ):
        if wanted.get(key) and wanted[key] != metadata[key]:
            words = f"the {word} in the precondition ({wanted[key]}) does not match the {word} in record ({metadata[key]})"
            if resource.kind == "Namespace":
                words = f"Precondition failed: {word} in precondition: {wanted[key]}, {word} in object meta: {metadata[key]}"
                raise conflict(resource.plural, "", metadata["name"], words)
            raise conflict(resource.kind, resource.group, metadata["name"], f"{words}. {why}")


def _unknown_patch(resource: Resource) -> ApiError:
    if not resource.custom:
        return ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    kinds = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    words = f"the body of the request was in an unknown format - accepted media types include: {kinds}"
    return ApiError(415, "UnsupportedMediaType", words)


def _not_allowed() -> ApiError:
    words = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", words, {})


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
