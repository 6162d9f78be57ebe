"""The port-forward to Kubeflow's UI: one supervised process for an environment, or as long as a command runs.

``python -P -m core.install.forwarding NAME PORT`` is that process. It finds the pod anew where it went away; it ends by
``access --stop``, by ``destroy``, or with the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.environment import Environment, Home, processes
from core.environment.files import write_atomically
from core.environment.lock import Holder, Lock, holder
from core.errors import MlopsError
from core.install import outside

MODULE = "core.install.forwarding"
SERVICE, SERVICE_PORT = "ml-pipeline-ui", 80
DEFAULT_PORT = 8080


def running(environment: Environment) -> int | None:
    """The local port of the forward that runs in the background, or None."""
    if holder(_lock(environment)) is None:
        return None
    try:
        return int(json.loads(_file(environment).read_text())["port"])
    except (OSError, ValueError, KeyError):
        return None


def start(environment: Environment, port: int) -> int:
    """Starts the forward in the background, or finds the one that runs; returns its local port."""
    found = running(environment)
    if found is not None:
        return found
    answer = processes.start(
        MODULE,
        [environment.name, str(port)],
        log=environment.folder / "forward.log",
        folder=environment.folder,
        document={},
    )
    return int(answer["port"])


def stop(environment: Environment) -> bool:
    """Ends the forward in the background; says whether there was one."""
    found = holder(_lock(environment))
    if found is None or not found.here:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
    _file(environment).unlink(missing_ok=True)
    return True


async def forward(environment: Environment, port: int, on_ready: Callable[[int], None]) -> None:
    """Forwards until it is cancelled; ``on_ready`` is told the local port, ``port`` or the next free one."""
    from core.install.connection import connect
    from core.kubernetes.port_forward import Target, serve

    endpoint = outside.fact(environment, "cluster_endpoint")
    namespace = environment.values["namespace"]
    installation = outside.opened(environment)
    try:
        async with connect(installation, endpoint) as cluster:
            target = Target(namespace, SERVICE, SERVICE_PORT)
            await serve(cluster, target, local_port=port, on_ready=on_ready)
    finally:
        await installation.close()


def main() -> int:
    """The process of its own."""
    name, port = sys.argv[1], int(sys.argv[2])
    processes.read_document()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        environment = Environment.load(Home.find(), name)
        lock = Lock(_lock(environment))
        lock.acquire(Holder.me(action="port-forward"))
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(_until_told(environment, port))
    except MlopsError as error:
        processes.refuse(error)
    return 0


async def _until_told(environment: Environment, port: int) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)

    def ready(local: int) -> None:
        write_atomically(_file(environment), json.dumps({"port": local, "pid": os.getpid()}))
        processes.answer({"port": local})

    await forward(environment, port, ready)


def _lock(environment: Environment) -> Path:
    return environment.folder / "forward.lock"


def _file(environment: Environment) -> Path:
    return environment.folder / "forward.json"


def answers(url: str, *, seconds: float = 10.0) -> bool:
    """Whether Kubeflow's API answers behind the UI at ``url``, and says that it is ready."""
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/apis/v2beta1/healthz", timeout=seconds) as response:
            health: Any = json.loads(response.read())
    except (OSError, ValueError):
        return False
    return bool(health.get("apiServerReady", True)) if isinstance(health, dict) else False


if __name__ == "__main__":
    sys.exit(main())
