"""The checks one by one, for whoever shows them as they finish and looks at one of them again.

`examine` gives a command one answer; a person in front of a screen sees each concern by itself, why it matters, and in
which of two phases it stands: what gives access at all, and what depends on the parameters that are being chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from core.errors import StepError
from core.gcp.errors import SignInEnded
from core.gcp.project import default_project
from core.prerequisites import access, permissions, places, policies, quotas, shell, tools
from core.prerequisites.check import Check, Subject
from core.prerequisites.examine import Checker

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
    Concern("sign-in", "sign-in", "access", "Everything is made in your name, with the rights that you have.",
            sign_in, ("state",), signed_in=False),
    Concern("project", "project", "access", "Everything is made in one project, and paid for there.", access.project,
            ("project_id",)),
    Concern("billing", "billing", "access", "Without an open billing account no cluster and no database can be made.",
            access.billing, ("project_id",)),
    Concern("places", "region, zone", "parameters",
            "The network and the buckets stay in the region; the cluster stands in the zone.", places.check,
            ("project_id", "region", "zone")),
    Concern("permissions", "permissions", "parameters",
            "One permission that is missing stops an installation in the middle; roles alone do not tell.",
            permissions.check, ("project_id", "image", "notebook", "user_gcp_sa")),
    Concern("policies", "policies", "parameters",
            "What an organization forbids is refused when it is made, however many rights one has.",
            policies.check, ("project_id", "region", "private_nodes", "user_gcp_sa")),
    Concern("quotas", "quotas", "parameters",
            "New projects hold few machines and disks: what passes a quota is refused twenty minutes in.",
            quotas.check, ("project_id", "region", "zone", "profile", "node_machine_type", "node_min", "node_max",
                           "notebook", "notebook_machine_type", "private_nodes")),
)  # fmt: skip
"""Everything that is looked at, in the order in which it is shown."""


async def look(subject: Subject, concern: Concern) -> list[Check]:
    """How one concern stands; what can't be looked at is skipped, with the reason."""
    try:
        if concern.signed_in:
            await access.sign_in(subject)
            if not subject.google.project:
                subject.google.project, _ = await default_project(subject.google)
        return await concern.check(subject)
    except SignInEnded as ended:
        why = ended.message.rstrip(".")
        if concern.signed_in:
            return [Check(concern.id, concern.title, "skip", "", why, "Looked at once you are signed in.")]
        return [Check(concern.id, access.SIGN_IN, "block", "", why, ended.hint, ended.command)]
    except StepError as error:
        return [Check(concern.id, concern.title, "skip", "", error.message.rstrip("."), error.hint or error.cause)]
