"""The one connection to a cluster: every request of a run goes through it.

It stands on aiohttp alone. The official client's dynamic part repeats its discovery group by group, can't send
``fieldValidation`` and loads thousands of typed models first (0.35 s against 0.16 s, and 50 MB); what is left of it for
objects that are plain dicts anyway is a session, and that is here.

A request that fails for a while is tried again on the run's clock before its caller hears of it, since the control plane
of one zone is away for up to five minutes at a time. At most `IN_FLIGHT` requests are on their way at once.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from core.kubernetes.errors import ApiError, Conflict, Gone, NotFound, Unavailable, unreachable
from core.kubernetes.resources import Object, Resource, Resources, label
from core.run.clock import Clock

if TYPE_CHECKING:
    import aiohttp

IN_FLIGHT = 32
FIELD_MANAGER = "mlops-env"
ATTEMPTS = 30
"""Tries of one request: with pauses of at most `LONGEST_PAUSE` they last about six minutes."""
LONGEST_PAUSE = 15.0
ANSWER_SECONDS = 60.0
WATCH_SECONDS = 240

Params = Mapping[str, str | int]


class Cluster:
    """A cluster's API at ``endpoint``; an async context manager.

    ``token`` gives a bearer token that is valid now, and ``reject`` is told of one that the API did not take; ``trust`` is
    whom to trust (None: the usual authorities), ``proxy`` the URL of the proxy on the way there. ``connector`` gives
    connections that outlive this object, and bring their own trust.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        token: Callable[[], Awaitable[str]],
        clock: Clock,
        reject: Callable[[str], None] = lambda _: None,
        trust: ssl.SSLContext | None = None,
        proxy: str | None = None,
        attempts: int = ATTEMPTS,
        connector: Callable[[], aiohttp.TCPConnector] | None = None,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.clock = clock
        self.proxy = proxy
        self._token, self._reject, self._trust, self._attempts = token, reject, trust, attempts
        self._connector = connector
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._resources = Resources(lambda path: self.request("GET", path))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The HTTP session, made at the first request."""
        if self._session is None:
            import aiohttp

            lent = self._connector
            self._session = aiohttp.ClientSession(
                connector=lent() if lent else aiohttp.TCPConnector(limit=0, ssl=self._trust or True),
                connector_owner=lent is None,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=2**20,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=30),
            )
        return self._session

    async def headers(self) -> dict[str, str]:
        """The headers that say who calls."""
        return {"Authorization": f"Bearer {await self._token()}", "Accept": "application/json", "User-Agent": FIELD_MANAGER}

    def refused(self, headers: Mapping[str, str]) -> None:
        """The API did not take the token in these headers: it is not used again."""
        self._reject(headers["Authorization"].removeprefix("Bearer "))

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Any = None,
        content_type: str = "application/json",
        attempts: int | None = None,
        what: str = "",
    ) -> Any:
        """The decoded answer (text where it is no JSON); raises an `ApiError`. Temporary ones are tried again here."""
        most = attempts or self._attempts
        for attempt in range(1, most + 1):
            try:
                async with self._slots:
                    return await self._once(method, path, params, body, content_type, what or f"{method} {path}")
            except Unavailable as error:
                if attempt == most:
                    raise
                pause = min(LONGEST_PAUSE, 0.5 * 2**attempt) * random.uniform(0.7, 1.0)
                await self.clock.sleep(max(error.delay, pause))
        raise AssertionError("unreachable")

    async def _once(self, method: str, path: str, params: Params | None, body: Any, content_type: str, what: str) -> Any:
        import aiohttp

        headers = await self.headers()
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        if data is not None:
            headers["Content-Type"] = content_type
        try:
            async with self.clock.deadline(ANSWER_SECONDS):
                async with self.session.request(
                    method, self.endpoint + path, params=params, data=data, headers=headers, proxy=self.proxy
                ) as response:
                    text = await response.text()
                    if response.status == 401:
                        self.refused(headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable(what, error) from error
        return _decoded(what, response.status, text, response.headers)

    async def resource(self, api_version: str, kind: str) -> Resource:
        """Where a kind lives; see `Resources`."""
        return await self._resources.find(api_version, kind)

    async def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object:
        """One object; raises `NotFound`."""
        resource = await self.resource(api_version, kind)
        found: Object = await self.request(
            "GET", resource.path(name, namespace), what=f"get {kind} {namespace or ''}/{name}".replace(" /", " ")
        )
        return found

    async def find(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """One object, or None where it (or its kind) is not there."""
        try:
            return await self.get(api_version, kind, name, namespace)
        except NotFound:
            return None

    async def all(
        self, api_version: str, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Object]:
        """All objects of a kind, in a namespace or everywhere, each with its apiVersion and kind."""
        return (await self.snapshot(api_version, kind, namespace, labels=labels, fields=fields))[0]

    async def snapshot(
        self, api_version: str, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        """All objects of a kind, and the version of the list, from which a watch goes on."""
        resource = await self.resource(api_version, kind)
        answer = await self.request(
            "GET", resource.path(namespace=namespace), params=_selectors(labels, fields), what=f"list {kind}"
        )
        objects = [{"apiVersion": api_version, "kind": kind, **item} for item in answer.get("items") or []]
        return objects, str(answer["metadata"].get("resourceVersion", ""))

    async def apply(self, obj: Object, *, dry_run: bool = False) -> Object:
        """Server-side apply of one object, ours by force, unknown fields refused; returns what it is (or would be) now."""
        resource = await self.resource(obj["apiVersion"], obj["kind"])
        metadata = obj["metadata"]
        path = resource.path(metadata["name"], metadata.get("namespace"))
        params = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
        if dry_run:
            params["dryRun"] = "All"
        for attempt in range(5):
            try:
                applied: Object = await self.request(
                    "PATCH",
                    path,
                    params=params,
                    body=obj,
                    content_type="application/apply-patch+yaml",
                    what=f"apply {label(obj)}",
                )
            except Conflict:
                if attempt == 4:
                    raise
                await self.clock.sleep(1)
            else:
                return applied
        raise AssertionError("unreachable")

    async def delete(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> bool:
        """Deletes one object, what belongs to it in the background; False where it is not there."""
        try:
            resource = await self.resource(api_version, kind)
            await self.request(
                "DELETE",
                resource.path(name, namespace),
                params={"propagationPolicy": "Background"},
                what=f"delete {kind} {namespace or ''}/{name}".replace(" /", " "),
            )
        except NotFound:
            return False
        return True

    async def log(self, namespace: str, pod: str, container: str, *, previous: bool = False, lines: int = 20) -> str:
        """The last lines that a container wrote; empty where there are none to be had."""
        params: dict[str, str | int] = {"container": container, "tailLines": lines}
        if previous:
            params["previous"] = "true"
        path = Resource("v1", "Pod", "pods", True).path(pod, namespace, "log")
        try:
            return str(await self.request("GET", path, params=params, attempts=3, what=f"read the log of {pod}"))
        except ApiError:
            return ""

    async def watch(
        self, api_version: str, kind: str, namespace: str | None, version: str, *, labels: str = "", fields: str = ""
    ) -> AsyncIterator[tuple[str, Object]]:
        """What happens to a kind's objects since ``version``: ``(ADDED|MODIFIED|DELETED|BOOKMARK, object)``.

        It ends when the server ends it; raises `Gone` where the version is too old, `Unavailable` when it was cut.
        """
        resource = await self.resource(api_version, kind)
        params: dict[str, str | int] = {
            **_selectors(labels, fields),
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": WATCH_SECONDS,
        }
        async with self._open(resource.path(namespace=namespace), params, f"watch {kind}") as response:
            async for line in _lines(response):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError.of(f"watch {kind}", int(event["object"].get("code", 500)), event["object"])
                yield event["type"], {"apiVersion": api_version, "kind": kind, **event["object"]}

    @asynccontextmanager
    async def _open(self, path: str, params: Params, what: str) -> AsyncIterator[aiohttp.ClientResponse]:
        import aiohttp

        headers = await self.headers()
        try:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=WATCH_SECONDS + 60)
            async with self.session.get(
                self.endpoint + path, params=params, headers=headers, timeout=timeout, proxy=self.proxy
            ) as response:
                if response.status == 401:
                    self.refused(headers)
                if response.status != 200:
                    _decoded(what, response.status, await response.text(), response.headers)
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable(what, error) from error

    async def observe(
        self, api_version: str, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> AsyncIterator[dict[str, Object]]:
        """All objects of a kind by name, now and after every change, without an end: listed once, then watched.

        A watch that is cut goes on where it was; one that is too far behind begins anew with a list.
        """
        while True:
            objects, version = await self.snapshot(api_version, kind, namespace, labels=labels, fields=fields)
            state = {o["metadata"]["name"]: o for o in objects}
            yield state
            try:
                while True:
                    try:
                        async for event, obj in self.watch(
                            api_version, kind, namespace, version, labels=labels, fields=fields
                        ):
                            version = obj["metadata"].get("resourceVersion", version)
                            if event == "BOOKMARK":
                                continue
                            if event == "DELETED":
                                state.pop(obj["metadata"]["name"], None)
                            else:
                                state[obj["metadata"]["name"]] = obj
                            yield state
                    except Unavailable:
                        await self.clock.sleep(2)
            except Gone:
                continue


def _decoded(what: str, status: int, text: str, headers: Mapping[str, str]) -> Any:
    try:
        body: Any = json.loads(text) if "json" in headers.get("Content-Type", "json") and text else text
    except ValueError:
        body = text
    if status < 400:
        return body
    error = ApiError.of(what, status, body)
    if isinstance(error, Unavailable) and headers.get("Retry-After", "").isdigit():
        error.delay = float(headers["Retry-After"])
    raise error


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The lines of a stream, however long: a CRD is larger than any reader's line limit."""
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line


def _selectors(labels: str, fields: str) -> dict[str, str | int]:
    return {k: v for k, v in (("labelSelector", labels), ("fieldSelector", fields)) if v}
