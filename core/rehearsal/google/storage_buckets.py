"""Cloud Storage's buckets: names shared with the whole world, policies of their own, and nothing deleted unless empty."""

from __future__ import annotations

import base64
import re
from typing import Any

from core.rehearsal.google import iam_policy, org_policies
from core.rehearsal.google.calls import Call, answers, page
from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.merge import merged
from core.rehearsal.store import Document
from core.rehearsal.world import World

KIND, OBJECTS, VERSIONS = "storage.buckets", "storage.objects", "storage.versions"
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{1,61}[a-z0-9]")
_MULTI_REGIONS = ("US", "EU", "ASIA")


def bucket_of(call: Call, permission: str = "", name: str = "") -> Document:
    """The record of the bucket that a call names; raises `ApiError` where there is none, or the caller lacks the right."""
    bucket = name or str(call["bucket"])
    record = call.store.get(KIND, bucket)
    if record is None:
        raise ApiError(404, "The specified bucket does not exist.")
    if permission:
        call.require(permission, f"buckets/{bucket}")
    return record


def stamp(call: Call) -> str:
    """The time as Cloud Storage writes it, with milliseconds."""
    return call.now.replace("Z", ".000Z")


def etag(number: int) -> str:
    """An etag made of a metageneration."""
    return base64.b64encode(b"\x08" + number.to_bytes(2, "big")).decode()


@answers("storage.buckets.insert", permission="storage.buckets.create", on=lambda c: f"projects/{c.project}")
def insert(call: Call) -> Document:
    """Makes a bucket with the bindings that every new one gets."""
    name = str(call.body.get("name", ""))
    if not _NAME.fullmatch(name) or "google" in name or name.startswith("goog"):
        raise ApiError(400, f"Invalid bucket name: '{name}'", reason="invalid")
    _obey_policies(call)
    taken = call.store.get(KIND, name)
    if taken is not None:
        if taken["project"] == call.project:
            raise ApiError(409, "Your previous request to create the named bucket succeeded and you already own it.")
        raise ApiError(
            409,
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please "
            "select a different name and try again.",
        )
    resource = _defaults(call, name)
    call.store.put(KIND, name, {"project": call.project, "bucket": resource})
    bindings(call.world, name, call.project, uniform=_uniform(resource))
    return resource


def bindings(world: World, name: str, project: str, *, uniform: bool) -> None:
    """Gives a new bucket the policy that lets the project's owners, editors and viewers in, effective at once.

    Without uniform access objects have lists of their own (ACLs), which by default let the same people in; those stand
    beside the policy as a second one that no call shows.
    """
    resource = f"buckets/{name}"
    objects = resource if uniform else f"acl/{name}"
    owners = (f"projectEditor:{project}", f"projectOwner:{project}")
    viewers = f"projectViewer:{project}"
    iam_policy.grant(world, resource, "roles/storage.legacyBucketOwner", *owners, at_once=True)
    iam_policy.grant(world, resource, "roles/storage.legacyBucketReader", viewers, at_once=True)
    iam_policy.grant(world, objects, "roles/storage.legacyObjectOwner", *owners, at_once=True)
    iam_policy.grant(world, objects, "roles/storage.legacyObjectReader", viewers, at_once=True)


@answers("storage.buckets.get")
def get(call: Call) -> Document:
    """One bucket."""
    resource: Document = bucket_of(call, "storage.buckets.get")["bucket"]
    _metageneration(call, resource)
    return resource


@answers("storage.buckets.list", permission="storage.buckets.list", on=lambda c: f"projects/{c.project}")
def buckets(call: Call) -> Document:
    """The project's buckets."""
    prefix = str(call.get("prefix", ""))
    found = [r["bucket"] for _, r in call.store.items(KIND, prefix) if r["project"] == call.project]
    part, token = page(call, found, "maxResults")
    answer: Document = {"kind": "storage#buckets"}
    if part:
        answer["items"] = part
    if token:
        answer["nextPageToken"] = token
    return answer


@answers("storage.buckets.patch", "storage.buckets.update")
def patch(call: Call) -> Document:
    """Changes a bucket's settings."""
    record = bucket_of(call, "storage.buckets.update")
    old = record["bucket"]
    _metageneration(call, old)
    change = {k: v for k, v in call.body.items() if k not in _FIXED}
    base = {k: v for k, v in old.items() if k in _FIXED} if call.method.verb == "PUT" else old
    resource = merged(base, change)
    resource["metageneration"] = str(int(old["metageneration"]) + 1)
    resource["updated"] = stamp(call)
    resource["etag"] = etag(int(resource["metageneration"]))
    _complete(call, resource)
    call.store.put(KIND, old["name"], {**record, "bucket": resource})
    return resource


@answers("storage.anywhereCaches.list")
def caches(call: Call) -> Document:
    """The caches in front of a bucket, of which nobody makes one here."""
    bucket_of(call, "storage.anywhereCaches.list")
    return {"kind": "storage#anywhereCaches"}


@answers("storage.buckets.delete")
def delete(call: Call) -> None:
    """Removes a bucket that holds nothing, no older version either."""
    record = bucket_of(call, "")
    name = str(call["bucket"])
    call.require("storage.buckets.delete", f"buckets/{name}")
    _metageneration(call, record["bucket"])
    if call.store.items(OBJECTS, f"{name}/") or call.store.items(VERSIONS, f"{name}/"):
        raise ApiError(409, "The bucket you tried to delete is not empty.")
    call.store.delete(KIND, name)
    for resource in (f"buckets/{name}", f"acl/{name}"):
        iam_policy.forget(call.world, resource)
    for session, upload in call.store.items("storage.uploads"):
        if upload["bucket"] == name:
            call.store.delete("storage.uploads", session)


@answers("storage.buckets.getIamPolicy")
def get_policy(call: Call) -> Document:
    """A bucket's policy."""
    bucket_of(call, "storage.buckets.getIamPolicy")
    return _policy(call, iam_policy.read(call.world, f"buckets/{call['bucket']}"))


@answers("storage.buckets.setIamPolicy")
def set_policy(call: Call) -> Document:
    """Replaces a bucket's policy; a stale etag gets 412 here, not 409."""
    bucket_of(call, "storage.buckets.setIamPolicy")
    try:
        policy = iam_policy.replace(call.world, f"buckets/{call['bucket']}", call.body, convenience=True)
    except ApiError as error:
        if error.code != 409:
            raise
        raise ApiError(412, "At least one of the pre-conditions you specified did not hold.") from error
    return _policy(call, policy)


@answers("storage.buckets.testIamPermissions")
def test_permissions(call: Call) -> Document:
    """Which of the permissions the caller has on a bucket."""
    bucket_of(call)
    wanted = iam_policy.testable(list(call["permissions"]))
    resource = f"buckets/{call['bucket']}"
    held = [p for p in wanted if call.world.identity.allowed(call.email, p, resource)]
    return {"kind": "storage#testIamPermissionsResponse", **({"permissions": held} if held else {})}


@answers("storage.buckets.getStorageLayout")
def layout(call: Call) -> Document:
    """Where a bucket's data lies, which gcloud asks before it copies."""
    resource = bucket_of(call, "storage.objects.list")["bucket"]
    return {
        "kind": "storage#storageLayout",
        "bucket": resource["name"],
        "location": resource["location"],
        "locationType": resource["locationType"],
        "hierarchicalNamespace": {"enabled": False},
    }


@answers("storage.projects.serviceAccount.get")
def service_account(call: Call) -> Document:
    """Cloud Storage's own account in the project."""
    return {
        "kind": "storage#serviceAccount",
        "email_address": f"service-{call.world.number}@gs-project-accounts.iam.gserviceaccount.com",
    }


@answers("storage.managedFolders.list", "storage.folders.list", "storage.notifications.list")
def nothing_in_it(call: Call) -> Document:
    """Kinds of things that no bucket holds here, which gcloud looks for before it removes one."""
    bucket_of(call, "storage.objects.list")
    return {"kind": f"storage#{call.method.id.split('.')[1]}"}


_FIXED = ("kind", "id", "name", "selfLink", "projectNumber", "timeCreated", "location", "locationType", "generation")


def _defaults(call: Call, name: str) -> Document:
    now = stamp(call)
    location = str(call.body.get("location") or "US").upper()
    resource: Document = {
        **{k: v for k, v in call.body.items() if k not in _FIXED},
        "kind": "storage#bucket",
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}",
        "id": name,
        "name": name,
        "projectNumber": call.world.number,
        "generation": str(int(call.world.clock.now() * 1e6)),
        "metageneration": "1",
        "location": location,
        "locationType": "multi-region" if location in _MULTI_REGIONS else "region",
        "storageClass": str(call.body.get("storageClass") or "STANDARD").upper(),
        "etag": etag(1),
        "timeCreated": now,
        "updated": now,
    }
    _complete(call, resource)
    return resource


def _complete(call: Call, resource: Document) -> None:
    """Fills in what the service adds to the settings that were sent."""
    now = stamp(call)
    settings: dict[str, Any] = dict(resource.get("iamConfiguration") or {})
    uniform: dict[str, Any] = dict(settings.get("uniformBucketLevelAccess") or {"enabled": False})
    if uniform.get("enabled"):
        uniform.setdefault("lockedTime", now)
    settings["uniformBucketLevelAccess"] = uniform
    settings["bucketPolicyOnly"] = dict(uniform)
    settings.setdefault("publicAccessPrevention", "inherited")
    resource["iamConfiguration"] = settings
    soft = dict(resource.get("softDeletePolicy") or {"retentionDurationSeconds": "604800"})
    soft["retentionDurationSeconds"] = str(soft.get("retentionDurationSeconds", "604800"))
    if soft["retentionDurationSeconds"] != "0":
        soft.setdefault("effectiveTime", now)
    resource["softDeletePolicy"] = soft


def _uniform(resource: Document) -> bool:
    return bool(resource["iamConfiguration"]["uniformBucketLevelAccess"].get("enabled"))


def _obey_policies(call: Call) -> None:
    settings = call.body.get("iamConfiguration") or {}
    uniform = (settings.get("uniformBucketLevelAccess") or {}).get("enabled")
    if not uniform and org_policies.enforced(call.world, "storage.uniformBucketLevelAccess"):
        raise ApiError(412, "Request violates constraint 'constraints/storage.uniformBucketLevelAccess'")
    if org_policies.enforced(call.world, "storage.publicAccessPrevention") and (
        settings.get("publicAccessPrevention") != "enforced"
    ):
        raise ApiError(412, "Request violates constraint 'constraints/storage.publicAccessPrevention'")
    _kept_long_enough(call)
    org_policies.without_key(call.world, "storage.googleapis.com", call.body.get("encryption"))
    location = str(call.body.get("location") or "US").lower()
    if org_policies.refuses(call.world, "gcp.resourceLocations", location):
        raise ApiError(412, f"'{location.upper()}' violates constraint 'constraints/gcp.resourceLocations'")


def _kept_long_enough(call: Call) -> None:
    """A policy may say for how long what is deleted, and what is written, has to be kept."""
    soft = (call.body.get("softDeletePolicy") or {}).get("retentionDurationSeconds", "604800")
    kept = (call.body.get("retentionPolicy") or {}).get("retentionPeriod", "")
    for constraint, seconds in (("storage.softDeletePolicySeconds", soft), ("storage.retentionPolicySeconds", kept)):
        if org_policies.refuses(call.world, constraint, str(seconds)):
            raise ApiError(412, f"'{seconds}' violates constraint 'constraints/{constraint}'")


def _metageneration(call: Call, resource: Document) -> None:
    wanted = call.get("ifMetagenerationMatch")
    if wanted is not None and str(wanted) != resource["metageneration"]:
        raise ApiError(412, "At least one of the pre-conditions you specified did not hold.")


def _policy(call: Call, policy: Document) -> Document:
    return {"kind": "storage#policy", "resourceId": f"projects/_/buckets/{call['bucket']}", **policy}
