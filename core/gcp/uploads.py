"""Uploads to Cloud Storage that outlive a lost connection: a session takes the bytes in parts, and says how far it got.

What a part's lost answer leaves open is asked of the session before anything is sent again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.gcp.errors import Unavailable

if TYPE_CHECKING:
    from core.gcp.client import Google

PART = 8 * 1024 * 1024
"""Bytes sent at once; a session takes any multiple of 256 KiB."""
PATIENCE = 6
"""How often in a row the session is asked how far it got before the upload is given up."""
INCOMPLETE = 308
"""What a session answers that is not at its end."""


@dataclass
class Request:
    """A request in the form of the client library's, for an address that no discovery document knows."""

    uri: str
    method: str
    body: bytes | str | None
    postproc: Callable[[Any, bytes], Any]
    headers: dict[str, str] = field(default_factory=dict)


async def send(google: Google, opening: Any, content: bytes, *, method: str) -> dict[str, Any]:
    """Opens a session by the library's own request and sends all of ``content``; the object's metadata."""
    about = {"x-upload-content-type": opening.resumable.mimetype(), "x-upload-content-length": str(len(content))}
    opened = Request(opening.uri, opening.method, opening.body, _location, {**opening.headers, **about})
    where = str(await google.perform(lambda: opened, method))
    begin, asked = 0, 0
    while True:
        piece = content[begin : begin + PART]
        try:
            answer = await google.perform(lambda: _piece(where, piece, begin, len(content)), method, tries=1)  # noqa: B023
            asked = 0
        except Unavailable:
            asked += 1
            if asked > PATIENCE:
                raise
            await google.clock.sleep(2.0**asked)
            try:
                answer = await google.perform(lambda: _question(where, len(content)), method, tries=1)
            except Unavailable:
                continue
        if isinstance(answer, dict):
            return answer
        begin = int(answer)


def _piece(where: str, piece: bytes, begin: int, total: int) -> Request:
    last = begin + len(piece) - 1
    covered = f"{begin}-{last}" if piece else "*"
    return Request(where, "PUT", piece, _progress, {"content-range": f"bytes {covered}/{total}"})


def _question(where: str, total: int) -> Request:
    return Request(where, "PUT", b"", _progress, {"content-range": f"bytes */{total}"})


def _location(response: Any, _: bytes) -> str:
    return str(response.get("location", ""))


def _progress(response: Any, raw: bytes) -> Any:
    """The object where the session is at its end, else the number of bytes that it holds."""
    if int(response["status"]) != INCOMPLETE:
        return json.loads(raw)
    held = str(response.get("range", ""))
    return int(held.rpartition("-")[2]) + 1 if held else 0
