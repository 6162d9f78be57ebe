"""What a NAME or HOST means: an environment's notebook VM, a VM that is named outright, or any host that ssh knows.

An environment is looked for on this machine first; with a project it may be one that another machine installed, which is
found in its project by the labels of its state bucket.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.environment import Cloud, Environment, Home
from core.environment import rehearsal as rehearsals
from core.environment.record import NAME_PATTERN
from core.errors import UnknownEnvironment, UsageError
from core.names import NAME_LABEL
from core.workstation.ssh.relay import Destination

if TYPE_CHECKING:
    from core.gcp import Google

ALIAS = "mlops-env-"
"""What an environment's host begins with in the ssh configuration: ``ssh mlops-env-NAME``."""

PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
"""A project's id; those of an organization's early days have its domain before them."""

STATE_BUCKET = {"mlops-env-holds": "state"}
"""The label that tells an environment's state bucket from its others."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is connected to. ``host`` is the name that ssh is given; ``destination`` is set where the way is IAP's relay."""

    name: str
    host: str
    destination: Destination | None = None
    environment: Environment | None = None
    cloud: Cloud = field(default_factory=Cloud)

    @property
    def kind(self) -> str:
        """``environment``, ``instance`` or ``host``."""
        if self.environment is not None:
            return "environment"
        return "host" if self.destination is None else "instance"


Opener = Callable[[Cloud, str], "Google"]
"""Makes the client for a cloud and a project; the caller closes nothing, `find` does."""


async def find(
    home: Home, name: str, *, project: str = "", zone: str = "", instance: str = "", opener: Opener | None = None
) -> Target:
    """What a name means; raises `UsageError` where it can't mean anything.

    With a zone and an instance it is that VM; with a project alone, the environment of that name in the project, here or
    elsewhere; with none of them an environment of this machine, else a host of ssh's.
    """
    if bool(zone) != bool(instance) or (zone and not project):
        raise UsageError("--zone and --instance go together, with --project.", code="usage")
    if instance:
        return Target(name, name, Destination(project, zone, instance), cloud=rehearsals.cloud_of(home, project))
    here = known(home, name)
    if here is not None and (not project or here.values["project_id"] == project):
        return of(here)
    if project:
        return await _elsewhere(home, name, project, opener)
    return Target(name, name)


def of(environment: Environment, *, cloud: Cloud | None = None) -> Target:
    """The notebook VM of an environment; raises `UsageError` where it has none that ssh can reach."""
    values, names = environment.values, environment.names
    kind = str(values.get("notebook") or "none")
    if kind == "container":
        raise UsageError(
            f"The notebook of {environment.name} is a container: there is no ssh into it.",
            code="notebook-container",
            cause="Its operating system runs no programs from home folders, and its SSH server forwards nothing.",
            hint="Open it as JupyterLab, or install with notebook = vm.",
        )
    if kind == "vm" and not names.zone:
        raise UsageError(
            f"{environment.name} is not installed yet: its notebook is nowhere.",
            code="no-notebook-yet",
            hint=f"Install it first: mlops-env install {environment.name}",
        )
    destination = Destination(names.project, names.zone, names.notebook) if kind == "vm" else None
    return Target(
        environment.name,
        f"{ALIAS}{environment.name}",
        destination,
        environment,
        cloud if cloud is not None else rehearsals.cloud(environment),
    )


def no_notebook(target: Target) -> UsageError:
    """The error of an environment in which there is nothing to connect to."""
    return UsageError(
        f"{target.name} has no notebook to connect to.",
        code="no-notebook",
        hint="Install it with notebook = vm, or name a VM: --project, --zone and --instance.",
    )


def known(home: Home, name: str) -> Environment | None:
    """The environment of that name on this machine; None where there is none."""
    if not NAME_PATTERN.fullmatch(name):
        return None
    try:
        return Environment.load(home, name)
    except UnknownEnvironment:
        return None


async def _elsewhere(home: Home, name: str, project: str, opener: Opener | None) -> Target:
    try:
        found, cloud = await elsewhere(home, name, project, opener)
    except UsageError as error:
        if error.code == "unknown-environment":
            error.hint = "Name its VM outright: --project, --zone and --instance."
        raise
    return of(found, cloud=cloud)


async def elsewhere(home: Home, name: str, project: str, opener: Opener | None = None) -> tuple[Environment, Cloud]:
    """The environment of that name that another machine installed into the project, and the cloud that it is in."""
    from core.gcp import storage

    if not PROJECT.fullmatch(project):
        raise UsageError(
            f"{project!r} is no project's id.",
            code="usage",
            hint="It has 6 to 30 lower-case letters, digits and hyphens: gcloud projects list shows yours.",
        )
    cloud = rehearsals.cloud_of(home, project)
    async with (opener or _google)(cloud, project) as google:
        for bucket in await storage.buckets(google, {NAME_LABEL: name, **STATE_BUCKET}):
            record = await storage.read(google, bucket["name"], "environment.toml")
            if record is not None:
                source = f"gs://{bucket['name']}/environment.toml"
                return Environment.of(home, name, tomllib.loads(record.decode()), source=source), cloud
    raise UsageError(f"There is no environment named {name} in the project {project}.", code="unknown-environment")


def _google(cloud: Cloud, project: str) -> Google:
    from core.gcp import Google
    from core.run.clock import Clock
    from core.run.redact import Redactor

    return Google(cloud, clock=Clock(cloud.rate), redactor=Redactor(), project=project)
