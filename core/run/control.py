"""The control socket of a run: JSON lines, one request and one answer each, from processes of the same user alone.

    {"do": "ping"} {"do": "cancel"} {"do": "retry", "step": S} {"do": "skip", "step": S}
    {"do": "provide", "kind": K, "value": V} {"do": "signed-in", "config": FOLDER, "account": A}

answered by ``{"ok": true, …}`` or ``{"ok": false, "message": …}``. The socket is a file in ``/tmp`` that somebody may
clean away; the run makes it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.environment import sockets
from core.environment.home import socket_folder
from core.errors import MlopsError
from core.run.engine import Engine

LOOKS = 2.0
"""Real seconds between two looks at whether the socket's file is still there."""


def socket_path(environment_id: str) -> Path:
    """The control socket of the run that holds an environment."""
    return socket_folder() / f"{environment_id}.sock"


class Control:
    """Serves the control socket of one run."""

    def __init__(self, path: Path, engine: Engine, *, info: Mapping[str, Any]) -> None:
        self._path, self._engine, self._info = path, engine, dict(info)
        self._server: asyncio.Server | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listens, and keeps listening where the file goes away."""
        await self._listen()
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Stops listening and removes the file."""
        if self._keeper is not None:
            self._keeper.cancel()
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)

    async def _listen(self) -> None:
        socket_folder()  # who cleans ``/tmp`` takes the folder with the socket
        self._path.unlink(missing_ok=True)
        with sockets.for_their_user():
            self._server = await asyncio.start_unix_server(self._serve, path=self._path)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(LOOKS)
            if not self._path.exists():
                with contextlib.suppress(OSError, MlopsError):  # what stands in the way may be gone at the next look
                    await self._listen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            if _peer(writer) == os.getuid():
                while line := await reader.readline():
                    writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                    await writer.drain()
        writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            do: Callable[[Mapping[str, Any]], bool] = getattr(self, "_do_" + str(request["do"]).replace("-", "_"))
        except (ValueError, KeyError, TypeError, AttributeError):
            return {"ok": False, "message": "That request is not known."}
        return {"ok": do(request), **self._info}

    def _do_ping(self, _: Mapping[str, Any]) -> bool:
        return True

    def _do_cancel(self, request: Mapping[str, Any]) -> bool:
        self._engine.cancel(str(request.get("reason", "it was asked to")))
        return True

    def _do_retry(self, request: Mapping[str, Any]) -> bool:
        return self._engine.retry(str(request.get("step", "")))

    def _do_skip(self, request: Mapping[str, Any]) -> bool:
        return self._engine.skip(str(request.get("step", "")))

    def _do_provide(self, request: Mapping[str, Any]) -> bool:
        return self._engine.provide(str(request.get("kind", "")), request.get("value"))

    def _do_signed_in(self, request: Mapping[str, Any]) -> bool:
        return self._engine.provide("sign-in", {k: request.get(k, "") for k in ("config", "account")})


def ask(environment_id: str, request: Mapping[str, Any], *, seconds: float = 5.0) -> dict[str, Any]:
    """Sends one request to the run that holds an environment; raises `MlopsError` where none answers."""
    path = socket_path(environment_id)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            connection.connect(str(path))
            connection.sendall(json.dumps(dict(request)).encode() + b"\n")
            answer = json.loads(connection.makefile("rb").readline())
    except (OSError, ValueError) as error:
        raise MlopsError(
            "The run does not answer on its control socket.",
            code="no-control",
            cause=str(error),
            hint="It makes a lost socket again within seconds; try once more.",
        ) from error
    assert isinstance(answer, dict)
    return answer


def _peer(writer: asyncio.StreamWriter) -> int:
    """The user at the other end; where the system does not say, the folder's mode stands in for it."""
    found = sockets.peer(writer.get_extra_info("socket"))
    return os.getuid() if found is None else found.uid
