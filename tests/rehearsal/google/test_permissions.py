"""Who may do what: the roles' true contents, grants that take a while, and policies that two people change at once."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_project import NUMBER, PROJECT, Project

from core.rehearsal.google import roles
from core.rehearsal.identity import USER

RESOURCE = f"projects/{PROJECT}"


async def policy(project: Project) -> Any:
    return await project.good("cloudresourcemanager.projects.getIamPolicy", {}, resource=PROJECT)


async def replace(project: Project, new: Any) -> Any:
    return await project.call("cloudresourcemanager.projects.setIamPolicy", {"policy": new}, resource=PROJECT)


async def grant(project: Project, role: str, member: str) -> Any:
    old = await policy(project)
    return await replace(project, {**old, "bindings": [*old["bindings"], {"role": role, "members": [member]}]})


async def held(project: Project, *permissions: str) -> list[str]:
    body = {"permissions": list(permissions)}
    answer = await project.good("cloudresourcemanager.projects.testIamPermissions", body, resource=PROJECT)
    return list(answer.get("permissions", []))


async def test_an_owner_looks_short_of_rights_on_buckets(project: Project) -> None:
    wanted = ["storage.buckets.create", "storage.buckets.get", "storage.buckets.setIamPolicy", "storage.objects.create",
              "storage.objects.get", "container.clusters.create", "secretmanager.versions.access"]  # fmt: skip
    assert await held(project, *wanted) == [
        "storage.buckets.create",
        "container.clusters.create",
        "secretmanager.versions.access",
    ]


@pytest.mark.parametrize(
    ("role", "permission", "expected"),
    [
        ("roles/editor", "resourcemanager.projects.setIamPolicy", False),
        ("roles/editor", "secretmanager.versions.access", False),
        ("roles/editor", "secretmanager.secrets.create", True),
        ("roles/editor", "container.clusterRoles.bind", False),
        ("roles/editor", "container.clusterRoles.get", True),
        ("roles/owner", "container.clusterRoles.bind", True),
        ("roles/container.developer", "container.secrets.get", True),
        ("roles/container.developer", "container.pods.exec", True),
        ("roles/container.developer", "container.serviceAccounts.createToken", True),
        ("roles/container.developer", "container.clusterRoles.create", False),
        ("roles/container.developer", "container.mutatingWebhookConfigurations.create", False),
        ("roles/container.clusterViewer", "container.clusters.connect", True),
        ("roles/container.clusterViewer", "container.secrets.get", False),
        ("roles/artifactregistry.writer", "artifactregistry.repositories.uploadArtifacts", True),
        ("roles/artifactregistry.writer", "artifactregistry.repositories.createOnPush", False),
        ("roles/cloudbuild.builds.builder", "artifactregistry.repositories.createOnPush", True),
        ("roles/orgpolicy.policyViewer", "orgpolicy.policy.get", True),
        ("roles/storage.admin", "orgpolicy.policy.get", True),
        ("roles/storage.objectUser", "storage.objects.delete", True),
        ("roles/storage.objectUser", "storage.buckets.get", False),
        ("roles/storage.legacyBucketReader", "storage.buckets.get", True),
        ("roles/cloudsql.client", "cloudsql.instances.connect", True),
        ("roles/bigquery.jobUser", "bigquery.jobs.create", True),
        ("roles/no-such-role", "compute.networks.get", False),
    ],
)
def test_roles_hold_what_the_real_ones_hold(role: str, permission: str, expected: bool) -> None:
    assert roles.grants(role, permission) is expected


async def test_a_missing_permission_is_missing_everywhere(make: Callable[..., Project]) -> None:
    project = make({"project": {"missing_permissions": ["resourcemanager.projects.setIamPolicy", "compute.*.create"]}})
    assert await held(project, "resourcemanager.projects.setIamPolicy", "compute.networks.create") == []
    assert (await replace(project, await policy(project))).status == 403
    answer = await project.call("compute.networks.insert", {"name": "net"}, project=PROJECT)
    assert answer.message == f"Required 'compute.networks.create' permission for 'projects/{PROJECT}/global/networks/net'"


async def test_a_grant_works_after_a_while(make: Callable[..., Project]) -> None:
    project = make({"delays": {"iam": 60}})
    email = project.account("worker-one")
    assert (await grant(project, "roles/container.developer", f"serviceAccount:{email}")).status == 200
    assert not project.world.identity.allowed(email, "container.clusters.connect", RESOURCE)
    project.pass_time(59)
    assert not project.world.identity.allowed(email, "container.clusters.connect", RESOURCE)
    project.pass_time(1)
    assert project.world.identity.allowed(email, "container.clusters.connect", RESOURCE)


async def test_a_new_grant_may_be_gone_again_for_a_while(make: Callable[..., Project]) -> None:
    project = make({"delays": {"iam": 60, "iam_flips": 20}})
    email = project.account("worker-one")
    await grant(project, "roles/container.developer", f"serviceAccount:{email}")
    worked = []
    for _ in range(7):
        project.pass_time(19.5)
        worked.append(project.world.identity.allowed(email, "container.clusters.connect", RESOURCE))
    assert worked == [False, False, False, True, False, True, True]


async def test_a_grant_that_is_taken_back_and_given_again_starts_anew(make: Callable[..., Project]) -> None:
    project = make({"delays": {"iam": 60}})
    email = project.account("worker-one")
    await grant(project, "roles/viewer", f"serviceAccount:{email}")
    project.pass_time(100)
    old = await policy(project)
    await replace(project, {**old, "bindings": [b for b in old["bindings"] if b["role"] != "roles/viewer"]})
    assert not project.world.identity.allowed(email, "compute.networks.get", RESOURCE)
    await grant(project, "roles/viewer", f"serviceAccount:{email}")
    assert not project.world.identity.allowed(email, "compute.networks.get", RESOURCE)


async def test_a_stale_etag_is_a_conflict(project: Project) -> None:
    email = project.account("worker-one")
    mine = await policy(project)
    assert (await grant(project, "roles/viewer", f"serviceAccount:{email}")).status == 200
    answer = await replace(project, mine)
    assert (answer.status, answer.reason) == (409, "ABORTED")
    assert "concurrent policy changes" in answer.message


async def test_an_unchanged_policy_keeps_its_etag(project: Project) -> None:
    before = await policy(project)
    assert (await replace(project, before)).json["etag"] == before["etag"]


async def test_a_policy_needs_an_owner(project: Project) -> None:
    assert (await replace(project, {"bindings": []})).status == 400


async def test_a_new_account_is_no_member_yet(project: Project) -> None:
    body = {"accountId": "worker-two"}
    made = await project.good("iam.projects.serviceAccounts.create", body, name=RESOURCE)
    member = f"serviceAccount:{made['email']}"
    answer = await grant(project, "roles/viewer", member)
    assert (answer.status, answer.message) == (400, f"Service account {made['email']} does not exist.")
    project.pass_time(10)
    assert (await grant(project, "roles/viewer", member)).status == 200


@pytest.mark.parametrize(
    "member",
    [
        "serviceAccount:nobody@rehearsal-abcdef.iam.gserviceaccount.com",
        "someone",
        "robot:x",
        "projectOwner:rehearsal-abcdef",
    ],
)
async def test_members_that_can_not_be_are_refused(project: Project, member: str) -> None:
    assert (await grant(project, "roles/viewer", member)).status == 400


async def test_a_role_that_is_unknown_is_refused(project: Project) -> None:
    assert (await grant(project, "roles/made.up", f"user:{USER}")).status == 400


async def test_a_workload_identity_needs_the_first_cluster_that_has_one(project: Project) -> None:
    email = project.account("pipelines")
    name = f"{RESOURCE}/serviceAccounts/{email}"
    member = f"serviceAccount:{PROJECT}.svc.id.goog[kubeflow/pipeline-runner]"
    body = {"policy": {"bindings": [{"role": "roles/iam.workloadIdentityUser", "members": [member]}]}}
    answer = await project.call("iam.projects.serviceAccounts.setIamPolicy", body, resource=name)
    assert answer.status == 400
    assert answer.message.startswith(f"Identity Pool does not exist ({PROJECT}.svc.id.goog).")
    project.world.store.put("workload-identity", PROJECT, {"since": 0})
    assert (await project.call("iam.projects.serviceAccounts.setIamPolicy", body, resource=name)).status == 200
    project.pass_time(60)
    assert project.world.identity.holds(member, "roles/iam.workloadIdentityUser", name)


async def test_a_deleted_account_is_marked_in_the_policies(project: Project) -> None:
    email = project.account("worker-one", "roles/viewer")
    unique = (await project.good("iam.projects.serviceAccounts.get", name=f"{RESOURCE}/serviceAccounts/{email}"))["uniqueId"]
    await project.good("iam.projects.serviceAccounts.delete", name=f"{RESOURCE}/serviceAccounts/{email}")
    members = [m for b in (await policy(project))["bindings"] for m in b["members"]]
    assert f"serviceAccount:{email}" not in members
    assert f"deleted:serviceAccount:{email}?uid={unique}" in members


async def test_domain_restriction_refuses_members_from_outside(make: Callable[..., Project]) -> None:
    project = make({"project": {"policies": {"constraints/iam.allowedPolicyMemberDomains": ["example.org"]}}})
    assert (await grant(project, "roles/viewer", "user:them@example.org")).status == 200
    assert (await grant(project, "roles/viewer", "user:them@example.net")).status == 400


@pytest.mark.parametrize("permissions", [["compute.*"], ["compute.networks"], ["a.b.c"] * 101])
async def test_permissions_that_can_not_be_tested_refuse_the_call(project: Project, permissions: list[str]) -> None:
    answer = await project.call(
        "cloudresourcemanager.projects.testIamPermissions", {"permissions": permissions}, resource=PROJECT
    )
    assert answer.status == 400


async def test_another_project_is_forbidden_not_missing(project: Project) -> None:
    assert (await project.call("cloudresourcemanager.projects.get", projectId="not-mine-at-all")).status == 403


async def test_the_project_is_known_by_its_number_too(project: Project) -> None:
    assert (await project.good("cloudresourcemanager.projects.get", projectId=NUMBER))["projectId"] == PROJECT
    third = await project.good("cloudresourcemanager.projects.get", version="v3", name=RESOURCE)
    assert (third["name"], third["state"]) == (f"projects/{NUMBER}", "ACTIVE")


@given(permission=st.text("ab.", min_size=1, max_size=6), pattern=st.text("ab.*?[]", min_size=1, max_size=6))
def test_a_role_holds_what_its_patterns_fit(permission: str, pattern: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(roles.ROLES, "roles/one", (pattern,))
        patch.setitem(roles.ROLES, "roles/but-one", ("*", f"!{pattern}"))
        fits = fnmatch.fnmatchcase(permission, pattern)
        assert roles.grants.__wrapped__("roles/one", permission) == fits
        assert roles.grants.__wrapped__("roles/but-one", permission) != fits
