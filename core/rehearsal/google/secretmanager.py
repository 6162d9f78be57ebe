"""Secret Manager: secrets in the regions they were given, their versions, and who may read them."""

from __future__ import annotations

import base64
import re

from core.rehearsal.google import iam_policy, org_policies
from core.rehearsal.google.calls import Call, answers, listing, project_of
from core.rehearsal.google.compute_catalogue import REGIONS
from core.rehearsal.google.crc32c import crc32c
from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.merge import masked
from core.rehearsal.store import Document

SECRETS, VERSIONS = "secretmanager.secrets", "secretmanager.versions"
_ID = re.compile(r"[a-zA-Z0-9_-]{1,255}")


def _number(call: Call, key: str) -> str:
    """A resource's name with the project's number in it, as this API keeps and answers it."""
    parts = call.full(key).split("/")
    parts[1] = call.world.number
    return "/".join(parts)


def _secret(call: Call, key: str) -> Document:
    name = "/".join(_number(call, key).split("/")[:4])
    found = call.store.get(SECRETS, name)
    if found is None:
        raise ApiError(404, f"Secret [{name}] not found.")
    return found


def _resource(call: Call, key: str = "name") -> str:
    return "/".join(call.full(key).split("/")[:4])


@answers("secretmanager.projects.secrets.create", permission="secretmanager.secrets.create", on=project_of)
def create(call: Call) -> Document:
    """Makes a secret without a version."""
    secret_id = str(call.get("secretId", ""))
    if not _ID.fullmatch(secret_id):
        raise ApiError(400, "The provided Secret ID does not match the expected format [[a-zA-Z_0-9]+].")
    name = f"projects/{call.world.number}/secrets/{secret_id}"
    if call.store.get(SECRETS, name) is not None:
        raise ApiError(409, f"Secret [{name}] already exists.")
    replication = call.body.get("replication") or {}
    _place(call, replication)
    replicas = (replication.get("userManaged") or {}).get("replicas", [])
    key = replicas and all(r.get("customerManagedEncryption") for r in replicas)
    org_policies.without_key(call.world, "secretmanager.googleapis.com", key)
    resource = {**call.body, "name": name, "createTime": call.now, "etag": f'"{call.store.next("secrets"):x}"'}
    return call.store.put(SECRETS, name, resource)


def _place(call: Call, replication: Document) -> None:
    """Where the secret is kept, as far as the organization lets it."""
    if not replication.get("automatic") and "automatic" not in replication and not replication.get("userManaged"):
        raise ApiError(400, "The secret's replication policy must be set.")
    places = [r.get("location", "") for r in (replication.get("userManaged") or {}).get("replicas", [])] or ["global"]
    for place in places:
        if place != "global" and place not in REGIONS:
            raise ApiError(400, f"The location [{place}] is not available.")
        if org_policies.refuses(call.world, "gcp.resourceLocations", place):
            raise ApiError(
                400, f"Constraint constraints/gcp.resourceLocations violated for [orgpolicy:projects/{call.world.number}] "
                f"attempting to create a secret in [{place}].", status="FAILED_PRECONDITION",
            )  # fmt: skip


@answers("secretmanager.projects.secrets.get", permission="secretmanager.secrets.get", on=_resource)
def get(call: Call) -> Document:
    """One secret, without what it holds."""
    return _secret(call, "name")


@answers("secretmanager.projects.secrets.list", permission="secretmanager.secrets.list", on=project_of)
def secrets(call: Call) -> Document:
    """The project's secrets, all or those with a label."""
    found = [s for _, s in call.store.items(SECRETS)]
    for key, value in re.findall(r"labels\.([\w-]+)\s*[=:]\s*\"?([\w-]+)\"?", str(call.get("filter", ""))):
        found = [s for s in found if (s.get("labels") or {}).get(key) == value]
    return listing(call, "secrets", found, totalSize=len(found))


@answers("secretmanager.projects.secrets.patch", permission="secretmanager.secrets.update", on=_resource)
def patch(call: Call) -> Document:
    """Changes a secret's labels and the like."""
    old = _secret(call, "name")
    new = masked(old, call.body, str(call.get("updateMask", "")))
    return call.store.put(SECRETS, old["name"], {**new, "etag": f'"{call.store.next("secrets"):x}"'})


@answers("secretmanager.projects.secrets.delete", permission="secretmanager.secrets.delete", on=_resource)
def delete(call: Call) -> Document:
    """Removes a secret with all its versions."""
    name = _secret(call, "name")["name"]
    for version, _ in call.store.items(VERSIONS, f"{name}/"):
        call.store.delete(VERSIONS, version)
    call.store.delete(SECRETS, name)
    iam_policy.forget(call.world, _resource(call))
    return {}


@answers("secretmanager.projects.secrets.addVersion", permission="secretmanager.versions.add",
         on=lambda c: _resource(c, "parent"))  # fmt: skip
def add_version(call: Call) -> Document:
    """Puts a new version of the secret's payload beside the older ones."""
    secret = _secret(call, "parent")
    payload = call.body.get("payload") or {}
    data = base64.b64decode(str(payload.get("data", "")) + "==", altchars=b"-_" if "-" in payload.get("data", "") else None)
    given = payload.get("dataCrc32c")
    if given is not None and int(given) != crc32c(data):
        raise ApiError(400, "The checksum of the payload does not match.")
    number = 1 + len(call.store.items(VERSIONS, f"{secret['name']}/"))
    name = f"{secret['name']}/versions/{number}"
    where = "userManaged" if "userManaged" in (secret.get("replication") or {}) else "automatic"
    version = {"name": name, "createTime": call.now, "state": "ENABLED", "etag": f'"{call.store.next("secrets"):x}"',
               "replicationStatus": {where: {}},
               "clientSpecifiedPayloadChecksum": given is not None}  # fmt: skip
    call.store.put(VERSIONS, name, {"version": version, "number": number, "data": base64.b64encode(data).decode()})
    return version


@answers("secretmanager.projects.secrets.versions.access", permission="secretmanager.versions.access", on=_resource)
def access(call: Call) -> Document:
    """The payload of a version."""
    found = _version(call)
    if found["version"]["state"] != "ENABLED":
        raise ApiError(
            400,
            f"Secret Version [{found['version']['name']}] is in {found['version']['state']} state.",
            status="FAILED_PRECONDITION",
        )
    checksum = str(crc32c(base64.b64decode(found["data"])))
    return {"name": found["version"]["name"], "payload": {"data": found["data"], "dataCrc32c": checksum}}


@answers("secretmanager.projects.secrets.versions.get", permission="secretmanager.versions.get", on=_resource)
def get_version(call: Call) -> Document:
    """A version, without what it holds."""
    return dict(_version(call)["version"])


@answers("secretmanager.projects.secrets.versions.list", permission="secretmanager.versions.list",
         on=lambda c: _resource(c, "parent"))  # fmt: skip
def versions(call: Call) -> Document:
    """A secret's versions, the newest first."""
    name = _secret(call, "parent")["name"]
    found = sorted((v for _, v in call.store.items(VERSIONS, f"{name}/")), key=lambda v: -v["number"])
    return listing(call, "versions", [v["version"] for v in found], totalSize=len(found))


@answers("secretmanager.projects.secrets.versions.destroy", "secretmanager.projects.secrets.versions.disable",
         "secretmanager.projects.secrets.versions.enable", permission="secretmanager.versions.destroy",
         on=_resource)  # fmt: skip
def change_version(call: Call) -> Document:
    """Destroys, disables or enables a version."""
    found = _version(call)
    verb = call.method.id.rpartition(".")[2]
    state = {"destroy": "DESTROYED", "disable": "DISABLED", "enable": "ENABLED"}[verb]
    version = {**found["version"], "state": state, **({"destroyTime": call.now} if verb == "destroy" else {})}
    data = "" if verb == "destroy" else found["data"]
    call.store.put(VERSIONS, version["name"], {**found, "version": version, "data": data})
    return version


def _version(call: Call) -> Document:
    name = _number(call, "name")
    secret = _secret(call, "name")["name"]
    wanted = name.rpartition("/")[2]
    if wanted == "latest":
        found = sorted((v for _, v in call.store.items(VERSIONS, f"{secret}/")), key=lambda v: v["number"])
        return found[-1] if found else _no_version(name)
    return call.store.get(VERSIONS, name) or _no_version(name)


def _no_version(name: str) -> Document:
    raise ApiError(404, f"Secret Version [{name}] not found.")


@answers("secretmanager.projects.secrets.getIamPolicy", permission="secretmanager.secrets.getIamPolicy",
         on=lambda c: _resource(c, "resource"))  # fmt: skip
def get_policy(call: Call) -> Document:
    """A secret's policy."""
    _secret(call, "resource")
    return iam_policy.read(call.world, _resource(call, "resource"))


@answers("secretmanager.projects.secrets.setIamPolicy", permission="secretmanager.secrets.setIamPolicy",
         on=lambda c: _resource(c, "resource"))  # fmt: skip
def set_policy(call: Call) -> Document:
    """Replaces a secret's policy."""
    _secret(call, "resource")
    return iam_policy.replace(call.world, _resource(call, "resource"), call.body.get("policy") or {})


@answers("secretmanager.projects.secrets.testIamPermissions")
def test_permissions(call: Call) -> Document:
    """Which of the permissions the caller has on a secret."""
    wanted = iam_policy.testable(list(call.body.get("permissions", [])))
    held = [p for p in wanted if call.world.identity.allowed(call.email, p, _resource(call, "resource"))]
    return {"permissions": held} if held else {}
