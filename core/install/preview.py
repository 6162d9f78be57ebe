"""Everything that an installation would do, without doing it: services, roles, Terraform, Kubernetes objects, files.

Whatever exists is compared with what is wanted; where the cluster is not there yet, every object is one to create. A
first preview makes nothing: Terraform plans on a scratch state that is thrown away.
"""

from __future__ import annotations

import asyncio
from typing import Any

from core.environment import Environment
from core.errors import MlopsError, StepError
from core.gcp import iam, services
from core.gcp.project import default_project
from core.install import (
    build_access,
    catalogue,
    direct,
    following,
    made,
    manifests,
    namespace,
    notebook,
    pipelines,
    secrets,
    shown,
    state,
    terraform_preview,
)
from core.install.cluster import endpoint
from core.install.connection import connect
from core.install.cost import estimate
from core.install.expected import expected
from core.install.following import Following
from core.install.installation import Installation
from core.install.prerequisites import subject_of
from core.kubernetes.apply import same
from core.kubernetes.resources import Object, label
from core.prerequisites import Check, places, wanted_services
from core.prerequisites.concerns import CONCERNS
from core.run.step import Reporter
from core.run.together import together

ANSWERING = frozenset({"policies", "quotas", "sizes", "builds"})
"""The concerns whose checks say with which values they would not block."""


async def preview(installation: Installation, reporter: Reporter) -> dict[str, Any]:
    """The document of ``plan``, with what it costs a month and the seconds it takes; raises what the cloud refuses."""
    followed = await _follow(installation)
    zone = await _zone(installation)
    reporter.progress("looking at the project, and planning")
    enabled, bucket, asked_for = await asyncio.gather(
        _services(installation), _state_bucket(installation), _asked_for(installation)
    )
    objects, terraform, made, cost = await asyncio.gather(
        manifests.preview(installation, reporter),
        terraform_preview.preview(installation, reporter, zone=zone, state_bucket=bucket),
        direct.preview(installation, state_bucket=bucket),
        _cost(installation),
    )
    kubernetes = await _kubernetes(installation, zone, objects)
    document = {
        "follows": [each.to_dict() for each in followed],
        "services": enabled,
        "roles": [*terraform.pop("grants"), *asked_for],
        "terraform": terraform,
        "direct": made,
        "kubernetes": kubernetes,
        "files": _files(installation),
        "cost": cost,
        "seconds": expected(installation).left,
    }
    return {**document, "digest": shown.digest(document)}


async def _follow(installation: Installation) -> list[Following]:
    """What nobody set and follows from a policy or a quota, which the plan is then made with; only in memory."""
    google, environment = installation.google, installation.environment

    async def look(candidate: Environment) -> list[Check]:
        subject = subject_of(installation, candidate)
        answering = [concern.check(subject) for concern in CONCERNS if concern.id in ANSWERING]
        return [c for checks in await together(answering) for c in checks]

    try:
        if not google.project:
            google.project, _ = await default_project(google)
        _, found = await following.settle(environment, await look(environment), look)
    except StepError:  # whatever it is, the run's own checks say it
        return []
    installation.environment = following.taken(environment, found)
    return found


async def _cost(installation: Installation) -> dict[str, Any]:
    environment = installation.environment
    asked = await catalogue.ask(installation.google, environment.home, str(environment.values["region"]))
    values = {**environment.resolved, **environment.given}
    found = estimate(values, environment=environment.name, prices=asked).to_dict()
    if environment.cloud == "rehearsal":
        whose = ", with the simulated catalogue's prices" if asked else ""
        found["note"] = f"A rehearsal costs nothing: this is for Google Cloud{whose}. {found['note']}".strip()
    return found


async def _services(installation: Installation) -> list[str]:
    on = await services.enabled(installation.google)
    return [s for s in (*wanted_services.required(installation.values), *wanted_services.OPTIONAL) if s not in on]


async def _zone(installation: Installation) -> str:
    """The zone that the run would take, as far as it can be known before the Compute API is on."""
    if installation.values["zone"]:
        return str(installation.values["zone"])
    region = installation.values["region"]
    try:
        listed = await places.of_region(installation.google, region)
    except StepError:
        return places.usual_zone(region)
    return next((str(z["name"]) for z in listed if z.get("status", "UP") == "UP"), f"{region}-a")


async def _state_bucket(installation: Installation) -> str:
    if installation.values["state"] != "gcs":
        return ""
    try:
        found = await state.find(installation)
    except StepError:
        return ""
    return str(found["name"]) if found else ""


async def _kubernetes(installation: Installation, zone: str, objects: list[Object]) -> list[dict[str, str]]:
    names = installation.names
    cluster = f"projects/{names.project}/locations/{zone}/clusters/{names.cluster}"
    rights = notebook.rights(names, names.namespace) if notebook.wanted(installation) else []
    try:
        url, authority = await endpoint(installation, cluster)
        async with connect(installation, url, authority=authority, attempts=1) as connection:
            applied = [namespace.wanted(installation) if obj["kind"] == "Namespace" else obj for obj in objects]
            applied = [*await pipelines.marked(connection, names.namespace, applied), *rights]
            unchanged = await together(same(connection, obj) for obj in applied)
            kept = await secrets.kept(installation, connection)
    except MlopsError:
        return [_shown(obj, "create") for obj in [*objects, *rights, *secrets.wanted(installation)]]
    found = [_shown(obj, "none" if is_same else "apply") for obj, is_same in zip(applied, unchanged, strict=True)]
    return [*found, *(_shown(obj, kept[obj["metadata"]["name"]]) for obj in secrets.wanted(installation))]


def _shown(obj: Object, action: str) -> dict[str, str]:
    metadata = obj["metadata"]
    return {
        "kind": obj["kind"],
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "label": label(obj),
        "action": action,
    }


async def _asked_for(installation: Installation) -> list[dict[str, str]]:
    """The grant that no Terraform resource makes; to whom, only Cloud Build knows, once its API is on."""
    if not installation.values["default_build_account"]:
        return []
    role, member, google = build_access.ROLE, "the account that Cloud Build uses by default", installation.google
    try:
        member = iam.member_of(await build_access.default_account(google, installation.values["region"]))
        if iam.has(await iam.project_policy(google), role, member):
            return []
    except StepError:
        pass
    return [{"role": role, "member": member, "resource": installation.names.project}]


def _files(installation: Installation) -> list[str]:
    environment = installation.environment
    modules = ("platform", "notebook") if notebook.wanted(installation) else ("platform",)
    return [
        str(environment.folder / "environment.toml"),
        str(environment.kubeconfig),
        *(str(environment.terraform_folder(module)) for module in (*modules, "modules")),
        str(environment.folder / manifests.FOLDER),
        str(environment.runs),
        str(shown.path(environment.home, environment.name)),
        str(made.path(environment)),
    ]
