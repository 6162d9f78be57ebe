"""Service Usage: enabling services, atomically by the batch, and the service agents that come with them, a while later."""

from __future__ import annotations

from core.rehearsal.google import iam_policy, operations, org_policies, seed
from core.rehearsal.google.calls import Call, answers, listing
from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.services import IMPLIES, KIND, TITLES, describe, enabled, turn_on
from core.rehearsal.store import Document
from core.rehearsal.world import World

AGENTS: dict[str, tuple[str, str]] = {
    "compute.googleapis.com": ("service-{n}@compute-system.iam.gserviceaccount.com", "roles/compute.serviceAgent"),
    "container.googleapis.com": ("service-{n}@container-engine-robot.iam.gserviceaccount.com",
        "roles/container.serviceAgent"),
    "servicenetworking.googleapis.com": (
        "service-{n}@service-networking.iam.gserviceaccount.com", "roles/servicenetworking.serviceAgent",
    ),
    "cloudbuild.googleapis.com": ("service-{n}@gcp-sa-cloudbuild.iam.gserviceaccount.com", "roles/cloudbuild.serviceAgent"),
    "artifactregistry.googleapis.com": (
        "service-{n}@gcp-sa-artifactregistry.iam.gserviceaccount.com", "roles/artifactregistry.serviceAgent",
    ),
    "notebooks.googleapis.com": ("service-{n}@gcp-sa-notebooks.iam.gserviceaccount.com", "roles/notebooks.serviceAgent"),
    "aiplatform.googleapis.com": ("service-{n}@gcp-sa-aiplatform.iam.gserviceaccount.com", "roles/aiplatform.serviceAgent"),
    "dataflow.googleapis.com": (
        "service-{n}@dataflow-service-producer-prod.iam.gserviceaccount.com", "roles/dataflow.serviceAgent",
    ),
    "sqladmin.googleapis.com": ("service-{n}@gcp-sa-cloud-sql.iam.gserviceaccount.com", ""),
    "secretmanager.googleapis.com": ("service-{n}@gcp-sa-secretmanager.iam.gserviceaccount.com", ""),
    "containerfilesystem.googleapis.com": (
        "service-{n}@gcp-sa-containerfilesystem.iam.gserviceaccount.com", "roles/containerfilesystem.serviceAgent",
    ),
}  # fmt: skip
"""Service → its agent's address and the role that the agent gets in the project."""

AGENT_LAG = 20.0
"""Simulated seconds, beside the service's own delay, until an agent has its role."""


@answers("serviceusage.services.batchEnable")
def batch_enable(call: Call) -> Document:
    """Enables up to 20 services, all or none of them."""
    wanted = [str(s) for s in call.body.get("serviceIds", [])]
    if not wanted:
        raise ApiError(400, "Request must include at least one service.")
    if len(wanted) > 20:
        raise ApiError(400, "A maximum of 20 services can be enabled in a single batch.")
    return _enable(call, wanted)


@answers("serviceusage.services.enable")
def enable(call: Call) -> Document:
    """Enables one service."""
    return _enable(call, [_service(call)])


def _enable(call: Call, wanted: list[str]) -> Document:
    project = _project(call)
    call.require("serviceusage.services.enable", project)
    for service in wanted:
        _exists(call, service)
    _allowed(call, wanted)
    if not call.world.scenario.project.billing_enabled and any(s in AGENTS for s in wanted):
        raise ApiError(
            400,
            f"Billing account for project '{call.world.number}' is not found. Billing must be enabled for activation of "
            f"service(s) '{','.join(wanted)}' to proceed.",
            status="FAILED_PRECONDITION",
        )
    fresh = [s for s in wanted if not enabled(call.world, s)]
    name = f"acat.p2-{call.world.number}-{call.store.next('serviceusage')}" if fresh else "noop.DONE_OPERATION"
    operation = operations.begin(
        call.world, f"serviceusage/operations/{name}", call=call.method.id, effect="serviceusage.enable",
        seconds=None if fresh else 0, services=wanted, single=call.method.id.endswith(".enable"),
        metadata={"@type": "type.googleapis.com/google.api.serviceusage.v1.OperationMetadata",
                  "resourceNames": [f"projects/{call.world.number}/services/{s}" for s in wanted]},
    )  # fmt: skip
    if not fresh:
        operations.settle(call.world)
        operation = operations.get(call.world, operation["key"]) or operation
    return operations.long_running(call.world, operation)


@operations.effect("serviceusage.enable")
def _enabled(world: World, operation: Document) -> Document:
    for service in operation["services"]:
        for each in (service, *IMPLIES.get(service, ())):
            if not enabled(world, each):
                turn_on(world, each, since=operation["end"])
                _first_time(world, each, operation["end"])
    shown = [describe(world, s) for s in operation["services"]]
    if operation["single"]:
        return {"@type": "type.googleapis.com/google.api.serviceusage.v1.EnableServiceResponse", "service": shown[0]}
    return {"@type": "type.googleapis.com/google.api.serviceusage.v1.BatchEnableServicesResponse", "services": shown}


def _first_time(world: World, service: str, since: float) -> None:
    """What a service brings into a project when it is enabled for the first time."""
    if service == "compute.googleapis.com":
        seed.compute_enabled(world)
    if service in AGENTS:
        _agent(world, service, since)


def _agent(world: World, service: str, since: float) -> str:
    address, role = AGENTS[service]
    email = address.format(n=world.number)
    if world.store.get("service-agents", email) is None:
        world.store.put("service-agents", email, {"service": service})
        if role:
            lag = world.scenario.delays.services + AGENT_LAG
            operations.later(world, "serviceusage.agent", lag, start=since, email=email, role=role)
    return email


@operations.effect("serviceusage.agent")
def _agent_granted(world: World, operation: Document) -> None:
    iam_policy.grant(
        world, f"projects/{world.project}", operation["role"], f"serviceAccount:{operation['email']}", at_once=True
    )


def agent_ready(world: World, service: str) -> bool:
    """Whether a service's agent has its role by now."""
    address, role = AGENTS[service]
    return f"serviceAccount:{address.format(n=world.number)}" in iam_policy.members(
        world.store, f"projects/{world.project}", role
    )


@answers("serviceusage.services.generateServiceIdentity")
def generate_identity(call: Call) -> Document:
    """Makes a service's agent, whether the service needs it yet or not."""
    service = str(call["parent"]).rpartition("/")[2]
    _exists(call, service)
    call.require("serviceusage.services.get", _project(call))
    if service not in AGENTS:
        raise ApiError(400, f"Service identity is not supported for {service}.", status="FAILED_PRECONDITION")
    email = _agent(call.world, service, call.world.clock.now())
    operation = operations.begin(
        call.world, f"serviceusage/operations/finished.DONE_OPERATION-{call.store.next('serviceusage')}",
            call=call.method.id,
        effect="serviceusage.identity", seconds=0, email=email,
    )  # fmt: skip
    operations.settle(call.world)
    return operations.long_running(call.world, operations.get(call.world, operation["key"]) or operation)


@operations.effect("serviceusage.identity")
def _identity(world: World, operation: Document) -> Document:
    return {
        "@type": "type.googleapis.com/google.api.serviceusage.v1beta1.ServiceIdentity",
        "email": operation["email"],
        "uniqueId": "1" + str(sum(operation["email"].encode()) * 7919).zfill(20),
    }


@answers("serviceusage.services.disable")
def disable(call: Call) -> Document:
    """Disables a service."""
    service = _service(call)
    _exists(call, service)
    call.require("serviceusage.services.disable", _project(call))
    if not enabled(call.world, service):
        raise ApiError(400, f"{service} is not enabled.", status="FAILED_PRECONDITION")
    operation = operations.begin(
        call.world, f"serviceusage/operations/dcat.p2-{call.world.number}-{call.store.next('serviceusage')}",
        call=call.method.id, effect="serviceusage.disable", service=service,
    )  # fmt: skip
    return operations.long_running(call.world, operation)


@operations.effect("serviceusage.disable")
def _disabled(world: World, operation: Document) -> Document:
    world.store.delete(KIND, operation["service"])
    return {
        "@type": "type.googleapis.com/google.api.serviceusage.v1.DisableServiceResponse",
        "service": describe(world, operation["service"]),
    }


@answers("serviceusage.services.get")
def get(call: Call) -> Document:
    """One service and whether it is enabled."""
    service = _service(call)
    _exists(call, service)
    call.require("serviceusage.services.get", _project(call))
    return describe(call.world, service)


@answers("serviceusage.services.batchGet")
def batch_get(call: Call) -> Document:
    """Several services at once."""
    call.require("serviceusage.services.get", _project(call))
    names = [str(n).rpartition("/")[2] for n in call.get("names", [])]
    for service in names:
        _exists(call, service)
    return {"services": [describe(call.world, s) for s in names]}


@answers("serviceusage.services.list")
def services(call: Call) -> Document:
    """The project's services, all or those in one state."""
    call.require("serviceusage.services.list", _project(call))
    found = [describe(call.world, s) for s in sorted(TITLES)]
    state = str(call.get("filter", "")).replace(" ", "").partition("state:")[2]
    return listing(call, "services", [s for s in found if not state or s["state"] == state])


@answers("serviceusage.operations.get")
def operation(call: Call) -> Document:
    """A long operation of this API."""
    found = operations.get(call.world, f"serviceusage/{call['name']}")
    if found is None:
        raise ApiError(404, f"Operation not found: {call['name']}")
    return operations.long_running(call.world, found)


def _project(call: Call) -> str:
    parts = str(call.params.get("name") or call["parent"]).split("/")
    project = call.world.project if parts[1] == call.world.number else parts[1]
    return f"projects/{project}"


def _service(call: Call) -> str:
    return str(call["name"]).rpartition("/")[2]


def _exists(call: Call, service: str) -> None:
    if service not in TITLES:
        raise ApiError(
            403 if call.method.id.endswith("nable") else 404,
            f"Not found or permission denied for service(s): {service}.",
            details=[
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED",
                    "domain": "serviceusage.googleapis.com",
                    "metadata": {"services": service},
                }
            ],
        )


def _allowed(call: Call, wanted: list[str]) -> None:
    """The organization may restrict which services can be used; one that is refused refuses the batch."""
    denied = [s for s in wanted if org_policies.refuses(call.world, "gcp.restrictServiceUsage", s)]
    if denied:
        raise ApiError(
            403,
            f"Request is disallowed by organization's constraints/gcp.restrictServiceUsage constraint for "
            f"'projects/{call.world.number}' attempting to use service '{denied[0]}'.",
        )
