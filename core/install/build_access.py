"""Step ``build-access``: the manual's grant of Kubernetes Engine Developer to the account Cloud Build uses by default.

That role reads every Secret of the cluster, so it is given only where ``default_build_account`` asks for it; the
environment's own build account is Terraform's. The account is not the environment's own: what was granted is recorded in
the state bucket, and taken back by that record alone, unless another environment of the project has it recorded too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.environment import Environment
from core.environment.files import write_atomically
from core.gcp import Google, iam, storage
from core.install import state
from core.install.installation import Installation
from core.names import ID_LABEL
from core.run.step import Context, Step

ROLE = "roles/container.developer"
GRANTS = "grants.json"
"""The object of the state bucket, or the file beside the environment's record, that lists what was granted to others."""


def step(installation: Installation) -> Step:
    """The step for one run."""

    async def run(context: Context) -> None:
        await grant(installation, context)

    return Step(
        "build-access",
        "Let Cloud Build's default account deploy",
        run,
        needs=("services", "state_bucket"),
        publishes=("build_access",),
        seconds=5,
        deadline=900,
    )


async def grant(installation: Installation, context: Context) -> None:
    """Grants what is asked for, and takes back what was granted and is not asked for any more."""
    account = ""
    if installation.values["default_build_account"]:
        account = await default_account(installation.google, installation.values["region"])
        await _grant(installation, iam.member_of(account), context)
    else:
        await destroy_build_access(installation, context)
    context.publish("build_access", account)


async def default_account(google: Google, region: str) -> str:
    """The account that Cloud Build uses in this project where a build names none; which one, only Cloud Build knows."""
    name = f"projects/{google.project}/locations/{region}/defaultServiceAccount"
    found = await google.call("cloudbuild", "v1", "projects.locations.getDefaultServiceAccount", name=name)
    return str(found["serviceAccountEmail"]).rpartition("/")[2]


async def _grant(installation: Installation, member: str, context: Context) -> None:
    google = installation.google
    recorded = await read_grants(installation)
    there = iam.has(await iam.project_policy(google), ROLE, member)
    if not any(g["role"] == ROLE and g["member"] == member for g in recorded):
        made = not there or any(
            g.get("made") and (g["role"], g["member"]) == (ROLE, member) for g in await _recorded_by_others(installation)
        )
        await _write_grants(installation, [*recorded, {"role": ROLE, "member": member, "made": made}])
        context.changed()
    if not there:
        await iam.grant_on_project(google, ROLE, member)
        context.resource("projects.iam", f"{ROLE} {member}", "create", "done")
        context.changed()


async def destroy_build_access(installation: Installation, context: Context) -> None:
    """Takes back what this environment granted to accounts of others, as its record says."""
    recorded = await read_grants(installation)
    if not recorded:
        return
    held = {(g["role"], g["member"]) for g in await _recorded_by_others(installation)}
    for granted in recorded:
        if granted.get("made") and (granted["role"], granted["member"]) not in held:
            if await iam.revoke_on_project(installation.google, granted["role"], granted["member"]):
                context.resource("projects.iam", f"{granted['role']} {granted['member']}", "delete", "done")
    await _write_grants(installation, [])
    context.changed()


async def read_grants(installation: Installation) -> list[dict[str, Any]]:
    """What this environment granted to accounts that are not its own: ``{role, member, made}``.

    ``made`` says that no person granted it: this environment did, or another, after which this one may be the last to go.
    """
    if installation.values["state"] != "gcs":
        return _parsed(_local(installation).read_bytes() if _local(installation).is_file() else None)
    found = await state.find(installation)
    return _parsed(await storage.read(installation.google, found["name"], GRANTS)) if found else []


async def _write_grants(installation: Installation, grants: list[dict[str, Any]]) -> None:
    content = json.dumps(grants, indent=1) + "\n"
    if installation.values["state"] != "gcs":
        write_atomically(_local(installation), content)
        return
    found = await state.find(installation)
    if found is not None:
        await storage.write(installation.google, found["name"], GRANTS, content, kind="application/json")


async def _recorded_by_others(installation: Installation) -> list[dict[str, Any]]:
    """The grants that other environments of the project have recorded: in their buckets, and on this machine."""
    google, home = installation.google, installation.environment.home
    found: list[dict[str, Any]] = []
    for bucket in await storage.buckets(google, state.HOLDS):
        if bucket["labels"].get(ID_LABEL) != installation.environment.id:
            found += _parsed(await storage.read(google, bucket["name"], GRANTS))
    for name in Environment.all(home):
        path = home.environments / name / GRANTS
        if name != installation.environment.name and path.is_file():
            if Environment.load(home, name).values["project_id"] == google.project:
                found += _parsed(path.read_bytes())
    return found


def _local(installation: Installation) -> Path:
    return installation.environment.folder / GRANTS


def _parsed(content: bytes | None) -> list[dict[str, Any]]:
    grants = json.loads(content) if content else []
    return [g for g in grants if isinstance(g, dict) and g.get("role") and g.get("member")]
