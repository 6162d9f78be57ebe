"""Step ``services``: the project's APIs are on and answer, their own accounts are there; the project's number and the zone.

What could not be looked at before is looked at now. In a project where everything is on already nothing is asked twice.
The roles of those accounts come last, minutes later at times: they are waited for when all else of the step is known.
"""

from __future__ import annotations

import asyncio

from core.errors import PrerequisiteError
from core.gcp import Google, iam, services
from core.gcp.errors import ApiError, BillingDisabled, PermissionDenied
from core.install import shown
from core.install.installation import Installation
from core.install.prerequisites import followed, give_up_reserved_name, subject_of, tell
from core.prerequisites import demand, examine_access, leftovers, places, wanted_services
from core.run.step import Context, Step
from core.run.together import together

AGENTS: dict[str, tuple[str, str]] = {
    "servicenetworking.googleapis.com": ("service-{n}@service-networking.iam.gserviceaccount.com",
                                         "roles/servicenetworking.serviceAgent"),
    "container.googleapis.com": ("service-{n}@container-engine-robot.iam.gserviceaccount.com",
                                 "roles/container.serviceAgent"),
    "cloudbuild.googleapis.com": ("service-{n}@gcp-sa-cloudbuild.iam.gserviceaccount.com",
                                  "roles/cloudbuild.serviceAgent"),
    "notebooks.googleapis.com": ("service-{n}@gcp-sa-notebooks.iam.gserviceaccount.com", "roles/notebooks.serviceAgent"),
}  # fmt: skip
"""The services whose own account must have its role before what is made with them can be made."""
AGENT_PATIENCE = 600.0
"""Seconds that an agent's role is waited for, while everything that does not need it goes on."""
AGENT_LOOKS = 6.0
"""Seconds between two looks."""


def step(installation: Installation) -> Step:
    """The step for one run."""

    async def run(context: Context) -> None:
        await switch_on(installation, context)

    return Step(
        "services",
        "Switch on the project's APIs",
        run,
        needs=("prerequisites",),
        publishes=("services_accepted", "services", "project_number", "zone", "service_agents"),
        seconds=120,
        deadline=1800,
    )


async def switch_on(installation: Installation, context: Context) -> None:
    """Switches on what is off, waits until it answers, and finds out what the other steps need."""
    try:
        await _switch_on(installation, context)
    except (BillingDisabled, PermissionDenied) as error:
        code = "billing" if isinstance(error, BillingDisabled) else "permission"
        raise PrerequisiteError(
            error.message, code=code, cause=error.cause, hint=error.hint, command=error.command, url=error.url
        ) from error


async def _switch_on(installation: Installation, context: Context) -> None:
    google = installation.google
    on = installation.services_on
    installation.services_on = None
    on = await services.enabled(google) if on is None else on | google.enabled
    google.enabled |= on
    needed = wanted_services.required(installation.values)
    missing = [s for s in needed if s not in on]
    wanted = [s for s in wanted_services.OPTIONAL if s not in on]
    if not missing:
        _accepted(context)
    if missing or wanted:
        shown.hold_services(installation, [*missing, *wanted])
        await together([_enable(google, missing, wanted, context), google.prepare(_called(missing))])
        _accepted(context)
    number = await _number(google)
    agents = asyncio.ensure_future(_agents(google, missing, number, context))
    try:
        if missing:
            await services.answer(google, missing, region=installation.values["region"])
            await together([_look_again(installation, context), _tell_leftovers(google, missing, number, context)])
        context.publish("project_number", number)
        context.publish("zone", await _zone(installation))
        context.publish("services", sorted({*on, *google.enabled} & {*needed, *wanted_services.OPTIONAL}))
        context.publish("service_agents", await agents)
    finally:
        agents.cancel()
        await asyncio.gather(agents, return_exceptions=True)


def _called(names: list[str]) -> list[tuple[str, str]]:
    """The APIs among services that are looked at as soon as they are on."""
    return [services.PROBES[name][:2] for name in names if name in services.PROBES]


async def _enable(google: Google, missing: list[str], wanted: list[str], context: Context) -> None:
    context.progress(f"{len(missing) + len(wanted)} APIs are being switched on")
    for service in (*missing, *wanted):
        context.resource("services", service, "create", "started")
    refused, refused_too = await together([
        services.enable(google, missing, context, accepted=lambda: _accepted(context)),
        services.enable(google, wanted, context),
    ])  # fmt: skip
    for service in (*missing, *wanted):
        context.resource("services", service, "create", "failed" if service in {*refused, *refused_too} else "done")
    if set(missing) - set(refused):
        context.changed()
    for service, refusal in refused_too.items():
        context.log(f"{service} is refused, and is not needed: {refusal.cause or refusal.message}")
    if refused:
        raise _refusal(refused)


def _accepted(context: Context) -> None:
    """Nothing stands in the way of what is free and needs none of these APIs."""
    try:
        context.fact("services_accepted")
    except KeyError:
        context.publish("services_accepted", True)


def _refusal(refused: dict[str, ApiError]) -> PrerequisiteError:
    name, error = next(iter(refused.items()))
    others = f" (and {len(refused) - 1} more: {', '.join(list(refused)[1:])})" if len(refused) > 1 else ""
    return PrerequisiteError(
        f"The API {name} can't be switched on{others}.",
        code="service-refused",
        cause=error.cause or error.message,
        hint=error.hint,
        command=f"gcloud services enable {' '.join(refused)}",
        url=error.url,
    )


async def _number(google: Google) -> str:
    project = await google.call("cloudresourcemanager", "v1", "projects.get", projectId=google.project)
    return str(project["projectNumber"])


async def _zone(installation: Installation) -> str:
    """The zone that was given or found before, else the region's first that is up, which is then kept."""
    if installation.values["zone"]:
        return str(installation.values["zone"])
    region = installation.values["region"]
    up = [str(z["name"]) for z in await places.of_region(installation.google, region) if z.get("status", "UP") == "UP"]
    if not up:
        raise PrerequisiteError(f"No zone of {region} is up.", code="zone", hint="Choose another region.")
    installation.environment = installation.environment.with_resolved(zone=up[0]).save()
    return up[0]


async def _look_again(installation: Installation, context: Context) -> None:
    subject = subject_of(installation)
    checks = await followed(installation, await examine_access(subject))
    give_up_reserved_name(installation, checks, context)
    tell(checks, context)
    demand(checks)


async def _tell_leftovers(google: Google, fresh: list[str], number: str, context: Context) -> None:
    if "compute.googleapis.com" in fresh:
        for sentence in await leftovers.told(google, number):
            context.log(sentence)


async def _agents(google: Google, fresh: list[str], number: str, context: Context) -> list[str]:
    """Has the services make their own accounts, and waits for their roles; returns the services that still lack theirs."""
    names = [s for s in AGENTS if s in fresh]

    async def make(service: str) -> None:
        try:
            await services.identity(google, service, number)
        except ApiError as error:
            context.log(f"The account of {service} could not be asked for: {error.cause or error.message}")

    await together(make(service) for service in names)
    begin = google.clock.now()
    while names:
        try:
            policy = await iam.project_policy(google)
        except PermissionDenied:
            return []  # who may not look must take it as it comes
        names = [s for s in names if not _has_role(policy, s, number)]
        if google.clock.now() - begin >= AGENT_PATIENCE:
            break
        if names:
            await google.clock.sleep(AGENT_LOOKS)
    return names


def _has_role(policy: iam.Policy, service: str, number: str) -> bool:
    account, role = AGENTS[service]
    return iam.has(policy, role, f"serviceAccount:{account.format(n=number)}")
