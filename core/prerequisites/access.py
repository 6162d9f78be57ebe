"""Who is signed in, the project, and its billing: whether Google lets this account see and pay for what is to be made."""

from __future__ import annotations

from core.gcp.errors import ApiError, NotFound, PermissionDenied, ServiceDisabled, billing_disabled
from core.prerequisites.check import Check, Subject

SIGN_IN, PROJECT, BILLING = "Signed in", "The project is there and active", "Billing is on"


async def sign_in(subject: Subject) -> list[Check]:
    """Whether there is a sign-in that gives tokens; raises `SignInEnded` where only a person can make one."""
    account = await subject.google.account()
    found = subject.google.credentials.sign_in
    source = f" ({found.source})" if found else ""
    if not account:
        return [Check("sign-in", SIGN_IN, "warn", f"a sign-in{source}", "Google does not say whose it is")]
    return [Check("sign-in", SIGN_IN, "pass", f"{account}{source}")]


async def project(subject: Subject) -> list[Check]:
    """Whether the project exists and is active; asked for without charging the call to it, since its APIs may be off."""
    name = subject.google.project
    if not name:
        hint = "Set project_id, or GOOGLE_CLOUD_PROJECT."
        return [Check("project", PROJECT, "block", "no project", "no project is named", hint)]
    try:
        found = await subject.google.call("cloudresourcemanager", "v1", "projects.get", quota_project=False, projectId=name)
    except ServiceDisabled as error:
        return [Check("project", PROJECT, "skip", name, f"{error.service} is off", "Looked at once it is on.")]
    except (NotFound, PermissionDenied) as error:
        why = f"the project {name} does not exist, or this account may not see it"
        hint = "Check project_id; ask an owner of the project for a role in it, or make it."
        return [Check("project", PROJECT, "block", name, why, hint, f"gcloud projects describe {name}", error.url)]
    state = found.get("lifecycleState", "ACTIVE")
    if state != "ACTIVE":
        why, hint = f"the project {name} is {state}", "Choose another project, or restore this one."
        return [Check("project", PROJECT, "block", name, why, hint, f"gcloud projects undelete {name}")]
    return [Check("project", PROJECT, "pass", f"{name} (number {found.get('projectNumber', 'unknown')})")]


async def billing(subject: Subject) -> list[Check]:
    """Whether the project has a billing account that is open."""
    name = subject.google.project
    if not name:
        return []
    try:
        found = await subject.google.call("cloudbilling", "v1", "projects.getBillingInfo", name=f"projects/{name}")
    except ServiceDisabled as error:
        return [Check("billing", BILLING, "skip", name, f"{error.service} is off", "Looked at once it is on.")]
    except PermissionDenied as error:
        return [Check("billing", BILLING, "warn", name, "this account may not see the project's billing", error.hint)]
    except ApiError as error:
        return [Check("billing", BILLING, "skip", name, error.cause or error.message)]
    if found.get("billingEnabled"):
        return [Check("billing", BILLING, "pass", str(found.get("billingAccountName", "")))]
    off = billing_disabled(name)
    return [Check("billing", BILLING, "block", name, off.message.rstrip("."), off.hint, off.command, off.url)]
