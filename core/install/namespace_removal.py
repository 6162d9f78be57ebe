"""The cluster's part of destroying an environment: its namespace, what no namespace holds, and the disks of its volumes.

Disks of volume claims outlive their cluster and are billed, so they are waited for while something still deletes them, and
swept by their label where the cluster is gone.
"""

from __future__ import annotations

from typing import Literal

from core.errors import TemporaryError
from core.install.cluster import endpoint
from core.install.connection import connect
from core.install.installation import Installation
from core.kubernetes.apply import CRD, CRD_VERSION
from core.kubernetes.client import Cluster
from core.kubernetes.errors import Conflict, Unavailable
from core.kubernetes.resources import Object
from core.names import ID_LABEL
from core.run.step import Context
from core.run.together import together

PATIENCE = 15
"""Tries of each request: a control plane that stays away for minutes is gone with its cluster soon."""
LOOKS = 120
LOOK_EVERY = 5.0
"""Together ten minutes: namespaces and disks go within one or two."""
VOLUME = "pvc-"
"""How the storage driver's names of disks begin."""


async def destroy_namespace(installation: Installation, context: Context) -> None:
    """Deletes the namespace, the cluster-scoped objects and the volumes' disks, from any half-finished state."""
    if not _has_place(installation):
        return
    found = await _cluster(installation)
    if found is not None:
        url, authority = found
        try:
            async with connect(installation, url, authority=authority, attempts=PATIENCE) as cluster:
                await _namespace(installation, cluster, context)
                await _cluster_scoped(installation, cluster, context)
                await _disks_gone(installation, context)
        except Unavailable as error:
            context.log(f"{error.message} {error.cause} What is in the cluster goes with it.")
    await sweep_disks(installation, context, in_use="skip")


def _has_place(installation: Installation) -> bool:
    """Whether a run ever came to know where a cluster would be: without it there is none."""
    return bool(installation.names.project and installation.names.zone)


async def _cluster(installation: Installation) -> tuple[str, bytes] | None:
    """Where the cluster answers; None where there is none that could."""
    from core.gcp.errors import NotFound, PermissionDenied, ServiceDisabled

    names = installation.names
    name = f"projects/{names.project}/locations/{names.zone}/clusters/{names.cluster}"
    try:
        found = await installation.google.call("container", "v1", "projects.locations.clusters.get", name=name)
        if found.get("status") in ("ERROR", "STOPPING", "PROVISIONING"):
            return None
        if (found.get("resourceLabels") or {}).get(ID_LABEL) != names.id:
            return None
        return await endpoint(installation, name)
    except (NotFound, PermissionDenied, ServiceDisabled):
        return None


async def _namespace(installation: Installation, cluster: Cluster, context: Context) -> None:
    name = installation.names.namespace
    found = await cluster.find("v1", "Namespace", name)
    if found is None or (found["metadata"].get("labels") or {}).get(ID_LABEL) != installation.names.id:
        return
    context.progress(f"deleting the namespace {name}")
    try:
        await cluster.delete("v1", "Namespace", name)
    except Conflict:
        context.log(f"The namespace {name} is being deleted already.")
    for _ in range(LOOKS):
        if await cluster.find("v1", "Namespace", name) is None:
            context.changed()
            context.resource("Namespace", name, "delete", "done")
            return
        await context.clock.sleep(LOOK_EVERY)
    raise TemporaryError(
        f"The namespace {name} is still there ten minutes after its deletion.",
        code="namespace-terminating",
        cause=await _remaining(cluster, name),
        command=f"kubectl get namespace {name} -o yaml",
        delay=30,
    )


async def _remaining(cluster: Cluster, name: str) -> str:
    found = await cluster.find("v1", "Namespace", name)
    conditions = (found or {}).get("status", {}).get("conditions") or []
    return " ".join(str(c.get("message", "")) for c in conditions if c.get("status") == "True") or "It holds finalizers."


async def _cluster_scoped(installation: Installation, cluster: Cluster, context: Context) -> None:
    """Deletes by name what was applied outside of any namespace; CRDs last, since their objects go with them."""
    objects = _built(installation)
    for crds in (False, True):
        await together(_delete(cluster, obj, context) for obj in objects if (obj["kind"] == CRD) is crds)
    for _ in range(LOOKS):
        left = {crd["metadata"]["name"] for crd in await cluster.all(CRD_VERSION, CRD)}
        if not left & {obj["metadata"]["name"] for obj in objects if obj["kind"] == CRD}:
            return
        await context.clock.sleep(LOOK_EVERY)


def _built(installation: Installation) -> list[Object]:
    """What was built for the environment; nothing where nothing was, and so nothing was applied."""
    from core import kustomize

    stored = kustomize.stored(installation.environment.folder / "manifests")
    return stored[0].cluster if stored else []


async def _delete(cluster: Cluster, obj: Object, context: Context) -> None:
    kind, name = obj["kind"], obj["metadata"]["name"]
    if await cluster.delete(obj["apiVersion"], kind, name):
        context.changed()
        context.resource(kind, name, "delete", "done")


async def _disks(installation: Installation) -> list[str]:
    """The names of the disks of volume claims that carry the environment's label; a node's own goes with its node."""
    from core.gcp.errors import NotFound, ServiceDisabled

    names = installation.names
    try:
        found = await installation.google.list(
            "compute", "v1", "disks.list", items="items", project=names.project, zone=names.zone,
            filter=f"labels.{ID_LABEL}={names.id}",
        )  # fmt: skip
    except (NotFound, ServiceDisabled):
        return []
    labelled = [disk for disk in found if (disk.get("labels") or {}).get(ID_LABEL) == names.id]
    return [str(disk["name"]) for disk in labelled if str(disk["name"]).startswith(VOLUME)]


async def _disks_gone(installation: Installation, context: Context) -> None:
    """Waits until the storage driver has deleted the volumes' disks, which only a living cluster does."""
    for _ in range(LOOKS // 4):
        left = await _disks(installation)
        if not left:
            return
        context.progress(f"waiting for the disk {left[0]} to go")
        await context.clock.sleep(LOOK_EVERY)


async def sweep_disks(installation: Installation, context: Context, *, in_use: Literal["skip", "fail"] = "fail") -> None:
    """Deletes the volumes' disks that nobody else will delete any more.

    While there is a cluster some may still be attached to its nodes: they are left (``skip``) until it is gone.
    """
    from core.gcp.errors import InvalidRequest, NotFound, StillWorking

    names = installation.names
    for disk in await _disks(installation) if _has_place(installation) else ():
        try:
            operation = await installation.google.call(
                "compute", "v1", "disks.delete", project=names.project, zone=names.zone, disk=disk
            )
            await installation.google.wait("compute", "v1", operation, context, key=f"disk-{disk}")
        except NotFound:
            continue
        except (StillWorking, InvalidRequest) as error:
            if in_use == "fail":
                raise
            context.log(f"The disk {disk} stays until its node is gone: {error.cause}")
            continue
        context.changed()
        context.resource("compute.disks", disk, "delete", "done")
