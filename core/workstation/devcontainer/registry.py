"""Whether this machine's Docker can pull an environment's image: it asks the client's own credential helper, and no other.

Looking changes nothing. Where no helper is named, this program can be: one line of Docker's configuration, and a launcher of
`core.workstation.docker_credential` on PATH. A ``docker login`` with a token would leave a secret in a file.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from core.environment import Home
from core.environment.files import write_atomically
from core.environment.paths import at_home
from core.errors import UsageError
from core.kubernetes.kubeconfig import python_path
from core.workstation.docker_credential import MODULE, NAME
from core.workstation.tunnel.docker import configuration
from core.workstation.vscode.places import Place
from core.workstation.vscode.settings import Change, apply, demand_writable, setting

PROGRAM = f"docker-credential-{NAME}"
CARRIED = ("CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS")
"""Variables that say where a sign-in lies; a client that is started from a dock has none of them."""


@dataclass(frozen=True, slots=True)
class Pull:
    """How Docker here would sign in to an image's registry; ``problem`` is a sentence, empty where nothing is missing.

    ``launcher`` is where this program would have to stand to be Docker's helper; None where it can't be, or need not.
    """

    host: str = ""
    problem: str = ""
    launcher: Path | None = None


def pull(image: str) -> Pull:
    """What there is to say of pulling an image; nothing of one that is in no registry of Google's."""
    host = image.partition("/")[0]
    if not host.endswith("-docker.pkg.dev"):
        return Pull()
    helper = _helper(host)
    if helper and shutil.which(f"docker-credential-{helper}") is None and helper != NAME:
        return Pull(host, f"Docker signs in to {host} by docker-credential-{helper}, which is not on PATH.")
    if helper and (helper != NAME or shutil.which(PROGRAM) is not None):
        return Pull(host)
    return Pull(host, f"Docker on this machine has no sign-in to {host}.", _launcher())


def prepare(host: str) -> Change:
    """The line of Docker's configuration that names this program as the helper of a registry; raises `UsageError`."""
    change = setting(Place("Docker", configuration(), "credHelpers", variable=host), NAME)
    demand_writable(change)
    return change


def sign_in(found: Pull, change: Change, home: Home) -> None:
    """Makes the launcher and writes the line; both files are for their owner, since Docker may write a secret beside it."""
    assert found.launcher is not None
    named = {name: str(at_home(os.environ[name]).absolute()) for name in CARRIED if os.environ.get(name)}
    configuration().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    found.launcher.parent.mkdir(parents=True, exist_ok=True)
    variables = [f"{name}={shlex.quote(value)}" for name, value in {**named, **python_path()}.items()]
    command = shlex.join([sys.executable, "-P", "-m", MODULE])
    line = " ".join(["exec", "env", *variables, command, '"$@"'])
    text = f"#!/bin/sh\n# Signs Docker in to Artifact Registry, made by mlops-env.\n{line}\n"
    write_atomically(found.launcher, text, mode=0o755)
    apply(change, home, mode=0o600)


def _launcher() -> Path | None:
    """A place for programs of the user's own that Docker's client looks in; None where PATH has none to write to."""
    there = os.environ.get("PATH", "").split(":")
    places = (Path.home() / ".local" / "bin", Path.home() / "bin")
    return next((place / PROGRAM for place in places if str(place) in there and _writable(place / PROGRAM)), None)


def _writable(path: Path) -> bool:
    try:
        demand_writable(Change(Place("Docker", path), None, ""))
    except UsageError:
        return False
    return True


def _helper(host: str) -> str:
    """The credential helper that the client would ask for a registry."""
    try:
        found = json.loads(configuration().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    if not isinstance(found, dict):
        return ""
    helpers = found.get("credHelpers")
    named = helpers.get(host) if isinstance(helpers, dict) else ""
    return str(named or "")
