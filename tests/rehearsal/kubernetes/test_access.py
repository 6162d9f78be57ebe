"""Who gets in, and who may do what: tokens, IAM at the door, IAM or RBAC inside."""

from __future__ import annotations

from typing import Any

import pytest
from simulated_cluster import PROJECT, Bench, Served, config_map

from core.rehearsal.google import iam_policy
from core.rehearsal.kubernetes import access, rbac
from core.rehearsal.kubernetes.rbac import Action, Subject

MAPS = "/api/v1/namespaces/default/configmaps"
RBAC = "rbac.authorization.k8s.io/v1"
OTHER = f"other@{PROJECT}.iam.gserviceaccount.com"


def _as(served: Served, email: str, *roles: str) -> None:
    for role in roles:
        iam_policy.grant(served.world, f"projects/{PROJECT}", role, f"serviceAccount:{email}", at_once=True)
    served.token, _ = served.world.identity.mint(email)


async def test_no_token_gets_nobody_in(served: Served) -> None:
    served.token = "made up"
    status, answer = await served.call("GET", MAPS)
    assert (status, answer["reason"]) == (401, "Unauthorized")


async def test_the_door_is_iams(served: Served) -> None:
    _as(served, OTHER)
    status, answer = await served.call("GET", MAPS)
    assert status == 403
    assert "container.clusters.connect" in answer["message"]


async def test_iam_gives_rights_inside(served: Served) -> None:
    _as(served, OTHER, "roles/container.viewer")
    assert (await served.call("GET", MAPS))[0] == 200
    status, answer = await served.call("POST", MAPS, config_map("a", {}))
    assert status == 403
    assert answer["message"] == (
        f'configmaps is forbidden: User "{OTHER}" cannot create resource "configmaps" in API group "" in the namespace '
        '"default": requires one of ["container.configMaps.create"] permission(s).'
    )


async def test_rbac_gives_rights_where_iam_gives_none(served: Served) -> None:
    roles = f"/apis/{RBAC}/namespaces/default"
    role = {
        "apiVersion": RBAC,
        "kind": "Role",
        "metadata": {"name": "maker"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}],
    }
    binding = {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": {"name": "maker"},
        "roleRef": {"kind": "Role", "name": "maker"},
        "subjects": [{"kind": "User", "name": OTHER}],
    }
    await served.call("POST", f"{roles}/roles", role)
    await served.call("POST", f"{roles}/rolebindings", binding)
    _as(served, OTHER, "roles/container.clusterViewer")
    assert (await served.call("POST", MAPS, config_map("a", {})))[0] == 201
    assert (await served.call("DELETE", f"{MAPS}/a"))[0] == 403
    review = {"spec": {"resourceAttributes": {"verb": "create", "resource": "configmaps", "namespace": "default"}}}
    reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert (await served.call("POST", reviews, review))[1]["status"]["allowed"] is True
    review["spec"]["resourceAttributes"]["verb"] = "delete"
    assert (await served.call("POST", reviews, review))[1]["status"]["allowed"] is False


@pytest.mark.parametrize(
    ("resource", "verb", "name"),
    [
        ("deployments", "patch", "container.deployments.update"),
        ("configmaps", "watch", "container.configMaps.list"),
        ("networkpolicies", "create", "container.networkPolicies.create"),
        ("storageclasses", "get", "container.storageClasses.get"),
        ("pods/log", "get", "container.pods.getLogs"),
        ("pods/portforward", "create", "container.pods.portForward"),
        ("deployments/status", "update", "container.deployments.updateStatus"),
    ],
)
def test_a_right_has_its_name_in_iam(bench: Bench, resource: str, verb: str, name: str) -> None:
    plural = resource.partition("/")[0]
    found = next(r for r in bench.cluster.resources() if r.plural == plural)
    assert access.permission(found, Action(verb, found.group, resource)) == name


def _role(bench: Bench, rules: list[dict[str, Any]], subjects: list[dict[str, Any]], kind: str = "Role") -> None:
    metadata = {"name": "r", "namespace": "default"} if kind == "Role" else {"name": "r"}
    bench.put({"apiVersion": RBAC, "kind": kind, "metadata": metadata, "rules": rules})
    body = {"apiVersion": RBAC, "kind": f"{kind}Binding", "metadata": metadata, "roleRef": {"kind": kind, "name": "r"}}
    bench.put({**body, "subjects": subjects})


POD = rbac.service_account("default", "runner")


def test_a_subject_without_a_namespace_is_meant_in_the_bindings_own(bench: Bench) -> None:
    _role(
        bench,
        [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
        [{"kind": "ServiceAccount", "name": "runner"}],
    )
    assert rbac.allowed(bench.cluster, POD, Action("list", "", "pods", "default"))
    assert not rbac.allowed(bench.cluster, POD, Action("list", "", "pods", "kube-system"))
    assert not rbac.allowed(
        bench.cluster, rbac.service_account("kube-system", "runner"), Action("list", "", "pods", "default")
    )


def test_groups_names_and_subresources_count(bench: Bench) -> None:
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": ["one"]},
        {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["*/log"], "verbs": ["get"]},
    ]
    _role(bench, rules, [{"kind": "Group", "name": "system:serviceaccounts:default"}], "ClusterRole")
    may = lambda *action: rbac.allowed(bench.cluster, POD, Action(*action))  # noqa: E731
    assert may("get", "", "configmaps", "default", "one")
    assert not may("get", "", "configmaps", "default", "two")
    assert may("deletecollection", "apps", "deployments", "other")
    assert may("get", "", "pods/log", "default")
    assert not may("get", "", "pods", "default")
    assert not rbac.allowed(bench.cluster, Subject("stranger"), Action("get", "apps", "deployments", "default"))
