"""What ``devcontainer.json`` and the ``Dockerfile`` beside it say, for one wish.

The image is built for x86-64 alone, and a ``FROM --platform`` is not listened to, so the platform is asked for where the
image is built and where it is run. On a remote Docker host nothing of this machine can be mounted: the workspace is a
folder of that host's data disk, which outlives container and boot disk, filled once from where the code was cloned from.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from core.workstation.devcontainer.templates import Template

PLATFORM = "--platform=linux/amd64"
CREDENTIALS = "/opt/mlops-env/application_default_credentials.json"
"""Where the container finds Application Default Credentials: a file alone, so that gcloud's own folder stays writable."""
DATA_DISK = "/home/jupyter"
"""Where a Workbench instance mounts its data disk."""

OWN = """\
[ -w . ] || sudo -n chown "$(id -u):$(id -g)" . || true
"""
"""A folder that Docker made is root's, whoever works in it."""
FILL = """\
[ -n "$(ls -A .)" ] || GIT_SSH_COMMAND="ssh -o StrictHostKeyChecking=accept-new" git clone -- {origin} . \\
  || echo {failed}
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a devcontainer is to be like; ``image`` is the environment's, empty for one built from the template's recipe.

    ``credentials`` is the file of Application Default Credentials to mount, empty for none; ``origin`` where the code of
    a remote workspace comes from; ``owner`` tells one user's remote workspace from another's.
    """

    template: Template
    name: str
    image: str = ""
    project: str = ""
    remote: bool = False
    credentials: str = ""
    origin: str = ""
    owner: str = "me"
    extensions: tuple[str, ...] = ()

    @property
    def remote_folder(self) -> str:
        """The folder of the remote host that holds the code."""
        return f"{DATA_DISK}/workspaces/{self.owner}-{self.name}"


def contents(wish: Wish) -> dict[str, str]:
    """The files of ``.devcontainer`` by their names."""
    written = {"devcontainer.json": json.dumps(document(wish), indent=2, ensure_ascii=False) + "\n"}
    if not wish.image:
        return {**written, **wish.template.recipe()}
    return {**written, "Dockerfile": f"FROM {wish.image}\n"}


def document(wish: Wish) -> dict[str, Any]:
    """``devcontainer.json`` in today's form, plain JSON."""
    template = wish.template
    made: dict[str, Any] = {
        "name": wish.name,
        "build": {"dockerfile": "Dockerfile", "options": [PLATFORM]},
        "runArgs": [PLATFORM],
        "init": True,
    }
    if template.gpu:
        made["hostRequirements"] = {"gpu": "optional"}
    variables = {"GOOGLE_CLOUD_PROJECT": wish.project} if wish.project else {}
    if wish.remote:
        made |= _remote(wish, made["runArgs"])
    elif wish.credentials:
        made["mounts"] = [f"source={wish.credentials},target={CREDENTIALS},type=bind,readonly"]
        variables["GOOGLE_APPLICATION_CREDENTIALS"] = CREDENTIALS
    if variables:
        made["containerEnv"] = variables
    made["remoteEnv"] = {"PATH": f"{template.programs}:${{containerEnv:PATH}}"}
    made["postCreateCommand"] = _checks(wish)
    made["customizations"] = {
        "vscode": {
            "extensions": list(wish.extensions or template.extensions),
            "settings": {"python.defaultInterpreterPath": f"{template.programs}/python"},
        }
    }
    return made


def _remote(wish: Wish, run: list[str]) -> dict[str, Any]:
    """A workspace on the remote host; ``--volume`` makes the folder where it is missing, as no ``--mount`` does."""
    import shlex

    inside = f"/workspaces/{wish.name}"
    made: dict[str, Any] = {
        "runArgs": [*run, f"--volume={wish.remote_folder}:{inside}"],
        "workspaceMount": "",
        "workspaceFolder": inside,
        "updateRemoteUserUID": False,
    }
    failed = f"The code could not be cloned: run git clone {wish.origin} . here."
    fill = FILL.format(origin=shlex.quote(wish.origin), failed=shlex.quote(failed)) if wish.origin else ""
    made["onCreateCommand"] = ["/bin/sh", "-c", OWN + fill]
    return made


def _checks(wish: Wish) -> dict[str, list[str]]:
    """What says right after the container was made whether it does what it is for."""
    checks = {"python": [f"{wish.template.programs}/python", "-c", wish.template.check]}
    if wish.credentials and not wish.remote:
        checks["credentials"] = [
            f"{wish.template.programs}/python", "-c",
            "import google.auth; print('signed in for', google.auth.default()[1])",
        ]  # fmt: skip
    return checks
