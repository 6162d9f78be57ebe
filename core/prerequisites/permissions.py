"""Whether the caller holds every permission that the chosen parameters need, one by one.

Roles are no answer: Editor lacks what grants need, and an owner looks short of Cloud Storage's, which each new bucket gives
its project's owners by itself. So what is asked for is what an installation calls for on the project, by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.gcp import Google
from core.gcp.errors import InvalidRequest, NotFound, PermissionDenied, ServiceDisabled
from core.prerequisites.check import Check, State, Subject
from core.run.together import together

PERMISSIONS = "The account may do what an installation does"
SSH = "The account may reach the notebook by ssh"
MOST = 100
"""How many names one call takes."""
ROLE = "mlops_env_installer"

_ALWAYS: dict[str, str] = {
    "serviceusage.services": "enable list use",
    "resourcemanager.projects": "get getIamPolicy setIamPolicy",
    "iam.serviceAccounts": "create get delete actAs getIamPolicy setIamPolicy",
    "compute.networks": "create get use delete updatePolicy removePeering",
    "compute.subnetworks": "create get use delete",
    "compute.firewalls": "create get delete",
    "compute.routers": "create get update delete",
    "compute.regions": "get",
    "compute.globalAddresses": "createInternal get use deleteInternal setLabels",
    "compute.globalOperations": "get",
    "compute.regionOperations": "get",
    # Terraform's provider reads a node pool's size from its groups of machines, and a bucket's project by its number.
    "compute.instanceGroupManagers": "list",
    "compute.projects": "get",
    "servicenetworking.services": "addPeering",
    "container.clusters": "create get update delete connect",
    "container.operations": "get",
    "container.namespaces": "create",
    "container.secrets": "create",
    "container.deployments": "create",
    "container.pods": "portForward",
    "container.customResourceDefinitions": "create",
    "container.mutatingWebhookConfigurations": "create",
    "container.roles": "create bind escalate",
    "container.roleBindings": "create",
    "container.clusterRoles": "create bind escalate",
    "container.clusterRoleBindings": "create",
    "secretmanager.secrets": "create get update delete",
    "secretmanager.versions": "add access",
    "cloudsql.instances": "create get update delete",
    "cloudsql.users": "create list update delete",
    "storage.buckets": "create",
    "artifactregistry.repositories": "create get delete getIamPolicy setIamPolicy",
}
_IMAGE: dict[str, str] = {"cloudbuild.builds": "create get list update"}
_NOTEBOOK: dict[str, str] = {"notebooks.instances": "create get update delete start stop"}
_KEY: dict[str, str] = {"iam.serviceAccountKeys": "create"}
_SSH = ("iap.tunnelInstances.accessViaIAP", "compute.instances.get", "compute.instances.osLogin")
"""What it takes to sign in on a notebook VM, through IAP with OS Login, and not to make one. Editor lacks the first."""


def needed(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The permissions on the project that these parameters need."""
    tables = [_ALWAYS]
    tables += [_IMAGE] if values["image"] != "none" else []
    tables += [_NOTEBOOK] if values["notebook"] != "none" else []
    tables += [_KEY] if values["user_gcp_sa"] else []
    return tuple(f"{kind}.{verb}" for table in tables for kind, verbs in table.items() for verb in verbs.split())


async def check(subject: Subject) -> list[Check]:
    """One check that names every permission that is missing; what may not be asked is never taken for missing."""
    google = subject.google
    if not google.project:
        return []
    wanted = needed(subject.values)
    later = _SSH if subject.values["notebook"] == "vm" else ()
    try:
        held, unknown = await _held(google, (*wanted, *later))
    except ServiceDisabled as error:
        return [_check("skip", google.project, f"{error.service} is off", "Looked at once it is on.")]
    except (PermissionDenied, NotFound) as error:
        return [_check("skip", google.project, "this account may not ask what it may do", error.hint)]
    missing, afterwards = ([p for p in names if p not in held and p not in unknown] for names in (wanted, later))
    account = await google.account() if missing or afterwards else ""
    who = account or "this account"
    ssh = []
    if afterwards:
        why = f"{who} lacks {', '.join(afterwards)}: the notebook is made, and can't be signed in on"
        ssh = [
            Check("permissions.ssh", SSH, "warn", f"{len(later)} permissions", why, *_remedy(google, account, afterwards))
        ]
    if missing:
        why = f"{who} lacks {', '.join(missing)}"
        return [_check("block", f"{len(wanted)} permissions", why, *_remedy(google, account, missing)), *ssh]
    if unknown:
        return [_check("warn", f"{len(wanted)} permissions", f"Google knows no {', '.join(unknown)} any more"), *ssh]
    return [_check("pass", f"all of {len(wanted)} permissions"), *ssh]


async def _held(google: Google, wanted: Sequence[str]) -> tuple[set[str], list[str]]:
    """Which of the permissions are held, and which no call could be made with: one such name spoils its whole call."""
    parts = [wanted[i : i + MOST] for i in range(0, len(wanted), MOST)]
    answers = await together(_ask(google, part) for part in parts)
    return {p for held, _ in answers for p in held}, [p for _, unknown in answers for p in unknown]


async def _ask(google: Google, part: Sequence[str]) -> tuple[list[str], list[str]]:
    try:
        answer = await google.call(
            "cloudresourcemanager", "v1", "projects.testIamPermissions", quota_project=False,
            resource=google.project, body={"permissions": list(part)},
        )  # fmt: skip
    except InvalidRequest:
        if len(part) == 1:
            return [], list(part)
        half = len(part) // 2
        halves = await together([_ask(google, part[:half]), _ask(google, part[half:])])
        return [p for held, _ in halves for p in held], [p for _, unknown in halves for p in unknown]
    return list(answer.get("permissions", [])), []


def _check(state: State, looked_at: str, why: str = "", hint: str = "", command: str = "") -> Check:
    return Check("permissions", PERMISSIONS, state, looked_at, why, hint, command)


def _remedy(google: Google, account: str, missing: Sequence[str]) -> tuple[str, str]:
    """What an administrator does: one role of the project with what is missing, and its grant.

    The role may be there from an earlier time, when less was missing: then it gets what is missing now.
    """
    kind = "serviceAccount" if account.endswith(".gserviceaccount.com") else "user"
    project = google.project
    listed = ",".join(missing)
    command = (
        f"{{ gcloud iam roles create {ROLE} --project={project} --permissions={listed} || "
        f"gcloud iam roles update {ROLE} --project={project} --add-permissions={listed}; }} && "
        f"gcloud projects add-iam-policy-binding {project} --member={kind}:{account or 'ACCOUNT'} "
        f"--role=projects/{project}/roles/{ROLE}"
    )
    return "Ask an administrator of the project to run this, or to make you its owner.", command
