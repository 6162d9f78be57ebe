"""The hello pipeline's step: its own code, run as the container would run it, against the simulated Google.

Nothing else is ever run: a pipeline whose container is not word for word the one that is checked in fails, and says that a
rehearsal runs no code but that. The code gets what a pod gets: a metadata server that knows the pod's Google account, and
the places of its inputs and outputs.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from core.rehearsal.kubernetes.bodies import documents
from core.rehearsal.world import World

OWN = Path(__file__).parents[2] / "install" / "data" / "hello.yaml"
SECONDS = 90.0
"""Real seconds that the step may take."""

_INPUT = re.compile(r"\{\{\$\.inputs\.parameters\['(\w+)'\]\}\}")
_OUTPUT = re.compile(r"\{\{\$\.outputs\.artifacts\['(\w+)'\]\.path\}\}")
_REFUSED = "a rehearsal runs no pipeline's code but that of its own hello pipeline"


@dataclass(frozen=True, slots=True)
class Result:
    """How a step ended: why it failed (empty: it did not), and what it left as artifacts."""

    error: str = ""
    artifacts: Mapping[str, bytes] | None = None


def container_of(spec: Mapping[str, Any]) -> dict[str, Any] | None:
    """The container of a pipeline that has one executor; None where it is another kind of pipeline."""
    executors = (spec.get("deploymentSpec") or {}).get("executors") or {}
    if len(executors) != 1:
        return None
    container = next(iter(executors.values())).get("container")
    return dict(container) if isinstance(container, dict) else None


def is_own(container: Mapping[str, Any] | None) -> bool:
    """Whether a container is the checked-in hello pipeline's, word for word."""
    if container is None or not OWN.exists():
        return False
    own = next(d for d in documents(OWN.read_bytes()) if isinstance(d, dict))
    return dict(container) == container_of(own)


async def execute(world: World, spec: Mapping[str, Any], parameters: Mapping[str, Any], account: str) -> Result:
    """Runs the step as a Google account."""
    container = container_of(spec)
    if container is None or not is_own(container):
        return Result(_REFUSED)
    google = str((world.store.get("world", "endpoints") or {}).get("google", ""))
    if not google:
        # without the simulated Google's place the code would call the real one
        return Result("the simulated Google APIs are not served")
    with tempfile.TemporaryDirectory(dir=world.folder, prefix="step-") as folder:
        outputs = {name: Path(folder) / name for name in _OUTPUT.findall(" ".join(container["args"]))}
        args = [_filled(str(a), parameters, outputs) for a in container["args"]]
        code = str(container["command"][-1])
        async with _metadata(world, account) as host:
            error = await _run([sys.executable, "-I", "-c", code, *args], _environment(world, google, host))
        kept = {name: path.read_bytes() for name, path in outputs.items() if path.exists()}
    return Result(error, kept)


def _filled(text: str, parameters: Mapping[str, Any], outputs: Mapping[str, Path]) -> str:
    text = _INPUT.sub(lambda m: str(parameters.get(m[1], "")), text)
    return _OUTPUT.sub(lambda m: str(outputs[m[1]]), text)


def _environment(world: World, google: str, metadata_host: str) -> dict[str, str]:
    speed = world.clock.speed
    return {
        "PATH": os.environ.get("PATH", ""),
        "GCE_METADATA_HOST": metadata_host,
        "MLOPS_ENV_GOOGLE": google.rstrip("/"),
        "MLOPS_ENV_PAUSE": str(3.0 / speed if speed else 0.05),
        "NO_PROXY": "*",
        "no_proxy": "*",
    }


async def _run(command: list[str], environment: dict[str, str]) -> str:
    """Runs the code; why it failed, empty where it did not."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            told, _ = await process.communicate()
    except TimeoutError:
        return f"the step did not end within {SECONDS:.0f} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = told.decode(errors="replace").strip().splitlines()
    return "" if process.returncode == 0 else (lines[-1] if lines else f"exit code {process.returncode}")


@asynccontextmanager
async def _metadata(world: World, account: str) -> AsyncIterator[str]:
    """The metadata server that a pod sees, which is late and then refuses for a moment; gives its host and port."""
    late = [404, 403]

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Metadata-Flavor") != "Google":
            return web.Response(status=403, text="Missing Metadata-Flavor:Google header.")
        if late:
            return web.Response(status=late.pop(0), text="The identity of this pod is not known yet.")
        headers = {"Metadata-Flavor": "Google"}
        if request.match_info["what"] == "email":
            return web.Response(text=account, headers=headers)
        if request.match_info["what"] == "token":
            token, seconds = world.identity.mint(account)
            body = {"access_token": token, "expires_in": int(seconds), "token_type": "Bearer"}
            return web.json_response(body, headers=headers)
        return web.Response(status=404, headers=headers)

    app = web.Application()
    app.router.add_get("/computeMetadata/v1/instance/service-accounts/default/{what}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
