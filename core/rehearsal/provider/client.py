"""Calls of Google's REST APIs as the real provider makes them: same endpoints, same headers, same patience.

An answer of 429, 500, 502 or 503, one that says that something else has to end first, a cut connection and an answer that
never comes are tried again, and so is a request whose effect may have taken place: that is how the real provider meets its
own 409.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError

from core.rehearsal.provider.credentials import Tokens
from core.rehearsal.provider.endpoints import SERVICES
from core.rehearsal.provider.errors import ApiError, Unreachable
from core.rehearsal.provider.pace import Pace

AGAIN = (429, 500, 502, 503)
_A_MINUTE = re.compile(r"Quota exceeded for quota metric '.*' and limit '.* per minute' of service")
_CROWDED = "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED"
REQUEST_TIMEOUT = 120.0
PATIENCE = 20 * 60.0
LONGEST_PAUSE = 30.0

Json = dict[str, Any]


class Google:
    """The services, reached with one pool of connections by many threads."""

    def __init__(self, pace: Pace, *, endpoints: dict[str, str] | None = None, user_project: str | None = None) -> None:
        self._pace = pace
        self._endpoints = dict(endpoints or {})
        self._user_project = user_project
        timeout = max(30.0, REQUEST_TIMEOUT / pace.rate if pace.rate else 0.0)
        self._pool = urllib3.PoolManager(
            maxsize=16,
            retries=False,
            timeout=urllib3.Timeout(total=None, connect=10.0, read=timeout),
            cert_reqs="CERT_REQUIRED",
        )
        self._tokens: Tokens | None = None

    def sign_in(self, *, access_token: str | None = None, credentials: str | None = None) -> None:
        """Names where the tokens come from; none is fetched before the first call."""
        self._tokens = Tokens(self._fetch, access_token=access_token, credentials=credentials)

    def url(self, service: str) -> str:
        """The root of a service, version included, ending in a slash."""
        root = (
            self._endpoints.get(service) or os.environ.get(f"GOOGLE_{service.upper()}_CUSTOM_ENDPOINT") or SERVICES[service]
        )
        return root if root.endswith("/") else root + "/"

    def call(
        self, service: str, method: str, path: str, *, body: Json | None = None, query: Mapping[str, str] | None = None
    ) -> Json:
        """The answer's JSON; raises `ApiError` and `Unreachable`. Tries again as the module says, for `PATIENCE` seconds."""
        url = self.url(service) + path
        pause, spent = 0.5, 0.0
        while True:
            try:
                return self._once(method, url, query or {}, body)
            except (ApiError, Unreachable) as error:
                if not _worth_another(service, error) or spent >= PATIENCE:
                    raise
            self._pace.sleep(pause)
            spent += pause
            pause = min(LONGEST_PAUSE, pause * 2)

    def _once(self, method: str, url: str, query: Mapping[str, str], body: Json | None) -> Json:
        assert self._tokens is not None
        headers = {
            "Authorization": f"Bearer {self._tokens.get()}",
            "User-Agent": "Terraform/1.11 terraform-provider-google/7.45.0",
        }
        if self._user_project:
            headers["X-Goog-User-Project"] = self._user_project
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        return self._send(method, f"{url}?{urlencode({'alt': 'json', **query}, quote_via=quote)}", headers, data)

    def _fetch(self, method: str, url: str, headers: dict[str, str], body: str | None) -> Json:
        return self._send(method, url, headers, None if body is None else body.encode())

    def _send(self, method: str, url: str, headers: dict[str, str], data: bytes | None) -> Json:
        try:
            answer = self._pool.request(method, url, headers=headers, body=data)
        except HTTPError as error:
            raise Unreachable(f'{method.capitalize()} "{url.partition("?")[0]}": {_cause(error)}') from error
        if answer.status >= 400:
            raise ApiError(answer.status, answer.data.decode("utf-8", "replace"))
        found = json.loads(answer.data) if answer.data else {}
        return found if isinstance(found, dict) else {}


def _worth_another(service: str, error: ApiError | Unreachable) -> bool:
    if isinstance(error, Unreachable):
        return not isinstance(error.__cause__, NewConnectionError)
    return error.status in AGAIN or _passes(service, error)


def _passes(service: str, error: ApiError) -> bool:
    """Whether a refusal says that something else is under way, or that too much was asked in this minute."""
    if error.status == 400:
        return "resourceNotReady" in error.body and "networks" in error.body
    if error.status == 403:
        crowded = any(isinstance(d, dict) and d.get("reason") == _CROWDED for d in error.details)
        return crowded or bool(_A_MINUTE.search(error.body))
    if error.status != 409:
        return False
    if service == "sql":
        return "instanceAlreadyExists" not in error.body
    queued = service == "workbench" and "unable to queue the operation" in error.body.lower()
    return queued or "operationInProgress" in error.body


def _cause(error: HTTPError) -> str:
    if isinstance(error, NewConnectionError):
        return "dial tcp: connect: connection refused"
    return (
        "context deadline exceeded (Client.Timeout exceeded while awaiting headers)" if "timed out" in str(error) else "EOF"
    )
