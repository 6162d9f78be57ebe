"""Things of other people that a scenario lists (``project.resources``): there under their names, owned by someone else.

A bucket belongs to another project, as its names are shared with the world; everything else stands in the user's own
project, made by a colleague, without the labels that would make it an environment's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.rehearsal.google import storage_buckets
from core.rehearsal.store import Document
from core.rehearsal.world import World

_STRANGERS_PROJECT, _STRANGERS_NUMBER = "someone-elses-project", "999000111222"


def plant(world: World, resource: dict[str, Any], number: int) -> None:
    """Puts one of them into the cloud."""
    kind, name = str(resource["type"]), str(resource["name"])
    extra = {k: v for k, v in resource.items() if k not in ("type", "name", "owner")}
    _PLANTERS.get(kind, _other(kind))(world, name, extra, number)


def _bucket(world: World, name: str, extra: Document, number: int) -> None:
    own = extra.pop("project", "") == world.project
    project, owner = (world.project, world.number) if own else (_STRANGERS_PROJECT, _STRANGERS_NUMBER)
    now = world.clock.timestamp().replace("Z", ".000Z")
    bucket: Document = {
        "kind": "storage#bucket", "id": name, "name": name, "projectNumber": owner, "location": "US-CENTRAL1",
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}", "locationType": "region", "storageClass": "STANDARD",
        "metageneration": "1", "generation": "1", "etag": storage_buckets.etag(1), "timeCreated": now, "updated": now,
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"},
        "softDeletePolicy": {"retentionDurationSeconds": "604800", "effectiveTime": now}, **extra,
    }  # fmt: skip
    world.store.put(storage_buckets.KIND, name, {"project": project, "bucket": bucket})
    storage_buckets.bindings(world, name, project, uniform=True)


def _compute(kind: str) -> Callable[[World, str, Document, int], None]:
    def put(world: World, name: str, extra: Document, number: int) -> None:
        from core.rehearsal.google.compute import document

        scope = str(extra.pop("scope", "global"))
        document(world, kind, scope, {"name": name, **extra})

    return put


def _instance(world: World, name: str, extra: Document, number: int) -> None:
    from core.rehearsal.google.compute_instances import RUNNING, change, make

    zone = str(extra.pop("zone", "us-central1-a"))
    metadata = {"enable-oslogin": "TRUE", "enable-guest-attributes": "TRUE", **extra.pop("metadata", {})}
    make(world, zone, name, metadata={key: str(value) for key, value in metadata.items()})
    change(world, zone, name, **{"status": RUNNING, **extra})


def _account(world: World, name: str, extra: Document, number: int) -> None:
    from core.rehearsal.google.iam import record

    record(world, name.partition("@")[0], {"displayName": "Someone else's", **extra}, visible=0.0)


def _sql(world: World, name: str, extra: Document, number: int) -> None:
    from core.rehearsal.google.sql_instances import stranger

    stranger(world, name, extra)


def _repository(world: World, name: str, extra: Document, number: int) -> None:
    location = str(extra.pop("location", "us-central1"))
    full = f"projects/{world.project}/locations/{location}/repositories/{name}"
    now = world.clock.timestamp()
    world.store.put(
        "artifactregistry.repositories", full,
        {"name": full, "format": "DOCKER", "mode": "STANDARD_REPOSITORY", "createTime": now, "updateTime": now, **extra},
    )  # fmt: skip


def _secret(world: World, name: str, extra: Document, number: int) -> None:
    full = f"projects/{world.number}/secrets/{name}"
    world.store.put(
        "secretmanager.secrets", full,
        {"name": full, "replication": {"automatic": {}}, "createTime": world.clock.timestamp(), "etag": '"0"', **extra},
    )  # fmt: skip


def _cluster(world: World, name: str, extra: Document, number: int) -> None:
    zone = str(extra.pop("location", "us-central1-a"))
    full = f"projects/{world.project}/locations/{zone}/clusters/{name}"
    world.store.put(
        "container.clusters", full,
        {"name": name, "id": f"stranger{number:04d}", "location": zone, "zone": zone, "status": "RUNNING", "nodePools": [],
         "selfLink": f"https://container.googleapis.com/v1/{full}", "createTime": world.clock.timestamp(),
         "stranger": True, **extra},
    )  # fmt: skip


def _other(kind: str) -> Callable[[World, str, Document, int], None]:
    def put(world: World, name: str, extra: Document, number: int) -> None:
        world.store.put(kind, name, {"name": name, **extra})

    return put


_PLANTERS: dict[str, Callable[[World, str, Document, int], None]] = {
    "storage.buckets": _bucket,
    "iam.serviceAccounts": _account,
    "sql.instances": _sql,
    "artifactregistry.repositories": _repository,
    "secretmanager.secrets": _secret,
    "container.clusters": _cluster,
    "compute.instances": _instance,
    **{f"compute.{k}": _compute(k) for k in ("networks", "subnetworks", "firewalls", "routers", "globalAddresses", "disks")},
}
