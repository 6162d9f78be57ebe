"""Where the objects of a kind live in the API: resolved once for each group and version that is really used.

The server is asked (``/api/v1``, ``/apis/GROUP/VERSION``), never guessed: plural names are the API's business. One
request for each group and version serves all of its kinds, and all that is asked for at the same time share it; a kind
that was not there is looked for again, since a CRD may have brought it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from core.kubernetes.errors import NotFound

Object = dict[str, Any]
"""An object of Kubernetes' as the API gives and takes it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object, and how its paths are made."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, name: str = "", namespace: str | None = None, subresource: str = "") -> str:
        """The path of one object, or of all of them in a namespace or everywhere."""
        parts = ["api" if "/" not in self.api_version else "apis", *self.api_version.split("/")]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/" + "/".join(quote(part, safe=":") for part in parts)


class Resources:
    """Every kind that was asked for so far; ``fetch`` reads a path of the API."""

    def __init__(self, fetch: Callable[[str], Awaitable[Object]]) -> None:
        self._fetch = fetch
        self._groups: dict[str, asyncio.Task[dict[str, Resource]]] = {}

    async def find(self, api_version: str, kind: str) -> Resource:
        """The resource of a kind; raises `NotFound` where the server knows none of that name."""
        asked_before = api_version in self._groups
        found = (await self._group(api_version)).get(kind)
        if found is None and asked_before:
            self._groups.pop(api_version, None)
            found = (await self._group(api_version)).get(kind)
        if found is None:
            self._groups.pop(api_version, None)
            raise NotFound(f"The cluster has no kind {kind} in {api_version}.", code="kubernetes-no-kind")
        return found

    async def _group(self, api_version: str) -> dict[str, Resource]:
        task = self._groups.get(api_version)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._groups[api_version] = asyncio.create_task(self._load(api_version))
        return await asyncio.shield(task)

    async def _load(self, api_version: str) -> dict[str, Resource]:
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            answer = await self._fetch(path)
        except NotFound:
            return {}
        found = [r for r in answer.get("resources", []) if "/" not in r["name"]]
        return {r["kind"]: Resource(api_version, r["kind"], r["name"], bool(r["namespaced"])) for r in found}


def key(obj: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """What an object is: its version, kind, namespace and name."""
    metadata = obj["metadata"]
    return obj["apiVersion"], obj["kind"], metadata.get("namespace") or "", metadata["name"]


def label(obj: Mapping[str, Any]) -> str:
    """An object in words, as in ``Deployment kubeflow/ml-pipeline``."""
    _, kind, namespace, name = key(obj)
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
