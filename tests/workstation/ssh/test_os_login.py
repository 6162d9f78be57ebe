"""OS Login: what it would refuse is said in a sentence before the first connection, and a key is brought there once."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from core.errors import PrerequisiteError
from core.gcp import Google
from core.gcp.errors import PermissionDenied
from core.workstation.ssh import os_login

ACCOUNT, PUBLIC = "me@example.com", "ssh-ed25519 AAAA me@laptop"
ANSWER = {"posixAccounts": [{"username": "windows", "operatingSystemType": "WINDOWS", "primary": True},
                            {"username": "me_example_com", "primary": True}]}  # fmt: skip


def metadata(**switches: str) -> dict[str, Any]:
    return {"items": [{"key": key.replace("_", "-"), "value": value} for key, value in switches.items()]}


@pytest.mark.parametrize(
    ("vm", "project", "code"),
    [
        ({}, {}, "no-os-login"),
        ({"enable_oslogin": "FALSE"}, {"enable_oslogin": "TRUE"}, "no-os-login"),
        ({"enable_oslogin": "TRUE", "enable_oslogin_sk": "TRUE"}, {}, "os-login-security-key"),
        ({}, {"enable_oslogin": "true", "enable_oslogin_certificates": "TRUE"}, "os-login-certificates"),
    ],
)
def test_what_takes_no_key_is_told(vm: dict[str, str], project: dict[str, str], code: str) -> None:
    with pytest.raises(PrerequisiteError) as caught:
        os_login.check({"metadata": metadata(**vm)}, {"commonInstanceMetadata": metadata(**project)}, "gpu")
    assert caught.value.code == code
    assert caught.value.hint


@pytest.mark.parametrize(("factors", "two"), [("TRUE", True), ("FALSE", False)])
def test_two_factors_are_known_beforehand(factors: str, two: bool) -> None:
    project = {"commonInstanceMetadata": metadata(enable_oslogin="TRUE", enable_oslogin_2fa=factors)}
    assert os_login.check({}, project, "gpu") is two


class Profiles:
    """The API for one account: ``profile`` is what it has, ``calls`` what was asked of it."""

    project = "my-project"

    def __init__(self, profile: dict[str, Any], *, account: str = ACCOUNT, refused: bool = False) -> None:
        self.profile, self._account, self._refused = profile, account, refused
        self.calls: list[tuple[str, dict[str, Any]]] = []

    async def account(self) -> str:
        return self._account

    async def call(self, api: str, version: str, method: str, **given: Any) -> dict[str, Any]:
        assert (api, version) == ("oslogin", "v1")
        self.calls.append((method, given))
        if self._refused and method == "users.importSshPublicKey":
            raise PermissionDenied("External users are not permitted.")
        return self.profile if method == "users.getLoginProfile" else {"loginProfile": ANSWER}


async def signed_in(profiles: Profiles) -> os_login.Login:
    return await os_login.sign_in(cast(Google, profiles), PUBLIC, region="us-central1")


async def test_a_key_is_imported_for_the_project_and_the_region() -> None:
    profiles = Profiles({})
    assert await signed_in(profiles) == os_login.Login("me_example_com", ACCOUNT, True)
    method, given = profiles.calls[-1]
    assert method == "users.importSshPublicKey"
    assert given == {"parent": f"users/{ACCOUNT}", "body": {"key": PUBLIC}, "projectId": "my-project",
                     "regions": ["us-central1"]}  # fmt: skip


@pytest.mark.parametrize(("seconds", "patched"), [(None, False), (-3600, True), (3600, True), (30 * 86400, False)])
async def test_a_key_that_has_an_end_gets_none_once_it_is_near(seconds: int | None, patched: bool) -> None:
    key = {"key": "ssh-ed25519 AAAA another-comment", "fingerprint": "f"}
    if seconds is not None:
        key["expirationTimeUsec"] = str(int((time.time() + seconds) * 1e6))
    profiles = Profiles({**ANSWER, "sshPublicKeys": {"f": key}})
    assert await signed_in(profiles) == os_login.Login("me_example_com", ACCOUNT, False)
    assert [method for method, _ in profiles.calls[1:]] == ["users.sshPublicKeys.patch"] * patched
    if patched:
        _, given = profiles.calls[-1]
        assert given["name"] == f"users/{ACCOUNT}/sshPublicKeys/f"
        assert given["updateMask"] == "expirationTimeUsec"
        assert "expirationTimeUsec" not in given["body"]


@pytest.mark.parametrize(
    ("profiles", "code", "said"),
    [
        (Profiles({}, account=""), "no-account", "gcloud auth application-default login"),
        (Profiles({}, account="principal://iam.googleapis.com/locations/global/workforcePools/p/subject/me"),
         "os-login-workforce", "gcloud compute ssh"),
        (Profiles({}, refused=True), "os-login-import", "roles/compute.osLoginExternalUser"),
        (Profiles({"sshPublicKeys": {"f": {"key": PUBLIC}}}), "os-login-no-user", "roles/compute.osLogin"),
    ],
)  # fmt: skip
async def test_an_account_that_gets_no_user_is_told_what_it_takes(profiles: Profiles, code: str, said: str) -> None:
    with pytest.raises(PrerequisiteError) as caught:
        await signed_in(profiles)
    assert caught.value.code == code
    assert said in caught.value.hint
