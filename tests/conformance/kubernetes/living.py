"""What the controllers make of objects: compared once it has settled, since who was faster says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.conformance.kubernetes.battery.samples import RICH, Obj, container, template
from tests.conformance.kubernetes.normal import generated
from tests.conformance.kubernetes.side import MERGE, Scenario, Side

APPS = "/apis/apps/v1/namespaces"


def scenarios() -> Iterator[tuple[str, Scenario]]:
    """One scenario a concern."""
    yield "a new namespace", _namespace
    yield "a rollout", _rollout
    yield "a rollout that PodSecurity refuses", _refused
    yield "what goes with its owner", _owned
    yield "a namespace that goes", _going


async def _home(side: Side, name: str, **labels: str) -> str:
    await side.tell("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    await side.until(f"/api/v1/namespaces/{name}/serviceaccounts/default", lambda b: b.get("kind") == "ServiceAccount")
    return name


def _deployment(name: str = "web", **spec: Any) -> Obj:
    body = {"selector": {"matchLabels": {"app": "web"}}, "replicas": 2, "template": template(), **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": body}


def _rolled_out(body: Any, replicas: int) -> bool:
    status = body.get("status") or {}
    current = status.get("observedGeneration", 0) >= body["metadata"]["generation"]
    counts = [status.get(k, 0) for k in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")]
    return bool(current and counts == [replicas] * 4)


async def _namespace(side: Side) -> None:
    home = await _home(side, "fresh")
    account = await side.tell("GET", f"/api/v1/namespaces/{home}/serviceaccounts/default")
    side.note("its account", sorted(account.body["metadata"].keys() - {"managedFields"}))
    found = await side.until(f"/api/v1/namespaces/{home}/configmaps", lambda b: bool(b.get("items")))
    side.note("its ConfigMaps", [i["metadata"]["name"] for i in found["items"]])


async def _rollout(side: Side) -> None:
    home = await _home(side, "rollout")
    path = f"{APPS}/{home}/deployments"
    await side.tell("POST", path, _deployment())
    one = f"{path}/web"
    side.note("made", generated(await side.until(one, lambda b: _rolled_out(b, 2))))
    await _shown(side, home, "made")
    await side.tell(
        "PATCH", one, {"spec": {"template": {"spec": {"containers": [container(image="nginx:2")]}}}}, content=MERGE
    )
    side.note("another image", generated(await side.until(one, lambda b: _rolled_out(b, 2))))
    await _shown(side, home, "another image")
    await side.tell("PATCH", one, {"spec": {"replicas": 0}}, content=MERGE)
    side.note("none", generated(await side.until(one, lambda b: _rolled_out(b, 0))))


def _two_that_stay(body: Any) -> bool:
    return len(body["items"]) == 2 and not any(pod["metadata"].get("deletionTimestamp") for pod in body["items"])


async def _shown(side: Side, home: str, when: str) -> None:
    """The sets and pods of a rollout that has settled."""
    pods = await side.until(f"/api/v1/namespaces/{home}/pods", _two_that_stay)
    side.note(f"{when}: a pod", generated(_spoken(pods["items"][0])))
    sets = (await side.tell("GET", f"{APPS}/{home}/replicasets")).body["items"]
    sets.sort(key=lambda s: s["metadata"]["annotations"]["deployment.kubernetes.io/revision"])
    side.note(f"{when}: the sets", [generated(_spoken(s)) for s in sets])


def _spoken(made: Obj) -> Obj:
    """A pod without what only its node can say, a set without what depends on who came first."""
    spec = {k: v for k, v in made["spec"].items() if k != "nodeName"}
    metadata = {k: v for k, v in made["metadata"].items() if k not in ("managedFields", "generation")}
    return {"metadata": metadata, "spec": spec}


async def _refused(side: Side) -> None:
    home = await _home(side, "refused", **{"pod-security.kubernetes.io/enforce": "baseline"})
    path = f"{APPS}/{home}/deployments"
    spec = {"containers": [container()], "hostNetwork": True}
    await side.tell("POST", path, _deployment(template={"metadata": {"labels": {"app": "web"}}, "spec": spec}))
    found = await side.until(f"{path}/web", lambda b: _condition(b, "ReplicaFailure") is not None)
    side.note("why", generated(_condition(found, "ReplicaFailure")))
    await side.tell(
        "POST", path, _deployment("rich", selector={"matchLabels": {"app": "rich"}}, template=template("rich", **RICH))
    )
    found = await side.until(f"{path}/rich", lambda b: _condition(b, "ReplicaFailure") is not None)
    side.note("why without its account", generated(_condition(found, "ReplicaFailure")))


def _condition(body: Any, kind: str) -> Any:
    found = (c for c in (body.get("status") or {}).get("conditions") or () if c["type"] == kind)
    return next(found, None)


async def _owned(side: Side) -> None:
    home = await _home(side, "owned")
    path = f"/api/v1/namespaces/{home}/configmaps"
    for policy in ("Background", "Foreground", "Orphan"):
        owner = (await side.tell("POST", path, {"metadata": {"name": "owner"}})).body
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
        await side.tell(
            "POST", path, {"metadata": {"name": "owned", "ownerReferences": [{**reference, "blockOwnerDeletion": True}]}}
        )
        answer = await side.tell("DELETE", f"{path}/owner", {"propagationPolicy": policy})
        side.note(f"{policy}: the answer", {"status": answer.status, "kind": answer.body["kind"]})
        await side.gone(f"{path}/owner")
        if policy == "Orphan":
            side.note(
                "what is left", sorted((await side.tell("GET", f"{path}/owned")).body["metadata"].keys() - {"managedFields"})
            )
        else:
            await side.gone(f"{path}/owned")


async def _going(side: Side) -> None:
    home = await _home(side, "going")
    await side.tell("POST", f"{APPS}/{home}/deployments", _deployment())
    await side.until(f"{APPS}/{home}/deployments/web", lambda b: _rolled_out(b, 2))
    held = {"metadata": {"name": "held", "finalizers": ["battery.example.com/hold"]}}
    await side.tell("POST", f"/api/v1/namespaces/{home}/configmaps", held)
    await side.ask("deleted", "DELETE", f"/api/v1/namespaces/{home}")
    one = f"/api/v1/namespaces/{home}"
    found = await side.until(one, lambda b: (_condition(b, "NamespaceFinalizersRemaining") or {}).get("status") == "True")
    conditions = {c["type"]: (c["status"], c["reason"], c["message"]) for c in found["status"]["conditions"]}
    side.note("what holds it", conditions)
    await side.tell("PATCH", f"{one}/configmaps/held", {"metadata": {"finalizers": None}}, content=MERGE)
    await side.gone(one)
