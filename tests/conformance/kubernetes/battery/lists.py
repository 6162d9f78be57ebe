"""Lists and watches: selectors, pages, bookmarks, a version that is forgotten, and what a watch tells of each change."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.kubernetes.battery.lives import namespace
from tests.conformance.kubernetes.battery.samples import container
from tests.conformance.kubernetes.side import JSON, MERGE, TABLE, Scenario, Side

PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"

_LABELS = (
    "app=a",
    "app==a",
    "app!=a",
    "app",
    "!app",
    "app in (a,b)",
    "app notin (a)",
    "app=a,tier=front",
    "tier in (front,back),app",
    "app=",
    "app in ()",
    "app=a b",
    "=a",
    "app>1",
    "app in (a",
    "a/b/c=d",
)
_FIELDS = (
    "metadata.name=c1",
    "metadata.name!=c1",
    "metadata.namespace=listed",
    "metadata.name=c1,metadata.namespace=listed",
    "metadata.name=",
    "metadata.nonsense=1",
    "data.a=1",
    "nonsense",
)
_POD_FIELDS = (
    "status.phase=Pending",
    "status.phase!=Running",
    "spec.nodeName=",
    "spec.restartPolicy=Always",
    "spec.nonsense=1",
    "spec.serviceAccountName=default",
    "involvedObject.name=x",
)


def scenarios() -> Iterator[tuple[str, Scenario]]:
    """Three scenarios."""
    yield "lists", _lists
    yield "watches", _watches
    yield "events", _events


async def _made(side: Side, home: str) -> str:
    path = f"/api/v1/namespaces/{home}/configmaps"
    for n in range(5):
        labels = {"app": "ab"[n % 2], **({"tier": "front"} if n < 3 else {})}
        await side.tell(
            "POST", path, {"metadata": {"name": f"c{n}", "labels": labels if n < 4 else {}}, "data": {"a": str(n)}}
        )
    return path


async def _lists(side: Side) -> None:
    home = await namespace(side, "listed")
    path = await _made(side, home)
    await side.ask("all", "GET", path)
    for labels in _LABELS:
        await side.ask(f"by the labels {labels}", "GET", path, labelSelector=labels)
    for fields in _FIELDS:
        await side.ask(f"by the fields {fields}", "GET", path, fieldSelector=fields)
    pods = f"/api/v1/namespaces/{home}/pods"
    await side.tell("POST", pods, {"metadata": {"name": "p"}, "spec": {"containers": [container()]}})
    for fields in _POD_FIELDS:
        answer = await side.tell("GET", pods, fieldSelector=fields)
        names = [i["metadata"]["name"] for i in answer.body.get("items", ())]
        side.note(f"pods by {fields}", {"status": answer.status, "names": names, "message": answer.body.get("message")})
    first = await side.ask("a page", "GET", path, limit="2")
    token = first.body["metadata"].get("continue", "")
    second = await side.ask("the next page", "GET", path, **{"limit": "2", "continue": token})
    token = second.body["metadata"].get("continue", "")
    await side.ask("the last page", "GET", path, **{"limit": "2", "continue": token})
    await side.ask("a page that is none", "GET", path, **{"limit": "2", "continue": "nonsense"})
    await side.ask("a limit that is none", "GET", path, limit="x")
    await side.ask("a page of some", "GET", path, limit="1", labelSelector="app=a")
    await side.ask("at any version", "GET", path, resourceVersion="0")
    await side.ask("at a version that is none", "GET", path, resourceVersion="x")
    await side.ask("at a version to come", "GET", path, resourceVersion="999999999")
    await side.ask("metadata alone", "GET", path, accept=PARTIAL_LIST)
    await side.ask("one's metadata alone", "GET", f"{path}/c1", accept=PARTIAL)
    await side.ask("a table of some", "GET", path, accept=TABLE, labelSelector="app=a")
    await side.ask("a table with whole objects", "GET", path, accept=TABLE, labelSelector="app=a", includeObject="Object")
    await side.ask("a table without objects", "GET", path, accept=TABLE, labelSelector="app=a", includeObject="None")
    await side.ask("an answer in a form that is none", "GET", path, accept="text/nonsense")
    await side.ask("an answer in any form", "GET", f"{path}/c1", accept="*/*")
    await side.ask("everywhere", "GET", "/api/v1/configmaps", fieldSelector="metadata.namespace=listed")
    await side.ask("some deleted", "DELETE", path, labelSelector="app=a")
    await side.ask("what is left", "GET", path)


async def _watches(side: Side) -> None:
    home = await namespace(side, "watched")
    path = await _made(side, home)
    start = (await side.tell("GET", path)).body["metadata"]["resourceVersion"]
    await side.watch("from nothing", path, 5)
    await side.tell("PATCH", f"{path}/c0", {"data": {"a": "x"}}, content=MERGE)
    await side.tell("PATCH", f"{path}/c0", {"metadata": {"labels": {"app": "z"}}}, content=MERGE)
    await side.tell("DELETE", f"{path}/c1")
    await side.tell("POST", path, {"metadata": {"name": "c9", "labels": {"app": "a"}}})
    await side.tell("PATCH", f"{path}/c9", {"metadata": {"labels": {"app": "b"}}}, content=MERGE)
    await side.watch("since a version", path, 5, resourceVersion=start)
    await side.watch("since a version, by a label", path, 4, resourceVersion=start, labelSelector="app=a")
    await side.watch("since a version, by a name", path, 2, resourceVersion=start, fieldSelector="metadata.name=c0")
    await side.watch("one by its name in the path", f"/api/v1/watch/namespaces/{home}/configmaps/c0", 1)
    await side.watch(
        "with its first events",
        path,
        6,
        sendInitialEvents="true",
        resourceVersionMatch="NotOlderThan",
        allowWatchBookmarks="true",
    )
    await side.ask("with first events and no match", "GET", path, watch="true", sendInitialEvents="true", timeoutSeconds="1")
    await side.ask("from a version that is none", "GET", path, watch="true", resourceVersion="x", timeoutSeconds="1")
    await side.ask("with a time that is none", "GET", path, watch="true", timeoutSeconds="x")
    await side.ask("with a selector that is none", "GET", path, watch="true", labelSelector="=a", timeoutSeconds="1")


async def _events(side: Side) -> None:
    home = await namespace(side, "events")
    path = f"/api/v1/namespaces/{home}/events"
    about = {"kind": "Pod", "namespace": home, "name": "p", "apiVersion": "v1"}
    body = {
        "metadata": {"name": "p.1"},
        "involvedObject": about,
        "reason": "Failed",
        "message": "it failed",
        "type": "Warning",
        "count": 2,
    }
    await side.ask(
        "made",
        "POST",
        path,
        {
            **body,
            "firstTimestamp": "2026-01-01T00:00:00Z",
            "lastTimestamp": "2026-01-01T00:00:00Z",
            "source": {"component": "kubelet"},
        },
    )
    await side.ask(
        "of another namespace's object",
        "POST",
        path,
        {**body, "metadata": {"name": "p.2"}, "involvedObject": {**about, "namespace": "other"}},
    )
    for fields in (
        "involvedObject.name=p",
        "involvedObject.kind=Pod,involvedObject.name=p",
        "involvedObject.uid=x",
        "reason=Failed",
        "type!=Normal",
        "nonsense=1",
    ):
        answer = await side.tell("GET", path, fieldSelector=fields, accept=JSON)
        names = [i["metadata"]["name"] for i in answer.body.get("items", ())]
        side.note(f"by {fields}", {"status": answer.status, "names": names, "message": answer.body.get("message")})
    await side.ask("read", "GET", f"{path}/p.1")
