"""A program in the place of Docker's client, which goes to a tunnel whatever the environment and the settings say.

For where no context is followed: beside a ``DOCKER_HOST`` that VS Code was started with, which wins over every context, and
in versions of Dev Containers that look for none. Dev Containers reads its setting from the user's settings alone, on the
machine where the window is, so there is none for WSL's windows, which Windows draws.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from core.environment import Home
from core.environment.files import write_atomically
from core.errors import UsageError
from core.workstation.tunnel import docker
from core.workstation.vscode.places import DOCKER_PATH, Machine, Place

FOLDER = "docker"
SCRIPT = """\
#!/bin/sh
# Docker's client on the tunnel {name}, made by mlops-env for {setting} of VS Code.
case "${{1-}}" in
  --context | -c | --host | -H) shift 2 ;;
  --context=* | --host=*) shift ;;
esac
unset DOCKER_CONTEXT
DOCKER_HOST={host}
export DOCKER_HOST
exec {docker} "$@"
"""


def path(home: Home, tunnel: str) -> Path:
    """Where the program of a tunnel is, or would be."""
    return home.root / FOLDER / f"docker-{tunnel}"


def places(found: list[Place], scope: str, machine: Machine) -> list[Place]:
    """The same settings files for the other setting; raises `UsageError` where nothing would read it there."""
    if scope != "user":
        raise UsageError(
            f"VS Code reads {DOCKER_PATH} from the user's settings alone.",
            code="vscode-wrapper",
            hint="Leave out --scope, or leave out --wrapper.",
        )
    if machine.windows is not None:
        raise UsageError(
            "VS Code of Windows can't run a program of WSL as its Docker.",
            code="vscode-wrapper",
            hint="Leave out --wrapper: a context is followed there.",
        )
    return [replace(place, key=DOCKER_PATH, variable="") for place in found]


def write(home: Home, tunnel: str, host: str) -> None:
    """Makes the program; raises `PrerequisiteError` where Docker's client is not here."""
    client = shlex.quote(docker.program())
    home.ensure(FOLDER)
    text = SCRIPT.format(name=tunnel, setting=DOCKER_PATH, host=shlex.quote(host), docker=client)
    write_atomically(path(home, tunnel), text, mode=0o700)


def remove(home: Home, tunnel: str) -> None:
    """Removes it, where it is."""
    path(home, tunnel).unlink(missing_ok=True)
