"""The sign-in, the project and its billing, and what is open where Google does not tell: each way in which one stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.gcp import Google
from core.prerequisites import access, permissions, policies
from core.prerequisites.check import Checker
from core.rehearsal.google import projects
from tests.prerequisites.checked import ALL, looked

ON = (*ALL, "cloudbilling", "orgpolicy")


def refused(*calls: str, status: int = 403, reason: str = "forbidden", message: str = "") -> dict[str, Any]:
    """A cloud on which some calls are refused for ever."""
    return {"fault": [{"call": c, "status": status, "reason": reason, "message": message, "times": 0} for c in calls]}


def off(*calls: str) -> dict[str, Any]:
    """A cloud on which the API of some calls is off."""
    name = f"{calls[-1].partition('.')[0]}.googleapis.com"
    message = f"The API has not been used in project 1 before or it is disabled, see /apis/api/{name}/overview?project=1."
    return refused(*calls, reason="accessNotConfigured", message=message)


async def test_a_sign_in_of_which_google_does_not_say_whose_it_is(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobodys(_: Google) -> str:
        return ""

    assert (await looked(tmp_path, home, access.sign_in))["sign-in"].state == "pass"
    monkeypatch.setattr(Google, "account", nobodys)
    check = (await looked(tmp_path / "nobodys", home, access.sign_in))["sign-in"]
    assert (check.state, check.why) == ("warn", "Google does not say whose it is")


async def test_a_project_that_is_on_its_way_out(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = projects._project
    monkeypatch.setattr(projects, "_project", lambda call: {**shown(call), "lifecycleState": "DELETE_REQUESTED"})
    check = (await looked(tmp_path, home, access.project))["project"]
    assert (check.state, check.why) == ("block", "the project rehearsal-abcdef is DELETE_REQUESTED")
    assert check.command == "gcloud projects undelete rehearsal-abcdef"


MANAGER, BILLING = "cloudresourcemanager.projects", "cloudbilling.projects.getBillingInfo"
TABLE: list[tuple[str, Checker, dict[str, Any], str]] = [
    ("project", access.project, {}, "pass"),
    ("project", access.project, off(f"{MANAGER}.get"), "skip"),
    ("project", access.project, refused(f"{MANAGER}.get"), "block"),
    ("billing", access.billing, {}, "pass"),
    ("billing", access.billing, {"project": {"missing_permissions": ["resourcemanager.projects.get"]}}, "warn"),
    ("billing", access.billing, off(BILLING), "skip"),
    ("billing", access.billing, refused(BILLING, status=400, reason="badRequest"), "skip"),
    ("permissions", permissions.check, {}, "pass"),
    ("permissions", permissions.check, off(f"{MANAGER}.testIamPermissions"), "skip"),
    ("permissions", permissions.check, refused(f"{MANAGER}.testIamPermissions"), "skip"),
    ("policies", policies.check, refused("orgpolicy.projects.policies.getEffectivePolicy"), "skip"),
]


@pytest.mark.parametrize(("id", "check", "scenario", "state"), TABLE)
async def test_what_google_tells_of_the_project(
    tmp_path: Path, home: Home, id: str, check: Checker, scenario: dict[str, Any], state: str
) -> None:
    found = (await looked(tmp_path, home, check, scenario, on=ON))[id]
    assert found.state == state, found
    assert (state == "pass") == (not found.why)


async def test_where_no_api_knows_policies_they_are_an_open_question(tmp_path: Path, home: Home) -> None:
    scenario = off("orgpolicy.projects.policies.getEffectivePolicy", f"{MANAGER}.getEffectiveOrgPolicy")
    (check,) = (await looked(tmp_path, home, policies.check, scenario, on=ON)).values()
    assert (check.id, check.state, check.hint) == ("policies", "skip", "Looked at once it is on.")
