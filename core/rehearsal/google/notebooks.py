"""Workbench: instances that are VMs with JupyterLab on them, made, changed, stopped and started by operations.

The service adds metadata of its own to what was asked for, guest attributes among it. What an instance needs when it boots
(its image, its script) is looked at as its own account: a lack shows as an instance that is there and not well.
"""

from __future__ import annotations

import hashlib
import re
import uuid

from core.rehearsal.google import (
    artifactregistry,
    compute,
    compute_instances,
    machines,
    notebooks_policies,
    offers,
    operations,
    quotas,
)
from core.rehearsal.google.calls import Call, answers, listing, project_of
from core.rehearsal.google.compute_catalogue import REGIONS
from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.merge import masked
from core.rehearsal.store import Document
from core.rehearsal.world import World

KIND = "notebooks.instances"
_PLACE = "notebooks.projects.locations.instances"
_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_CONTAINER_FACTOR = 2.25
"""How much longer an instance takes that pulls a container."""
_ADDED = {
    "version-description": "20261004-2157-rc0",
    "enable-guest-attributes": "TRUE",
    "enable-oslogin": "TRUE",
    "framework": "Workbench",
    "proxy-mode": "service_account",
    "shutdown-script": "/opt/deeplearning/bin/shutdown_script.sh",
}
"""Metadata that the service sets by itself."""
_ONLY_STOPPED = re.compile(r"gce_?setup\.(machine_?type|shielded_?instance_?config|container_?image)", re.IGNORECASE)
"""What is changed only while an instance is stopped, as a mask names it."""


@answers(f"{_PLACE}.create", permission="notebooks.instances.create", on=project_of)
def create(call: Call) -> Document:
    """Makes an instance."""
    parent, id = call.full("parent"), str(call.get("instanceId", ""))
    zone, name = parent.rpartition("/")[2], f"{call.full('parent')}/instances/{id}"
    if not _NAME.fullmatch(id):
        raise ApiError(400, f"Instance ID '{id}' is invalid: it begins with a letter, and has at most 63 of [a-z0-9-].")
    if zone.rpartition("-")[0] not in REGIONS:
        raise ApiError(400, f"Location {zone} is not valid: it must be a zone.")
    if call.store.get(KIND, name) is not None:
        raise ApiError(409, f"Resource '{name}' already exists")
    setup = _completed(dict(call.body.get("gceSetup") or {}))
    _check(call, setup)
    _check_machine(call, zone, setup)
    error = quotas.refusal(call.world, zone.rpartition("-")[0], quotas.of_notebook(setup))
    hexed = hashlib.sha256(name.encode()).hexdigest()[:16]
    instance: Document = {
        **call.body, "name": name, "id": str(uuid.uuid4()), "state": "PROVISIONING", "creator": call.email,
        "createTime": call.now, "updateTime": call.now, "healthState": "HEALTH_STATE_UNSPECIFIED",
        "gceSetup": setup,
        "proxyUri": "" if call.body.get("disableProxyAccess") else
        f"{hexed}-dot-{zone.rpartition('-')[0]}.notebooks.googleusercontent.com",
    }  # fmt: skip
    instance.pop("instanceOwners", None)
    call.store.put(KIND, name, instance)
    seconds = call.world.scenario.duration(call.method.id) * (_CONTAINER_FACTOR if setup.get("containerImage") else 1.0)
    return _operation(call, name, "create", "notebooks.created", seconds=seconds, error=error)


def _check_machine(call: Call, zone: str, setup: Document) -> None:
    machine = str(setup["machineType"])
    if machines.size(machine) is None or offers.lacks(call.world, zone, machine):
        raise ApiError(400, f"Machine type {machine} does not exist in zone {zone}.")


def _check(call: Call, setup: Document) -> None:
    if bool(setup.get("containerImage")) == bool(setup.get("vmImage")):
        raise ApiError(400, "Exactly one of gce_setup.vm_image and gce_setup.container_image is needed.")
    for account in setup.get("serviceAccounts", []):
        email = str(account.get("email"))
        if call.store.get("iam.serviceAccounts", email) is None:
            raise ApiError(400, f"Service account {email} does not exist.")
        call.require("iam.serviceAccounts.actAs", f"projects/{call.project}/serviceAccounts/{email}")
    for interface in setup.get("networkInterfaces", []):
        for key in ("network", "subnet"):
            if interface.get(key):
                compute.linked(call, str(interface[key]))
    notebooks_policies.obey(call, setup)
    script = str((setup.get("metadata") or {}).get("post-startup-script", ""))
    if script and not script.startswith("gs://"):
        raise ApiError(400, "post-startup-script must be a Cloud Storage path beginning with gs://.")


def _completed(setup: Document) -> Document:
    """What was asked for, with what the service fills in."""
    return {
        "machineType": "e2-standard-4",
        "bootDisk": {"diskSizeGb": "150", "diskType": "PD_BALANCED"},
        "dataDisks": [{"diskSizeGb": "100", "diskType": "PD_BALANCED"}],
        "shieldedInstanceConfig": {"enableVtpm": True, "enableIntegrityMonitoring": True},
        **setup,
        "serviceAccounts": [
            {"scopes": ["https://www.googleapis.com/auth/cloud-platform"], **account}
            for account in setup.get("serviceAccounts", [])
        ],
        "metadata": {**_ADDED, **(setup.get("metadata") or {})},
        "instanceId": str(uuid.uuid4().int % 10**19),
    }


@operations.effect("notebooks.created")
def _created(world: World, operation: Document) -> Document:
    instance = world.store.get(KIND, operation["instance"])
    if instance is None:
        return {}
    setup, (zone, id) = instance["gceSetup"], _where(instance["name"])
    compute_instances.make(
        world, zone, id, metadata=setup["metadata"], labels=instance.get("labels"), machine_type=setup["machineType"]
    )
    return _booted(world, instance)


@operations.failure("notebooks.created")
def _not_created(world: World, operation: Document) -> None:
    world.store.delete(KIND, operation["instance"])


def _booted(world: World, instance: Document) -> Document:
    """The instance after a boot: well where it got its image and its script."""
    lacking = _lacking(world, instance["gceSetup"])
    health = {"healthState": "UNHEALTHY" if lacking else "HEALTHY", "healthInfo": {"details": lacking} if lacking else {}}
    return world.store.put(
        KIND, instance["name"], {**instance, **health, "state": "ACTIVE", "updateTime": world.clock.timestamp()}
    )


def _lacking(world: World, setup: Document) -> str:
    email = str((setup.get("serviceAccounts") or [{}])[0].get("email", ""))
    script = str(setup["metadata"].get("post-startup-script", ""))
    if script:
        bucket, _, name = script.removeprefix("gs://").partition("/")
        if not world.identity.allowed(email, "storage.objects.get", f"buckets/{bucket}"):
            return f"{email} does not have storage.objects.get access to {script}"
        if world.store.get("storage.objects", f"{bucket}/{name}") is None:
            return f"No such object: {script}"
    container = setup.get("containerImage")
    if container:
        return artifactregistry.pullable(world, email, str(container["repository"]), str(container.get("tag", "latest")))
    return ""


@answers(f"{_PLACE}.get", permission="notebooks.instances.get")
def get(call: Call) -> Document:
    """One instance."""
    return _instance(call)


@answers(f"{_PLACE}.list", permission="notebooks.instances.list", on=project_of)
def instances(call: Call) -> Document:
    """The instances of a zone, or of all with ``-``."""
    parent = call.full("parent")
    prefix = parent.removesuffix("-") if parent.endswith("/-") else f"{parent}/"
    return listing(call, "instances", [i for _, i in call.store.items(KIND, prefix)])


@answers(f"{_PLACE}.getConfig", permission="notebooks.instances.list", on=project_of)
def config(call: Call) -> Document:
    """What instances can be made of."""
    return {
        "availableImages": [
            {"imageName": "workbench-instances-2603-v20261004", "release": "20261004-2157-rc0"},
        ],
        "disableWorkbenchLegacyCreation": True,
    }


@answers(f"{_PLACE}.patch", permission="notebooks.instances.update")
def patch(call: Call) -> Document:
    """Changes an instance, its machine and its image only while it is stopped; an empty label or metadata is removed."""
    old, mask = _instance(call), str(call.get("updateMask") or ",".join(call.body))
    if (found := _ONLY_STOPPED.search(mask)) and old["state"] != "STOPPED":
        raise ApiError(400, f"The instance must be stopped before {found[0]} is changed.", status="FAILED_PRECONDITION")
    new = masked(old, call.body, mask)
    _check_machine(call, _where(old["name"])[0], new["gceSetup"])
    metadata = _kept(new["gceSetup"].get("metadata"), old["gceSetup"]["metadata"])
    labels = _kept(new.get("labels"), old.get("labels"))
    new = {
        **new,
        "labels": labels,
        "gceSetup": {**new["gceSetup"], "metadata": {**_ADDED, **metadata}},
        "updateTime": call.now,
    }
    call.store.put(KIND, old["name"], new)
    return _operation(call, old["name"], "update", "notebooks.same")


@answers(f"{_PLACE}.resizeDisk", permission="notebooks.instances.resizeDisk")
def resize(call: Call) -> Document:
    """Grows a disk; none ever shrinks."""
    old = _instance(call, "notebookInstance")
    setup, grown = old["gceSetup"], dict(old["gceSetup"])
    for asked, kept in (("bootDisk", setup["bootDisk"]), ("dataDisk", setup["dataDisks"][0])):
        size = int((call.body.get(asked) or {}).get("diskSizeGb") or 0)
        if not size:
            continue
        if size <= int(kept["diskSizeGb"]):
            raise ApiError(400, f"The new size of the disk, {size} GB, must be greater than {kept['diskSizeGb']} GB.")
        changed = {**kept, "diskSizeGb": str(size)}
        grown |= {"bootDisk": changed} if asked == "bootDisk" else {"dataDisks": [changed]}
    call.store.put(KIND, old["name"], {**old, "gceSetup": grown, "updateTime": call.now})
    return _operation(call, old["name"], "resizeDisk", "notebooks.same")


def _kept(new: Document | None, old: Document | None) -> Document:
    """A map as it is kept: what was emptied is gone."""
    return {k: v for k, v in (new or {}).items() if v or not (old or {}).get(k)}


@operations.effect("notebooks.same")
def _same(world: World, operation: Document) -> Document:
    return world.store.get(KIND, operation["instance"]) or {}


@answers(f"{_PLACE}.start", permission="notebooks.instances.start")
def start(call: Call) -> Document:
    """Starts an instance that is stopped."""
    return _turn(call, "STOPPED", "STARTING", "start")


@answers(f"{_PLACE}.stop", permission="notebooks.instances.stop")
def stop(call: Call) -> Document:
    """Stops an instance that runs."""
    return _turn(call, "ACTIVE", "STOPPING", "stop")


def _turn(call: Call, before: str, meanwhile: str, verb: str) -> Document:
    """Begins to stop or start an instance; where it is there already, nothing comes of it, as with any VM."""
    instance = _instance(call)
    if instance["state"] not in ("ACTIVE", "STOPPED"):
        raise ApiError(409, f"unable to queue the operation: the instance is {instance['state']}", status="ABORTED")
    if instance["state"] != before:
        return _operation(call, instance["name"], verb, "notebooks.same")
    error = _no_machine(call, instance) if verb == "start" else None
    call.store.put(KIND, instance["name"], {**instance, "state": meanwhile})
    return _operation(call, instance["name"], verb, f"notebooks.{verb}", error=error)


def _no_machine(call: Call, instance: Document) -> Document | None:
    """The error of a start for whose machine there is no quota; its disks it has already."""
    region, setup = _where(instance["name"])[0].rpartition("-")[0], instance["gceSetup"]
    kept = quotas.of_notebook(setup, running=False)
    wanted = {k: amount - kept.get(k, 0) for k, amount in quotas.of_notebook(setup).items()}
    return quotas.refusal(call.world, region, wanted)


@operations.effect("notebooks.start")
def _started(world: World, operation: Document) -> Document:
    instance = world.store.get(KIND, operation["instance"])
    if instance is None:
        return {}
    compute_instances.change(world, *_where(instance["name"]), status=compute_instances.RUNNING)
    return _booted(world, instance)


@operations.failure("notebooks.start")
def _not_started(world: World, operation: Document) -> None:
    instance = world.store.get(KIND, operation["instance"])
    if instance is not None:
        world.store.put(KIND, instance["name"], {**instance, "state": "STOPPED"})


@operations.effect("notebooks.stop")
def _stopped(world: World, operation: Document) -> Document:
    instance = world.store.get(KIND, operation["instance"])
    if instance is None:
        return {}
    compute_instances.change(world, *_where(instance["name"]), status=compute_instances.TERMINATED)
    return world.store.put(KIND, instance["name"], {**instance, "state": "STOPPED", "updateTime": world.clock.timestamp()})


@answers(f"{_PLACE}.delete", permission="notebooks.instances.delete")
def delete(call: Call) -> Document:
    """Removes an instance with its disks."""
    instance = _instance(call)
    if instance.get("enableDeletionProtection"):
        raise ApiError(400, "The instance is protected from deletion.", status="FAILED_PRECONDITION")
    call.store.put(KIND, instance["name"], {**instance, "state": "DELETED"})
    return _operation(call, instance["name"], "delete", "notebooks.gone")


@operations.effect("notebooks.gone")
def _gone(world: World, operation: Document) -> Document:
    world.store.delete(KIND, operation["instance"])
    compute_instances.remove(world, *_where(operation["instance"]))
    return {"@type": "type.googleapis.com/google.protobuf.Empty"}


@answers("notebooks.projects.locations.operations.get", permission="notebooks.operations.get", on=project_of)
def operation(call: Call) -> Document:
    """A long operation of this API."""
    found = operations.get(call.world, f"notebooks/{call.full()}")
    if found is None:
        raise ApiError(404, f"Operation not found: {call['name']}")
    return operations.long_running(call.world, found)


def _instance(call: Call, parameter: str = "name") -> Document:
    found = call.store.get(KIND, call.full(parameter))
    if found is None:
        raise ApiError(404, f"Resource '{call.full(parameter)}' was not found")
    return found


def _where(name: str) -> tuple[str, str]:
    """The zone and the id of an instance."""
    parts = name.split("/")
    return parts[3], parts[5]


def _operation(
    call: Call, instance: str, verb: str, effect: str, *, seconds: float | None = None, error: Document | None = None
) -> Document:
    name = f"{instance.rpartition('/instances/')[0]}/operations/operation-{uuid.uuid4()}"
    begun = operations.begin(
        call.world, f"notebooks/{name}", call=call.method.id, effect=effect, seconds=seconds, error=error,
        instance=instance,
        metadata={
            "@type": "type.googleapis.com/google.cloud.notebooks.v2.OperationMetadata", "createTime": call.now,
            "target": instance, "verb": verb, "requestedCancellation": False, "apiVersion": "v2",
        },
    )  # fmt: skip
    return operations.long_running(call.world, begun)
