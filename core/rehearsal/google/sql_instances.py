"""Cloud SQL's instances: minutes to make, a name that nobody gets back for a week, and a root user that comes by itself."""

from __future__ import annotations

import re
import secrets

from core.rehearsal.google import compute, offers, operations, org_policies, sql, sql_users
from core.rehearsal.google.calls import Call, answers, listing, project_of
from core.rehearsal.google.compute_catalogue import REGIONS
from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.merge import merged
from core.rehearsal.google.sql import DATABASES, KIND, RESERVED, USERS, WEEK, fetch, idle, key, operate, shown
from core.rehearsal.mysql import loading
from core.rehearsal.store import Document
from core.rehearsal.world import World

_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,96}[a-z0-9])?")
_MYSQL = ("MYSQL_8_0", "MYSQL_8_4", "MYSQL_9_7")
_TIER = re.compile(r"db-(?:f1-micro|g1-small|n1-(?:standard|highmem)-\d+|custom-\d+-\d+|perf-optimized-[A-Z]+-\d+)")


@answers("sql.instances.insert", permission="cloudsql.instances.create", on=project_of)
def insert(call: Call) -> Document:
    """Makes an instance; its root user comes with it, without a password unless one is given."""
    name = str(call.body.get("name", ""))
    if not _NAME.fullmatch(name) or len(f"{call.project}:{name}") > 98:
        raise ApiError(400, f"Invalid request: Invalid instance name ({name}).", reason="invalid")
    if call.store.get(KIND, key(call, name)) or _reserved(call, name):
        raise ApiError(
            409,
            "The Cloud SQL instance already exists. When you delete an instance, you can't reuse the name of the deleted "
            "instance until one week from the deletion date.",
            reason="instanceAlreadyExists",
        )
    settings = _settings(call)
    password = call.body.pop("rootPassword", None)
    resource = _new(call, name, settings)
    call.store.put(KIND, key(call, name), resource)
    loading.begin()
    return operate(
        call.world, "CREATE", key(call, name), "sql.created", call=call.method.id, user=call.email, password=password
    )


def _reserved(call: Call, name: str) -> bool:
    until = float((call.store.get(RESERVED, key(call, name)) or {"until": 0})["until"])
    return until > call.world.clock.now()


@operations.effect("sql.created")
def _created(world: World, operation: Document) -> None:
    instance = world.store.get(KIND, operation["instance"])
    if instance is None:
        return
    world.store.put(KIND, operation["instance"], {**instance, "state": "RUNNABLE"})
    sql_users.keep(world, operation["instance"], "root", "%", operation["args"]["password"])
    if ((instance["settings"].get("backupConfiguration")) or {}).get("enabled"):
        call = "sql.backupRuns.insert"
        operate(world, "BACKUP_VOLUME", operation["instance"], "", call=call, user="system", start=operation["end"])


@operations.failure("sql.created")
def _not_created(world: World, operation: Document) -> None:
    instance = world.store.get(KIND, operation["instance"])
    if instance is not None:
        world.store.put(KIND, operation["instance"], {**instance, "state": "FAILED"})


@answers("sql.instances.get")
def get(call: Call) -> Document:
    """One instance."""
    return fetch(call, "cloudsql.instances.get")


@answers("sql.instances.list", permission="cloudsql.instances.list", on=project_of)
def instances(call: Call) -> Document:
    """The project's instances."""
    return listing(call, "items", [i for _, i in call.store.items(KIND, f"{call.project}/")], "maxResults")


@answers("sql.instances.patch", "sql.instances.update")
def patch(call: Call) -> Document:
    """Changes an instance's settings."""
    old = fetch(call, "cloudsql.instances.update")
    idle(call)
    version = (call.body.get("settings") or {}).get("settingsVersion")
    if version is not None and str(version) != old["settings"]["settingsVersion"]:
        raise ApiError(412, "Condition does not match.", reason="staleSettings")
    change = {
        k: v for k, v in call.body.items() if k in ("settings", "databaseVersion", "maintenanceVersion", "rootPassword")
    }
    password = change.pop("rootPassword", None)
    if call.method.verb == "PUT" and "settings" in change:
        new: Document = {**old, **change, "settings": {**_defaults(call, change["settings"]), **change["settings"]}}
    else:
        new = merged(old, change)
    new["settings"] = {**new["settings"], "settingsVersion": str(int(old["settings"]["settingsVersion"]) + 1)}
    _check(call, new["settings"], str(new["databaseVersion"]))
    new["etag"] = secrets.token_hex(16)
    call.store.put(KIND, key(call), new)
    if password:
        sql_users.keep(call.world, key(call), "root", "%", password)
    return operate(call.world, "UPDATE", key(call), "", call="sql.instances.patch", user=call.email)


@answers("sql.instances.delete")
def delete(call: Call) -> Document:
    """Removes an instance that is not protected; its name stays reserved."""
    old = fetch(call, "cloudsql.instances.delete")
    idle(call)
    if old["settings"].get("deletionProtectionEnabled"):
        raise ApiError(
            400,
            "The instance is protected. Please disable the deletion protection and try again. To disable deletion "
            "protection, update the instance settings with deletionProtectionEnabled set to false.",
            reason="badRequest",
        )
    call.store.put(KIND, key(call), {**old, "state": "PENDING_DELETE"})
    return operate(call.world, "DELETE", key(call), "sql.deleted", call=call.method.id, user=call.email)


@operations.effect("sql.deleted")
def _deleted(world: World, operation: Document) -> None:
    name = operation["instance"]
    world.store.delete(KIND, name)
    for kind in (USERS, DATABASES):
        for each, _ in world.store.items(kind, f"{name}/"):
            world.store.delete(kind, each)
    world.store.put(RESERVED, name, {"until": world.clock.now() + WEEK})


@answers("sql.instances.restart")
def restart(call: Call) -> Document:
    """Restarts an instance."""
    fetch(call, "cloudsql.instances.restart")
    idle(call)
    return operate(call.world, "RESTART", key(call), "", call=call.method.id, user=call.email)


@answers("sql.operations.get", permission="cloudsql.instances.get", on=project_of)
def operation(call: Call) -> Document:
    """One operation."""
    found = operations.get(call.world, f"sql/{call['operation']}")
    if found is None:
        raise ApiError(404, "The Cloud SQL operation does not exist.", reason="operationDoesNotExist")
    return shown(call.world, found)


@answers("sql.operations.list", permission="cloudsql.instances.get", on=project_of)
def listed(call: Call) -> Document:
    """An instance's operations, or all, the newest first."""
    wanted = call.get("instance")
    found = [
        o for _, o in call.store.items(operations.KIND, "sql/") if not wanted or o["instance"] == key(call, str(wanted))
    ]
    found.sort(key=lambda o: -o["order"])
    return listing(call, "items", [shown(call.world, o) for o in found], "maxResults", kind="sql#operationsList")


@answers("sql.tiers.list", permission="cloudsql.instances.list", on=project_of)
def tiers(call: Call) -> Document:
    """The tiers with names of their own."""
    sizes = {"db-f1-micro": 614, "db-g1-small": 1740, "db-n1-standard-1": 3840, "db-n1-standard-2": 7680,
        "db-n1-standard-4": 15360,
             "db-perf-optimized-N-2": 16384, "db-perf-optimized-N-4": 32768}  # fmt: skip
    found = [
        {"kind": "sql#tier", "tier": t, "RAM": str(mb * 1024 * 1024), "DiskQuota": "3298534883328",
         "region": [r for r in sorted(REGIONS) if not offers.lacks(call.world, r, t)]}
        for t, mb in sizes.items()
    ]  # fmt: skip
    return {"kind": "sql#tiersList", "items": found}


@answers("sql.flags.list")
def flags(call: Call) -> Document:
    """Some of the flags that a version takes; there is none for the password plugin."""
    found = [
        {"kind": "sql#flag", "name": n, "type": t, "appliesTo": list(_MYSQL)}
        for n, t in (
            ("max_connections", "INTEGER"),
            ("slow_query_log", "BOOLEAN"),
            ("local_infile", "BOOLEAN"),
            ("sql_mode", "STRING"),
        )
    ]
    wanted = call.get("databaseVersion")
    return {"kind": "sql#flagsList", "items": [f for f in found if not wanted or wanted in f["appliesTo"]]}


@answers("sql.databases.list", permission="cloudsql.databases.list", on=project_of)
def databases(call: Call) -> Document:
    """An instance's databases: the server's own, and those that were made."""
    fetch(call, "cloudsql.databases.list")
    made = [n.rpartition("/")[2] for n, _ in call.store.items(DATABASES, f"{key(call)}/")]
    names = ["information_schema", "mysql", "performance_schema", "sys", *made]
    items = [
        {"kind": "sql#database", "name": n, "instance": call["instance"], "project": call.project, "charset": "utf8mb4",
         "selfLink": f"{sql.link(call.project, call['instance'])}/databases/{n}"}
        for n in names
    ]  # fmt: skip
    return {"kind": "sql#databasesList", "items": items}


def stranger(world: World, name: str, extra: Document) -> None:
    """An instance of somebody else's in the project."""
    world.store.put(
        KIND, f"{world.project}/{name}",
        {"kind": "sql#instance", "name": name, "project": world.project, "region": "us-central1", "state": "RUNNABLE",
         "databaseVersion": "MYSQL_8_0", "connectionName": f"{world.project}:us-central1:{name}",
         "selfLink": sql.link(world.project, name), "settings": {"tier": "db-g1-small", "settingsVersion": "1"}, **extra},
    )  # fmt: skip


def _settings(call: Call) -> Document:
    given = call.body.get("settings") or {}
    version = str(call.body.get("databaseVersion") or "MYSQL_8_4")
    settings = {**_defaults(call, given), **given, "settingsVersion": "1"}
    settings.setdefault("edition", "ENTERPRISE_PLUS" if version == "MYSQL_8_4" else "ENTERPRISE")
    _check(call, settings, version)
    return settings


def _defaults(call: Call, given: Document) -> Document:
    addresses = {"ipv4Enabled": True, "sslMode": "ALLOW_UNENCRYPTED_AND_ENCRYPTED", **(given.get("ipConfiguration") or {})}
    given["ipConfiguration"] = addresses
    if given.get("backupConfiguration"):
        given["backupConfiguration"] = {
            "kind": "sql#backupConfiguration", "startTime": "04:00", "transactionLogRetentionDays": 7,
            "backupRetentionSettings": {"retentionUnit": "COUNT", "retainedBackups": 7}, "backupTier": "STANDARD",
            **given["backupConfiguration"],
        }  # fmt: skip
    return {
        "kind": "sql#settings",
        "activationPolicy": "ALWAYS",
        "availabilityType": "ZONAL",
        "pricingPlan": "PER_USE",
        "replicationType": "SYNCHRONOUS",
        "dataDiskType": "PD_SSD",
        "dataDiskSizeGb": "10",
        "storageAutoResize": True,
        "storageAutoResizeLimit": "0",
        "backupConfiguration": {"kind": "sql#backupConfiguration", "enabled": False, "startTime": "04:00"},
        "locationPreference": {"kind": "sql#locationPreference"},
        "connectorEnforcement": "NOT_REQUIRED",
        "deletionProtectionEnabled": False,
        "dataApiAccess": "DISALLOW_DATA_API",
    }


def _check(call: Call, settings: Document, version: str) -> None:
    tier, edition = str(settings.get("tier", "")), settings.get("edition", "ENTERPRISE")
    if version not in _MYSQL:
        raise ApiError(400, f"Invalid request: Invalid value for databaseVersion: {version}.", reason="invalid")
    region = str(call.body.get("region") or "us-central1")
    if not _TIER.fullmatch(tier):
        raise ApiError(400, f"Invalid request: Invalid Tier ({tier}).", reason="invalid")
    if call.method.verb == "POST" and offers.lacks(call.world, region, tier):
        raise ApiError(400, f"Invalid request: Tier ({tier}) is not available in region ({region}).", reason="invalid")
    if (edition == "ENTERPRISE_PLUS") != ("perf-optimized" in tier):
        raise ApiError(
            400,
            f"Invalid request: Invalid Tier ({tier}) for ({edition}) Edition. Use a predefined Tier like "
            "db-perf-optimized-N-* instead." if edition == "ENTERPRISE_PLUS" else
            f"Invalid request: Invalid Tier ({tier}) for ({edition}) Edition.",
            reason="invalid",
        )  # fmt: skip
    _located(call, settings)
    if call.method.verb == "POST":
        org_policies.without_key(call.world, "sqladmin.googleapis.com", call.body.get("diskEncryptionConfiguration"))
    addresses = settings["ipConfiguration"]
    if addresses.get("ipv4Enabled") and org_policies.enforced(
        call.world, "sql.restrictPublicIp", "sql.managed.restrictPublicIp"
    ):
        raise ApiError(
            400,
            "Invalid request: Organization Policy check failure: the external IP of this instance violates the "
            f"constraints/sql.restrictPublicIp enforced at the {call.world.number} project.",
            reason="invalid",
        )
    if addresses.get("privateNetwork"):
        _peered(call, str(addresses["privateNetwork"]))
    elif not addresses.get("ipv4Enabled"):
        raise ApiError(400, "Invalid request: At least one of Public IP or Private IP must be enabled.", reason="invalid")


def _located(call: Call, settings: Document) -> None:
    """A policy on locations counts for backups as well, which go to a multi-region where nobody says where."""
    region = str(call.body.get("region") or "us-central1")
    backups = settings.get("backupConfiguration") or {}
    places = [region, *([backups.get("location") or region.split("-")[0]] if backups.get("enabled") else [])]
    for place in places:
        if org_policies.refuses(call.world, "gcp.resourceLocations", place):
            raise ApiError(
                400,
                f"Invalid request: Location {place} violates constraint constraints/gcp.resourceLocations on the resource "
                f"projects/{call.project}.",
                reason="invalid",
            )


def _peered(call: Call, network: str) -> None:
    parts = network.rpartition("projects/")[2].split("/")
    name = compute.key(call.world.project, "global", "networks", parts[-1])
    if call.store.get("servicenetworking.connections", name) is None:
        raise ApiError(
            400,
            f"Invalid request: Incorrect Service Networking config for instance: {call.project}:{call.body.get('name', '')}:"
            "SERVICE_NETWORKING_NOT_ENABLED.",
            reason="invalid",
        )


def _new(call: Call, name: str, settings: Document) -> Document:
    region = str(call.body.get("region") or "us-central1")
    address = f"10.9.{call.store.next('sql.addresses') % 250}.3"
    private = bool(settings["ipConfiguration"].get("privateNetwork"))
    addresses = [{"type": "PRIVATE", "ipAddress": address}] if private else []
    if settings["ipConfiguration"].get("ipv4Enabled"):
        addresses.insert(0, {"type": "PRIMARY", "ipAddress": "34.42.7.19"})
    given = {k: v for k, v in call.body.items() if k not in ("settings", "rootPassword")}
    return {
        **given,
        "kind": "sql#instance",
        "name": name,
        "project": call.project,
        "region": region,
        "gceZone": f"{region}-a",
        "databaseVersion": str(call.body.get("databaseVersion") or "MYSQL_8_4"),
        "databaseInstalledVersion": str(call.body.get("databaseVersion") or "MYSQL_8_4"),
        "backendType": "SECOND_GEN",
        "instanceType": "CLOUD_SQL_INSTANCE",
        "sqlNetworkArchitecture": "NEW_NETWORK_ARCHITECTURE",
        "connectionName": f"{call.project}:{region}:{name}",
        "selfLink": sql.link(call.project, name),
        "serviceAccountEmailAddress": _agent(call),
        "maintenanceVersion": "MYSQL_8_4_5.R20260901.00_00",
        "createTime": sql.sql_time(call.world),
        "state": "PENDING_CREATE",
        "settings": settings,
        "ipAddresses": addresses,
        "serverCaCert": {"kind": "sql#sslCert", "commonName": "C=US,O=Google\\, Inc,CN=Google Cloud SQL Server CA",
            "instance": name,
                         "certSerialNumber": "0", "sha1Fingerprint": secrets.token_hex(20)},
        "etag": secrets.token_hex(16),
    }  # fmt: skip


def _agent(call: Call) -> str:
    return f"p{call.world.number}-{secrets.token_hex(3)}@gcp-sa-cloud-sql.iam.gserviceaccount.com"
