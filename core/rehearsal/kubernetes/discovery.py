"""What the API tells about itself: versions, groups, resources, and as much of OpenAPI as kubectl looks at.

kubectl asks OpenAPI only whether a kind's PATCH takes ``fieldValidation`` before it leaves checking to the server.
"""

from __future__ import annotations

from aiohttp import web

from core.rehearsal.kubernetes.objects import Cluster
from core.rehearsal.kubernetes.resources import VERBS, Resource
from core.rehearsal.kubernetes.status import Obj, no_resource

VERSION = {
    "major": "1",
    "minor": "35",
    "gitVersion": "v1.35.7-gke.1222000",
    "gitCommit": "rehearsal",
    "gitTreeState": "clean",
    "buildDate": "2026-09-01T00:00:00Z",
    "goVersion": "go1.25.1",
    "compiler": "gc",
    "platform": "linux/amd64",
}

_ONE_BY_ONE = ("Namespace",)
"""The kinds whose objects are only deleted one by one."""

_ALL = (
    "CronJob", "DaemonSet", "Deployment", "HorizontalPodAutoscaler", "Job", "Pod", "ReplicaSet", "ReplicationController",
    "Service", "StatefulSet",
)  # fmt: skip
"""The kinds that ``kubectl get all`` means."""

REVIEWS = {
    "authorization.k8s.io": {
        "selfsubjectaccessreviews": "SelfSubjectAccessReview",
        "selfsubjectrulesreviews": "SelfSubjectRulesReview",
        "subjectaccessreviews": "SubjectAccessReview",
    },
    "authentication.k8s.io": {"selfsubjectreviews": "SelfSubjectReview"},
}
"""Resources that only answer a question: by group, plural → kind."""


def _group(name: str, versions: list[str]) -> Obj:
    listed = [{"groupVersion": f"{name}/{v}", "version": v} for v in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def groups(cluster: Cluster) -> Obj:
    """``/apis``."""
    found: dict[str, list[str]] = {name: ["v1"] for name in REVIEWS}
    for resource in cluster.resources():
        if resource.group and resource.version not in found.setdefault(resource.group, []):
            found[resource.group].append(resource.version)
    listed = [_group(name, versions) for name, versions in sorted(found.items())]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def group(cluster: Cluster, name: str) -> Obj:
    """``/apis/GROUP``."""
    for found in groups(cluster)["groups"]:
        if found["name"] == name:
            return {"kind": "APIGroup", "apiVersion": "v1", **found}
    raise web.HTTPNotFound


def resources(cluster: Cluster, group: str, version: str) -> Obj:
    """``/apis/GROUP/VERSION``."""
    listed: list[Obj] = []
    for resource in cluster.resources():
        if (resource.group, resource.version) == (group, version):
            listed += _resource(resource)
    if version == "v1":
        for plural, kind in REVIEWS.get(group, {}).items():
            listed.append(
                {"name": plural, "singularName": kind.lower(), "namespaced": False, "kind": kind, "verbs": ["create"]}
            )
    if not listed:
        raise no_resource()
    api_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": listed}


def _resource(resource: Resource) -> list[Obj]:
    entry: Obj = {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": [v for v in VERBS if v != "deletecollection" or resource.kind not in _ONE_BY_ONE],
    }
    if resource.short:
        entry["shortNames"] = list(resource.short)
    if resource.kind in _ALL:
        entry["categories"] = ["all"]
    below: list[Obj] = []
    for name in resource.subresources:
        kind, verbs = resource.kind, ["get", "patch", "update"]
        extra: Obj = {}
        if name == "scale":
            kind, extra = "Scale", {"group": "autoscaling", "version": "v1"}
        elif name in ("token", "eviction", "binding"):
            verbs = ["create"]
        elif name == "log":
            verbs = ["get"]
        elif name == "portforward":
            kind, verbs = "PodPortForwardOptions", ["create", "get"]
        scope = {"singularName": "", "namespaced": resource.namespaced, "kind": kind, "verbs": verbs}
        below.append({"name": f"{resource.plural}/{name}", **scope, **extra})
    return [entry, *below]


def openapi_paths(cluster: Cluster) -> Obj:
    """``/openapi/v3``."""
    bases = sorted({r.path for r in cluster.resources()})
    return {"paths": {base: {"serverRelativeURL": f"/openapi/v3/{base}?hash={cluster.version}"} for base in bases}}


_PARAMETERS = [
    {"name": name, "in": "query", "schema": {"type": "string"}}
    for name in ("dryRun", "fieldManager", "fieldValidation", "force")
]


def openapi(cluster: Cluster, base: str) -> Obj:
    """``/openapi/v3/apis/GROUP/VERSION``: every kind's PATCH with its parameters, and no schemas."""
    paths = {}
    for resource in cluster.resources():
        if resource.path == base:
            within = "namespaces/{namespace}/" if resource.namespaced else ""
            kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
            patch = {"parameters": _PARAMETERS, "responses": {}, "x-kubernetes-group-version-kind": kind}
            paths[f"/{base}/{within}{resource.plural}/{{name}}"] = {"patch": patch}
    if not paths:
        raise no_resource()
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]}, "paths": paths}
