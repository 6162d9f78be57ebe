"""Step ``prerequisites``: the tools, the sign-in, the project and its billing, the region and the zone; nothing is made.

What can't be looked at because its API is off waits for the step ``services``. One thing can't wait: a region or a zone
that is on no list of ours. A wrong one must be told before anything else is made, so the one API that knows is switched on.
"""

from __future__ import annotations

import contextlib

from core.environment import Environment
from core.gcp import services
from core.gcp.errors import ApiError
from core.gcp.project import default_project
from core.install import following, made
from core.install.installation import Installation
from core.install.mending import next_sql_name
from core.prerequisites import Check, Subject, access, demand, examine_access, examine_machine, shell, taken
from core.prerequisites.check import Checker
from core.run.step import Context, Step
from core.run.together import together

COMPUTE = "compute.googleapis.com"


def step(installation: Installation) -> Step:
    """The step for one run."""

    async def run(context: Context) -> None:
        await check(installation, context)

    return Step(
        "prerequisites",
        "Check the machine, the account and the project",
        run,
        publishes=("prerequisites", "account"),
        seconds=5,
        deadline=900,
    )


async def check(installation: Installation, context: Context) -> None:
    """Looks at everything, tells it, and raises where something blocks."""
    note_password(installation)
    subject = subject_of(installation)
    demand(await shell.check(subject))  # first: without credentials there is nobody whom a sign-in could be waited for
    looked = [examine_machine(subject), _access(installation, subject, context)]
    found = [c for checks in await together(looked) for c in checks]
    give_up_reserved_name(installation, found, context)
    tell(found, context)
    demand(found)
    if not subject_of(installation).standing:
        made.doubt(installation.environment)
    context.publish("account", await installation.google.account())
    context.publish("prerequisites", True)


async def _access(installation: Installation, subject: Subject, context: Context) -> list[Check]:
    signed_in, _ = await together([access.sign_in(subject), _list_services(installation)])
    await name_project(installation, context)
    with services.known(installation.google, installation.services_on):
        looked = await examine_access(subject)
    if any(c.key and c.state == "skip" for c in looked):
        await services.enable(installation.google, [COMPUTE], context)
        looked = await examine_access(subject)
    return [*signed_in, *await followed(installation, looked)]


async def _list_services(installation: Installation) -> list[Check]:
    """Finds out which APIs are on: then those that are off need not be asked, each a dozen times."""
    if installation.google.project:
        with contextlib.suppress(ApiError):
            installation.services_on = await services.enabled(installation.google)
    return []


async def name_project(installation: Installation, context: Context) -> None:
    """Takes the project that the machine names where none was given, says which names it, and keeps it."""
    google = installation.google
    if google.project:
        return
    google.project, source = await default_project(google)
    if google.project:
        context.log(f"The project is {google.project}, named by {source}.")
        installation.environment = installation.environment.with_resolved(project_id=google.project).save()


async def followed(
    installation: Installation, looked: list[Check], *, look: Checker = examine_access, keep: bool = True
) -> list[Check]:
    """The checks (of ``look``) once what nobody set took the values that follow; the environment keeps them.

    Where a plan was shown, nothing follows that was not shown: what blocks then, blocks.
    """
    if installation.shown is not None and installation.shown.by == "plan":
        return looked

    async def again(candidate: Environment) -> list[Check]:
        return await look(subject_of(installation, candidate))

    checks, found = await following.settle(installation.environment, looked, again)
    if found and keep:
        installation.environment = following.taken(installation.environment, found).save()
    return checks


def subject_of(installation: Installation, environment: Environment | None = None) -> Subject:
    """What is checked of an environment: the installation's, or one that it might be."""
    environment = environment or installation.environment
    values, doubted = made.of(environment)
    return Subject(installation.google, environment.values, environment.home, values, environment.names, doubted)


def give_up_reserved_name(installation: Installation, checks: list[Check], context: Context) -> None:
    """Takes the next name for the database where this one is still reserved: making it would be refused in mid-way."""
    if any(c.id == taken.RESERVED for c in checks):
        before = installation.names.sql_instance
        next_sql_name(installation)
        context.log(f"The name {before} is still reserved: the database is {installation.names.sql_instance}.")


def note_password(installation: Installation) -> None:
    """Records that the SQL password was typed, so that no later run makes up another where this one's was lost."""
    if "sql_password" in installation.secrets and not installation.environment.sql_password_given:
        installation.environment = installation.environment.with_password_given().save()


def tell(checks: list[Check], context: Context) -> None:
    """Writes the checks into the step's log, and the first that needs attention beside the step."""
    for found in checks:
        why = f": {found.why}" if found.why else ""
        context.log(f"{found.state:5} {found.title}: {found.looked_at}{why}")
    open_ones = [c for c in checks if c.state == "warn"]
    if open_ones:
        context.progress(f"{open_ones[0].title}: {open_ones[0].why}")
