"""What stands in for scheduler and kubelet on the real control plane: pods get a node, run, are ready, and go.

No container runs. A pod is bound to the one node, reported as running, and removed once it is to go.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.conformance.kubernetes.side import ADMIN, MERGE, Obj, Side

NODE = "node-1"
_CAPACITY = {"cpu": "32", "memory": "128Gi", "pods": "250", "ephemeral-storage": "500Gi"}
_READY = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}


@asynccontextmanager
async def kubelet(side: Side) -> AsyncIterator[None]:
    """Makes pods run while the block lasts."""
    await side.tell("POST", "/api/v1/nodes", {"metadata": {"name": NODE}})
    status = {"capacity": _CAPACITY, "allocatable": _CAPACITY, "conditions": [_READY]}
    await side.tell("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": status}, content=MERGE)
    work = asyncio.create_task(_work(side))
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def _work(side: Side) -> None:
    while True:
        found = (await side.tell("GET", "/api/v1/pods")).body
        for pod in found["items"]:
            await _care(side, pod)
        query = {"watch": "true", "resourceVersion": found["metadata"]["resourceVersion"]}
        headers = {"Authorization": f"Bearer {side.tokens[ADMIN]}"}
        async with side.session.get(side.url + "/api/v1/pods", params=query, headers=headers) as answer:
            rest = b""
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    await _changed(side, json.loads(line))


async def _changed(side: Side, event: Any) -> None:
    if event["type"] in ("ADDED", "MODIFIED"):
        await _care(side, event["object"])


async def _care(side: Side, pod: Obj) -> None:
    metadata, spec = pod["metadata"], pod["spec"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
    if metadata.get("deletionTimestamp"):
        await side.tell("DELETE", path, {"gracePeriodSeconds": 0})
    elif not spec.get("nodeName"):
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": metadata["name"]}, "target": target}
        await side.tell("POST", f"{path}/binding", body)
    elif pod.get("status", {}).get("phase") == "Pending":
        await side.tell("PATCH", f"{path}/status", {"status": _running(pod)}, content=MERGE)


def _running(pod: Obj) -> Obj:
    since = pod["metadata"]["creationTimestamp"]
    kinds = ("PodScheduled", "Initialized", "ContainersReady", "Ready")

    def told(containers: list[Obj], state: Obj) -> list[Obj]:
        common = {"ready": True, "restartCount": 0, "imageID": "", "state": state}
        return [{**common, "name": c["name"], "image": c["image"]} for c in containers]

    done = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": since, "finishedAt": since}}
    return {
        "phase": "Running",
        "startTime": since,
        "podIP": "10.4.0.9",
        "podIPs": [{"ip": "10.4.0.9"}],
        "conditions": [{"type": kind, "status": "True", "lastTransitionTime": since} for kind in kinds],
        "containerStatuses": told(pod["spec"]["containers"], {"running": {"startedAt": since}}),
        "initContainerStatuses": told(pod["spec"].get("initContainers") or [], done),
    }
