"""Volumes: a claim that finds its class gets a disk of the project, which carries the class's labels.

The disk is the project's and outlives the cluster; it goes when its claim does.
"""

from __future__ import annotations

import zlib

from core.rehearsal.kubernetes.controllers.context import CLAIMS, CLASSES, PODS, VOLUMES, Context
from core.rehearsal.kubernetes.controllers.nodes import GIB, quantity
from core.rehearsal.kubernetes.status import Obj
from core.rehearsal.kubernetes.validation import at

DISKS = "compute.disks"
PROVISIONER = "pd.csi.storage.gke.io"
PROTECTION = "kubernetes.io/pvc-protection"


def claims(ctx: Context) -> None:
    """Binds claims that are used, or whose class binds at once."""
    for claim in ctx.cluster.list(CLAIMS):
        if claim["metadata"].get("deletionTimestamp"):
            _let_go(ctx, claim)
            continue
        if at(claim, "status.phase") == "Bound":
            continue
        kind = ctx.cluster.find(CLASSES, "", str(at(claim, "spec.storageClassName")))
        if kind is None:
            words = f'storageclass.storage.k8s.io "{at(claim, "spec.storageClassName")}" not found'
            _once(ctx, claim, "ProvisioningFailed", words)
        elif kind["provisioner"] != PROVISIONER:
            _once(ctx, claim, "ExternalProvisioning", f'waiting for the external provisioner "{kind["provisioner"]}"')
        elif kind.get("volumeBindingMode") == "WaitForFirstConsumer" and not _used(ctx, claim):
            _once(
                ctx, claim, "WaitForFirstConsumer", "waiting for first consumer to be created before binding", warning=False
            )
        else:
            _provision(ctx, claim, kind)


def _let_go(ctx: Context, claim: Obj) -> None:
    """A claim that goes is kept until no pod uses it."""
    if _used(ctx, claim):
        return
    left = [f for f in claim["metadata"].get("finalizers") or () if f != PROTECTION]
    if left:
        ctx.cluster.edit(CLAIMS, claim, {**claim, "metadata": {**claim["metadata"], "finalizers": left}})
    else:
        ctx.cluster.finish(CLAIMS, claim["metadata"]["namespace"], claim["metadata"]["name"])


def _once(ctx: Context, claim: Obj, reason: str, words: str, *, warning: bool = True) -> None:
    runtime = ctx.runtime(claim)
    if runtime.get("said") != reason:
        ctx.event(claim, reason, words, warning=warning, source="persistentvolume-controller")
        ctx.keep(claim, {**runtime, "said": reason})


def _used(ctx: Context, claim: Obj) -> bool:
    namespace, name = claim["metadata"]["namespace"], claim["metadata"]["name"]
    return any(name in claims_of(pod["spec"]) for pod in ctx.cluster.list(PODS, namespace))


def claims_of(spec: Obj) -> list[str]:
    """The names of the claims that a pod uses."""
    found = [at(v, "persistentVolumeClaim.claimName") for v in spec.get("volumes") or ()]
    return [str(name) for name in found if name]


def zone_of(ctx: Context) -> str:
    """The zone in which the cluster's disks lie."""
    parts = ctx.name.split("/")
    location = parts[parts.index("locations") + 1] if "locations" in parts else "us-central1-a"
    return location if location.count("-") == 2 else f"{location}-a"


def _provision(ctx: Context, claim: Obj, kind: Obj) -> None:
    runtime = ctx.runtime(claim)
    if "bound" not in runtime:
        runtime["bound"] = ctx.after(ctx.world.scenario.duration("kubernetes:volume"))
        ctx.keep(claim, runtime)
    if not ctx.due(runtime["bound"]):
        return
    name, size = f"pvc-{claim['metadata']['uid']}", at(claim, "spec.resources.requests.storage")
    zone = zone_of(ctx)
    disk = f"projects/{ctx.world.project}/zones/{zone}/disks/{name}"
    _make_disk(ctx, disk, claim, kind, size)
    volume = {
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": claim["spec"]["accessModes"],
            "persistentVolumeReclaimPolicy": kind.get("reclaimPolicy", "Delete"),
            "storageClassName": kind["metadata"]["name"],
            "csi": {"driver": PROVISIONER, "volumeHandle": disk},
            "claimRef": {
                "kind": "PersistentVolumeClaim",
                "namespace": claim["metadata"]["namespace"],
                "name": claim["metadata"]["name"],
                "uid": claim["metadata"]["uid"],
            },
        },
    }
    if ctx.cluster.find(VOLUMES, "", name) is None:
        made, _ = ctx.cluster.create(VOLUMES, "", volume)
        ctx.cluster.set_status(VOLUMES, made, {"phase": "Bound"})
    bound = ctx.cluster.edit(CLAIMS, claim, {**claim, "spec": {**claim["spec"], "volumeName": name}})
    status = {"phase": "Bound", "accessModes": claim["spec"]["accessModes"], "capacity": {"storage": size}}
    ctx.cluster.set_status(CLAIMS, bound, status)
    ctx.event(claim, "ProvisioningSucceeded", f"Successfully provisioned volume {name}", source=PROVISIONER)
    ctx.changed = True


def _make_disk(ctx: Context, name: str, claim: Obj, kind: Obj, size: object) -> None:
    if ctx.world.store.get(DISKS, _short(name)) is not None:
        return
    parameters = kind.get("parameters") or {}
    labels = dict(pair.strip().split("=", 1) for pair in str(parameters.get("labels", "")).split(",") if "=" in pair)
    document = name.split("/")
    base = f"https://www.googleapis.com/compute/v1/{name}"
    zone = base.rsplit("/disks/", 1)[0]
    description = (
        f'{{"kubernetes.io/created-for/pvc/name":"{claim["metadata"]["name"]}",'
        f'"kubernetes.io/created-for/pvc/namespace":"{claim["metadata"]["namespace"]}","storage.gke.io/created-by":"{PROVISIONER}"}}'
    )
    disk = {
        "kind": "compute#disk",
        "id": str(7_000_000_000_000_000_000 + zlib.crc32(name.encode())),
        "name": document[-1],
        "status": "READY",
        "sizeGb": str(int(-(-quantity(size) // GIB))),
        "type": f"{zone}/diskTypes/{parameters.get('type', 'pd-balanced')}",
        "zone": zone,
        "selfLink": base,
        "description": description,
        "labels": {**labels, "goog-gke-volume": ""},
        "labelFingerprint": "42WmSpB8rSM=",
        "creationTimestamp": ctx.stamp(),
        "physicalBlockSizeBytes": "4096",
    }
    ctx.world.store.put(DISKS, _short(name), disk)


def _short(name: str) -> str:
    """The name of the document of a disk: ``PROJECT/zones/ZONE/disks/NAME``."""
    return name.removeprefix("projects/")


def volumes(ctx: Context) -> None:
    """Lets go of volumes whose claim is gone: the disk is deleted a while later."""
    for volume in ctx.cluster.list(VOLUMES):
        reference = at(volume, "spec.claimRef") or {}
        claim = ctx.cluster.find(CLAIMS, reference.get("namespace", ""), reference.get("name", ""))
        if claim is not None and claim["metadata"]["uid"] == reference.get("uid"):
            continue
        if at(volume, "spec.persistentVolumeReclaimPolicy") == "Retain":
            ctx.cluster.set_status(VOLUMES, volume, {"phase": "Released"})
            continue
        runtime = ctx.runtime(volume)
        if "gone" not in runtime:
            ctx.cluster.set_status(VOLUMES, volume, {"phase": "Released"})
            runtime["gone"] = ctx.after(ctx.world.scenario.duration("kubernetes:volume"))
            ctx.keep(volume, runtime)
        if ctx.due(runtime["gone"]):
            ctx.world.store.delete(DISKS, _short(str(at(volume, "spec.csi.volumeHandle"))))
            ctx.drop(volume)
            ctx.cluster.finish(VOLUMES, "", volume["metadata"]["name"])
            ctx.changed = True
