"""Runs a rehearsal's simulated cloud as `core.rehearsal` does, and writes down every request that its cluster gets.

It is started in place of `core.rehearsal`, under the same name, so that the program that is rehearsed finds a cloud that
runs already: ``python -P -m tests.conformance.kubernetes.rehearsed FILE NAME --project ID --scenario FILE``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from core.rehearsal import server
from core.rehearsal.__main__ import main

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def recorder(path: Path) -> Any:
    """A middleware that writes one JSON object a request."""
    log = path.open("a", encoding="utf-8", buffering=1)

    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        upgrade = bool(request.headers.get("Upgrade"))
        body = "upgrade" if upgrade else (await request.read()).decode(errors="replace")
        line = {
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "content": request.content_type,
            "accept": request.headers.get("Accept", ""),
            "body": body,
        }
        log.write(json.dumps(line) + "\n")
        return await handler(request)

    return record


def recorded(path: Path) -> None:
    """From now on the simulated cluster's requests are written to a file."""
    served = server._kubernetes

    def kubernetes(world: Any) -> web.Application:
        application = served(world)
        application.middlewares.insert(0, recorder(path))
        return application

    server._kubernetes = kubernetes


if __name__ == "__main__":
    recorded(Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
