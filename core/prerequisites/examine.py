"""Running the checks side by side, and what follows from them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from core.errors import ParameterError, PrerequisiteError
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
from core.prerequisites.check import Check, Subject
from core.run.together import together

Checker = Callable[[Subject], Awaitable[list[Check]]]

OF_MACHINE: tuple[Checker, ...] = (tools.check, shell.check, disk.check, reach.check)
"""What this machine must have, whoever is signed in."""
OF_ACCESS: tuple[Checker, ...] = (
    clock.check, access.project, access.billing, places.check, sizes.check, permissions.check, policies.check, quotas.check,
    taken.check, ranges.check, builds.check,
)  # fmt: skip
"""What needs a sign-in, and is looked at again once the project's APIs are on."""


async def examine(subject: Subject) -> list[Check]:
    """Every check; where nobody is signed in that blocks, and what needs a sign-in is skipped."""
    machine, signed_in = await together([examine_machine(subject), _access(subject)])
    return [*machine, *signed_in]


async def examine_machine(subject: Subject) -> list[Check]:
    """The checks of this machine alone."""
    found = await together(check(subject) for check in OF_MACHINE)
    return [check for checks in found for check in checks]


async def _access(subject: Subject) -> list[Check]:
    try:
        signed_in = await access.sign_in(subject)
        if not subject.google.project:
            subject.google.project, _ = await default_project(subject.google)
        looked = await together([apis.check(subject), examine_access(subject)])
        return [*signed_in, *(check for checks in looked for check in checks)]
    except SignInEnded as ended:
        return [Check("sign-in", access.SIGN_IN, "block", "", ended.message.rstrip("."), ended.hint, ended.command)]


async def examine_access(subject: Subject) -> list[Check]:
    """The checks of the project alone; for a sign-in that is there."""
    found = await together(check(subject) for check in OF_ACCESS)
    return [check for checks in found for check in checks]


def demand(checks: Sequence[Check]) -> None:
    """Raises `ParameterError` where a value is wrong, else `PrerequisiteError` that lists everything that blocks."""
    blocking = [c for c in checks if c.state == "block"]
    if not blocking:
        return
    for check in blocking:
        if check.key:
            raise ParameterError(check.key, check.looked_at, check.allowed, hint=check.hint)
    first = blocking[0]
    if len(blocking) == 1:
        raise PrerequisiteError(
            f"{first.why[:1].upper()}{first.why[1:]}.", code=first.id, hint=first.hint, command=first.command, url=first.url
        )
    raise PrerequisiteError(
        f"{len(blocking)} things are missing: {'; '.join(c.why for c in blocking)}.",
        code="prerequisites",
        hint=" ".join(dict.fromkeys(c.hint for c in blocking if c.hint)),
        command=first.command,
        url=first.url,
    )
