"""The APIs that looking needs: in a fresh project they are off, and what they know can't be looked at.

They can be switched on before anything else is made, which nobody is charged for. It is only ever offered: the installation
does it by itself, and looks again then.
"""

from __future__ import annotations

from core.gcp import services
from core.gcp.errors import ApiError
from core.prerequisites.check import Check, Subject

APIS = "The APIs that looking needs are on"
LOOKING = tuple(
    f"{name}.googleapis.com"
    for name in (
        "cloudresourcemanager", "cloudbilling", "compute", "container", "iam", "orgpolicy", "secretmanager", "sqladmin",
    )
)  # fmt: skip
"""What tells of billing, machines, quotas, policies, tiers and names."""


async def check(subject: Subject) -> list[Check]:
    """Which of the APIs are off; a warning, since only the looking suffers."""
    google = subject.google
    if not google.project or subject.standing:
        return []
    try:
        on = await services.enabled(google)
    except ApiError as error:
        return [Check("apis", APIS, "skip", google.project, error.message.rstrip("."), error.hint)]
    off = [name for name in LOOKING if name not in on]
    if not off:
        return [Check("apis", APIS, "pass", f"all of {len(LOOKING)}")]
    why = f"{len(off)} APIs are off, and what they know can't be looked at before the installation"
    hint = "Switch them on now, if you want to know it before: nothing else is made by that, and nothing is charged."
    command = f"gcloud services enable {' '.join(off)} --project={google.project}"
    return [Check("apis", APIS, "warn", ", ".join(n.removesuffix(".googleapis.com") for n in off), why, hint, command)]


async def switch_on(subject: Subject) -> None:
    """Switches on those that are off, and waits until they answer; raises an `ApiError` for one that is refused."""
    google = subject.google
    off = [name for name in LOOKING if name not in await services.enabled(google)]
    refused = await services.enable(google, off)
    google.enabled |= set(off) - set(refused)
    await services.answer(google, [n for n in off if n not in refused], region=str(subject.values["region"]))
    for error in refused.values():
        raise error
