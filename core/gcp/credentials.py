"""Who is signed in, and tokens of theirs that are always fresh.

Looked for in this order: the file that GOOGLE_APPLICATION_CREDENTIALS names, Application Default Credentials (a file of
gcloud's, or the metadata server of a machine on Google Cloud), and gcloud's own sign-in; a cloud may bring a file instead.
Each of them is renewed by a command of its own, so the source is recorded, and the command follows from it.

In Cloud Shell the metadata server may answer empty, with text or with a page until a person has clicked Authorize; the
auth library takes that for a bug. Here all of it means one thing: not authorized yet.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.environment import Cloud
from core.gcp import network
from core.gcp.errors import SignInEnded, Unavailable, refused_by_proxy, untrusted
from core.run.clock import Clock
from core.run.redact import Redactor

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
LOOK_AHEAD = 0.5
"""The part of a token's life after which a new one is fetched: a sign-in that has ended is then noticed while the old
token still serves whoever waits on a long operation."""


AT_THE_END = 0.05
"""The last part of a token's life, in which it is handed out no more; as long is waited between two failed refreshes."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in: where it comes from (``source``), whose it is, and what renews it; ``config`` is gcloud's folder."""

    source: str
    account: str = ""
    command: str = ""
    hint: str = ""
    config: str = ""
    project: str = ""
    quota_project: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; ``expires`` and ``fetched`` are times of the run's clock."""

    value: str
    fetched: float
    expires: float

    @property
    def life(self) -> float:
        """Seconds between its being fetched and its end."""
        return self.expires - self.fetched

    @property
    def middle(self) -> float:
        """When the next one is fetched."""
        return self.fetched + self.life * LOOK_AHEAD


def cloud_shell() -> bool:
    """Whether this machine is Google's Cloud Shell."""
    return os.environ.get("CLOUD_SHELL") == "true" or bool(os.environ.get("DEVSHELL_PROJECT_ID"))


class Credentials:
    """The sign-in of a run and its current token; all of google-auth runs in threads, one refresh at a time."""

    def __init__(self, cloud: Cloud, *, clock: Clock, redactor: Redactor) -> None:
        self._cloud, self._clock, self._redactor = cloud, clock, redactor
        self._lock = asyncio.Lock()
        self._google: Any = None
        self._token: Token | None = None
        self.sign_in: SignIn | None = None
        self._not_before = 0.0
        for password in network.proxies().passwords():
            redactor.add(password)

    async def load(self) -> SignIn:
        """The sign-in; raises `SignInEnded` where there is none."""
        async with self._lock:
            return await self._loaded()

    async def token(self, *, least: float = 0.0) -> Token:
        """A token that is good for ``least`` seconds of the clock more; raises `SignInEnded`.

        A refresh that fails while the old token is still good is nobody's trouble yet: the old one is handed out.
        """
        async with self._lock:
            await self._loaded()
            now = self._clock.now()
            current = self._token
            if current and now < max(current.middle, self._not_before) and current.expires - now >= least:
                return current
            try:
                self._token = await asyncio.to_thread(self._refresh, self._google)
            except (SignInEnded, Unavailable):
                if current is None or current.expires - now < max(least, current.life * AT_THE_END):
                    raise
                self._not_before = now + current.life * AT_THE_END
                return current
            return self._token

    async def renew(self) -> Token:
        """A new token, however good the old one; raises `SignInEnded` where the sign-in itself has ended."""
        async with self._lock:
            await self._loaded()
            self._token = await asyncio.to_thread(self._refresh, self._google)
            return self._token

    def reject(self, value: str) -> None:
        """Forgets a token that an API refused, so that the next one asked for is new."""
        if self._token and self._token.value == value:
            self._token = None

    def forget(self) -> None:
        """Forgets the sign-in: the next token comes from whatever is signed in then."""
        self._google = self._token = None

    def named(self, account: str) -> None:
        """Records whose sign-in it is, once that is known."""
        if self.sign_in is not None and account:
            self.sign_in = replace(self.sign_in, account=account)

    async def _loaded(self) -> SignIn:
        if self._google is None:
            self._google, self.sign_in = await asyncio.to_thread(self._find)
        assert self.sign_in is not None
        return self.sign_in

    def _find(self) -> tuple[Any, SignIn]:
        if self._cloud.credentials_file is not None:
            google = _from_file(self._cloud.credentials_file)
            name = self._cloud.credentials_file.parent.name
            command = f"mlops-env rehearsal stop {name} && mlops-env rehearsal env {name}"
            return google, SignIn("file", _account(google), command, "Start the simulated cloud anew: that is signing in.")
        return _default() or _gcloud() or _nobody()

    def _refresh(self, google: Any) -> Token:
        from google.auth import exceptions

        begin = self._clock.now()
        try:
            google.refresh(_transport(self._cloud))
        except exceptions.RefreshError as error:
            raise self._refused(error) from error
        except exceptions.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise untrusted("token", str(error)) from error
            if "Tunnel connection failed: 4" in str(error):
                raise refused_by_proxy("token", str(error)) from error
            raise Unavailable("No new access token could be fetched.", cause=str(error), method="token", delay=2) from error
        except (TypeError, ValueError, KeyError) as error:  # a metadata server that answers something that is no token
            raise self._ended("The sign-in gave no token.", cause=type(error).__name__) from error
        token = str(google.token or "")
        if not token:
            raise self._ended("The sign-in gave no token.")
        self._redactor.add(token)
        return Token(token, begin, begin + _life(google) * (self._clock.rate or 1.0))

    def _refused(self, error: Exception) -> SignInEnded | Unavailable:
        text = " ".join(str(a) for a in error.args)
        if getattr(error, "retryable", False) or any(
            word in text for word in ("internal_failure", "backendError", "503", "429")
        ):
            return Unavailable("No new access token could be fetched.", cause=text, method="token", delay=2)
        return self._ended("The sign-in has ended.", cause=self._redactor.text(text)[:300])

    def _ended(self, message: str, *, cause: str = "") -> SignInEnded:
        at = self.sign_in or SignIn("unknown")
        whose = message[:-1] + f" ({at.account})." if at.account else message
        self._google = None  # whoever asks next reads the sign-in anew: a person may have renewed it in between
        return SignInEnded(whose, account=at.account, cause=cause, hint=at.hint, command=at.command)


def _from_file(path: Path) -> Any:
    from google.auth import exceptions
    from google.oauth2 import service_account

    try:
        return service_account.Credentials.from_service_account_file(str(path), scopes=[SCOPE])  # type: ignore[no-untyped-call]
    except (exceptions.GoogleAuthError, OSError, ValueError) as error:
        raise SignInEnded(f"{path} holds no sign-in that can be used.", cause=str(error)) from error


def _default() -> tuple[Any, SignIn] | None:
    """What the auth library finds: the file that GOOGLE_APPLICATION_CREDENTIALS names, gcloud's, or a metadata server."""
    import google.auth
    from google.auth import exceptions

    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    try:
        found, project = google.auth.default(scopes=[SCOPE])
    except (exceptions.GoogleAuthError, OSError, TypeError, ValueError) as error:
        if not named:
            return None
        raise SignInEnded(
            f"{named} holds no sign-in that can be used.",
            cause=str(error),
            hint="Correct GOOGLE_APPLICATION_CREDENTIALS, or unset it and sign in.",
            command="unset GOOGLE_APPLICATION_CREDENTIALS && gcloud auth application-default login",
        ) from error
    if project == "no-project-id":  # what Cloud Shell's metadata says where there is none
        project = None
    described = _described("GOOGLE_APPLICATION_CREDENTIALS" if named else _source_of(found), found)
    return found, replace(described, project="" if cloud_shell() else str(project or ""))


def _gcloud() -> tuple[Any, SignIn] | None:
    if shutil.which("gcloud") is None:
        return None
    account = _gcloud_value("config", "get", "account")
    if not account:
        return None
    found = _gcloud_credentials()
    return found, SignIn("gcloud", account, f"gcloud auth login {account}", "Sign in again.", _config())


def _nobody() -> tuple[Any, SignIn]:
    if cloud_shell():
        raise SignInEnded("Cloud Shell is not authorized yet.", hint="Click Authorize in the dialog that Cloud Shell shows.")
    raise SignInEnded(
        "Nobody is signed in to Google Cloud on this machine.",
        hint="Sign in, then go on.",
        command="gcloud auth application-default login",
    )


def _described(source: str, found: Any) -> SignIn:
    quota = str(getattr(found, "quota_project_id", None) or "")
    if source == "metadata" and cloud_shell():
        return SignIn("cloud-shell", _account(found), "", "Click Authorize in the dialog that Cloud Shell shows.", _config())
    if source == "metadata":
        return SignIn("metadata", _account(found), "", "The machine's service account gives no token.", "", "", quota)
    if source == "GOOGLE_APPLICATION_CREDENTIALS":
        hint = "Replace the file that GOOGLE_APPLICATION_CREDENTIALS names, or sign in again."
        return SignIn(source, _account(found), "gcloud auth application-default login", hint, _config(), "", quota)
    command = "gcloud auth application-default login"
    return SignIn(source, _account(found), command, "Sign in again.", _config(), "", quota)


def _source_of(found: Any) -> str:
    from google.auth import compute_engine

    return "metadata" if isinstance(found, compute_engine.Credentials) else "application-default"


def _account(found: Any) -> str:
    for name in ("service_account_email", "account"):
        value = getattr(found, name, None)
        if isinstance(value, str) and "@" in value:
            return value
    return ""


def _config() -> str:
    return os.environ.get("CLOUDSDK_CONFIG", "")


def _gcloud_value(*arguments: str) -> str:
    try:
        done = subprocess.run(["gcloud", *arguments, "--quiet"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    value = done.stdout.strip()
    return "" if done.returncode or value == "(unset)" else value


def configured_project() -> str:
    """The project that gcloud is set to; empty where there is no gcloud, or none is set."""
    return _gcloud_value("config", "get", "project") if shutil.which("gcloud") else ""


def _gcloud_credentials() -> Any:
    from google.auth import credentials, exceptions

    class FromGcloud(credentials.Credentials):
        """Tokens of gcloud's own sign-in, which gcloud refreshes."""

        def refresh(self, request: Callable[..., Any]) -> None:
            command = ["gcloud", "auth", "print-access-token", "--format=json", "--quiet"]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise exceptions.TransportError(f"gcloud did not answer: {error}") from error  # type: ignore[no-untyped-call]
            if done.returncode:
                raise exceptions.RefreshError(done.stderr.strip()[-300:])  # type: ignore[no-untyped-call]
            self.token, self.expiry = _parsed(done.stdout)

    return FromGcloud()  # type: ignore[no-untyped-call]


def _parsed(printed: str) -> tuple[str, Any]:
    import datetime

    text = printed.strip()
    if not text.startswith("{"):
        return text, None
    data = json.loads(text)
    expiry = (data.get("expiry") or {}).get("datetime") if isinstance(data.get("expiry"), dict) else None
    moment = datetime.datetime.fromisoformat(expiry).replace(tzinfo=None) if expiry else None
    return str(data.get("token") or data.get("access_token") or ""), moment


def _life(found: Any) -> float:
    """Real seconds that a token is good for."""
    import datetime

    if found.expiry is None:
        return 600.0  # nothing is known of it: gcloud hands out tokens that may have been used for a while
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    return max(0.0, float((found.expiry.replace(tzinfo=None) - now).total_seconds()))


def _transport(cloud: Cloud) -> Any:
    import requests
    from google.auth.transport.requests import Request

    session = requests.Session()
    session.trust_env = False
    session.verify = str(network.ca_bundle(cloud))
    session.mount("http://", _adapter(None))
    session.mount("https://", _secure(cloud))
    return Request(session)


def _secure(cloud: Cloud) -> Any:
    """An adapter that reads the authorities, which takes a tenth of a second, once something is sent by it."""
    from requests.adapters import BaseAdapter

    class Secure(BaseAdapter):
        real: Any = None

        def send(self, *args: Any, **kwargs: Any) -> Any:
            self.real = self.real or _adapter(network.ssl_context(cloud))
            return self.real.send(*args, **kwargs)

        def close(self) -> None:
            if self.real is not None:
                self.real.close()

    return Secure()


def _adapter(trusting: ssl.SSLContext | None) -> Any:
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        """Sends through the proxy that `network` says for each URL, and trusts what the run's other clients do.

        The library's own context is stricter from Python 3.13 on, and refuses many a company's authority.
        """

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, ssl_context=trusting, **kwargs)

        def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
            return super().proxy_manager_for(proxy, ssl_context=trusting, **kwargs)

        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            proxy = network.proxies().for_url(request.url)
            kwargs["proxies"] = {"http": proxy, "https": proxy} if proxy else {}
            return super().send(request, *args, **kwargs)

    return Adapter()
