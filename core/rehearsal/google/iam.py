"""Service accounts: made at once, known everywhere a while later, with policies and (where allowed) keys of their own."""

from __future__ import annotations

import base64
import hashlib
import json
import re

from core.rehearsal.google import iam_policy, org_policies, roles
from core.rehearsal.google.calls import Call, answers, listing, project_of
from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.merge import masked
from core.rehearsal.store import Document
from core.rehearsal.world import World

KIND, KEYS = "iam.serviceAccounts", "iam.serviceAccountKeys"
_ID = re.compile(r"[a-z](?:[-a-z0-9]{4,28}[a-z0-9])")


def record(world: World, account_id: str, settings: Document, *, visible: float) -> Document:
    """Writes an account into the store."""
    email = f"{account_id}@{world.project}.iam.gserviceaccount.com"
    unique = (
        "1"
        + str(int(hashlib.sha256(f"{email}{world.store.next('accounts')}".encode()).hexdigest()[:15], 16)).zfill(20)[-20:]
    )
    return world.store.put(
        KIND, email,
        {"email": email, "uniqueId": unique, "visible": visible,
         "settings": {k: v for k, v in settings.items() if k in ("displayName", "description")}},
    )  # fmt: skip


@answers("iam.projects.serviceAccounts.create", permission="iam.serviceAccounts.create", on=project_of)
def create(call: Call) -> Document:
    """Makes an account; it can be granted things after a while."""
    account_id = str(call.body.get("accountId", ""))
    if not _ID.fullmatch(account_id):
        raise ApiError(
            400,
            f'The account ID "{account_id}" does not have a length between 6 and 30 or doesn\'t match the pattern '
            '"^[a-z](?:[-a-z0-9]{4,28}[a-z0-9])$".',
        )
    if org_policies.enforced(call.world, "iam.disableServiceAccountCreation", "iam.managed.disableServiceAccountCreation"):
        raise ApiError(400, "Service account creation is not allowed on this project.", status="FAILED_PRECONDITION")
    email = f"{account_id}@{call.project}.iam.gserviceaccount.com"
    if call.store.get(KIND, email) is not None:
        raise ApiError(409, f"Service account {account_id} already exists within project projects/{call.project}.")
    lag = call.world.clock.duration(call.world.scenario.duration(call.method.id))
    return _shown(
        call, record(call.world, account_id, call.body.get("serviceAccount") or {}, visible=call.world.clock.now() + lag)
    )


@answers("iam.projects.serviceAccounts.get")
def get(call: Call) -> Document:
    """One account."""
    return _shown(call, _account(call, "name", "iam.serviceAccounts.get"))


@answers("iam.projects.serviceAccounts.list", permission="iam.serviceAccounts.list", on=project_of)
def accounts(call: Call) -> Document:
    """The project's accounts."""
    return listing(call, "accounts", [_shown(call, a) for _, a in call.store.items(KIND)])


@answers("iam.projects.serviceAccounts.patch", "iam.projects.serviceAccounts.update")
def patch(call: Call) -> Document:
    """Changes an account's display name or description."""
    account = _account(call, "name", "iam.serviceAccounts.update")
    new = call.body.get("serviceAccount", call.body)
    mask = str(call.body.get("updateMask") or "displayName,description")
    settings = masked(account["settings"], new, mask)
    return _shown(call, call.store.put(KIND, account["email"], {**account, "settings": settings}))


@answers("iam.projects.serviceAccounts.delete")
def delete(call: Call) -> Document:
    """Removes an account; what was granted to it stays in the policies under another name."""
    account = _account(call, "name", "iam.serviceAccounts.delete")
    email = account["email"]
    call.store.delete(KIND, email)
    iam_policy.forget(call.world, _resource(call, email))
    for name, _ in call.store.items(KEYS, f"{email}/"):
        call.store.delete(KEYS, name)
    _mark_deleted(call.world, email, account["uniqueId"])
    return {}


@answers("iam.projects.serviceAccounts.getIamPolicy")
def get_policy(call: Call) -> Document:
    """An account's own policy: who may act as it."""
    account = _account(call, "resource", "iam.serviceAccounts.getIamPolicy")
    return iam_policy.read(call.world, _resource(call, account["email"]))


@answers("iam.projects.serviceAccounts.setIamPolicy")
def set_policy(call: Call) -> Document:
    """Replaces an account's policy."""
    account = _account(call, "resource", "iam.serviceAccounts.setIamPolicy")
    return iam_policy.replace(call.world, _resource(call, account["email"]), call.body.get("policy") or {})


@answers("iam.projects.serviceAccounts.testIamPermissions")
def test_permissions(call: Call) -> Document:
    """Which of the permissions the caller has on an account."""
    account = _account(call, "resource", "")
    wanted = iam_policy.testable(list(call.body.get("permissions", [])))
    resource = _resource(call, account["email"])
    held = [p for p in wanted if call.world.identity.allowed(call.email, p, resource)]
    return {"permissions": held} if held else {}


@answers("iam.projects.serviceAccounts.keys.create")
def create_key(call: Call) -> Document:
    """Makes a key, unless the organization forbids keys; its private half is in this answer and nowhere else."""
    account = _account(call, "name", "iam.serviceAccountKeys.create")
    for constraint in ("iam.disableServiceAccountKeyCreation", "iam.managed.disableServiceAccountKeyCreation"):
        if org_policies.enforced(call.world, constraint):
            raise ApiError(400, "Key creation is not allowed on this service account.", status="FAILED_PRECONDITION")
    from core.rehearsal.trust import new_key

    private, public = new_key()
    id = hashlib.sha1(public.encode(), usedforsecurity=False).hexdigest()
    name = f"projects/{call.project}/serviceAccounts/{account['email']}/keys/{id}"
    key = {"name": name, "validAfterTime": call.now, "validBeforeTime": "9999-12-31T23:59:59Z",
        "keyAlgorithm": "KEY_ALG_RSA_2048",
           "keyOrigin": "GOOGLE_PROVIDED", "keyType": "USER_MANAGED"}  # fmt: skip
    call.store.put(KEYS, f"{account['email']}/{id}", {"key": key, "public": public})
    document = {
        "type": "service_account", "project_id": call.project, "private_key_id": id, "private_key": private,
        "client_email": account["email"], "client_id": account["uniqueId"], "token_uri": f"{call.root}/token",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth", "universe_domain": "googleapis.com",
    }  # fmt: skip
    return {
        **key,
        "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE",
        "privateKeyData": base64.b64encode(json.dumps(document).encode()).decode(),
    }


@answers("iam.projects.serviceAccounts.keys.list")
def keys(call: Call) -> Document:
    """An account's keys, their public side."""
    account = _account(call, "name", "iam.serviceAccountKeys.list")
    found = [k["key"] for _, k in call.store.items(KEYS, f"{account['email']}/")]
    return {"keys": found} if found else {}


@answers("iam.projects.serviceAccounts.keys.get", "iam.projects.serviceAccounts.keys.delete")
def key(call: Call) -> Document:
    """One key, to be read or removed."""
    parts = str(call["name"]).split("/")
    call.params["account"] = "/".join(parts[:4])
    verb = "delete" if call.method.verb == "DELETE" else "get"
    account = _account(call, "account", f"iam.serviceAccountKeys.{verb}")
    name = f"{account['email']}/{parts[5]}"
    found = call.store.get(KEYS, name)
    if found is None:
        raise ApiError(404, f"Service account key {parts[5]} does not exist.")
    if verb == "delete":
        call.store.delete(KEYS, name)
        return {}
    return dict(found["key"])


@answers("iam.roles.get", "iam.projects.roles.get")
def role(call: Call) -> Document:
    """A role that is known here."""
    name = str(call["name"])
    if not roles.known(name):
        raise ApiError(404, f"The role named {name} was not found.")
    return {"name": name, "title": name.rpartition("/")[2], "stage": "GA", "etag": "AA=="}


@answers("iamcredentials.projects.serviceAccounts.generateAccessToken")
def generate_token(call: Call) -> Document:
    """A token of another account, for a caller who may have one."""
    account = _account(call, "name", "iam.serviceAccounts.getAccessToken")
    token, seconds = call.world.identity.mint(account["email"])
    return {"accessToken": token, "expireTime": call.world.clock.timestamp(call.world.clock.now() + seconds)}


def _account(call: Call, key: str, permission: str) -> Document:
    given = str(call[key]).split("/")[3]
    found = call.store.get(KIND, given) or next((a for _, a in call.store.items(KIND) if a["uniqueId"] == given), None)
    if found is None:
        number = call.world.number
        if given == f"{number}-compute@developer.gserviceaccount.com" and call.store.get("service-agents", given):
            found = {
                "email": given,
                "uniqueId": f"1{number}",
                "settings": {"displayName": "Compute Engine default service account"},
            }
        else:
            raise ApiError(
                404,
                f"Unknown service account: {given}"
                if permission.endswith("delete")
                else f"Service account {call[key]} does not exist.",
            )
    if permission:
        call.require(permission, _resource(call, found["email"]))
    return found


def _resource(call: Call, email: str) -> str:
    return f"projects/{call.world.project}/serviceAccounts/{email}"


def _shown(call: Call, account: Document) -> Document:
    email = account["email"]
    return {
        "name": f"projects/{call.world.project}/serviceAccounts/{email}",
        "projectId": call.world.project,
        "uniqueId": account["uniqueId"],
        "email": email,
        **account["settings"],
        "etag": "MDEwMjE5MjA=",
        "oauth2ClientId": account["uniqueId"],
    }


def _mark_deleted(world: World, email: str, unique: str) -> None:
    """Members that are gone are shown as ``deleted:…?uid=``, until somebody takes them out."""
    old, new = f"serviceAccount:{email}", f"deleted:serviceAccount:{email}?uid={unique}"
    for resource, kept in world.store.items(iam_policy.KIND):
        bindings = kept["policy"].get("bindings", [])
        if any(old in b["members"] for b in bindings):
            changed = [{**b, "members": [new if m == old else m for m in b["members"]]} for b in bindings]
            since = {k.replace(f" {old}", f" {new}"): v for k, v in kept["since"].items()}
            world.store.put(
                iam_policy.KIND, resource, {**kept, "policy": {**kept["policy"], "bindings": changed}, "since": since}
            )
