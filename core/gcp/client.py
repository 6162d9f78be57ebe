"""The one place that all calls of Google's APIs go through.

The client library makes and checks a request from the API's discovery document; it is sent here, on the event loop, with
a token that is always fresh, the quota project that client-based APIs demand, at most `IN_FLIGHT` at a time. So a call can
be cancelled at any moment, which a thread could not be, and nothing is shared between two requests that may not be.

What fails for a moment is tried again on the run's clock, POSTs too: a 409 on the second try is an answer that the caller
must look into, as it must after a crash anyway.
"""

from __future__ import annotations

import asyncio
import builtins
import email.utils
import os
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Generator, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from core.environment import Cloud
from core.gcp import discovery, network, operations, uploads
from core.gcp.credentials import Credentials, SignIn, Token
from core.gcp.errors import (
    ApiError,
    NotFound,
    RateLimited,
    ServiceDisabled,
    SignInEnded,
    Unavailable,
    from_answer,
    refused_by_proxy,
    service_disabled,
    untrusted,
)
from core.run.clock import Clock
from core.run.redact import Redactor

if TYPE_CHECKING:
    import aiohttp

IN_FLIGHT = 64
"""Requests at a time, over all APIs: no fewer than all checks together make, so that none of them waits for another."""
TRIES = 6
TIMEOUT = 60.0
LEAST_TIMEOUT = 20.0
"""Real seconds that an answer may take, however fast the run's clock: the machine itself needs its time."""
SWITCHED_ON = 300.0
"""Seconds for which an API that this run knows to be enabled may still answer that it is not."""
ANSWERS = 120
"""How often it may answer so: on a clock that does not wait, time alone would never end it."""
NO_QUOTA_PROJECT = frozenset({"serviceusage", "storage", "oauth2"})
"""APIs that are asked without the project as quota project: what they are asked must work before anything is enabled."""


class Google:
    """Google's APIs for one project, with one sign-in; see the module. Close it, or use it with ``async with``."""

    def __init__(self, cloud: Cloud, *, clock: Clock, redactor: Redactor, project: str | None) -> None:
        self.cloud, self.clock, self.redactor = cloud, clock, redactor
        self.project = project or ""
        self.credentials = Credentials(cloud, clock=clock, redactor=redactor)
        self.enabled: set[str] = set()
        self.on: Collection[str] | None = None
        """The services that are on, while that is known for certain: any other is not asked, as it would refuse."""
        self._apis: dict[tuple[str, str, str], discovery.Description] = {}
        self._reading = asyncio.Lock()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._session: aiohttp.ClientSession | None = None
        self._account = self._known_account = ""
        self._naming = asyncio.Lock()
        self.ahead: float | None = None
        """Seconds by which Google's clock was ahead of this machine's at its last answer; None before the first."""

    async def __aenter__(self) -> Google:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections that are kept."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(
        self,
        api: str,
        version: str,
        method: str,
        *,
        body: Any = None,
        quota_project: bool = True,
        location: str = "",
        tries: int = TRIES,
        **params: Any,
    ) -> dict[str, Any]:
        """Calls a method by its path in the discovery document and returns its answer; raises an `ApiError`.

        ``params`` are the document's, under the Python client's names. ``quota_project`` is False where the call must not
        be charged to the project; ``location`` names the region of an API that has a host in each. ``tries`` is 1 where
        a lost answer must be looked for before anything is sent again.
        """
        if body is not None:
            params["body"] = body
        answer = await self._asked(api, version, method, params, quota_project=quota_project, location=location, tries=tries)
        return answer if isinstance(answer, dict) else {}

    async def prepare(self, apis: Iterable[tuple[str, str]]) -> None:
        """Reads the descriptions of APIs (name and version) that will be called soon, which takes a moment for each."""
        for api, version in apis:
            await self._api(api, version)

    async def upload(
        self, api: str, version: str, method: str, content: bytes, *, kind: str = "application/octet-stream", **params: Any
    ) -> dict[str, Any]:
        """Calls a method that takes media, with ``content`` (``body`` among the ``params`` is its metadata)."""
        params["media_body"] = _media(content, kind)
        answer = await self._asked(api, version, method, params)
        return answer if isinstance(answer, dict) else {}

    async def upload_resumable(
        self, api: str, version: str, method: str, content: bytes, *, kind: str = "application/octet-stream", **params: Any
    ) -> dict[str, Any]:
        """The same in a session that goes on where it was cut: for what is too large to be sent twice."""
        params["media_body"] = _media(content, kind, resumable=True)
        opening = (await self._api(api, version)).request(method, params)
        return await uploads.send(self, opening, content, method=f"{api}.{method}")

    async def perform(self, make: Callable[[], Any], method: str, *, tries: int = TRIES) -> Any:
        """Sends a request in the client library's form that is made anew for each try; ``method`` names it in errors."""
        return await self._persevere(make, method, {}, tries)

    async def download(
        self, api: str, version: str, method: str, *, headers: Mapping[str, str] | None = None, **params: Any
    ) -> bytes:
        """The media that a method gives (``objects.get`` and the like)."""
        answer = await self._asked(api, version, f"{method}_media", params, headers=headers)
        return answer if isinstance(answer, bytes) else str(answer).encode()

    async def _asked(
        self,
        api: str,
        version: str,
        method: str,
        params: dict[str, Any],
        *,
        quota_project: bool = True,
        location: str = "",
        headers: Mapping[str, str] | None = None,
        tries: int = TRIES,
    ) -> Any:
        sent = dict(headers or {})
        if quota_project and self.project and api not in NO_QUOTA_PROJECT:
            if self.on is not None and (service := f"{api}.googleapis.com") not in self.on:
                raise service_disabled(service, self.project)
            sent["x-goog-user-project"] = self.project
        described = await self._api(api, version, location)
        return await self._persevere(lambda: described.request(method, params), f"{api}.{method}", sent, tries)

    def list(self, api: str, version: str, method: str, *, items: str = "", **params: Any) -> Pages:
        """Everything that a method lists, over all its pages: ``async for`` one by one, or ``await`` the whole list.

        ``items`` is the answer's field; left out, it is the one that holds a list.
        """
        return Pages(self, api, version, method, items, params)

    async def token(self) -> str:
        """An access token that is good for a while; raises `SignInEnded`."""
        return (await self.current_token()).value

    async def current_token(self) -> Token:
        """The same with its end, in seconds of the run's clock."""
        token = await self.credentials.token()
        if self._known_account:
            await self._hold_to_account(token.value)
        return token

    async def account(self) -> str:
        """The address of the signed-in account, as far as it can be known; empty otherwise."""
        async with self._naming:
            if not self._account:
                self._account = await self._account_of(await self.token())
                self.credentials.named(self._account)
            return self._account

    async def _account_of(self, token: str) -> str:
        try:
            answer = await self._once(token, "oauth2", "v2", "tokeninfo", {"access_token": token})
        except ApiError:
            answer = {}
        sign_in = await self.credentials.load()
        return str(answer.get("email") or "") or sign_in.account

    async def _hold_to_account(self, token: str) -> None:
        """A run goes on under the account it began with: another one may own other things, or nothing."""
        account = await self._account_of(token)
        if account and account != self._known_account:
            self.credentials.forget()
            raise SignInEnded(
                f"The sign-in is {account}'s now, and this run began with {self._known_account}'s.",
                account=self._known_account,
                hint=f"Sign in as {self._known_account}.",
                command=f"gcloud auth application-default login --account={self._known_account}",
            )
        self._account, self._known_account = self._known_account, ""

    def renewed(self, config: str = "") -> None:
        """A person has signed in anew: the next call uses that sign-in, if it is the same account's.

        ``config`` is the folder of gcloud's settings where they did it; Cloud Shell has another in each tab.
        """
        if config:
            os.environ["CLOUDSDK_CONFIG"] = config
        self.credentials.forget()
        self._known_account, self._account = self._account or self._known_account, ""

    async def wait(
        self,
        api: str,
        version: str,
        operation: Mapping[str, Any],
        context: operations.Persistence | None = None,
        *,
        key: str = "",
    ) -> dict[str, Any]:
        """Waits until a long operation is over and returns its response (itself where it has none); raises its error.

        With ``context`` and ``key`` its reference is persisted meanwhile, so that `wait_pending` finds it again.
        """
        where = operations.reference(api, version, operation, project=self.project)
        if context is not None and key and not operations.ended(operation):
            context.operation_started(key, where)
        return await self._finish(where, operation, context, key)

    async def wait_pending(self, context: operations.Persistence, key: str) -> dict[str, Any] | None:
        """Waits for the operation that was begun for ``key`` and not seen to end; None where there is none (any more)."""
        where = context.pending_operation(key)
        if where is None:
            return None
        try:
            first = await operations.look(self, where)
        except NotFound:
            context.operation_finished(key, where)
            return None
        return await self._finish(where, first, context, key)

    async def operate(
        self, api: str, version: str, context: operations.Persistence, key: str, start: Callable[[], Awaitable[Any]]
    ) -> dict[str, Any]:
        """Takes up the operation begun for ``key``, or begins one with ``start``, and waits for it."""
        pending = await self.wait_pending(context, key)
        return pending if pending is not None else await self.wait(api, version, await start(), context, key=key)

    async def _finish(
        self, where: str, first: Mapping[str, Any], context: operations.Persistence | None, key: str
    ) -> dict[str, Any]:
        operation = await operations.wait(self, self.clock, where, first=first)
        if context is not None and key and context.pending_operation(key) is not None:
            context.operation_finished(key, where)
        error = operations.failure(operation, method=str(operation.get("operationType") or where), project=self.project)
        if error is not None:
            raise error
        response = operation.get("response")
        return dict(response) if isinstance(response, dict) else operation

    async def _api(self, api: str, version: str, location: str = "") -> discovery.Description:
        key = (api, version, "" if self.cloud.api_root(api) else location)
        async with self._reading:
            if key not in self._apis:
                self._apis[key] = await asyncio.to_thread(discovery.Description, self.cloud, api, version, location=location)
        return self._apis[key]

    async def _persevere(self, make: Callable[[], Any], method: str, headers: Mapping[str, str], tries: int) -> Any:
        begin = self.clock.now()
        for attempt in range(TRIES * 100):
            try:
                return await self._authorized(make(), method, headers)
            except ServiceDisabled as error:
                if error.service not in self.enabled or self.clock.now() - begin > SWITCHED_ON or attempt >= ANSWERS:
                    raise
                delay = error.delay
            except (Unavailable, RateLimited) as error:
                if attempt + 1 >= tries:
                    raise
                delay = max(error.delay if attempt else 0.0, 2.0**attempt)
            await self.clock.sleep(delay * random.uniform(0.7, 1.3))
        raise AssertionError("unreachable")

    async def _once(self, token: str, api: str, version: str, method: str, params: dict[str, Any]) -> Any:
        """One call with a given token, not tried again: what knows the token's owner may not ask for the token."""
        request = (await self._api(api, version)).request(method, params)
        status, content, answer = await self._send(request, f"{api}.{method}", {"authorization": f"Bearer {token}"})
        if status >= 300:
            raise from_answer(status, content, method=f"{api}.{method}", project=self.project)
        return answer(content)

    async def _authorized(self, request: Any, method: str, headers: Mapping[str, str]) -> Any:
        token = await self.token()
        async with self._slots:
            status, content, answer = await self._send(request, method, {**headers, "authorization": f"Bearer {token}"})
        if status == 401:
            self.credentials.reject(token)
            renewed = await self.credentials.renew()
            async with self._slots:
                status, content, answer = await self._send(
                    request, method, {**headers, "authorization": f"Bearer {renewed.value}"}
                )
            if status == 401:
                raise self._unwelcome(content, method)
        if status >= 300 and status != uploads.INCOMPLETE:
            raise from_answer(status, content, method=method, project=self.project)
        return answer(content)

    async def _send(
        self, request: Any, method: str, headers: Mapping[str, str]
    ) -> tuple[int, bytes, Callable[[bytes], Any]]:
        import aiohttp
        import httplib2
        from yarl import URL

        session = self._opened()
        sent = {**{k: v for k, v in request.headers.items() if k != "content-length"}, **headers}
        sent["accept-encoding"] = "gzip, deflate"
        uri = str(request.uri)
        try:
            async with session.request(
                request.method,
                URL(uri, encoded=True),
                data=request.body,
                headers=sent,
                proxy=network.proxies().for_url(uri),
                allow_redirects=False,
            ) as response:
                content = await response.read()
                self.ahead = _ahead(response.headers.get("date"), self.ahead)
                seen = httplib2.Response(
                    {"status": str(response.status), **{k.lower(): v for k, v in response.headers.items()}}
                )
        except (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError) as error:
            raise untrusted(method, str(error)) from error
        except aiohttp.ClientHttpProxyError as error:
            if error.status >= 500:
                raise Unavailable(f"The proxy got no answer for {method}.", cause=error.message, method=method) from error
            raise refused_by_proxy(method, f"{error.status} {error.message}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            cause = str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
            raise Unavailable(f"The call {method} got no answer.", cause=cause, method=method, delay=1) from error
        return response.status, content, lambda raw: request.postproc(seen, raw)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            rate = self.clock.rate
            seconds = max(LEAST_TIMEOUT, TIMEOUT / rate) if rate else LEAST_TIMEOUT
            connector = aiohttp.TCPConnector(ssl=self._trust(), limit=IN_FLIGHT * 2)
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=seconds),
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _trust(self) -> ssl.SSLContext | bool:
        """Whom to trust. Where there is no TLS that is nobody: reading every authority takes a twentieth of a second."""
        return True if (self.cloud.google or "").startswith("http:") else network.ssl_context(self.cloud)

    def _unwelcome(self, content: bytes, method: str) -> SignInEnded:
        sign_in = self.credentials.sign_in or SignIn("unknown")
        error = from_answer(401, content, method=method, project=self.project)
        return SignInEnded(
            "Google does not accept the sign-in.",
            account=sign_in.account,
            cause=error.cause,
            hint=sign_in.hint,
            command=sign_in.command,
        )


class Pages:
    """What `Google.list` returns: ``async for`` over the items, or ``await`` for all of them in a list."""

    def __init__(self, google: Google, api: str, version: str, method: str, items: str, params: dict[str, Any]) -> None:
        self._google, self._items, self._params = google, items, params
        self._api, self._version, self._method = api, version, method

    async def __aiter__(self) -> AsyncIterator[Any]:
        params = dict(self._params)
        while True:
            page = await self._google.call(self._api, self._version, self._method, **params)
            for item in self._of(page):
                yield item
            if not page.get("nextPageToken"):
                return
            params["pageToken"] = page["nextPageToken"]

    def __await__(self) -> Generator[Any, None, builtins.list[Any]]:
        return self._all().__await__()

    async def _all(self) -> builtins.list[Any]:
        return [item async for item in self]

    def _of(self, page: Mapping[str, Any]) -> builtins.list[Any]:
        if self._items:
            return builtins.list(page.get(self._items) or [])
        lists = [
            v for k, v in page.items() if isinstance(v, builtins.list) and k not in ("unreachable", "warnings", "prefixes")
        ]
        return lists[0] if lists else []


def _ahead(date: str | None, before: float | None) -> float | None:
    """Seconds by which the clock of an answer's ``Date`` is ahead of this machine's; as before where it says nothing."""
    try:
        told = email.utils.parsedate_to_datetime(date) if date else None
    except ValueError:
        told = None
    return before if told is None else told.timestamp() - time.time()


def _media(content: bytes, kind: str, *, resumable: bool = False) -> Any:
    from googleapiclient.http import MediaInMemoryUpload

    return MediaInMemoryUpload(content, mimetype=kind, resumable=resumable)
