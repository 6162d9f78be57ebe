"""Step ``state``: the bucket that holds Terraform's state and the environment's record, and the SQL password's secret.

The bucket is the environment's memory beyond this machine: versioned, without the soft deletion that would keep (and bill)
every old state for a week, and not readable by whoever may merely view the project. It is made as soon as Google has
taken the request for the other APIs, so that Terraform can plan while they are being switched on. The password is the
first thing that is made after that: from then on every step and run reads it in Secret Manager.
"""

from __future__ import annotations

import copy
import secrets
import string
from typing import Any

from core.errors import PermanentError
from core.gcp import Google, iam, secret_manager, storage
from core.gcp.errors import Conflict, PermissionDenied, ServiceDisabled
from core.install.installation import Installation
from core.names import ID_LABEL
from core.run.step import Context, Step

HOLDS = {"mlops-env-holds": "state"}
"""The label that tells this bucket from the environment's others."""
RECORD = "environment.toml"
OLD_VERSIONS = 20
"""Old versions of an object that are kept."""
NEEDED = ("storage.buckets.get", "storage.buckets.getIamPolicy", "storage.buckets.setIamPolicy", "storage.objects.create",
          "storage.objects.delete", "storage.objects.get", "storage.objects.list")  # fmt: skip
GRANT_PATIENCE = 600.0
"""Seconds that a grant is waited for: a minute or two as a rule, seven and more at times."""


def step(installation: Installation) -> Step:
    """The step for one run."""

    async def run(context: Context) -> None:
        name = await _bucket_in_time(installation, context)
        context.publish("state_bucket", name)
        await context.wait_for("services")
        context.publish("sql_password_version", await password(installation, context))
        if name:
            await upload_record(installation, name, context)

    return Step(
        "state",
        "Prepare the state bucket and the SQL password",
        run,
        needs=("services_accepted",),
        publishes=("state_bucket", "sql_password_version"),
        seconds=10,
        deadline=3000,
    )


# -- the password


async def password(installation: Installation, context: Context) -> str:
    """The version that holds the SQL password: the one that is there, else a new one, typed or generated."""
    google, names = installation.google, installation.names
    found = await secret_manager.newest(google, names.sql_password_secret)
    if found is not None:
        await _own_secret(google, installation)
        return found
    value = installation.secrets.get("sql_password")
    if value is None and installation.environment.sql_password_given:
        value = await context.person(
            "sql-password",
            "The SQL password that was typed is lost: it had not been stored yet.",
            hint="Type it again; another one is never made up in its place.",
            command=f"mlops-env retry {installation.environment.name} --sql-password-stdin",
        )
    labels = {**installation.values["labels"], **names.labels}
    if await secret_manager.ensure(google, names.sql_password_secret, region=names.region, labels=labels):
        context.resource("secrets", names.sql_password_secret, "create", "done")
    version = await secret_manager.add(google, names.sql_password_secret, str(value) if value else generate())
    context.changed()
    return version


async def _own_secret(google: Google, installation: Installation) -> None:
    await secret_manager.ensure(
        google, installation.names.sql_password_secret, region=installation.names.region, labels=installation.names.labels
    )


def generate() -> str:
    """A password of letters and digits, with some of each kind that a policy of Cloud SQL's can ask for."""
    alphabet = string.ascii_letters + string.digits
    while True:
        found = (
            "".join(secrets.choice(alphabet) for _ in range(28)) + "-" + "".join(secrets.choice(alphabet) for _ in range(3))
        )
        if all(any(c in kind for c in found) for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits)):
            return found


# -- the bucket


async def _bucket_in_time(installation: Installation, context: Context) -> str:
    """The state bucket, while other APIs are still being switched on: Cloud Storage is on in almost every project."""
    try:
        return await bucket(installation, context)
    except ServiceDisabled:
        await context.wait_for("services")
        return await bucket(installation, context)


async def bucket(installation: Installation, context: Context) -> str:
    """The state bucket's name; it is as it should be. Empty where state is local."""
    if installation.values["state"] != "gcs":
        return ""
    google = installation.google
    found = await find(installation)
    if found is None:
        found = await _make(installation, context)
    else:
        await _mend(installation, found, context)
    name = str(found["name"])
    await _policy(google, name, context)
    return name


async def find(installation: Installation) -> dict[str, Any] | None:
    """The environment's state bucket, by its labels."""
    labels = {ID_LABEL: installation.environment.id, **HOLDS}
    return next(iter(await storage.buckets(installation.google, labels)), None)


def _wanted(installation: Installation) -> dict[str, Any]:
    """What is set on the bucket; what Google adds to it is left alone."""
    rule = {"action": {"type": "Delete"}, "condition": {"numNewerVersions": OLD_VERSIONS, "isLive": False}}
    return {
        "labels": {**installation.values["labels"], **installation.names.labels, **HOLDS},
        "versioning": {"enabled": True},
        "softDeletePolicy": {"retentionDurationSeconds": "0"},
        "lifecycle": {"rule": [rule]},
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"},
    }


async def _make(installation: Installation, context: Context) -> dict[str, Any]:
    google, names = installation.google, installation.names
    body = {
        "name": names.state_bucket,
        "location": names.region.upper(),
        "storageClass": "STANDARD",
        **_wanted(installation),
    }
    context.resource("storage.buckets", names.state_bucket, "create", "started")
    try:
        made = await google.call("storage", "v1", "buckets.insert", project=google.project, body=body)
    except Conflict as error:
        existing = await _mine(installation)
        if existing is None:
            raise PermanentError(
                f"A bucket named {names.state_bucket} exists, and is not this environment's.",
                code="name-taken",
                cause=error.cause,
                hint="Delete or rename it, or install under another name_prefix.",
            ) from error
        made = existing
    context.resource("storage.buckets", names.state_bucket, "create", "done")
    context.changed()
    return made


async def _mine(installation: Installation) -> dict[str, Any] | None:
    try:
        found = await storage.bucket(installation.google, installation.names.state_bucket)
    except PermissionDenied:
        return None
    mine = found is not None and found.get("labels", {}).get(ID_LABEL) == installation.environment.id
    return found if mine else None


async def _mend(installation: Installation, found: dict[str, Any], context: Context) -> None:
    wanted = _wanted(installation)
    differs = {key: value for key, value in wanted.items() if not _holds(found.get(key, {}), value)}
    if differs:
        await installation.google.call("storage", "v1", "buckets.patch", bucket=found["name"], body=differs)
        context.resource("storage.buckets", found["name"], "update", "done")
        context.changed()


def _holds(found: Any, wanted: Any) -> bool:
    """Whether everything that is wanted is there; numbers may come back as texts."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_holds(found.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(_holds, found, wanted))
    return bool(found == wanted) or str(found) == str(wanted)


# -- who may read it


async def _policy(google: Google, name: str, context: Context) -> None:
    """The caller's own rights first, then the project's viewers lose theirs: Terraform's state is not for them to read."""
    await _grant_if_short(google, name, context)

    async def read() -> iam.Policy:
        return await google.call("storage", "v1", "buckets.getIamPolicy", bucket=name, optionsRequestedPolicyVersion=3)

    async def write(policy: iam.Policy) -> Any:
        return await google.call("storage", "v1", "buckets.setIamPolicy", bucket=name, body=policy)

    if await iam.change_policy(google, read, write, _without_viewers):
        context.resource("storage.buckets.iam", name, "update", "done")
        context.changed()


def _without_viewers(policy: iam.Policy) -> bool:
    before = copy.deepcopy(policy.get("bindings", []))
    for binding in policy.get("bindings", []):
        binding["members"] = [m for m in binding.get("members", []) if not m.startswith("projectViewer:")]
    policy["bindings"] = [b for b in policy.get("bindings", []) if b["members"]]
    return bool(policy["bindings"] != before)


async def _lacking(google: Google, name: str) -> list[str]:
    answer = await google.call("storage", "v1", "buckets.testIamPermissions", bucket=name, permissions=list(NEEDED))
    return [p for p in NEEDED if p not in answer.get("permissions", [])]


async def _grant_if_short(google: Google, name: str, context: Context) -> None:
    """An owner may make buckets and, by that role alone, not use them: then the caller is made their administrator."""
    if not await _lacking(google, name):
        return
    account = await google.account()

    async def read() -> iam.Policy:
        return await google.call("storage", "v1", "buckets.getIamPolicy", bucket=name, optionsRequestedPolicyVersion=3)

    async def write(policy: iam.Policy) -> Any:
        return await google.call("storage", "v1", "buckets.setIamPolicy", bucket=name, body=policy)

    await iam.change_policy(google, read, write, lambda p: iam.add(p, "roles/storage.admin", iam.member_of(account)))
    context.changed()
    context.progress("Waiting until the rights on the state bucket work")
    begin = google.clock.now()
    while lacking := await _lacking(google, name):
        if google.clock.now() - begin > GRANT_PATIENCE:
            raise PermanentError(
                f"The account {account} lacks {', '.join(lacking)} on the bucket {name}.",
                code="state-bucket-rights",
                hint="Ask an owner for roles/storage.admin on it, then try again.",
            )
        await google.clock.sleep(10)


# -- the record


async def upload_record(installation: Installation, name: str, context: Context) -> None:
    """Keeps the bucket's copy of the environment's record the same as this machine's."""
    path = installation.environment.folder / RECORD
    content = path.read_bytes()
    if await storage.read(installation.google, name, RECORD) != content:
        await storage.write(installation.google, name, RECORD, content, kind="application/toml")
        context.changed()


# -- the other way


async def destroy_password(installation: Installation, context: Context) -> None:
    """Deletes the password's secret."""
    names = installation.names
    if await secret_manager.delete(installation.google, names.sql_password_secret, id=names.id):
        context.resource("secrets", names.sql_password_secret, "delete", "done")
        context.changed()


async def destroy_state(installation: Installation, context: Context) -> None:
    """Deletes the password's secret and the state bucket with everything in it, in all its generations."""
    await destroy_password(installation, context)
    google, names = installation.google, installation.names
    found = await find(installation)
    if found is None:
        found = await _mine(installation)
    if found is not None and await storage.delete_bucket(google, found["name"], id=names.id):
        context.resource("storage.buckets", found["name"], "delete", "done")
        context.changed()
