"""Running the checks side by side, and what follows from them."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import ParameterError, PrerequisiteError
from core.gcp.errors import SignInEnded
from core.prerequisites import apis, shell
from core.prerequisites.check import Check, Checker, Subject
from core.prerequisites.concerns import CONCERNS, nobody, sign_in, signed_in
from core.run.together import together

OF_MACHINE: tuple[Checker, ...] = (
    *(c.check for c in CONCERNS if not c.signed_in and c.check is not sign_in), shell.check
)  # fmt: skip
"""What this machine must have, whoever is signed in."""
OF_ACCESS: tuple[Checker, ...] = tuple(c.check for c in CONCERNS if c.signed_in and c.check is not apis.check)
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
        who = await signed_in(subject)
        looked = await together([apis.check(subject), examine_access(subject)])
        return [*who, *(check for checks in looked for check in checks)]
    except SignInEnded as ended:
        return [nobody(ended)]


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
