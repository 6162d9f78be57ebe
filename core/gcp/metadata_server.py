"""The run's own metadata server: how its children get tokens that never run out under them.

A token that is handed to Terraform lasts an hour at most, and a dead one in the middle of an operation loses what was being
made. With a sign-in file Terraform refreshes by itself, but can't wait for a person when the sign-in ends. So children are
told, by GCE_METADATA_HOST, that they run on Google Cloud, and ask here, as often as they like. Where the sign-in has ended
the answer is held until a person has renewed it. That is noticed early: a new token is fetched in the middle of the old
one's life, and children get the old one as long as it is good.

The server listens on loopback below a path that can't be guessed, or every user of the machine could ask it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from core.gcp.client import Google
from core.gcp.credentials import SCOPE, Token
from core.gcp.errors import SignInEnded, Unavailable

if TYPE_CHECKING:
    from aiohttp import web

FLAVOR = {"Metadata-Flavor": "Google"}
Person = Callable[[SignInEnded], Awaitable[Any]]


@asynccontextmanager
async def serve(google: Google, *, person: Person | None = None) -> AsyncIterator[str]:
    """Serves while the block runs; gives what GCE_METADATA_HOST is to be.

    ``person`` waits until a person has signed in anew (the engine's); without it a child gets an error at once.
    """
    from aiohttp import web

    server = MetadataServer(google, person=person)
    runner = web.AppRunner(server.application(), access_log=None, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    watch = asyncio.create_task(server.look_ahead())
    try:
        port = runner.addresses[0][1]
        yield f"127.0.0.1:{port}/{server.secret}"
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        await runner.cleanup()


class MetadataServer:
    """What the server answers; see the module."""

    def __init__(self, google: Google, *, person: Person | None = None) -> None:
        self._google, self._person = google, person
        self.secret = secrets.token_urlsafe(24)

    def application(self) -> web.Application:
        """The paths that Google's libraries ask for, all below the secret one."""
        from aiohttp import web

        root = f"/{self.secret}"
        instance = f"{root}/computeMetadata/v1/instance/service-accounts"
        project = f"{root}/computeMetadata/v1/project"
        found = web.Application()
        found.router.add_get(f"{root}/", self._text(lambda: "computeMetadata/\n"))
        found.router.add_get(root, self._text(lambda: "computeMetadata/\n"))
        found.router.add_get(f"{project}/project-id", self._text(lambda: self._google.project))
        found.router.add_get(f"{root}/computeMetadata/v1/universe/universe-domain", self._text(lambda: "googleapis.com"))
        found.router.add_get(f"{instance}/", self._text(lambda: "default/\n"))
        found.router.add_get(f"{instance}/{{account}}/", self._described)
        found.router.add_get(f"{instance}/{{account}}/email", self._text(self._email))
        found.router.add_get(f"{instance}/{{account}}/scopes", self._text(lambda: f"{SCOPE}\n"))
        found.router.add_get(f"{instance}/{{account}}/token", self._token)
        return found

    async def look_ahead(self) -> None:
        """Fetches tokens before they are needed, for as long as it runs, and calls a person as soon as none comes."""
        clock = self._google.clock
        pause = 0.0
        while True:
            await asyncio.sleep(max(0.2, pause / (clock.rate or 1.0)))
            try:
                token = await self._google.current_token()
                if clock.now() >= token.middle:
                    token = await self._google.credentials.renew()
                pause = token.middle - clock.now()
            except SignInEnded as ended:
                pause = 30.0
                if self._person is not None:
                    await self._person(ended)
            except Unavailable:
                pause = 30.0

    def _text(self, text: Callable[[], str]) -> Callable[[web.Request], Awaitable[web.Response]]:
        from aiohttp import web

        async def answer(request: web.Request) -> web.Response:
            return self._refused(request) or web.Response(text=text(), headers=FLAVOR)

        return answer

    def _refused(self, request: web.Request) -> web.Response | None:
        """A browser can be made to ask, but not with this header, nor without a trace of who forwarded it."""
        from aiohttp import web

        if request.headers.get("Metadata-Flavor") != "Google" or "X-Forwarded-For" in request.headers:
            return web.Response(status=403, text="Missing Metadata-Flavor:Google header.\n", headers=FLAVOR)
        return None

    def _email(self) -> str:
        sign_in = self._google.credentials.sign_in
        return (sign_in.account if sign_in else "") or "default"

    async def _described(self, request: web.Request) -> web.Response:
        from aiohttp import web

        if refused := self._refused(request):
            return refused
        if request.query.get("recursive") != "true":
            return web.Response(text="aliases\nemail\nscopes\ntoken\n", headers=FLAVOR)
        return web.json_response({"aliases": ["default"], "email": self._email(), "scopes": [SCOPE]}, headers=FLAVOR)

    async def _token(self, request: web.Request) -> web.Response:
        from aiohttp import web

        if refused := self._refused(request):
            return refused
        try:
            token = await self._awaited()
        except SignInEnded as ended:
            body = {"error": "sign_in_ended", "error_description": ended.message}
            return web.json_response(body, status=403, headers=FLAVOR)
        except Unavailable as error:
            body = {"error": "unavailable", "error_description": error.message}
            return web.json_response(body, status=503, headers=FLAVOR)
        clock = self._google.clock
        seconds = int(max(1.0, (token.expires - clock.now()) / (clock.rate or 1.0)))
        answer = {"access_token": token.value, "expires_in": seconds, "token_type": "Bearer"}
        return web.json_response(answer, headers=FLAVOR)

    async def _awaited(self) -> Token:
        """A token, however long a person takes to make one possible."""
        while True:
            try:
                return await self._google.current_token()
            except SignInEnded as ended:
                if self._person is None:
                    raise
                await self._person(ended)
