"""IAM policies, changed one member at a time: read, altered, written with their etag, and read again where that is stale.

A whole policy is never set from here: only the members that are asked for are added or taken away, conditions and all
other bindings stay as they are. A 409 means that someone else wrote in between.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Awaitable, Callable
from typing import Any

from core.gcp.client import Google
from core.gcp.errors import Conflict, InvalidRequest, PreconditionFailed

TRIES = 8
Policy = dict[str, Any]
Change = Callable[[Policy], bool]


async def project_policy(google: Google) -> Policy:
    """The project's policy, conditions included."""
    options = {"options": {"requestedPolicyVersion": 3}}
    return await google.call("cloudresourcemanager", "v1", "projects.getIamPolicy", resource=google.project, body=options)


async def grant_on_project(google: Google, role: str, member: str) -> bool:
    """Gives a member a role on the project; whether it did not have it."""
    return await _on_project(google, lambda policy: add(policy, role, member))


async def revoke_on_project(google: Google, role: str, member: str) -> bool:
    """Takes a role on the project from a member; whether it had it."""
    return await _on_project(google, lambda policy: remove(policy, role, member))


async def _on_project(google: Google, change: Change) -> bool:
    async def write(policy: Policy) -> Any:
        body = {"policy": policy}
        return await google.call("cloudresourcemanager", "v1", "projects.setIamPolicy", resource=google.project, body=body)

    return await change_policy(google, lambda: project_policy(google), write, change)


async def change_policy(
    google: Google,
    read: Callable[[], Awaitable[Policy]],
    write: Callable[[Policy], Awaitable[Any]],
    change: Change,
) -> bool:
    """Changes a policy with ``change``, which says whether it altered anything; whether anything was written.

    A service account that was made a moment ago is not known as a member everywhere yet: that is waited for.
    """
    for attempt in range(TRIES):
        policy = copy.deepcopy(await read())
        if not change(policy):
            return False
        if any("condition" in binding for binding in policy.get("bindings", ())):
            policy["version"] = 3
        try:
            await write(policy)
            return True
        except (Conflict, PreconditionFailed):
            if attempt + 1 == TRIES:
                raise
        except InvalidRequest as error:
            if "does not exist" not in error.cause or attempt + 1 == TRIES:
                raise
        await google.clock.sleep(min(20.0, 1.5**attempt) * random.uniform(0.7, 1.3))
    return False


def add(policy: Policy, role: str, member: str) -> bool:
    """Adds a member to the role's unconditional binding; whether it was not in it."""
    bindings = policy.setdefault("bindings", [])
    for binding in bindings:
        if binding.get("role") == role and "condition" not in binding:
            if member in binding.setdefault("members", []):
                return False
            binding["members"].append(member)
            return True
    bindings.append({"role": role, "members": [member]})
    return True


def remove(policy: Policy, role: str, member: str) -> bool:
    """Takes a member out of the role's unconditional binding; whether it was in it."""
    for binding in policy.get("bindings", ()):
        if binding.get("role") == role and "condition" not in binding and member in binding.get("members", ()):
            binding["members"].remove(member)
            if not binding["members"]:
                policy["bindings"].remove(binding)
            return True
    return False


def has(policy: Policy, role: str, member: str) -> bool:
    """Whether a member has a role without a condition."""
    return any(
        b.get("role") == role and "condition" not in b and member in b.get("members", ()) for b in policy.get("bindings", ())
    )


def member_of(account: str) -> str:
    """An account's address as IAM names its member."""
    kind = "serviceAccount" if account.endswith(".gserviceaccount.com") else "user"
    return f"{kind}:{account}"
