"""OS Login: an account's user on VMs, and the keys that it may sign in with there."""

from __future__ import annotations

import base64
import hashlib
import re

from core.rehearsal.google.calls import Call, answers
from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.merge import masked
from core.rehearsal.store import Document
from core.rehearsal.world import World

PROFILES = "oslogin.profiles"


def user_of(email: str) -> str:
    """The user name that OS Login gives an account."""
    return re.sub(r"[^a-z0-9_]", "_", email.lower())[:32]


def keys_of(world: World, user: str) -> list[str]:
    """The keys that may sign in as a user now, each as its algorithm and base64."""
    for _, profile in world.store.items(PROFILES):
        if profile["user"] == user:
            return [
                " ".join(key["key"].split()[:2])
                for key in profile["keys"].values()
                if not int(key.get("expirationTimeUsec") or 0) or int(key["expirationTimeUsec"]) / 1e6 > world.clock.now()
            ]
    return []


def account_of(world: World, user: str) -> str:
    """The account whose user that is; empty where there is none."""
    return next((email for email, profile in world.store.items(PROFILES) if profile["user"] == user), "")


def _mine(call: Call, name: str) -> str:
    email = name.split("/")[1]
    if email != call.email:
        raise ApiError(403, "The caller does not have permission", status="PERMISSION_DENIED")
    return email


def _kept(call: Call, email: str) -> Document:
    return call.store.get(PROFILES, email) or {"user": user_of(email), "keys": {}, "known": False}


def _shown(call: Call, email: str, profile: Document) -> Document:
    answer: Document = {"name": str(int(hashlib.sha1(email.encode()).hexdigest()[:12], 16))}
    if profile["known"]:
        answer["posixAccounts"] = [
            {"primary": True, "username": profile["user"], "uid": "1482350910", "gid": "1482350910",
             "homeDirectory": f"/home/{profile['user']}", "accountId": call.world.project,
             "operatingSystemType": "LINUX", "name": f"users/{email}/projects/{call.world.project}"}
        ]  # fmt: skip
    if profile["keys"]:
        answer["sshPublicKeys"] = profile["keys"]
    return answer


def _key(email: str, body: Document) -> Document:
    parts = str(body.get("key", "")).split()
    try:
        raw = base64.b64decode(parts[1], validate=True)
    except (IndexError, ValueError):
        raise ApiError(400, "Invalid SSH public key") from None
    fingerprint = hashlib.sha256(raw).hexdigest()
    key = {"key": body["key"], "fingerprint": fingerprint, "name": f"users/{email}/sshPublicKeys/{fingerprint}"}
    if body.get("expirationTimeUsec"):
        key["expirationTimeUsec"] = str(body["expirationTimeUsec"])
    return key


@answers("oslogin.users.getLoginProfile")
def profile(call: Call) -> Document:
    """The caller's own profile."""
    email = _mine(call, str(call["name"]))
    return _shown(call, email, _kept(call, email))


@answers("oslogin.users.importSshPublicKey")
def import_key(call: Call) -> Document:
    """Adds a key; in a project, the account gets its user there."""
    email = _mine(call, str(call["parent"]))
    kept, key = _kept(call, email), _key(email, call.body)
    kept = {**kept, "keys": {**kept["keys"], key["fingerprint"]: key}, "known": kept["known"] or bool(call.get("projectId"))}
    call.store.put(PROFILES, email, kept)
    return {"loginProfile": _shown(call, email, kept)}


@answers("oslogin.users.sshPublicKeys.patch")
def patch_key(call: Call) -> Document:
    """Changes a key's end."""
    email, fingerprint = _mine(call, str(call["name"])), str(call["name"]).rpartition("/")[2]
    kept = _kept(call, email)
    if fingerprint not in kept["keys"]:
        raise ApiError(404, f"Requested SSH public key not found: {fingerprint}")
    new = masked(kept["keys"][fingerprint], call.body, str(call.get("updateMask", "")))
    call.store.put(PROFILES, email, {**kept, "keys": {**kept["keys"], fingerprint: new}})
    return new


@answers("oslogin.users.sshPublicKeys.get")
def get_key(call: Call) -> Document:
    """One key."""
    email, fingerprint = _mine(call, str(call["name"])), str(call["name"]).rpartition("/")[2]
    found: Document | None = _kept(call, email)["keys"].get(fingerprint)
    if found is None:
        raise ApiError(404, f"Requested SSH public key not found: {fingerprint}")
    return found


@answers("oslogin.users.sshPublicKeys.delete")
def delete_key(call: Call) -> Document:
    """Takes a key away."""
    email, fingerprint = _mine(call, str(call["name"])), str(call["name"]).rpartition("/")[2]
    kept = _kept(call, email)
    call.store.put(PROFILES, email, {**kept, "keys": {k: v for k, v in kept["keys"].items() if k != fingerprint}})
    return {}
