"""The three forms in which Cloud Storage takes bytes: alone, in one multipart body with the metadata, or in a session.

A session (``uploadType=resumable``) outlives its connection and the process: what has come so far is in the store, and a
client that lost an answer asks how far it got (``Content-Range: bytes */N``) and goes on from there.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

from aiohttp import web

from core.rehearsal.google import discovery
from core.rehearsal.google.calls import Call
from core.rehearsal.google.errors import ApiError
from core.rehearsal.world import World

SESSIONS = "storage.uploads"
_PREFIXES = ("resumable/upload/", "upload/")


def plain_path(inner: str) -> str:
    """The method's own path, without what marks an upload."""
    for prefix in _PREFIXES:
        if inner.startswith(prefix):
            return inner.removeprefix(prefix)
    return inner


def kind(inner: str, pairs: list[tuple[str, str]]) -> str:
    """``media``, ``multipart`` or ``resumable``; empty where the request is no upload."""
    if not inner.startswith(_PREFIXES):
        return ""
    named = next((v for k, v in pairs if k == "uploadType"), "")
    return named or ("resumable" if inner.startswith("resumable/") else "media")


def is_session(inner: str, pairs: list[tuple[str, str]]) -> bool:
    """Whether the request goes on with a session that was begun before."""
    return inner.startswith(_PREFIXES) and any(k == "upload_id" for k, _ in pairs)


def parts(form: str, headers: dict[str, str], raw: bytes) -> tuple[Any, bytes | None, str]:
    """The metadata, the bytes and their type in a request of that form."""
    content_type = headers.get("content-type", "")
    if form == "media":
        return None, raw, content_type
    if form == "resumable":
        return (json.loads(raw) if raw.strip() else {}), None, headers.get("x-upload-content-type", "")
    boundary = re.search(r"boundary=[\"']?([^\"';]+)", content_type)
    if form != "multipart" or boundary is None:
        raise ApiError(400, "Bad multipart request.", reason="badRequest")
    pieces = raw.split(b"--" + boundary[1].encode())[1:-1]
    if len(pieces) != 2:
        raise ApiError(400, "Multipart must have exactly two parts.", reason="badRequest")
    (_, metadata), (media_headers, media) = (_piece(p) for p in pieces)
    return (json.loads(metadata) if metadata.strip() else {}), media, media_headers.get("content-type", "")


def begin(call: Call, root: str, inner: str) -> web.Response:
    """Opens a session; the answer says where to send the bytes."""
    from core.rehearsal.google.storage_buckets import bucket_of
    from core.rehearsal.google.storage_objects import check

    bucket = str(call["bucket"])
    bucket_of(call, "storage.objects.create")
    name = str(call.body.get("name") or call.get("name") or "")
    if not name:
        raise ApiError(400, "Required", reason="required")
    check(call, call.store.get("storage.objects", f"{bucket}/{name}"), "if")
    id = "ABg5-" + secrets.token_urlsafe(48)
    session = {
        "bucket": bucket,
        "name": name,
        "metadata": {"contentType": call.media_type or "application/octet-stream", **call.body},
        "params": {k: v for k, v in call.params.items() if k.startswith("if")},
        "email": call.email,
        "root": root,
    }
    call.store.put(SESSIONS, id, session)
    call.store.put_blob(f"upload/{id}", b"")
    location = f"{root}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={id}"
    return web.Response(status=200, headers={"Location": location, "X-GUploader-UploadID": id})


def go_on(
    world: World, email: str, verb: str, pairs: list[tuple[str, str]], headers: dict[str, str], raw: bytes
) -> web.Response:
    """Takes the next bytes of a session, tells how far it is, or cancels it."""
    id = next(v for k, v in pairs if k == "upload_id")
    session = world.store.get(SESSIONS, id)
    if session is None:
        raise ApiError(404, "Not Found")
    if verb == "DELETE":
        _close(world, id)
        return web.Response(status=499)
    if "answer" in session:
        return web.json_response(session["answer"])
    have = world.store.blob(f"upload/{id}") or b""
    span = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", headers.get("content-range", ""))
    start, total = (int(span[1]) if span and span[1] else len(have)), (span[3] if span else str(len(raw)))
    if start > len(have):
        raise ApiError(503, "The bytes before these have not arrived.")
    have += raw[len(have) - start :]
    with world.store.together():
        world.store.put_blob(f"upload/{id}", have)
        if total == "*" or len(have) < int(total):
            return web.Response(status=308, reason="Resume Incomplete", headers=_range(have))
        return _finish(world, id, session, have, email)


def _finish(world: World, id: str, session: dict[str, Any], data: bytes, email: str) -> web.Response:
    from core.rehearsal.google.storage_objects import check, write

    method = discovery.api("storage", "v1").methods["storage.objects.insert"]
    call = Call(world, method, email, {"bucket": session["bucket"], **session["params"]}, {}, root=session["root"])
    check(call, world.store.get("storage.objects", f"{session['bucket']}/{session['name']}"), "if")
    answer = write(call, session["bucket"], session["name"], data, session["metadata"])
    world.store.put(SESSIONS, id, {**session, "answer": answer})
    world.store.delete_blob(f"upload/{id}")
    return web.json_response(answer)


def _close(world: World, id: str) -> None:
    world.store.delete(SESSIONS, id)
    world.store.delete_blob(f"upload/{id}")


def _range(have: bytes) -> dict[str, str]:
    return {"Range": f"bytes=0-{len(have) - 1}"} if have else {}


def _piece(piece: bytes) -> tuple[dict[str, str], bytes]:
    text = piece.removeprefix(b"\r\n").removeprefix(b"\n")
    found = re.search(rb"\r?\n\r?\n", text)
    if found is None:
        return {}, b""
    body = text[found.end() :]
    body = body[:-2] if body.endswith(b"\r\n") else body.removesuffix(b"\n")
    headers = (line.partition(":") for line in text[: found.start()].decode("latin-1").splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in headers}, body
