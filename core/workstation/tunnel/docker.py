"""What a Docker client needs to use a tunnel: ``DOCKER_HOST``, a context, the setting of VS Code.

A context is made on request alone, and never made the current one: it outlives its socket, and every docker command would
go to a tunnel that is down. VS Code's Dev Containers resolves a context before it looks at ``DOCKER_HOST``, so for it a
context is the surer way.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.errors import MlopsError, PrerequisiteError, StepError
from core.workstation.tunnel.definition import LOOPBACK, Forward, Tunnel
from core.workstation.tunnel.status import ForwardStatus

CLIENT, WINDOWS_CLIENT = "docker", "docker.exe"
"""Docker's client here, and that of Windows as WSL finds it, which has contexts of its own."""
BULK = (
    "It leads through Identity-Aware Proxy, which may limit its rate: for a large build or upload, work on the VM itself "
    "(VS Code's Remote-SSH), where the bytes stay."
)
"""What is said before anybody sends much through a relay."""
SETTING = "containers.environment"
"""Container Tools' variables for whatever it starts."""
PATIENCE = 30.0


def context_name(tunnel: str) -> str:
    """The Docker context of a tunnel."""
    return f"mlops-env-{tunnel.replace('@', '-')}"


def host_of(forwards: Sequence[ForwardStatus]) -> str:
    """``DOCKER_HOST`` for the first forward that leads to Docker; empty where none does."""
    for each in forwards:
        if each.remote.endswith("docker.sock"):
            if each.local.startswith("/"):
                return f"unix://{each.local}"
            return f"tcp://{each.local}" if ":" in each.local else f"tcp://{LOOPBACK[0]}:{each.local}"
    return ""


def make_context(name: str, host: str, *, client: str = CLIENT) -> None:
    """Makes a Docker context, or points the one of that name to where the tunnel is now."""
    known = _docker("context", "inspect", name, client=client)
    if known.returncode == 0:
        if _endpoint(known.stdout) == host:
            return
        done = _docker("context", "update", name, "--docker", f"host={host}", client=client)
    else:
        words = ("--description", "mlops-env tunnel", "--docker", f"host={host}")
        done = _docker("context", "create", name, *words, client=client)
    if done.returncode:
        raise StepError(
            f"The Docker context {name} could not be made.", code="docker-context", cause=done.stderr.strip()[-300:]
        )


def remove_context(name: str, *, client: str = CLIENT) -> bool:
    """Removes a tunnel's context, taking the default one first where it is in use; says whether there was one."""
    if shutil.which(client) is None:
        return False
    known = _docker("context", "inspect", name, client=client)
    if known.returncode:
        return False
    shown = _docker("context", "show", client=client)
    if shown.stdout.strip() == name:
        _docker("context", "use", "default", client=client)
    return _docker("context", "rm", "--force", name, client=client).returncode == 0


def let_go(tunnel: Tunnel) -> None:
    """Removes the context of a tunnel that ends; one that was made otherwise stays, but no longer as the current one."""
    name = context_name(tunnel.name)
    with contextlib.suppress(MlopsError):
        if tunnel.docker_context:
            remove_context(name)
        elif _current() == name:
            _docker("context", "use", "default")


def _current() -> str:
    """The context that docker takes by itself, as its own file says: asking docker takes longer than ending a tunnel."""
    try:
        return str(json.loads(configuration().read_text(encoding="utf-8")).get("currentContext", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def configuration() -> Path:
    """The file of Docker's client; it may not be there."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"


def program(client: str = CLIENT) -> str:
    """Where Docker's client is; raises `PrerequisiteError` where it is not on PATH."""
    found = shutil.which(client)
    if found is None:
        raise PrerequisiteError(f"There is no {client} on this machine.", code="no-docker", hint="Install Docker's client.")
    return found


def setting(host: str, context: str) -> dict[str, dict[str, str]]:
    """VS Code's setting for a tunnel: its context where there is one."""
    return {SETTING: {"DOCKER_CONTEXT": context} if context else {"DOCKER_HOST": host}}


def warnings(host: str, context: str) -> list[str]:
    """What stands in the way of a tunnel's use in this shell."""
    found = []
    if host.startswith("unix://") and os.path.realpath(shutil.which(CLIENT) or "").startswith("/snap/"):
        found.append("The docker of snap has a /tmp of its own: give it a port, --forward 23750=/var/run/docker.sock.")
    if context and os.environ.get("DOCKER_HOST"):
        found.append("DOCKER_HOST is set here, and wins over every context: unset DOCKER_HOST.")
    return found


def opened_to_all(forwards: Iterable[ForwardStatus | Forward]) -> list[str]:
    """A sentence for each forward that opens Docker to whoever can reach a port of this machine."""
    return [
        f"Port {each.local} gives every user of this machine the rights of root on the host, through Docker."
        for each in forwards
        if str(each.remote).endswith("docker.sock") and not str(each.local).startswith("/")
    ]


def beyond_reach(forwards: Sequence[ForwardStatus]) -> bool:
    """Whether this is WSL, and Windows' programs can't use Docker's forward: they open ports, and no socket of Linux'."""
    from core.workstation.ssh.windows import distribution

    to_docker = [each.local for each in forwards if each.remote.endswith("docker.sock")]
    return bool(distribution() and to_docker and all(local.startswith("/") for local in to_docker))


def _endpoint(inspected: str) -> str:
    try:
        return str(json.loads(inspected)[0]["Endpoints"]["docker"]["Host"])
    except (ValueError, KeyError, IndexError, TypeError):
        return ""


def _docker(*words: str, client: str = CLIENT) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if name not in ("DOCKER_HOST", "DOCKER_CONTEXT")}
    try:
        return subprocess.run(
            [program(client), *words],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE,
            env=variables,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StepError("docker did not end in time.", code="docker-context") from error
