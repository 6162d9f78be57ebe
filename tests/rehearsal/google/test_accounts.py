"""Service accounts and their keys."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
from simulated_project import PROJECT, Project

PARENT = f"projects/{PROJECT}"
ACCOUNTS = "iam.projects.serviceAccounts"
EMAIL = f"worker-one@{PROJECT}.iam.gserviceaccount.com"


async def test_an_account_is_made_read_changed_and_removed(project: Project) -> None:
    body = {"accountId": "worker-one", "serviceAccount": {"displayName": "One", "description": "mlops-env-id=abcdef"}}
    made = await project.good(f"{ACCOUNTS}.create", body, name=PARENT)
    assert (made["email"], made["description"]) == (EMAIL, "mlops-env-id=abcdef")
    assert (await project.good(f"{ACCOUNTS}.get", name=f"projects/-/serviceAccounts/{EMAIL}")) == made
    assert (await project.good(f"{ACCOUNTS}.get", name=f"{PARENT}/serviceAccounts/{made['uniqueId']}")) == made
    change = {"serviceAccount": {"displayName": "Two"}, "updateMask": "display_name"}
    assert (await project.good(f"{ACCOUNTS}.patch", change, name=made["name"]))["displayName"] == "Two"
    assert [a["email"] for a in (await project.good(f"{ACCOUNTS}.list", name=PARENT))["accounts"]] == [EMAIL]
    await project.good(f"{ACCOUNTS}.delete", name=made["name"])
    assert (await project.call(f"{ACCOUNTS}.get", name=made["name"])).status == 404


async def test_the_same_account_twice_is_a_conflict(project: Project) -> None:
    project.account("worker-one")
    answer = await project.call(f"{ACCOUNTS}.create", {"accountId": "worker-one"}, name=PARENT)
    assert (answer.status, answer.message) == (409, f"Service account worker-one already exists within project {PARENT}.")


@pytest.mark.parametrize("account_id", ["short", "Upper-Case", "a" * 31, "ends-in-"])
async def test_ids_are_held_to_their_pattern(project: Project, account_id: str) -> None:
    assert (await project.call(f"{ACCOUNTS}.create", {"accountId": account_id}, name=PARENT)).status == 400


async def test_accounts_can_be_forbidden(make: Callable[..., Project]) -> None:
    project = make({"project": {"policies": {"constraints/iam.disableServiceAccountCreation": True}}})
    answer = await project.call(f"{ACCOUNTS}.create", {"accountId": "worker-one"}, name=PARENT)
    assert answer.json["error"]["status"] == "FAILED_PRECONDITION"


async def test_a_key_is_shown_once(project: Project) -> None:
    project.account("worker-one")
    name = f"{PARENT}/serviceAccounts/{EMAIL}"
    key = await project.good(f"{ACCOUNTS}.keys.create", {}, name=name)
    document = json.loads(base64.b64decode(key["privateKeyData"]))
    assert (document["type"], document["client_email"]) == ("service_account", EMAIL)
    listed = (await project.good(f"{ACCOUNTS}.keys.list", name=name))["keys"]
    assert [k["name"] for k in listed] == [key["name"]]
    assert "privateKeyData" not in listed[0]
    await project.good(f"{ACCOUNTS}.keys.delete", name=key["name"])
    assert "keys" not in await project.good(f"{ACCOUNTS}.keys.list", name=name)


@pytest.mark.parametrize(
    "constraint", ["iam.disableServiceAccountKeyCreation", "iam.managed.disableServiceAccountKeyCreation"]
)
async def test_keys_can_be_forbidden(make: Callable[..., Project], constraint: str) -> None:
    project = make({"project": {"policies": {f"constraints/{constraint}": True}}})
    project.account("worker-one")
    answer = await project.call(f"{ACCOUNTS}.keys.create", {}, name=f"{PARENT}/serviceAccounts/{EMAIL}")
    assert (answer.status, answer.message) == (400, "Key creation is not allowed on this service account.")


async def test_a_token_of_another_account_takes_the_right_to_it(project: Project) -> None:
    email = project.account("worker-one")
    name = f"projects/-/serviceAccounts/{email}"
    assert (
        await project.call("iamcredentials.projects.serviceAccounts.generateAccessToken", {"scope": ["x"]}, name=name)
    ).status == 403
