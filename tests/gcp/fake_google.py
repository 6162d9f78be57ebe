"""A server that answers what a test scripted, below the names of the APIs, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from core.environment import Cloud
from tests.gcp.simulated_google import KEY

Answer = Any
"""A dictionary (200), a pair of status and dictionary, ``reset``, or a function of the request that gives one of these."""


@dataclass
class Fake:
    """What was asked, and what is answered next: the first answer of a path that is left, else the last one again."""

    cloud: Cloud = field(default_factory=Cloud)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    life: int = 3600
    signed_in: bool = True
    minted: int = 0
    at_once: int = 0
    most_at_once: int = 0
    good: Callable[[str], bool] = lambda token: True

    def will(self, path: str, *answers: Answer) -> None:
        """Scripts the answers of a path, in order."""
        self.answers[path] = list(answers)

    def count(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(r.path == path for r in self.asked)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        try:
            return await self._answered(request)
        finally:
            self.at_once -= 1

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.bodies.append(await request.read())
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.good(token):
            return web.json_response({"error": {"code": 401, "message": "Invalid Credentials"}}, status=401)
        left = self.answers.get(request.path)
        if not left:
            return web.json_response({"error": {"code": 404, "message": f"nothing at {request.path}"}}, status=404)
        answer = left.pop(0) if len(left) > 1 else left[0]
        answer = answer(request) if callable(answer) else answer
        if answer == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(answer, bytes):
            return web.Response(body=answer)
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        return web.Response(text=body, status=status) if isinstance(body, str) else web.json_response(body, status=status)

    async def token(self, _: web.Request) -> web.Response:
        if not self.signed_in:
            body = {"error": "invalid_grant", "error_description": "Reauthentication is needed (invalid_rapt)."}
            return web.json_response(body, status=400)
        self.minted += 1
        return web.json_response({"access_token": f"token-{self.minted}", "expires_in": self.life, "token_type": "Bearer"})


@asynccontextmanager
async def fake_google(folder: Path) -> AsyncIterator[Fake]:
    """A fake that listens on loopback, and a sign-in to it."""
    fake = Fake()
    application = web.Application()
    application.router.add_post("/token", fake.token)
    application.router.add_route("*", "/{path:.*}", fake.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    root = f"http://127.0.0.1:{runner.addresses[0][1]}"
    sign_in = folder / "sign-in.json"
    sign_in.write_text(json.dumps({
        "type": "service_account", "client_email": "me@example.com", "private_key": KEY.decode(), "private_key_id": "1",
        "project_id": "proj-one", "token_uri": f"{root}/token",
    }))  # fmt: skip
    fake.cloud = Cloud("rehearsal", google=root, credentials_file=sign_in, rate=0)
    try:
        yield fake
    finally:
        await runner.cleanup()


def refusal(status: int, message: str, reason: str = "", **metadata: str) -> tuple[int, dict[str, Any]]:
    """An error in the form of the newer APIs."""
    details = (
        [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "metadata": metadata}] if reason else []
    )
    return status, {"error": {"code": status, "message": message, "status": reason, "details": details}}
