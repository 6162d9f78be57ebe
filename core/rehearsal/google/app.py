"""The simulated Google APIs as one web application: every request goes the same way.

Find the documented method, look at the token, let a fault strike, ask whether the API is on, hold the request against
the document, ask IAM, and only then call the handler; then perhaps a second fault, after the effect. The order is the
real services' where a client can tell.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import struct
import urllib.parse
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import web

from core.rehearsal.google import batch, discovery, operations, storage_paths, uploads, validation
from core.rehearsal.google.calls import HANDLERS, Call
from core.rehearsal.google.discovery import Method
from core.rehearsal.google.errors import (
    ApiError,
    permission_denied,
    quota_project_denied,
    quota_project_needed,
    service_disabled,
    unauthenticated,
)
from core.rehearsal.google.fields import select
from core.rehearsal.google.services import ALWAYS_ON, CHARGED_TO_CALLER, SERVICES, answering
from core.rehearsal.scenario import Fault
from core.rehearsal.world import World

WORLD = web.AppKey("world", World)
TIMEOUT = 60.0
"""Simulated seconds after which a call that a fault lets time out is dropped: what clients wait at the most."""


class Dropped(Exception):
    """Raised to close the connection without an answer."""


def app(world: World, *routes: web.RouteDef) -> web.Application:
    """The application that stands in for all of Google's APIs on one port; ``routes`` stand beside them."""
    from core.rehearsal.google import handlers, seed

    handlers.load()
    seed.plant(world)
    application = web.Application(client_max_size=2**31)
    application[WORLD] = world
    application.router.add_routes(routes)
    application.router.add_route("*", "/{path:.*}", _answer)
    application.cleanup_ctx.append(_ticking)
    return application


async def _ticking(application: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(operations.ticking(application[WORLD]))
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _answer(request: web.Request) -> web.StreamResponse:
    world = request.app[WORLD]
    raw = await request.read()
    headers = dict(request.headers)
    if world.scenario.latency_ms:
        await asyncio.sleep(world.scenario.latency_ms / 1000)
    root = f"{request.scheme}://{request.host}"
    try:
        if re.match(r"/(?:[a-z]+/)?batch(?:/|$)", request.path):
            return await batch.answer(headers, raw, lambda v, p, h, b: serve(world, v, p, h, b, root))
        return await serve(world, request.method, request.raw_path, headers, raw, root)
    except Dropped:
        drop(request)
        return web.Response()


def drop(request: web.Request) -> None:
    """Ends the connection so that the client sees a reset, not an orderly close."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


async def serve(world: World, verb: str, raw_path: str, headers: dict[str, str], raw: bytes, root: str = "") -> web.Response:
    """Answers one request; raises `Dropped` where a fault takes the connection away."""
    operations.settle(world)
    lower = {k.lower(): v for k, v in headers.items()}
    path, _, query_text = raw_path.partition("?")
    name, inner = storage_paths.place(verb, path)
    try:
        if name not in discovery.VERSIONS:
            return _unknown(path)
        pairs = urllib.parse.parse_qsl(query_text, keep_blank_values=True)
        if storage_paths.is_xml(path):
            pairs = [(key, value) for key, value in pairs if key == "generation"] + [("alt", "media")]
        if name == "storage" and uploads.is_session(inner, pairs):
            return await _with_faults(
                world, "storage.objects.insert", lambda: uploads.go_on(world, _caller(world, lower), verb, pairs, lower, raw)
            )
        method = discovery.find(name, _verb(verb, lower), uploads.plain_path(inner) if name == "storage" else inner)
        if method is None:
            return _unknown(path)
        return await _with_faults(world, method.id, lambda: _call(world, method, inner, pairs, lower, raw, root))
    except ApiError as error:
        return web.json_response(error.body(name), status=error.code, headers=_error_headers(error))


async def _with_faults(world: World, call: str, handle: Callable[[], web.Response]) -> web.Response:
    await _strike(world, world.faults.take(call, "before"))
    response = handle()
    await _strike(world, world.faults.take(call, "after"))
    return response


async def _strike(world: World, fault: Fault | None) -> None:
    if fault is None:
        return
    if fault.error == "timeout":
        await world.clock.sleep(TIMEOUT)
    if fault.error:
        raise Dropped
    raise ApiError(fault.status, fault.message or "Injected by the scenario.", reason=fault.reason)


def _call(
    world: World, method: Method, inner: str, pairs: list[tuple[str, str]], headers: dict[str, str], raw: bytes, root: str
) -> web.Response:
    email = _caller(world, headers)
    registered = HANDLERS.get(method.id)
    if registered is None:
        raise ApiError(501, f"The rehearsal cloud does not simulate {method.id}.")
    path = method.path_parameters(uploads.plain_path(inner) if method.api == "storage" else inner) or {}
    _on(world, method, headers, email)
    params = validation.query(method, pairs, path)
    alt = next((v for k, v in pairs if k in ("alt", "$alt")), "json")
    upload = uploads.kind(inner, pairs) if method.upload else ""
    document, media, media_type = uploads.parts(upload, headers, raw) if upload else (_json(raw), None, "")
    if upload == "media" and document is None:
        document = {}
    call = Call(
        world, method, email, params, validation.body(method, document), headers, media=media, media_type=media_type,
            alt=alt,
        root=root,
    )  # fmt: skip
    if registered.permission and not world.identity.allowed(email, registered.permission, resource := registered.on(call)):
        raise permission_denied(method.api, email, registered.permission, resource)
    with world.store.together():
        answer = uploads.begin(call, root, inner) if upload == "resumable" else registered.handler(call)
    return _response(answer, pairs)


def _response(answer: Any, pairs: list[tuple[str, str]]) -> web.Response:
    if isinstance(answer, web.Response):
        return answer
    if answer is None:
        return web.Response(status=204)
    wanted = next((v for k, v in pairs if k in ("fields", "$fields")), "")
    text = json.dumps(select(answer, wanted) if wanted else answer)
    headers = {"ETag": answer["etag"]} if isinstance(answer.get("etag"), str) and "\n" not in answer["etag"] else {}
    return web.Response(text=text, content_type="application/json", headers=headers)


def _caller(world: World, headers: dict[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    email = world.identity.who(token.strip()) if kind.lower() == "bearer" else None
    if email is None:
        raise unauthenticated()
    return email


def _on(world: World, method: Method, headers: dict[str, str], email: str) -> None:
    """Raises `ApiError` where the API is off, or charged to a project that the call doesn't name or may not use."""
    service, title = SERVICES[method.api]
    quota = headers.get("x-goog-user-project", "")
    if quota:
        if quota not in (world.project, world.number) or not world.identity.allowed(
            email, "serviceusage.services.use", f"projects/{world.project}"
        ):
            raise quota_project_denied(quota)
    elif method.api in CHARGED_TO_CALLER:
        if CHARGED_TO_CALLER[method.api]:
            raise quota_project_needed(service)
        return
    if method.api not in ALWAYS_ON and not answering(world, service):
        raise service_disabled(service, title, world.number)


def _json(raw: bytes) -> Any:
    if not raw.strip():
        return None
    try:
        return json.loads(raw)
    except ValueError:
        raise ApiError(400, "Invalid JSON payload received. Unexpected token.", reason="parseError") from None


def _verb(verb: str, headers: dict[str, str]) -> str:
    return headers.get("x-http-method-override", verb).upper()


def _unknown(path: str) -> web.Response:
    """What Google's front end answers where no method is."""
    return web.Response(
        status=404,
        content_type="text/html",
        text=f"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title><p>The requested URL <code>{path}</code> was not "
        "found on this server.",
    )


def _error_headers(error: ApiError) -> dict[str, str]:
    if error.code == 401:
        return {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'}
    return {}
