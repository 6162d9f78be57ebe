"""Many calls in one request (``multipart/mixed``), as googleapiclient's batches and gcloud compute send them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.uploads import _piece

Serve = Callable[[str, str, dict[str, str], bytes], Awaitable[web.Response]]
_BOUNDARY = "batch_rehearsal"


async def answer(headers: dict[str, str], raw: bytes, serve: Serve) -> web.Response:
    """Answers every call of a batch in its order, each with the outer request's token where it has none of its own."""
    lower = {k.lower(): v for k, v in headers.items()}
    boundary = re.search(r"boundary=[\"']?([^\"';]+)", lower.get("content-type", ""))
    if boundary is None:
        error = ApiError(400, "Failed to parse batch request, error: missing boundary.", reason="badRequest")
        return web.json_response(error.body("compute"), status=400)
    out = b""
    for piece in raw.split(b"--" + boundary[1].encode())[1:-1]:
        outer, inner = _piece(piece)
        response = await _one(lower, inner, serve)
        id = outer.get("content-id", "").strip("<>")
        out += (
            f"--{_BOUNDARY}\r\nContent-Type: application/http\r\nContent-ID: <response-{id}>\r\n\r\n".encode()
            + response
            + b"\r\n"
        )
    return web.Response(
        body=out + f"--{_BOUNDARY}--\r\n".encode(), headers={"Content-Type": f'multipart/mixed; boundary="{_BOUNDARY}"'}
    )


async def _one(outer: dict[str, str], raw: bytes, serve: Serve) -> bytes:
    line, _, rest = raw.partition(b"\n")
    verb, path = line.decode().split()[:2]
    headers, body = _piece(rest if re.search(rb"\r?\n\r?\n", rest) else rest + b"\r\n\r\n")
    for inherited in ("authorization", "x-goog-user-project"):
        if inherited in outer:
            headers.setdefault(inherited, outer[inherited])
    path = re.sub(r"^https?://[^/]+", "", path)
    at_root = re.match(r"/?(compute|storage|bigquery)/v\d", path)
    response = await serve(verb, f"/{at_root[1]}/{path.lstrip('/')}" if at_root else path, headers, body)
    status = f"HTTP/1.1 {response.status} {response.reason}\r\nContent-Type: {response.content_type}\r\n\r\n"
    payload = response.body if isinstance(response.body, bytes) else b""
    return status.encode() + payload
