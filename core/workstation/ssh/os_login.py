"""OS Login: who the signed-in account is on a VM, and the account's key there.

VMs that ask OS Login know a user by an account's profile. A key is imported once; one that has an end is given none, since
nothing would tell that it has passed but a refused sign-in. What OS Login can't do with this account is said before the
first connection, in place of ssh's "Permission denied".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import PrerequisiteError
from core.gcp.errors import PermissionDenied

if TYPE_CHECKING:
    from core.gcp import Google

NEEDED = "roles/compute.osLogin"
SOON = 24 * 3600.0
"""Seconds before its end from which on a key in the profile counts as ended."""


@dataclass(frozen=True, slots=True)
class Login:
    """The user of an account on VMs with OS Login; ``imported`` says whether the key was new there.

    ``user`` is empty where only the import, which a dry run leaves out, would tell it.
    """

    user: str
    account: str
    imported: bool


def switch(vm: Mapping[str, Any], project: Mapping[str, Any], key: str) -> bool:
    """A metadata switch as a VM has it: its own value, else the project's."""
    for holder in (vm.get("metadata"), project.get("commonInstanceMetadata")):
        for item in (holder or {}).get("items", []):
            if item.get("key") == key:
                return str(item.get("value", "")).strip().lower() in ("true", "yes", "y", "1")
    return False


def check(vm: Mapping[str, Any], project: Mapping[str, Any], name: str) -> bool:
    """Whether OS Login asks two factors; raises `PrerequisiteError` where OS Login would not take a key at all."""
    if not switch(vm, project, "enable-oslogin"):
        raise PrerequisiteError(
            f"The VM {name} does not use OS Login.",
            code="no-os-login",
            cause="enable-oslogin is not TRUE in its metadata or its project's.",
            hint="Switch it on, or give a user and a key that the VM knows: --set User=… --set IdentityFile=…",
            command=f"gcloud compute instances add-metadata {name} --metadata=enable-oslogin=TRUE",
        )
    if switch(vm, project, "enable-oslogin-sk"):
        raise PrerequisiteError(
            f"The VM {name} takes security keys alone.",
            code="os-login-security-key",
            cause="enable-oslogin-sk is TRUE.",
            hint="Connect with gcloud compute ssh, which asks your security key.",
        )
    if switch(vm, project, "enable-oslogin-certificates"):
        raise PrerequisiteError(
            f"The VM {name} takes OS Login certificates alone.",
            code="os-login-certificates",
            cause="enable-oslogin-certificates is TRUE.",
            hint="Connect with gcloud compute ssh, which gets a certificate.",
        )
    return switch(vm, project, "enable-oslogin-2fa")


async def sign_in(google: Google, public: str, *, region: str, dry_run: bool = False) -> Login:
    """Brings a public key into the account's profile if it is not there, or has ended; returns the user.

    A ``dry_run`` looks at the profile, and changes nothing of it.
    Raises `PrerequisiteError` where the account has no profile that a VM would take.
    """
    account = await google.account()
    if not account:
        raise PrerequisiteError(
            "The sign-in does not say whose it is.",
            code="no-account",
            hint="OS Login goes by an account's address: sign in with gcloud auth application-default login.",
        )
    if "principal://" in account or "/workforcePools/" in account:
        raise PrerequisiteError(
            "OS Login takes no keys from a workforce identity.",
            code="os-login-workforce",
            hint="Connect with gcloud compute ssh, which gets a certificate.",
        )
    name = f"users/{account}"
    profile = await google.call("oslogin", "v1", "users.getLoginProfile", name=name, projectId=google.project)
    mine = _key(profile, public)
    if dry_run:
        return Login(_user(profile, account) if mine is not None else "", account, mine is None)
    if mine is None:
        profile = await _imported(google, name, public, region)
    elif _ends(mine):
        key = f"{name}/sshPublicKeys/{mine.get('fingerprint', '')}"
        await google.call(
            "oslogin", "v1", "users.sshPublicKeys.patch", name=key, body={"key": public}, updateMask="expirationTimeUsec"
        )
    return Login(_user(profile, account), account, mine is None)


async def _imported(google: Google, name: str, public: str, region: str) -> dict[str, Any]:
    try:
        answer = await google.call(
            "oslogin", "v1", "users.importSshPublicKey", parent=name, body={"key": public}, projectId=google.project,
            regions=[region],
        )  # fmt: skip
    except PermissionDenied as error:
        raise PrerequisiteError(
            "Your key can't be brought into OS Login.",
            code="os-login-import",
            cause=error.message,
            hint="Accounts outside the project's organization need roles/compute.osLoginExternalUser on the organization.",
        ) from error
    return dict(answer.get("loginProfile") or {})


def _key(profile: Mapping[str, Any], public: str) -> Mapping[str, Any] | None:
    wanted = public.split()[:2]
    keys = (profile.get("sshPublicKeys") or {}).values()
    return next((key for key in keys if str(key.get("key", "")).split()[:2] == wanted), None)


def _ends(key: Mapping[str, Any]) -> bool:
    end = int(key.get("expirationTimeUsec") or 0) / 1e6
    return bool(end) and end < time.time() + SOON


def _user(profile: Mapping[str, Any], account: str) -> str:
    accounts = [a for a in profile.get("posixAccounts", []) if a.get("operatingSystemType", "LINUX") == "LINUX"]
    found = next((a for a in accounts if a.get("primary")), accounts[0] if accounts else None)
    if found is None or not found.get("username"):
        raise PrerequisiteError(
            f"OS Login has no user for {account}.",
            code="os-login-no-user",
            hint=f"It needs {NEEDED} on the project; from another organization, roles/compute.osLoginExternalUser too.",
        )
    return str(found["username"])
