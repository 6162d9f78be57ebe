"""IAM policies as every API keeps them: read with an etag, replaced whole, effective a while later.

A policy is one document of the kind `KIND` by the resource's full name (``projects/P``, ``buckets/B``,
``projects/P/secrets/S``); beside the policy it remembers since when each member has each role, for the delay after which
a grant works. A change that carries an old etag is refused with 409, as a concurrent one is.
"""

from __future__ import annotations

import base64
import fnmatch
import re
from collections.abc import Iterator
from typing import Any

from core.rehearsal.google import roles
from core.rehearsal.google.errors import ApiError, bad_request
from core.rehearsal.store import Document, Store
from core.rehearsal.world import World

KIND = "iam.policies"
_MEMBER = re.compile(
    r"(user|group|serviceAccount|domain|principal|principalSet|projectOwner|projectEditor|projectViewer|deleted):.+"
    r"|allUsers|allAuthenticatedUsers"
)
_POOL = re.compile(r"serviceAccount:([^\[\]]+)\.svc\.id\.goog\[([^/\]]+)/([^\]]+)\]")


def read(world: World, resource: str) -> Document:
    """The policy of a resource, as ``getIamPolicy`` answers it."""
    kept = world.store.get(KIND, resource)
    return dict(kept["policy"]) if kept else {"etag": _etag(0)}


def replace(world: World, resource: str, policy: Document, *, convenience: bool = False) -> Document:
    """Puts the policy in place of the one before; ``convenience`` allows ``projectOwner:`` and its like as members."""
    kept = world.store.get(KIND, resource) or {"policy": {"etag": _etag(0)}, "since": {}, "revision": 0}
    given = str(policy.get("etag") or "")
    if given and given != kept["policy"].get("etag"):
        raise ApiError(
            409,
            "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.",
            reason="conflict",
            status="ABORTED",
        )
    bindings = _normal(policy.get("bindings") or [])
    for role, member in _pairs(bindings):
        if f"{role} {member}" not in kept["since"]:
            _check(world, role, member, convenience)
    return _keep(world, resource, bindings, kept)


def grant(world: World, resource: str, role: str, *members: str, at_once: bool = False) -> None:
    """Adds members to a role, as a service does for its own agents; ``at_once``: effective without a delay."""
    policy = read(world, resource)
    bindings = [*policy.get("bindings", []), {"role": role, "members": list(members)}]
    kept = world.store.get(KIND, resource) or {"policy": {}, "since": {}, "revision": 0}
    _keep(world, resource, _normal(bindings), kept)
    if at_once:
        kept = world.store.get(KIND, resource) or {}
        since = {**kept["since"], **{f"{role} {m}": 0.0 for m in members}}
        world.store.put(KIND, resource, {**kept, "since": since})


def forget(world: World, resource: str) -> None:
    """Removes the policy of a resource that is gone."""
    world.store.delete(KIND, resource)


def members(store: Store, resource: str, role: str) -> list[str]:
    """The members of a role on a resource."""
    kept = store.get(KIND, resource)
    bindings = kept["policy"].get("bindings", []) if kept else []
    return [m for b in bindings if b["role"] == role for m in b["members"]]


def testable(call_permissions: list[str]) -> list[str]:
    """The permissions of a ``testIamPermissions`` call; raises `ApiError` for a wildcard or a name that can't be one."""
    for permission in call_permissions:
        if not re.fullmatch(r"[a-zA-Z0-9-]+\.[a-zA-Z0-9-]+\.[a-zA-Z0-9-]+", permission):
            raise bad_request(f"Permission {permission} is not valid for this resource.")
    if len(call_permissions) > 100:
        raise bad_request("At most 100 permissions can be tested in a call.")
    return call_permissions


class Decider:
    """Whether an account holds a permission on a resource, by the policies of it and of everything above it."""

    def __init__(self, store: Store, *, now: float, delay: float, missing: list[str], user: str, flips: float = 0.0) -> None:
        self._store, self._now, self._missing, self._user = store, now, missing, user
        self._delay, self._flips = delay, flips

    def allowed(self, email: str, permission: str, resource: str) -> bool:
        """See the class."""
        denied = email == self._user and any(fnmatch.fnmatchcase(permission, p) for p in self._missing)
        for name in _upwards(self._store, resource):
            for role, member in self._effective(name):
                if not roles.grants(role, permission):
                    continue
                direct = member in (f"user:{email}", f"serviceAccount:{email}", "allUsers", "allAuthenticatedUsers")
                if direct and not (denied and name.count("/") == 1 and name.startswith("projects/")):
                    return True
                if not denied and self._convenience(member, email):
                    return True
        return False

    def holds(self, member: str, role: str, resource: str) -> bool:
        """Whether the member was granted the role on the resource itself, and the grant works by now."""
        return (role, member) in set(self._effective(resource))

    def _effective(self, resource: str) -> Iterator[tuple[str, str]]:
        kept = self._store.get(KIND, resource)
        for role, member in _pairs(kept["policy"].get("bindings", [])) if kept else ():
            since = kept["since"].get(f"{role} {member}", 0.0) if kept else 0.0
            if not since or self._works(self._now - since - self._delay):
                yield role, member

    def _works(self, age: float) -> bool:
        """Whether a grant works so long after it first did."""
        return age >= 0 and not self._flips <= age < 2 * self._flips

    def _convenience(self, member: str, email: str) -> bool:
        kind, _, project = member.partition(":")
        role = {"projectOwner": "roles/owner", "projectEditor": "roles/editor", "projectViewer": "roles/viewer"}.get(kind)
        if role is None:
            return False
        return any(
            (role, m) in set(self._effective(f"projects/{project}")) for m in (f"user:{email}", f"serviceAccount:{email}")
        )


def _keep(world: World, resource: str, bindings: list[Document], kept: Document) -> Document:
    now = world.clock.now()
    since = {f"{r} {m}": kept["since"].get(f"{r} {m}", now) for r, m in _pairs(bindings)}
    same = bindings == kept["policy"].get("bindings", [])
    revision = kept["revision"] + (0 if same else 1)
    policy: Document = {"version": 1, "etag": _etag(revision, resource)}
    if bindings:
        policy["bindings"] = bindings
    world.store.put(KIND, resource, {"policy": policy, "since": since, "revision": revision})
    return dict(policy)


def _check(world: World, role: str, member: str, convenience: bool) -> None:
    if not roles.known(role):
        raise bad_request(f"Role {role} is not supported for this resource.")
    if not _MEMBER.fullmatch(member):
        raise bad_request(f'Invalid argument: "{member}" is not a valid member type.')
    kind, _, name = member.partition(":")
    if kind.startswith("project") and not convenience:
        raise bad_request(f"The member {member} is of an unknown type. Please set a valid type prefix for the member.")
    pool = _POOL.fullmatch(member)
    if pool is not None:
        if pool[1] != world.project or world.store.get("workload-identity", world.project) is None:
            raise bad_request(
                f"Identity Pool does not exist ({pool[1]}.svc.id.goog). Please check that you specified a valid "
                "resource name as returned in the `name` attribute in the configuration API."
            )
        return
    if kind == "serviceAccount":
        _check_account(world, name)


def _check_account(world: World, email: str) -> None:
    """An account can be granted something once it is known everywhere, a few seconds after it was made."""
    if not email.endswith((f"@{world.project}.iam.gserviceaccount.com", ".gserviceaccount.com")):
        raise bad_request(f"Invalid service account ({email}).")
    if email.endswith(f"@{world.project}.iam.gserviceaccount.com"):
        account = world.store.get("iam.serviceAccounts", email)
        if account is None or account.get("visible", 0.0) > world.clock.now():
            raise bad_request(f"Service account {email} does not exist.")
    elif world.number in email and world.store.get("service-agents", email) is None:
        raise bad_request(f"Service account {email} does not exist.")


def _normal(bindings: list[Document]) -> list[Document]:
    """Bindings with each role once, its members in order; conditions make a binding of its own."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for binding in bindings:
        condition = binding.get("condition")
        key = (str(binding.get("role", "")), str(condition or ""))
        entry = found.setdefault(key, {"role": key[0], "members": [], **({"condition": condition} if condition else {})})
        entry["members"] = sorted({*entry["members"], *binding.get("members", [])})
    return [found[key] for key in sorted(found) if found[key]["members"]]


def _pairs(bindings: list[Document]) -> Iterator[tuple[str, str]]:
    for binding in bindings:
        for member in binding.get("members", []):
            yield binding["role"], member


def _upwards(store: Store, resource: str) -> Iterator[str]:
    """The resource, and everything above it up to its project."""
    parts = resource.split("/")
    if parts[0] == "buckets":
        yield "/".join(parts[:2])
        yield f"acl/{parts[1]}"
        bucket = store.get("storage.buckets", parts[1])
        if bucket is not None:
            yield f"projects/{bucket['project']}"
        return
    for end in range(len(parts) - len(parts) % 2, 0, -2):
        yield "/".join(parts[:end])


def _etag(revision: int, resource: str = "") -> str:
    if revision == 0:
        return "ACAB"
    return base64.b64encode(b"BwY" + revision.to_bytes(4, "big") + resource.encode()[-4:]).decode()
