"""Rights: what RBAC gives and refuses, what the reviews say of it, and that nobody gives more than he has."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.kubernetes.battery.lives import namespace
from tests.conformance.kubernetes.side import APPLY, MERGE, Obj, Scenario, Side

VIEWER = "viewer@example.com"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1"


def scenarios() -> Iterator[tuple[str, Scenario]]:
    """Two scenarios."""
    yield "rights", _rights
    yield "reviews", _reviews


async def _bound(side: Side, home: str) -> None:
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "create"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mine"], "verbs": ["get"]},
        {"apiGroups": ["apps"], "resources": ["deployments", "deployments/scale"], "verbs": ["*"]},
    ]
    await side.tell("POST", f"{RBAC}/namespaces/{home}/roles", {"metadata": {"name": "some"}, "rules": rules})
    binding = {
        "metadata": {"name": "some"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "some"},
        "subjects": [{"kind": "User", "name": VIEWER}],
    }
    await side.tell("POST", f"{RBAC}/namespaces/{home}/rolebindings", binding)
    await side.until(f"/api/v1/namespaces/{home}/serviceaccounts/default", lambda b: b.get("kind") == "ServiceAccount")


async def _rights(side: Side) -> None:
    home = await namespace(side, "rights")
    await _bound(side, home)
    core, apps = f"/api/v1/namespaces/{home}", f"/apis/apps/v1/namespaces/{home}"
    body = {"metadata": {"name": "c"}}
    applied = {"apiVersion": "v1", "kind": "ConfigMap", **body}
    for what, method, path, given, options in (
        ("create what it may", "POST", f"{core}/configmaps", body, {}),
        ("get what it may", "GET", f"{core}/configmaps/c", None, {}),
        ("list what it may", "GET", f"{core}/configmaps", None, {}),
        ("watch what it may only list", "GET", f"{core}/configmaps", None, {"watch": "true"}),
        ("update what it may only make", "PUT", f"{core}/configmaps/c", body, {}),
        ("patch what it may only make", "PATCH", f"{core}/configmaps/c", {}, {"content": MERGE}),
        ("apply what it may only make", "PATCH", f"{core}/configmaps/c", applied, {"content": APPLY, "fieldManager": "a"}),
        ("delete what it may only make", "DELETE", f"{core}/configmaps/c", None, {}),
        ("delete all of what it may only make", "DELETE", f"{core}/configmaps", None, {}),
        ("get the secret that is named", "GET", f"{core}/secrets/mine", None, {}),
        ("get another secret", "GET", f"{core}/secrets/other", None, {}),
        ("list secrets", "GET", f"{core}/secrets", None, {}),
        ("make pods", "POST", f"{core}/pods", {}, {}),
        ("read a log", "GET", f"{core}/pods/p/log", None, {}),
        ("scale what it may", "GET", f"{apps}/deployments/none/scale", None, {}),
        ("write a status", "PUT", f"{apps}/deployments/none/status", {}, {}),
        ("list what is elsewhere", "GET", "/api/v1/namespaces/kube-system/configmaps", None, {}),
        ("make a namespace", "POST", "/api/v1/namespaces", {"metadata": {"name": "more"}}, {}),
        ("make a CRD", "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {}, {}),
        ("list a kind that is none", "GET", f"{core}/nonsenses", None, {}),
    ):
        await side.ask(what, method, path, given, who=VIEWER, **options)


async def _reviews(side: Side) -> None:
    home = await namespace(side, "reviews")
    await _bound(side, home)

    async def may(what: str, attributes: Obj) -> None:
        spec = {"resourceAttributes": {"namespace": home, **attributes}}
        answer = await side.tell("POST", f"{REVIEWS}/selfsubjectaccessreviews", {"spec": spec}, who=VIEWER)
        status = answer.body.get("status", {})
        side.note(what, {"status": answer.status, "allowed": status.get("allowed"), "kind": answer.body.get("kind")})

    await may("get a ConfigMap", {"verb": "get", "resource": "configmaps"})
    await may("delete a ConfigMap", {"verb": "delete", "resource": "configmaps"})
    await may("get a Secret", {"verb": "get", "resource": "secrets"})
    await may("get the Secret that is named", {"verb": "get", "resource": "secrets", "name": "mine"})
    await may("everything of Deployments", {"verb": "*", "group": "apps", "resource": "deployments"})
    await may("scale a Deployment", {"verb": "update", "group": "apps", "resource": "deployments", "subresource": "scale"})
    await may("a kind that is none", {"verb": "get", "resource": "nonsenses"})
    await side.ask("no attributes", "POST", f"{REVIEWS}/selfsubjectaccessreviews", {"spec": {}}, who=VIEWER)
    whoami = await side.tell("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, who=VIEWER)
    side.note(
        "who one is", {"status": whoami.status, "name": whoami.body.get("status", {}).get("userInfo", {}).get("username")}
    )
