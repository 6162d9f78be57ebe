"""Everything that an installation would do, without doing it: services, roles, Terraform, Kubernetes objects, files.

Whatever exists is compared with what is wanted; where the cluster is not there yet, every object is one to create. A
first preview makes nothing: Terraform plans on a scratch state that is thrown away.
"""

from __future__ import annotations

import asyncio
from typing import Any

from core.errors import MlopsError, StepError
from core.install import manifests, namespace, pipelines, platform, services, state
from core.install.cluster import endpoint
from core.install.connection import connect
from core.install.cost import estimate
from core.install.expected import expected
from core.install.installation import Installation
from core.kubernetes.apply import same
from core.kubernetes.resources import Object, label
from core.prerequisites import places
from core.run.step import Reporter
from core.run.together import together


async def preview(installation: Installation, reporter: Reporter) -> dict[str, Any]:
    """The document of ``plan``, with what it costs a month and the seconds it takes; raises what the cloud refuses."""
    zone = await _zone(installation)
    reporter.progress("looking at the project, and planning")
    enabled, bucket = await asyncio.gather(_services(installation), _state_bucket(installation))
    objects, terraform = await asyncio.gather(
        manifests.preview(installation, reporter),
        platform.preview(installation, reporter, zone=zone, state_bucket=bucket),
    )
    kubernetes = await _kubernetes(installation, zone, objects)
    return {
        "services": enabled,
        "roles": [*terraform.pop("grants"), *_asked_for(installation)],
        "terraform": terraform,
        "kubernetes": kubernetes,
        "files": _files(installation),
        "cost": _cost(installation),
        "seconds": expected(installation).left,
    }


def _cost(installation: Installation) -> dict[str, Any]:
    environment = installation.environment
    found = estimate(environment.given, environment=environment.name).to_dict()
    if environment.cloud == "rehearsal":
        found["note"] = f"A rehearsal costs nothing: this is for Google Cloud. {found['note']}".strip()
    return found


async def _services(installation: Installation) -> list[str]:
    from core.gcp import services as api

    on = await api.enabled(installation.google)
    return [s for s in (*services.required(installation), *services.OPTIONAL) if s not in on]


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
    try:
        url, authority = await endpoint(installation, cluster)
        async with connect(installation, url, authority=authority, attempts=1) as connection:
            applied = [namespace.wanted(installation) if obj["kind"] == "Namespace" else obj for obj in objects]
            applied = await pipelines.marked(connection, names.namespace, applied)
            unchanged = await together(same(connection, obj) for obj in applied)
    except MlopsError:
        return [_shown(obj, "create") for obj in objects]
    return [_shown(obj, "none" if is_same else "apply") for obj, is_same in zip(objects, unchanged, strict=True)]


def _shown(obj: Object, action: str) -> dict[str, str]:
    metadata = obj["metadata"]
    return {
        "kind": obj["kind"],
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "label": label(obj),
        "action": action,
    }


def _asked_for(installation: Installation) -> list[dict[str, str]]:
    """Grants that no Terraform resource makes."""
    if not installation.values["default_build_account"]:
        return []
    return [
        {
            "role": "roles/container.developer",
            "member": "the account that Cloud Build uses by default",
            "resource": installation.names.project,
        }
    ]


def _files(installation: Installation) -> list[str]:
    environment = installation.environment
    return [
        str(environment.folder / "environment.toml"),
        str(environment.kubeconfig),
        str(environment.terraform_folder("platform")),
        str(environment.folder / manifests.FOLDER),
        str(environment.runs),
    ]
