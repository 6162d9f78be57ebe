"""Watches: a stream of changes since a version, with bookmarks.

A version that the history no longer holds is told in the stream, as an event of type ERROR with a 410 in it: once a request
is understood, a watch never fails by its status.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

from aiohttp import web

from core.rehearsal.kubernetes import tables
from core.rehearsal.kubernetes.objects import Cluster
from core.rehearsal.kubernetes.resources import Resource
from core.rehearsal.kubernetes.selectors import Match
from core.rehearsal.kubernetes.status import ApiError, Obj

LONGEST = 1800.0
BOOKMARK_SECONDS = 30.0
Show = Callable[[Obj], Obj]


class Watch:
    """One client's watch of one resource."""

    def __init__(self, cluster: Cluster, resource: Resource, namespace: str, match: Match) -> None:
        self._cluster, self._resource, self._namespace, self._match = cluster, resource, namespace, match
        self._queue: asyncio.Queue[tuple[str, Obj]] = asyncio.Queue()
        self._known: dict[str, Obj] = {}

    def begin(self, version: str, *, initial: bool) -> None:
        """Takes up the changes since a version, or (none given) what there is."""
        if version not in ("", "0"):
            if int(version) < self._cluster.oldest:
                words = f"too old resource version: {version} ({self._cluster.version})"
                self._queue.put_nowait(("ERROR", ApiError(410, "Expired", words).body()))
                return
            for at, resource, event, obj in self._cluster.history:
                if at > int(version):
                    self._seen(resource, event, obj)
                elif event == "DELETED":
                    self._known.pop(obj["metadata"]["uid"], None)
                elif self._wants(resource, obj) and self._match(obj):
                    self._known[obj["metadata"]["uid"]] = obj
        elif initial:
            for obj in self._cluster.list(self._resource, self._namespace):
                self._seen(self._resource, "ADDED", obj)
        self._cluster.listeners.append(self._seen)

    def end(self) -> None:
        """Takes the watch from the cluster."""
        if self._seen in self._cluster.listeners:
            self._cluster.listeners.remove(self._seen)

    def _wants(self, resource: Resource, obj: Obj) -> bool:
        same = resource.key == self._resource.key
        return same and (not self._namespace or obj["metadata"].get("namespace") == self._namespace)

    def _seen(self, resource: Resource, event: str, obj: Obj) -> None:
        if not self._wants(resource, obj):
            return
        uid, matches = obj["metadata"]["uid"], self._match(obj)
        if not matches:
            # what no longer matches is gone for this client
            if (last := self._known.pop(uid, None)) is not None and event == "MODIFIED":
                version = obj["metadata"]["resourceVersion"]
                self._queue.put_nowait(("DELETED", {**last, "metadata": {**last["metadata"], "resourceVersion": version}}))
            return
        if event == "DELETED":
            self._known.pop(uid, None)
        else:
            self._known[uid] = obj
        self._queue.put_nowait((event, obj))

    async def next(self, seconds: float) -> tuple[str, Obj] | None:
        """The next change; None when none came in time."""
        try:
            async with asyncio.timeout(seconds):
                return await self._queue.get()
        except TimeoutError:
            return None


async def serve(request: web.Request, cluster: Cluster, watch: Watch, resource: Resource) -> web.StreamResponse:
    """Answers a watch request until its time is over or the client goes."""
    query = request.query
    bookmarks = query.get("allowWatchBookmarks") in ("true", "1", "True")
    send_initial = query.get("sendInitialEvents") in ("true", "1", "True")
    watch.begin(query.get("resourceVersion", ""), initial=True)
    as_table = tables.wanted(request.headers.get("Accept", ""))

    def line(event: str, obj: Obj) -> bytes:
        shown = obj if event == "ERROR" else {**obj, "apiVersion": resource.api_version}
        if as_table and event not in ("BOOKMARK", "ERROR"):
            shown = tables.table(resource, [obj], cluster.clock.now(), obj["metadata"]["resourceVersion"])
        return json.dumps({"type": event, "object": shown}).encode() + b"\n"

    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    end = time.monotonic() + float(query.get("timeoutSeconds") or LONGEST)
    first_bookmark = send_initial
    try:
        await response.prepare(request)
        while (left := end - time.monotonic()) > 0:
            change = await watch.next(0.01 if first_bookmark else min(left, BOOKMARK_SECONDS))
            if change is not None:
                await response.write(line(*change))
                if change[0] == "ERROR":
                    break
            elif bookmarks or first_bookmark:
                await response.write(line("BOOKMARK", _bookmark(cluster, resource, initial=first_bookmark)))
                first_bookmark = False
    except (ConnectionResetError, ConnectionError):
        pass
    finally:
        watch.end()
    return response


def _bookmark(cluster: Cluster, resource: Resource, *, initial: bool) -> Obj:
    metadata: Obj = {"resourceVersion": str(cluster.version)}
    if initial:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
