"""What Terraform says where Google refuses: the words from which the program tells a person what to do.

Each round is one apply that meets refusals, those of the platform several at once, in resources that do not wait for each
other; a notebook that is to be changed is made first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.install.notebook import MODULE as NOTEBOOK
from tests.conformance.terraform import notebook, plain
from tests.conformance.terraform.cloud import PROJECT, Cloud, simulated
from tests.conformance.terraform.story import Seen, Terraform, names, parameters

NAMES = names(parameters())


def _platform(work: Path, mirror: Path, cloud: Cloud) -> Seen:
    terraform = Terraform(work, mirror, cloud)
    terraform.set()
    return terraform.bring_about()


@dataclass(frozen=True, slots=True)
class Round:
    """One apply: what the scenario breaks, what is there already, and how it comes to the apply."""

    faults: list[dict[str, Any]]
    before: Callable[[Cloud], None] = lambda cloud: None
    apply: Callable[[Path, Path, Cloud], Seen] = _platform


def _notebook(work: Path, mirror: Path, cloud: Cloud) -> Seen:
    terraform = Terraform(work, mirror, cloud, NOTEBOOK)
    terraform.take(notebook.variables("vm"))
    return terraform.bring_about()


def _changed(work: Path, mirror: Path, cloud: Cloud) -> Seen:
    terraform = Terraform(work, mirror, cloud, NOTEBOOK)
    terraform.take(notebook.variables("vm"))
    terraform.bring_about()
    terraform.take(notebook.variables("vm", **notebook.BIGGER))
    return terraform.bring_about()


def _stopped(work: Path, mirror: Path, cloud: Cloud) -> Seen:
    terraform = Terraform(work, mirror, cloud, NOTEBOOK)
    terraform.take(notebook.variables("vm"))
    terraform.bring_about()
    terraform.take(notebook.variables("vm", state="STOPPED"))
    return terraform.bring_about()


def _destroyed(work: Path, mirror: Path, cloud: Cloud) -> Seen:
    terraform = Terraform(work, mirror, cloud, NOTEBOOK)
    terraform.take(notebook.variables("vm"))
    terraform.bring_about()
    return terraform.bring_about("-destroy")


def _taken(cloud: Cloud) -> None:
    compute, storage = "compute/compute/v1", "storage/storage/v1"
    cloud.call("POST", f"{compute}/projects/{PROJECT}/global/networks", {"name": NAMES.network})
    bucket = {"name": NAMES.artifact_bucket, "location": "us-central1"}
    cloud.call("POST", f"{storage}/b?project={PROJECT}", bucket)
    account = {"accountId": NAMES.nodes_account_id}
    cloud.call("POST", f"iam/v1/projects/{PROJECT}/serviceAccounts", account)
    place = f"artifactregistry/v1/projects/{PROJECT}/locations/us-central1/repositories"
    cloud.call("POST", f"{place}?repositoryId={NAMES.registry}", {"format": "DOCKER"})


def _notebook_taken(cloud: Cloud) -> None:
    notebook.before(cloud)
    place = f"notebooks/v2/projects/{PROJECT}/locations/{NAMES.zone}/instances?instanceId={NAMES.notebook}"
    image = {"project": "cloud-notebooks-managed", "family": "workbench-instances-2603"}
    cloud.call("POST", place, {"gceSetup": {"vmImage": image, "disablePublicIp": True}})


def _fault(call: str, **how: Any) -> dict[str, Any]:
    return {"call": call, "times": 0, **how}


WORKBENCH = "notebooks.projects.locations.instances"
CLUSTERS, INSTANCES = "container.projects.locations.clusters.create", "sql.instances.insert"
QUOTA = (
    "Insufficient regional quota to satisfy request: resource \"CPUS\": request requires '12.0' and is short '4.0'. "
    "project has a quota of '8.0' with '8.0' available."
)
STOCKOUT = (
    "Google Compute Engine: Zone us-central1-a is currently unavailable due to limited capacity (GCE_STOCKOUT): "
    "please try another zone."
)
DENIED = "Permission 'notebooks.instances' denied on resource."
AGENT = "Error code 7, message: Permission denied on resource: compute.globalAddresses.list"
ROUNDS: dict[str, Round] = {
    "taken": Round([], _taken),
    "denied": Round([
        _fault("compute.networks.insert", status=403, reason="forbidden", message="Required 'compute.networks.create'."),
        _fault("storage.buckets.insert", status=403, reason="forbidden", message="No access to storage.buckets.create."),
        _fault("iam.projects.serviceAccounts.create", status=403, message="Permission 'iam.serviceAccounts.create' denied."),
        _fault("artifactregistry.projects.locations.repositories.create", status=403, message="Permission denied."),
    ]),
    "failed": Round([
        _fault("compute.networks.insert", operation="QUOTA_EXCEEDED", message="Quota 'NETWORKS' exceeded. Limit: 5.0"),
        _fault("artifactregistry.projects.locations.repositories.create", operation="INTERNAL", message="Out of luck."),
    ]),
    "no machines": Round([
        _fault(CLUSTERS, operation="GCE_STOCKOUT", message=STOCKOUT),
        _fault(INSTANCES, operation="INTERNAL_ERROR", message="The instance could not be made."),
    ]),
    "no quota": Round([
        _fault(CLUSTERS, status=403, reason="forbidden", message=QUOTA),
        _fault(INSTANCES, status=409, reason="instanceAlreadyExists", message="The Cloud SQL instance already exists."),
    ]),
    "no peering": Round([
        _fault("servicenetworking.services.connections.create", operation="PERMISSION_DENIED", message=AGENT),
        _fault("compute.routers.insert", status=400, reason="resourceNotReady", message="The network is not ready"),
        _fault("compute.subnetworks.insert", status=400, reason="invalid", message="Invalid IPCidrRange: conflicts"),
    ]),
    "made and not read": Round([
        _fault("compute.networks.get", status=403, reason="forbidden", message="Denied."),
        _fault("storage.buckets.get", status=403, reason="forbidden", message="Denied."),
        _fault("artifactregistry.projects.locations.repositories.get", status=403, message="Denied."),
    ]),
    "answers lost": Round([
        _fault("compute.networks.insert", error="reset", when="after"),
        _fault("storage.buckets.insert", error="reset", when="after"),
        _fault("iam.projects.serviceAccounts.create", error="reset", when="after"),
        _fault("artifactregistry.projects.locations.repositories.create", error="reset", when="after"),
    ]),
    "no policies": Round([
        _fault("cloudresourcemanager.projects.getIamPolicy", status=403, message="Denied."),
        _fault("iam.projects.serviceAccounts.setIamPolicy", status=403, message="Denied."),
        _fault("artifactregistry.projects.locations.repositories.getIamPolicy", status=403, message="Denied."),
        _fault("storage.buckets.setIamPolicy", status=412, reason="conditionNotMet", message="It has changed."),
        _fault("sql.users.list", status=403, reason="forbidden", message="Denied."),
    ]),
    "no nodes": Round([
        _fault("container.*.nodePools.create", operation="GCE_STOCKOUT", message=STOCKOUT),
        _fault("sql.users.delete", status=403, reason="forbidden", message="Denied."),
    ]),
    "notebook taken": Round([], _notebook_taken, _notebook),
    "notebook denied": Round([_fault(f"{WORKBENCH}.create", status=403, message=DENIED)], notebook.before, _notebook),
    "notebook failed": Round(
        [_fault(f"{WORKBENCH}.create", operation="RESOURCE_EXHAUSTED", message=STOCKOUT)], notebook.before, _notebook
    ),
    "notebook not stopped": Round([_fault(f"{WORKBENCH}.stop", status=403, message=DENIED)], notebook.before, _stopped),
    "notebook not stopped for a change": Round(
        [_fault(f"{WORKBENCH}.stop", operation="INTERNAL", message="Out of luck.")], notebook.before, _changed
    ),
    "notebook not changed": Round([_fault(f"{WORKBENCH}.patch", status=403, message=DENIED)], notebook.before, _changed),
    "notebook's change failed": Round(
        [_fault(f"{WORKBENCH}.patch", operation="INTERNAL", message="Out of luck.")], notebook.before, _changed
    ),
    "notebook not started again": Round(
        [_fault(f"{WORKBENCH}.start", operation="RESOURCE_EXHAUSTED", message=STOCKOUT)], notebook.before, _changed
    ),
    "notebook not deleted": Round(
        [_fault(f"{WORKBENCH}.delete", status=403, message=DENIED)], notebook.before, _destroyed
    ),
    "notebook's deletion failed": Round(
        [_fault(f"{WORKBENCH}.delete", operation="INTERNAL", message="Out of luck.")], notebook.before, _destroyed
    ),
}  # fmt: skip


def told(work: Path, mirror: Path) -> Iterator[tuple[str, list[str], dict[str, Any]]]:
    """Each round's name, its errors in alphabetical order, and which resources the state then has, and how."""
    for number, (name, given) in enumerate(ROUNDS.items()):
        folder = work / str(number)
        with simulated(folder / "cloud", fault=given.faults) as cloud:
            given.before(cloud)
            seen = given.apply(folder / "terraform", mirror, cloud)
        yield name, errors(seen.told), statuses(seen.state)


def errors(said: str) -> list[str]:
    """The errors that Terraform ended with, in alphabetical order."""
    return sorted(plain.words(error) for error in re.split(r"(?m)^Error: ", said) if error.strip())


def statuses(state: dict[str, Any]) -> dict[str, Any]:
    """Which resources a state has, and how each is."""
    return {address: instance.get("status") for address, instance in sorted(state.items())}
