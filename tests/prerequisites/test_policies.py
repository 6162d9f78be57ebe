"""The organization's policies: what each allows, forbids or leaves open, and what is obeyed without a question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.environment import Home
from core.gcp import Google, services
from core.parameters import PARAMETERS
from core.parameters.specification import resolve
from core.prerequisites import Check, Subject, policies, rules
from core.prerequisites.constraints import CONSTRAINTS, OBEYED
from tests.gcp.simulated_google import client, simulation

ON = ("cloudresourcemanager", "compute", "orgpolicy")
LOCATIONS = "constraints/gcp.resourceLocations"
ALLOWED, DENIED = "allowedValues", "deniedValues"


def subject(google: Google, home: Home, **given: Any) -> Subject:
    values = resolve({"project_id": google.project, **given}, environment="demo")
    return Subject(google, values, home)


async def looked(root: Path, home: Home, project: dict[str, Any], *, on: tuple[str, ...] = ON, **given: Any) -> list[Check]:
    async with simulation(root / "cloud", {"project": project}) as found, client(found) as google:
        if on:
            await services.enable(google, [f"{name}.googleapis.com" for name in on])
        return await policies.check(subject(google, home, **given))


def denied(*values: str) -> dict[str, Any]:
    return {"values": {DENIED: list(values)}}


OWN = "projects/rehearsal-abcdef"
IMAGE, VM, CONTAINER, PUBLIC = {"image": "kfp-dev"}, {"notebook": "vm"}, {"notebook": "container"}, {"private_nodes": False}
TABLE: list[tuple[str, Any, dict[str, Any], str]] = [
    ("iam.disableServiceAccountKeyCreation", True, {"user_gcp_sa": True}, "block"),
    ("iam.managed.disableServiceAccountKeyCreation", True, {"user_gcp_sa": True}, "block"),
    ("iam.disableServiceAccountKeyCreation", True, {"user_gcp_sa": False}, "pass"),
    ("iam.disableServiceAccountKeyCreation", False, {"user_gcp_sa": True}, "pass"),
    ("iam.disableServiceAccountCreation", True, {}, "block"),
    ("iam.managed.disableServiceAccountCreation", {"enforce": True}, {}, "block"),
    ("iam.allowedPolicyMemberDomains", ["C0abc"], {}, "warn"),
    ("iam.managed.allowedPolicyMembers", {"enforce": True}, {}, "warn"),
    ("iam.allowedPolicyMemberDomains", {"allowAll": True}, {}, "pass"),
    ("gcp.resourceLocations", ["in:europe-locations"], {}, "block"),
    ("gcp.resourceLocations", ["in:us-locations"], {}, "pass"),
    ("gcp.resourceLocations", ["us-central1"], {}, "pass"),
    ("gcp.resourceLocations", ["us"], {}, "block"),
    ("gcp.resourceLocations", ["in:us-east1-locations"], {}, "warn"),
    ("gcp.resourceLocations", denied("in:us-locations"), {}, "block"),
    ("gcp.resourceLocations", denied("us"), {}, "pass"),
    ("gcp.resourceLocations", denied("in:eu-locations"), {"region": "europe-west1"}, "warn"),
    ("gcp.resourceLocations", ["in:eu-locations"], {"region": "europe-west1"}, "warn"),
    ("gcp.restrictServiceUsage", denied("container.googleapis.com", "run.googleapis.com"), {}, "block"),
    ("gcp.restrictServiceUsage", [f"{name}.googleapis.com" for name in ON], {}, "block"),
    ("gcp.restrictServiceUsage", denied("run.googleapis.com"), {}, "pass"),
    ("gcp.restrictServiceUsage", denied("notebooks.googleapis.com"), {}, "pass"),
    ("gcp.restrictServiceUsage", denied("notebooks.googleapis.com"), CONTAINER, "block"),
    ("gcp.restrictNonCmekServices", denied("storage.googleapis.com"), {}, "block"),
    ("gcp.restrictNonCmekServices", denied("is:sqladmin.googleapis.com"), {}, "block"),
    ("gcp.restrictNonCmekServices", denied("spanner.googleapis.com"), {}, "pass"),
    ("compute.vmExternalIpAccess", {"denyAll": True}, PUBLIC, "block"),
    ("compute.managed.vmExternalIpAccess", {"enforce": True}, PUBLIC, "block"),
    ("compute.vmExternalIpAccess", {"denyAll": True}, {"private_nodes": True}, "pass"),
    ("compute.vmExternalIpAccess", ["projects/p/zones/z/instances/i"], PUBLIC, "block"),
    ("compute.restrictVpcPeering", {"denyAll": True}, {}, "block"),
    ("compute.restrictVpcPeering", ["under:organizations/1"], {}, "warn"),
    ("compute.restrictCloudNATUsage", {"denyAll": True}, {}, "block"),
    ("compute.restrictCloudNATUsage", ["projects/other"], {}, "block"),
    ("compute.restrictCloudNATUsage", {"denyAll": True}, PUBLIC, "pass"),
    ("compute.restrictCloudNATUsage", {"denyAll": True}, PUBLIC | VM, "block"),
    ("compute.restrictCloudNATUsage", [f"under:{OWN}"], {}, "pass"),
    ("compute.restrictCloudNATUsage", ["under:folders/7"], {}, "warn"),
    ("compute.requireVpcFlowLogs", ["LIGHT"], {}, "block"),
    ("compute.requireVpcFlowLogs", {"allowAll": True}, {}, "pass"),
    ("storage.softDeletePolicySeconds", ["604800"], {}, "block"),
    ("storage.softDeletePolicySeconds", ["0", "604800"], {}, "pass"),
    ("storage.retentionPolicySeconds", ["86400"], {}, "block"),
    ("cloudbuild.allowedWorkerPools", [f"{OWN}/locations/us-central1/workerPools/own"], IMAGE, "block"),
    ("cloudbuild.allowedWorkerPools", {"denyAll": True}, {"image": "none"}, "pass"),
    ("container.managed.enablePrivateNodes", True, PUBLIC, "block"),
    ("container.managed.enablePrivateNodes", True, {}, "pass"),
    ("container.managed.enableBinaryAuthorization", True, {}, "block"),
    ("container.managed.enableSecretsEncryption", True, {}, "block"),
    ("container.managed.enableGoogleGroupsRBAC", True, {}, "block"),
    ("container.managed.enableSecurityBulletinNotifications", True, {}, "block"),
    ("container.managed.disableRBACSystemBindings", True, {}, "block"),
    ("compute.trustedImageProjects", ["projects/other"], VM, "block"),
    ("compute.trustedImageProjects", ["projects/cloud-notebooks-managed"], VM, "pass"),
    ("compute.trustedImageProjects", ["projects/other"], {}, "pass"),
    ("ainotebooks.restrictVpcNetworks", [f"{OWN}/global/networks/other"], VM, "block"),
    ("ainotebooks.restrictVpcNetworks", [f"{OWN}/global/networks/demo-network"], VM, "pass"),
    ("ainotebooks.disableRootAccess", True, CONTAINER, "block"),
    ("ainotebooks.accessMode", ["single-user"], CONTAINER, "block"),
    ("ainotebooks.accessMode", ["single-user", "service-account"], CONTAINER, "pass"),
    ("ainotebooks.environmentOptions", {"denyAll": True}, CONTAINER, "block"),
    ("ainotebooks.environmentOptions", ["is:ainotebooks-vm/p/image-family/f"], CONTAINER, "warn"),
    ("compute.disableGuestAttributesAccess", True, VM, "warn"),
    ("compute.disableGuestAttributesAccess", True, CONTAINER, "pass"),
    *((constraint, True, VM, "pass") for constraint in OBEYED),
]


@pytest.mark.parametrize(("constraint", "value", "given", "state"), TABLE)
async def test_a_policy(tmp_path: Path, home: Home, constraint: str, value: Any, given: dict[str, Any], state: str) -> None:
    (found,) = await looked(tmp_path, home, {"policies": {f"constraints/{constraint}": value}}, **given)
    assert found.state == state, found
    if state != "pass":
        assert constraint in found.looked_at
        assert found.hint
        assert f"describe {constraint} --project=rehearsal-abcdef --effective" in found.command
    if state == "block":
        assert constraint in found.why


def test_every_constraint_is_tried_in_each_way_in_which_it_may_stand() -> None:
    tried = {constraint for constraint, *_ in TABLE}
    asked = {name for c in CONSTRAINTS for name in (c.id, c.twin) if name}
    assert asked <= tried
    assert not asked & set(OBEYED)


def test_an_answer_is_a_value_of_a_parameter() -> None:
    keys = {p.key: p for p in PARAMETERS}
    for constraint in CONSTRAINTS:
        for answer in constraint.answers:
            assert not keys[answer.key].choices or answer.value in keys[answer.key].choices


async def test_what_is_refused_is_named(tmp_path: Path, home: Home) -> None:
    project = {
        "policies": {"constraints/gcp.restrictServiceUsage": denied("container.googleapis.com", "iap.googleapis.com")}
    }
    (found,) = await looked(tmp_path, home, project)
    assert "container.googleapis.com, iap.googleapis.com may not be used" in found.why


async def test_the_older_api_knows_the_older_policies_and_no_managed_one(tmp_path: Path, home: Home) -> None:
    project = {"policies": {"constraints/iam.disableServiceAccountKeyCreation": True, LOCATIONS: ["us-central1"]}}
    found = await looked(tmp_path, home, project, on=ON[:2], user_gcp_sa=True)
    assert [(c.id, c.state) for c in found] == [
        ("policy.iam.disableServiceAccountKeyCreation", "block"), ("policies", "skip")
    ]  # fmt: skip
    assert "constraints/iam.managed.disableServiceAccountCreation" in found[1].looked_at
    assert found[0].answers[0].key == "user_gcp_sa"


@pytest.mark.parametrize(
    ("project", "on", "why"),
    [
        ({}, (), "orgpolicy.googleapis.com is off"),
        ({"missing_permissions": ["orgpolicy.*"]}, ON, "orgpolicy.policy.get"),
    ],
)
async def test_who_can_not_see_policies_is_told_so(
    tmp_path: Path, home: Home, project: dict[str, Any], on: tuple[str, ...], why: str
) -> None:
    (found,) = await looked(tmp_path, home, project, on=on, user_gcp_sa=True)
    assert (found.state, why in found.why) == ("skip", True), found


@pytest.mark.parametrize(
    ("given", "names", "expected"),
    [
        ([], ["projects/p"], False),
        ([{"allowAll": True}], ["projects/p"], False),
        ([{"denyAll": True}], ["projects/p"], True),
        ([{"values": {ALLOWED: ["is:projects/p"]}}], ["projects/p"], False),
        ([{"values": {ALLOWED: ["under:projects/p"]}}], ["projects/p/regions/r"], False),
        ([{"values": {ALLOWED: ["under:projects/p"]}}], ["projects/pp"], True),
        ([{"values": {ALLOWED: ["under:organizations/1", "projects/p"]}}], ["projects/p"], False),
        ([{"values": {DENIED: ["under:folders/1"]}}], ["projects/p"], None),
        ([{"values": {DENIED: ["projects/p"]}}, {"values": {ALLOWED: ["projects/p"]}}], ["projects/p"], True),
    ],
)
def test_what_rules_say_of_a_name(given: list[dict[str, Any]], names: list[str], expected: bool | None) -> None:
    assert rules.refused(given, names) is expected
