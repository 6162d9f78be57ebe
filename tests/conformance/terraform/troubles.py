"""A platform that is there, and is refused what comes next: to be read, to be changed, and to be taken away.

Told is what Terraform says of each resource, and what its state keeps of it, with one platform for all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.conformance.terraform.cloud import simulated
from tests.conformance.terraform.refusals import errors, statuses
from tests.conformance.terraform.story import Terraform

DENIED, LUCK = {"status": 403, "reason": "forbidden", "message": "Denied."}, {"message": "Out of luck."}
ROOTS = (
    "artifactregistry.projects.locations.repositories.get", "compute.networks.get", "container.*.clusters.get",
    "iam.projects.serviceAccounts.get", "storage.buckets.get",
)  # fmt: skip
BRANCHES = (
    "compute.firewalls.get", "compute.globalAddresses.get", "compute.routers.get", "compute.subnetworks.get",
    "container.*.nodePools.list", "*.getIamPolicy",
)  # fmt: skip
DEEP = ("servicenetworking.services.connections.list", "compute.routers.get")
DEEPEST = ("sql.instances.get",)
MINUTE = "'R per minute' of service 'compute'"
CHANGED = (
    "artifactregistry.projects.locations.repositories.patch", "container.*.clusters.setResourceLabels",
    "sql.instances.update", "storage.buckets.patch",
)  # fmt: skip
FAILED = ("compute.globalAddresses.setLabels", "container.*.clusters.update")
"""Calls whose operations fail, in resources that nothing else waits for or that have been refused before."""
LEAVES = (
    "artifactregistry.projects.locations.repositories.delete", "compute.firewalls.delete", "compute.routers.patch",
    "container.*.nodePools.delete", "*.setIamPolicy", "sql.instances.delete", "storage.buckets.delete",
)  # fmt: skip
TRUNKS = (
    "artifactregistry.projects.locations.repositories.delete", "compute.networks.delete", "compute.routers.delete",
    "compute.subnetworks.delete", "container.*.clusters.delete", "iam.projects.serviceAccounts.delete",
    "sql.instances.delete",
)  # fmt: skip
PASSING: list[dict[str, Any]] = [
    {"call": "*", "status": 503, "message": "Try again."},
    {"call": "*", "error": "reset"},
    *(
        {"call": call, "status": status, "reason": reason, "message": message}
        for call, status, reason, message in (
            ("compute.subnetworks.insert", 400, "resourceNotReady", "The resource 'global/networks/n' is not ready"),
            ("compute.routers.insert", 403, "forbidden", f"Quota exceeded for quota metric 'R' and limit {MINUTE}."),
            ("container.*.nodePools.create", 400, "failedPrecondition", "Cluster is running incompatible operation o."),
            ("container.*.clusters.delete", 403, "forbidden", "Denied."),
            ("sql.instances.*", 409, "invalidState", "Instance is being changed."),
            ("storage.buckets.setIamPolicy", 412, "conditionNotMet", "It has changed."),
        )
    ),
]
"""What passes by itself, once for each call: the real provider tries again, and so nothing of it is told."""
CHANGE: dict[str, Any] = {"node_max": 4, "sql_tier": "db-custom-2-7680", "labels": {"team": "research"}}


def _denied(calls: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"call": call, "times": 0, **DENIED} for call in calls]


def _failed(calls: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"call": call, "times": 0, "operation": "INTERNAL", **LUCK} for call in calls]


def told(work: Path, mirror: Path) -> Iterator[tuple[str, list[str], dict[str, Any]]]:
    """What is told and kept of each refusal, by its name."""
    with simulated(work / "cloud") as cloud:
        terraform = Terraform(work / "terraform", mirror, cloud)
        terraform.set()
        cloud.strike(*PASSING)
        seen = terraform.bring_about()
        yield "made in spite of what passes", errors(seen.told), statuses(seen.state)
        for depth, reads in enumerate((ROOTS, BRANCHES, DEEP, DEEPEST)):
            cloud.strike(*_denied(reads))
            _, said = terraform.tried("plan", "-input=false")
            yield f"not read, {depth} down", errors(said[said.find("Error:") :]), statuses(terraform.state())
        terraform.set(**CHANGE)
        for name, faults in (
            ("not changed", _denied(CHANGED)),
            ("changes that failed", _failed(FAILED)),
        ):
            cloud.strike()
            terraform.plan()
            cloud.strike(*faults)
            _, said = terraform.tried("apply", "-input=false", "p")
            yield name, errors(said[said.find("Error:") :]), statuses(terraform.state())
        for name, faults in (
            ("not deleted", _denied(LEAVES)),
            ("deletions that failed", _failed(LEAVES)),
            ("not deleted at last", _denied(TRUNKS)),
            ("deletions that failed at last", _failed(TRUNKS)),
            ("deleted in spite of what passes", PASSING),
        ):
            cloud.strike()
            terraform.plan("-destroy")
            cloud.strike(*faults)
            _, said = terraform.tried("apply", "-input=false", "p")
            yield name, errors(said[said.find("Error:") :]), statuses(terraform.state())
