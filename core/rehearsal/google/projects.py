"""Resource Manager, Billing and Organization Policy: the project as it is looked at before anything is made."""

from __future__ import annotations

from core.rehearsal.google import iam_policy, org_policies
from core.rehearsal.google.calls import Call, answers, project_of
from core.rehearsal.google.errors import ApiError
from core.rehearsal.store import Document

CREATED = "2026-01-12T09:30:00.000Z"
_BILLING = "billingAccounts/01A2B3-C4D5E6-F70819"


def _named(call: Call) -> str:
    """The project that a call of Resource Manager names, in whichever way its version does."""
    name = str(call.params.get("resource") or call.params.get("name") or call.params.get("projectId") or "")
    project = name.removeprefix("projects/")
    return f"projects/{call.world.project if project == call.world.number else project}"


@answers("cloudresourcemanager.projects.get", permission="resourcemanager.projects.get", on=_named)
def get(call: Call) -> Document:
    """The project; one that doesn't exist is told from a forbidden one by nobody."""
    return _project(call)


@answers("cloudresourcemanager.projects.list", "cloudresourcemanager.projects.search")
def projects(call: Call) -> Document:
    """The projects that the caller sees."""
    seen = call.world.identity.allowed(call.email, "resourcemanager.projects.get", f"projects/{call.world.project}")
    return {"projects": [_project(call)]} if seen else {}


@answers("cloudresourcemanager.projects.getIamPolicy", permission="resourcemanager.projects.getIamPolicy", on=_named)
def get_policy(call: Call) -> Document:
    """The project's policy."""
    return iam_policy.read(call.world, _named(call))


@answers("cloudresourcemanager.projects.setIamPolicy", permission="resourcemanager.projects.setIamPolicy", on=_named)
def set_policy(call: Call) -> Document:
    """Replaces the project's policy; one without an owner is refused."""
    policy = call.body.get("policy") or {}
    if not any(b.get("role") == "roles/owner" and b.get("members") for b in policy.get("bindings", [])):
        raise ApiError(400, "Policy must have at least one owner.", status="FAILED_PRECONDITION")
    _domains(call, policy)
    return iam_policy.replace(call.world, _named(call), policy)


@answers("cloudresourcemanager.projects.testIamPermissions")
def test_permissions(call: Call) -> Document:
    """Which of the permissions the caller has on the project."""
    wanted = iam_policy.testable(list(call.body.get("permissions", [])))
    held = [p for p in wanted if call.world.identity.allowed(call.email, p, _named(call))]
    return {"permissions": held} if held else {}


@answers("cloudresourcemanager.projects.getAncestry", permission="resourcemanager.projects.get", on=_named)
def ancestry(call: Call) -> Document:
    """The project has nothing above it here."""
    return {"ancestor": [{"resourceId": {"type": "project", "id": call.world.project}}]}


@answers("cloudresourcemanager.projects.getEffectiveOrgPolicy", permission="orgpolicy.policy.get", on=_named)
def effective_org_policy(call: Call) -> Document:
    """A policy in the older form."""
    constraint = str(call.body.get("constraint", ""))
    value = org_policies.said(call.world, constraint)
    answer: Document = {"constraint": constraint}
    if isinstance(value, bool):
        answer["booleanPolicy"] = {"enforced": True} if value else {}
    elif isinstance(value, list):
        answer["listPolicy"] = {"allowedValues": [str(v) for v in value]}
    return answer


@answers("orgpolicy.projects.policies.getEffectivePolicy", permission="orgpolicy.policy.get", on=project_of)
def effective_policy(call: Call) -> Document:
    """What holds for the project by a constraint: what the scenario says, or its default, which forbids nothing."""
    constraint = call.full().rpartition("/")[2]
    rules = org_policies.rules(call.world, constraint)
    spec: Document = {"rules": rules} if rules else {}
    return {"name": f"projects/{call.world.number}/policies/{constraint}", "spec": spec}


@answers("orgpolicy.projects.policies.list", permission="orgpolicy.policies.list", on=project_of)
def policies(call: Call) -> Document:
    """No policy is set on the project itself."""
    return {}


@answers("cloudbilling.projects.getBillingInfo", permission="resourcemanager.projects.get", on=_named)
def billing(call: Call) -> Document:
    """Whether somebody pays."""
    on = call.world.scenario.project.billing_enabled
    return {
        "name": f"projects/{call.world.project}/billingInfo",
        "projectId": call.world.project,
        "billingAccountName": _BILLING if on else "",
        "billingEnabled": on,
    }


def _project(call: Call) -> Document:
    world = call.world
    if call.method.version == "v3":
        return {
            "name": f"projects/{world.number}",
            "projectId": world.project,
            "displayName": world.project,
            "state": "ACTIVE",
            "createTime": CREATED,
            "updateTime": CREATED,
            "etag": 'W/"5d6f4a1b2c3d4e5f"',
        }
    return {
        "projectNumber": world.number,
        "projectId": world.project,
        "name": world.project,
        "lifecycleState": "ACTIVE",
        "createTime": CREATED,
    }


def _domains(call: Call, policy: Document) -> None:
    """Domain restricted sharing: members from outside are refused."""
    constraint = "iam.allowedPolicyMemberDomains"
    if org_policies.said(call.world, constraint) is None:
        return
    before = {
        (b["role"], m) for b in iam_policy.read(call.world, _named(call)).get("bindings", []) for m in b.get("members", [])
    }
    for binding in policy.get("bindings", []):
        for member in binding.get("members", []):
            kind, _, name = member.partition(":")
            domain = name.partition("@")[2] or name
            outside = kind in ("user", "group", "domain") and org_policies.refuses(call.world, constraint, domain)
            if outside and (binding["role"], member) not in before:
                raise ApiError(400, "One or more users named in the policy do not belong to a permitted customer.",
                               status="FAILED_PRECONDITION")  # fmt: skip
