"""RBAC as the real authorizer reads it: who may do what by the Roles and ClusterRoles that are bound to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.rehearsal.kubernetes.objects import Cluster
from core.rehearsal.kubernetes.resources import BUILTIN
from core.rehearsal.kubernetes.status import Obj

GROUP = "rbac.authorization.k8s.io"
ROLES = BUILTIN[GROUP, "v1", "roles"]
BINDINGS = BUILTIN[GROUP, "v1", "rolebindings"]
CLUSTER_ROLES = BUILTIN[GROUP, "v1", "clusterroles"]
CLUSTER_BINDINGS = BUILTIN[GROUP, "v1", "clusterrolebindings"]


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks: a user's name and groups."""

    name: str
    groups: tuple[str, ...] = ("system:authenticated",)


@dataclass(frozen=True, slots=True)
class Action:
    """What is asked for; ``resource`` holds the subresource too (``pods/log``)."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


def service_account(namespace: str, name: str) -> Subject:
    """A pod's identity in the cluster."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return Subject(f"system:serviceaccount:{namespace}:{name}", groups)


def allowed(cluster: Cluster, subject: Subject, action: Action) -> bool:
    """Whether some binding gives the right."""
    return any(_permits(rule, action) for rule in _rules(cluster, subject, action.namespace))


def _rules(cluster: Cluster, subject: Subject, namespace: str) -> Iterator[Obj]:
    bindings = cluster.list(CLUSTER_BINDINGS)
    if namespace:
        bindings += cluster.list(BINDINGS, namespace)
    for binding in bindings:
        if any(_is(s, subject, binding["metadata"].get("namespace", "")) for s in binding.get("subjects") or ()):
            reference = binding["roleRef"]
            kept = ROLES if reference["kind"] == "Role" else CLUSTER_ROLES
            role = cluster.find(kept, binding["metadata"].get("namespace", ""), reference["name"])
            yield from (role or {}).get("rules") or ()


def _is(bound: Obj, subject: Subject, namespace: str) -> bool:
    if bound["kind"] == "Group":
        return bound["name"] in subject.groups
    if bound["kind"] == "ServiceAccount":
        # a subject that names no namespace is meant in the binding's own
        return subject.name == f"system:serviceaccount:{bound.get('namespace') or namespace}:{bound['name']}"
    return bool(bound["name"] == subject.name)


def _permits(rule: Obj, action: Action) -> bool:
    if action.verb not in rule["verbs"] and "*" not in rule["verbs"]:
        return False
    if action.group not in (rule.get("apiGroups") or ()) and "*" not in (rule.get("apiGroups") or ()):
        return False
    resources = rule.get("resources") or ()
    if action.resource not in resources and "*" not in resources:
        _, _, below = action.resource.partition("/")
        if not below or f"*/{below}" not in resources:
            return False
    names = rule.get("resourceNames") or ()
    return not names or action.name in names
