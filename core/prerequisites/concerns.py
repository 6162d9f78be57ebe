"""Everything that is looked at, one by one, for whoever shows it as it finishes and looks at one of it again.

`examine` runs the same and gives a command one answer; a person in front of a screen sees each concern by itself, why it
matters, and in which of two phases it stands: what gives access at all, and what depends on the parameters that are being
chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from core.errors import StepError
from core.gcp.errors import SignInEnded
from core.gcp.project import default_project
from core.prerequisites import (
    access,
    apis,
    builds,
    clock,
    disk,
    permissions,
    places,
    policies,
    quotas,
    ranges,
    reach,
    shell,
    sizes,
    taken,
    tools,
)
from core.prerequisites.check import Check, Checker, Subject

Phase = Literal["access", "parameters"]


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing to look at: ``matters`` says why; ``keys`` are the parameters on whose values the outcome depends."""

    id: str
    title: str
    phase: Phase
    matters: str
    check: Checker
    keys: tuple[str, ...] = ()
    signed_in: bool = True


def _tool(name: str, matters: str, *keys: str) -> Concern:
    return Concern(f"tool.{name}", name, "access", matters, partial(tools.one, name=name), keys, signed_in=False)


async def sign_in(subject: Subject) -> list[Check]:
    """Who is signed in, and what stands in the way of it in a Cloud Shell: without credentials nobody can be."""
    here = await shell.check(subject)
    if any(check.id == "cloud-shell" and check.state == "block" for check in here):
        return here
    return [*here, *await access.sign_in(subject)]


CONCERNS: tuple[Concern, ...] = (
    _tool("terraform", "Terraform makes the network, the cluster and the database, and takes them down again."),
    _tool("kubectl", "kubectl brings Kubeflow's objects into the cluster, and is how you look at them."),
    _tool("git", "git fetches the release of Kubeflow Pipelines from GitHub.", "kfp_manifests"),
    _tool("ssh", "A notebook VM is reached by ssh, through Identity-Aware Proxy.", "notebook"),
    _tool("docker", "VS Code works in a notebook VM's container through a Docker client here.", "notebook"),
    Concern("disk", "disk", "access", "A disk that fills up takes a run's record with it.", disk.check, signed_in=False),
    Concern("reach", "network", "access", "Manifests come from GitHub, and images from four registries.", reach.check,
            ("kfp_manifests", "image"), signed_in=False),
    Concern("sign-in", "sign-in", "access", "Everything is made in your name, with the rights that you have.",
            sign_in, ("state",), signed_in=False),
    Concern("clock", "clock", "access", "Where a clock is minutes off, signatures are refused.", clock.check),
    Concern("project", "project", "access", "Everything is made in one project, and paid for there.", access.project,
            ("project_id",)),
    Concern("billing", "billing", "access", "Without an open billing account no cluster and no database can be made.",
            access.billing, ("project_id",)),
    Concern("apis", "APIs", "access", "While an API is off, what it knows can be looked at only by the installation.",
            apis.check, ("project_id",)),
    Concern("places", "region, zone", "parameters",
            "The network and the buckets stay in the region; the cluster stands in the zone.", places.check,
            ("project_id", "region", "zone")),
    Concern("sizes", "sizes", "parameters", "Not every zone has every machine, nor every region every tier of a database.",
            sizes.check, ("project_id", "region", "zone", "node_machine_type", "notebook", "notebook_machine_type",
                          "sql_tier", "profile")),
    Concern("permissions", "permissions", "parameters",
            "One permission that is missing stops an installation in the middle; roles alone do not tell.",
            permissions.check, ("project_id", "image", "notebook", "user_gcp_sa")),
    Concern("policies", "policies", "parameters",
            "What an organization forbids is refused when it is made, however many rights one has.",
            policies.check, ("project_id", "region", "private_nodes", "user_gcp_sa", "image", "notebook", "build_region")),
    Concern("quotas", "quotas", "parameters",
            "New projects hold few machines and disks: what passes a quota is refused twenty minutes in.",
            quotas.check, ("project_id", "region", "zone", "profile", "node_machine_type", "node_min", "node_max",
                           "notebook", "notebook_machine_type", "private_nodes")),
    Concern("names", "names", "parameters", "What somebody else has under a name is left alone, and no other can have it.",
            taken.check, ("project_id", "region", "zone", "name_prefix", "notebook", "state")),
    Concern("ranges", "ranges", "parameters", "Ranges that overlap are refused when the network is made.", ranges.check,
            ("project_id", "name_prefix", "region", "subnet_cidr", "pods_cidr", "services_cidr", "sql_cidr")),
    Concern("builds", "Cloud Build", "parameters", "In some regions a project of little history may not build at all.",
            builds.check, ("project_id", "region", "image", "build_region")),
)  # fmt: skip
"""Everything that is looked at, in the order in which it is shown."""


async def look(subject: Subject, concern: Concern) -> list[Check]:
    """How one concern stands; what can't be looked at is skipped, with the reason."""
    try:
        if concern.signed_in:
            await signed_in(subject)
        return await concern.check(subject)
    except SignInEnded as ended:
        if concern.signed_in:
            why = ended.message.rstrip(".")
            return [Check(concern.id, concern.title, "skip", "", why, "Looked at once you are signed in.")]
        return [nobody(ended)]
    except StepError as error:
        return [Check(concern.id, concern.title, "skip", "", error.message.rstrip("."), error.hint or error.cause)]


async def signed_in(subject: Subject) -> list[Check]:
    """Who is signed in, once the project is known that checks ask for; raises `SignInEnded` where nobody is."""
    found = await access.sign_in(subject)
    if not subject.google.project:
        subject.google.project, _ = await default_project(subject.google)
    return found


def nobody(ended: SignInEnded) -> Check:
    """The check that blocks where nobody is signed in."""
    return Check("sign-in", access.SIGN_IN, "block", "", ended.message.rstrip("."), ended.hint, ended.command)
