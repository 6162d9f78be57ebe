"""A token for a program that lives for one connection: without the auth library, where the sign-in is a plain file.

Loading that library takes longer than all the rest of such a program. So the two files that most sign-ins are (gcloud's for
a user, a service account's key) are exchanged here by one request. Every other sign-in, and every answer that is no token,
is `core.gcp.credentials.Credentials`'s, which knows what it means.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
import urllib.parse
from pathlib import Path
from typing import Any

from core.environment import Cloud
from core.gcp import network, wire
from core.gcp.credentials import Credentials, Token
from core.run.clock import Clock
from core.run.redact import Redactor

URI = "https://oauth2.googleapis.com/token"
INFO = "https://oauth2.googleapis.com/tokeninfo"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PATIENCE = 10.0


class QuickTokens:
    """Tokens for one short-lived program: by one request where that is possible, else as everywhere."""

    def __init__(self, cloud: Cloud, redactor: Redactor) -> None:
        self._cloud, self._redactor = cloud, redactor
        self._token: Token | None = None
        self._thorough: Credentials | None = None

    async def token(self) -> Token:
        """A token that is good for a while; raises `core.gcp.errors.SignInEnded`."""
        if self._thorough is None and (self._token is None or time.monotonic() >= self._token.middle):
            value, seconds = await quick_token(self._cloud, self._redactor)
            now = time.monotonic()
            self._token = Token(value, now, now + seconds) if value else None
        if self._token is not None:
            return self._token
        return await (await self._asked()).token()

    async def renew(self) -> Token:
        """Another token."""
        self._token = None
        return await self.token()

    def reject(self, value: str) -> None:
        """Forgets a token that was refused; the next comes from where it can be said why."""
        self._token = None
        if self._thorough is not None:
            self._thorough.reject(value)

    async def _asked(self) -> Credentials:
        if self._thorough is None:
            self._thorough = Credentials(self._cloud, clock=Clock(self._cloud.rate), redactor=self._redactor)
        return self._thorough


async def quick_token(cloud: Cloud, redactor: Redactor) -> tuple[str, float]:
    """A token and the seconds it lives; empty where the sign-in is of another kind, or gave none."""
    sign_in = _sign_in(cloud)
    form = None if sign_in is None else _form(sign_in)
    if sign_in is None or form is None:
        return "", 0.0
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await _exchanged(str(sign_in.get("token_uri") or URI), form, cloud)
    except (OSError, TimeoutError, ValueError):
        return "", 0.0
    token = str(answer.get("access_token") or "")
    redactor.add(token)
    return token, float(answer.get("expires_in") or 0)


async def whose(cloud: Cloud, token: str) -> str:
    """The address of the account whose sign-in it is; empty where neither its file nor Google says so."""
    sign_in = _sign_in(cloud)
    if sign_in is None or sign_in.get("type") != "authorized_user":
        return str((sign_in or {}).get("client_email") or "")
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await _exchanged(str(sign_in.get("token_info_uri") or INFO), {"access_token": token}, cloud)
    except (OSError, TimeoutError, ValueError):
        return ""
    return str(answer.get("email") or "")


def _sign_in(cloud: Cloud) -> dict[str, Any] | None:
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    folder = Path(os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud")
    path = cloud.credentials_file or Path(named or folder / "application_default_credentials.json")
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _form(sign_in: dict[str, Any]) -> dict[str, str] | None:
    """What is exchanged for a token."""
    try:
        if sign_in.get("type") == "authorized_user":
            given = {key: str(sign_in[key]) for key in ("client_id", "client_secret", "refresh_token")}
            return {"grant_type": "refresh_token", **given}
        if sign_in.get("type") == "service_account":
            return {"grant_type": GRANT, "assertion": _assertion(sign_in)}
    except (KeyError, ValueError):
        return None
    return None


def _assertion(key: dict[str, Any]) -> str:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    # What is checked otherwise is whether the file's own numbers fit together, which takes longer than the whole sign-in.
    private = serialization.load_pem_private_key(
        str(key["private_key"]).encode(), password=None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ValueError("The key is no RSA key.")
    now = int(time.time())
    claims = {"iss": key["client_email"], "scope": SCOPE, "aud": key.get("token_uri") or URI, "iat": now, "exp": now + 3600}
    header = {"alg": "RS256", "typ": "JWT", "kid": key.get("private_key_id", "")}
    signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
    return f"{signed}.{_encoded(private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


async def _exchanged(url: str, form: dict[str, str], cloud: Cloud) -> dict[str, Any]:
    body = urllib.parse.urlencode(form).encode()
    opened = await wire.connect(url, lambda: network.ssl_context(cloud), wire.Exchange)
    try:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        answer = await opened.ask("POST", url, headers, body)
        if answer.status != 200:
            return {}
        found = json.loads(await opened.body())
    finally:
        opened.transport.close()
    return found if isinstance(found, dict) else {}
