"""Who may use the cluster: IAM at its door, then IAM or RBAC for what is asked for, as GKE does.

The DNS endpoint lets in who has `container.clusters.connect`; inside, a right comes from IAM's ``container.…`` permissions
on the project or from a Role that is bound to the account.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from core.rehearsal.kubernetes import rbac
from core.rehearsal.kubernetes.objects import Cluster
from core.rehearsal.kubernetes.rbac import Action
from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.status import ApiError, Obj, forbidden
from core.rehearsal.world import World

_VERBS = {
    "watch": "list",
    "patch": "update",
    "apply": "update",
    "deletecollection": "delete",
}
_EVERYBODY = {
    "system:authenticated": "enableInsecureBindingSystemAuthenticated",
    "system:unauthenticated": "enableInsecureBindingSystemUnauthenticated",
}
_SUBRESOURCES = {
    ("pods", "log"): "getLogs",
    ("pods", "portforward"): "portForward",
    ("pods", "eviction"): "evict",
}


def caller(world: World, request: web.Request) -> str:
    """The account whose token a request bears; raises 401, or 403 where it may not connect."""
    header = request.headers.get("Authorization", "")
    email = world.identity.who(header.removeprefix("Bearer ")) if header.startswith("Bearer ") else None
    if email is None:
        raise ApiError(401, "Unauthorized", "Unauthorized")
    if not world.identity.allowed(email, "container.clusters.connect", f"projects/{world.project}"):
        words = (
            f'Permission "container.clusters.connect" denied on resource "projects/{world.project}" (or it may not exist).'
        )
        raise ApiError(403, "Forbidden", words)
    return email


def _camel(resource: Resource) -> str:
    camel = resource.kind[:1].lower() + resource.kind[1:]
    for plural in (camel + "s", camel + "es", camel[:-1] + "ies", camel):
        if plural.lower() == resource.plural:
            return plural
    return resource.plural


def permission(resource: Resource, action: Action) -> str:
    """The IAM permission that gives a right in the cluster."""
    if resource.custom:
        return f"container.thirdPartyObjects.{_VERBS.get(action.verb, action.verb)}"
    plural, _, below = action.resource.partition("/")
    verb = _VERBS.get(action.verb, action.verb)
    if below:
        verb = _SUBRESOURCES.get((plural, below)) or f"{verb}{below[0].upper()}{below[1:]}"
    return f"container.{_camel(resource)}.{verb}"


def may(world: World, cluster: Cluster, email: str, resource: Resource, action: Action) -> bool:
    """Whether IAM or RBAC gives the right."""
    if world.identity.allowed(email, permission(resource, action), f"projects/{world.project}"):
        return True
    return rbac.allowed(cluster, rbac.Subject(email), action)


def guard(world: World, cluster_name: str) -> Callable[[Resource, Obj], None]:
    """Refuses bindings of everybody who is signed in anywhere, where the cluster forbids them."""

    def refuse(resource: Resource, obj: Obj) -> None:
        if resource.kind not in ("RoleBinding", "ClusterRoleBinding"):
            return
        document = world.store.get("container.clusters", cluster_name) or {}
        allowed = document.get("rbacBindingConfig") or {}
        for group, key in _EVERYBODY.items():
            bound = any(s.get("kind") == "Group" and s.get("name") == group for s in obj.get("subjects") or ())
            if bound and allowed.get(key) is False:
                why = f"binding {group} is not allowed in this cluster: rbacBindingConfig.{key} is false"
                raise forbidden(resource.plural, resource.group, obj["metadata"]["name"], why)

    return refuse


def demand(world: World, cluster: Cluster, email: str, resource: Resource, action: Action) -> None:
    """Raises the 403 of a right that neither gives."""
    if may(world, cluster, email, resource, action):
        return
    where = f' in the namespace "{action.namespace}"' if action.namespace else " at the cluster scope"
    why = (
        f'User "{email}" cannot {action.verb} resource "{action.resource}" in API group "{action.group}"{where}: '
        f'requires one of ["{permission(resource, action)}"] permission(s).'
    )
    raise forbidden(resource.plural, resource.group, action.name, why)
