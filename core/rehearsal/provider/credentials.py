"""Where the provider's access tokens come from, in the real one's order:
its own arguments, the environment, a file, the metadata server."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
KEPT = 1.0
"""Real seconds that a token of the metadata server is kept; the server itself keeps it as long as it is good."""

Post = Callable[[str, str], dict[str, Any]]


class NoCredentials(Exception):
    """There is nothing to get a token from."""


class Tokens:
    """Access tokens, fetched when the last one is used up; ``fetch(method, url, headers, body)`` gives parsed JSON."""

    def __init__(
        self, fetch: Callable[..., dict[str, Any]], *, access_token: str | None = None, credentials: str | None = None
    ) -> None:
        self._fetch = fetch
        self._fixed = access_token or os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN", "")
        self._file = credentials or os.environ.get("GOOGLE_CREDENTIALS") or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
        self._metadata = os.environ.get("GCE_METADATA_HOST")
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def get(self) -> str:
        """A token that is good now."""
        if self._fixed:
            return self._fixed
        with self._lock:
            if time.monotonic() >= self._until:
                found, kept = self._new()
                self._token = str(found["access_token"])
                self._until = time.monotonic() + min(kept, max(0.0, float(found.get("expires_in", 0)) - 10))
            return self._token

    def _new(self) -> tuple[dict[str, Any], float]:
        if self._file:
            return self._from_file(self._file), 3600.0
        if self._metadata:
            url = f"http://{self._metadata}{TOKEN_PATH}?{urlencode({'scopes': SCOPE})}"
            return self._fetch("GET", url, {"Metadata-Flavor": "Google"}, None), KEPT
        raise NoCredentials(
            "could not find default credentials. "
            "See https://cloud.google.com/docs/authentication/external/set-up-adc for more information"
        )

    def _from_file(self, given: str) -> dict[str, Any]:
        text = given if given.lstrip().startswith("{") else Path(given).read_text(encoding="utf-8")
        info = json.loads(text)
        form = (
            {"grant_type": GRANT, "assertion": _assertion(info)} if info.get("type") == "service_account" else _refresh(info)
        )
        uri = info.get("token_uri", "https://oauth2.googleapis.com/token")
        return self._fetch("POST", uri, {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form))


def _assertion(info: dict[str, Any]) -> str:
    from google.auth import crypt, jwt

    now = int(time.time())
    claims = {"iss": info["client_email"], "scope": SCOPE, "aud": info["token_uri"], "iat": now, "exp": now + 3600}
    signer = crypt.RSASigner.from_service_account_info(info)  # type: ignore[no-untyped-call]
    return str(jwt.encode(signer, claims), "ascii")  # type: ignore[no-untyped-call]


def _refresh(info: dict[str, Any]) -> dict[str, str]:
    return {
        "grant_type": "refresh_token",
        **{k: str(info.get(k, "")) for k in ("client_id", "client_secret", "refresh_token")},
    }
