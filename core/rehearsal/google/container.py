"""What clusters and node pools share: operations, one at a time for a cluster, quotas, and the defaults that GKE fills in.

A cluster is one document of the kind `KIND` by its resource name, its node pools inside it, as the API shows it. What
depends on this process (the endpoint's port) is put in when the cluster is shown.
"""

from __future__ import annotations

import secrets
from typing import Any

from core.rehearsal.google import compute, machines, offers, operations, org_policies, quotas
from core.rehearsal.google.calls import Call
from core.rehearsal.google.compute_catalogue import REGIONS
from core.rehearsal.google.errors import ApiError, bad_request
from core.rehearsal.store import Document
from core.rehearsal.world import World

KIND = "container.clusters"
VERSIONS = {"RAPID": "1.36.4-gke.1082000", "REGULAR": "1.35.7-gke.1222000", "STABLE": "1.35.6-gke.1250000",
            "EXTENDED": "1.35.7-gke.1222000", "UNSPECIFIED": "1.35.7-gke.1222000"}  # fmt: skip
_SCOPES = [
    "https://www.googleapis.com/auth/devstorage.read_only", "https://www.googleapis.com/auth/logging.write",
    "https://www.googleapis.com/auth/monitoring", "https://www.googleapis.com/auth/service.management.readonly",
    "https://www.googleapis.com/auth/servicecontrol", "https://www.googleapis.com/auth/trace.append",
]  # fmt: skip


def cluster_name(call: Call) -> str:
    """The resource name of the cluster that a call is about, in either of the API's two ways to say it."""
    for key in ("name", "parent"):
        parts = call.full(key).split("/") if call.get(key) else []
        if "clusters" in parts:
            return "/".join(parts[:6])
    return f"projects/{call.project}/locations/{call['zone']}/clusters/{call['clusterId']}"


def check_location(location: str) -> None:
    """Refuses what is neither one of the zones nor a region."""
    region, _, letter = location.rpartition("-")
    if location not in REGIONS and (len(letter) != 1 or letter not in REGIONS.get(region, "")):
        raise bad_request(f'Location "{location}" does not exist.')


def fetch(call: Call) -> Document:
    """The cluster that a call is about; 404 where there is none."""
    name = cluster_name(call)
    found = call.store.get(KIND, name)
    if found is None:
        raise ApiError(404, f"Not found: {name}.")
    return found


def idle(call: Call, name: str) -> None:
    """Refuses a change while another of the cluster's operations goes on."""
    for _, operation in call.store.items(operations.KIND, "container/"):
        if not operation["done"] and operation.get("cluster") == name:
            raise ApiError(
                400,
                f"Cluster is running incompatible operation {operation['name']}.",
                status="FAILED_PRECONDITION",
                reason="failedPrecondition",
            )


def operate(call: Call, kind: str, cluster: str, target: str, effect: str, **args: Any) -> Document:
    """Starts a cluster's operation and answers it."""
    world = call.world
    location = cluster.split("/")[3]
    name = f"operation-{int(world.clock.now() * 1000)}-{secrets.token_hex(4)}"
    error = args.pop("error", None)
    operation = operations.begin(
        world, f"container/{location}/{name}", call=call.method.id, effect=effect, error=error, name=name, location=location,
        type=kind, cluster=cluster, target=target, args=args,
    )  # fmt: skip
    return shown(world, operation)


def shown(world: World, operation: Document) -> Document:
    """An operation as GKE shows it."""
    base = f"https://container.googleapis.com/v1/projects/{world.number}"
    kind = place(operation["location"])
    answer: Document = {
        "name": operation["name"],
        "zone": operation["location"],
        "location": operation["location"],
        "operationType": operation["type"],
        "status": "DONE" if operation["done"] else "RUNNING",
        "selfLink": f"{base}/{kind}/{operation['location']}/operations/{operation['name']}",
        "targetLink": f"{base}/{kind}/{operation['location']}/" + operation["target"].split("/", 4)[4],
        "startTime": nanos(world, operation["start"]),
    }
    if operation["done"]:
        answer["endTime"] = nanos(world, operation["end"])
        if "error" in operation:
            answer["error"] = {"code": operation["error"]["code"], "message": operation["error"]["message"]}
            answer["statusMessage"] = operation["error"]["message"]
    else:
        part = operations.progress(world, operation)
        answer["detail"] = _DETAIL.get(operation["type"], "")
        answer["progress"] = {
            "name": operation["type"].lower(),
            "status": "RUNNING",
            "metrics": [
                {"name": "CLUSTER_CONFIGURING", "intValue": str(int(part * 4))},
                {"name": "CLUSTER_CONFIGURING_TOTAL", "intValue": "4"},
            ],
        }
    return {k: v for k, v in answer.items() if v != ""}


_DETAIL = {"CREATE_CLUSTER": "Cluster is being deployed...", "CREATE_NODE_POOL": "Node pool is being created..."}


def pool(call: Call, cluster: Document, given: Document) -> Document:
    """A node pool with everything that the service fills in; raises `ApiError` where its account or machines can't be."""
    location, name = cluster["location"], given.get("name") or "default-pool"
    zones = given.get("locations") or cluster["locations"]
    config = _config(call, given.get("config") or {}, zones)
    groups = [
        f"{compute.LINK}projects/{call.project}/zones/{z}/instanceGroupManagers/gke-{cluster['name']}-{name}-{secrets.token_hex(4)}-grp"
        for z in zones
    ]
    autoscaling = given.get("autoscaling") or {}
    least = int(autoscaling.get("minNodeCount", 0))
    network = {
        "podRange": cluster["ipAllocationPolicy"].get("clusterSecondaryRangeName", ""),
        "podIpv4CidrBlock": cluster["ipAllocationPolicy"].get("clusterIpv4CidrBlock", ""),
        "enablePrivateNodes": bool((cluster.get("privateClusterConfig") or {}).get("enablePrivateNodes")),
        **(given.get("networkConfig") or {}),
    }
    return {
        "version": cluster["currentNodeVersion"],
        **given,
        "name": name,
        "config": config,
        "initialNodeCount": int(given.get("initialNodeCount", least)),
        "locations": zones,
        "management": {"autoUpgrade": True, "autoRepair": True, **(given.get("management") or {})},
        "maxPodsConstraint": given.get("maxPodsConstraint") or {"maxPodsPerNode": "110"},
        "podIpv4CidrSize": 24,
        "upgradeSettings": {"strategy": "SURGE", **(given.get("upgradeSettings") or {"maxSurge": 1})},
        "networkConfig": {k: v for k, v in network.items() if v != ""},
        "instanceGroupUrls": groups,
        "selfLink": f"https://container.googleapis.com/v1/projects/{call.project}/{place(location)}/{location}/clusters/"
        f"{cluster['name']}/nodePools/{name}",
        "status": "PROVISIONING",
        "etag": secrets.token_hex(8),
    }


def _config(call: Call, given: Document, zones: list[str]) -> Document:
    account = given.get("serviceAccount") or "default"
    email = f"{call.world.number}-compute@developer.gserviceaccount.com" if account == "default" else account
    if call.store.get("iam.serviceAccounts", email) is None and call.store.get("service-agents", email) is None:
        raise ApiError(400, f'Service account "{email}" does not exist.')
    call.require("iam.serviceAccounts.actAs", f"projects/{call.project}/serviceAccounts/{email}")
    machine = str(given.get("machineType") or "e2-medium")
    for zone in zones:
        if machines.size(machine) is None or offers.lacks(call.world, zone, machine):
            raise ApiError(400, f'Machine type with name "{machine}" does not exist in zone "{zone}".')
    secure = (given.get("shieldedInstanceConfig") or {}).get("enableSecureBoot")
    if not secure and org_policies.enforced(call.world, "compute.requireShieldedVm"):
        raise ApiError(400, f"Constraint constraints/compute.requireShieldedVm violated for project projects/{call.project}."
                       " Secure Boot is not enabled in the 'shielded_instance_config' field.",
                       status="FAILED_PRECONDITION")  # fmt: skip
    return {
        "imageType": "COS_CONTAINERD",
        "diskType": "pd-balanced",
        "diskSizeGb": 100,
        "oauthScopes": _SCOPES,
        "shieldedInstanceConfig": {"enableIntegrityMonitoring": True},
        "windowsNodeConfig": {},
        "effectiveCgroupMode": "EFFECTIVE_CGROUP_MODE_V2",
        "loggingConfig": {"variantConfig": {"variant": "DEFAULT"}},
        **given,
        "machineType": machine,
        "serviceAccount": account,
        "metadata": {"disable-legacy-endpoints": "true", **(given.get("metadata") or {})},
    }


def refusal(call: Call, cluster: Document, pools: list[Document]) -> Document | None:
    """The error that the operation which makes these pools ends in; raises what is refused at once."""
    return check_quota(call, cluster, pools) or _address_refused(call, cluster, pools)


def refusal_of_change(call: Call, cluster: Document, old: Document, new: Document) -> Document | None:
    """The error of an operation that exchanges a pool's nodes one after the other, where new ones find no place beside."""
    if quotas.of_pool(old, 1) == quotas.of_pool(new, 1):
        return None
    count = int(old["initialNodeCount"]) * len(old["locations"])
    beside = min(count, int((new.get("upgradeSettings") or {}).get("maxSurge", 0)))
    held, all_new, ahead = quotas.of_pool(old, count - beside), quotas.of_pool(new, count), quotas.of_pool(new, beside)
    wanted = {metric: max(ahead[metric], all_new[metric] - held.get(metric, 0)) for metric in all_new}
    return _over_quota(call, cluster, wanted)


def _address_refused(call: Call, cluster: Document, pools: list[Document]) -> Document | None:
    """Nodes with public addresses where a policy allows none: their machines are refused one by one, later."""
    machine = f"projects/{call.project}/zones/{cluster['location']}/instances/gke-{cluster['name']}"
    names = ("compute.vmExternalIpAccess", "compute.managed.vmExternalIpAccess")
    constraint = next((n for n in names if org_policies.refuses(call.world, n, machine)), "")
    if not constraint:
        return None
    if all(each["networkConfig"]["enablePrivateNodes"] for each in pools):
        return None
    return {
        "code": 9, "reason": "FAILED_PRECONDITION",
        "message": f"Google Compute Engine: Constraint constraints/{constraint} violated for project "
        f"{call.world.number}. Add instance {machine} to the constraint to use external IP with it.",
    }  # fmt: skip


def check_quota(call: Call, cluster: Document, pools: list[Document]) -> Document | None:
    """Refuses what passes a region's quota; what passes the project's is returned: the error that the operation ends in."""
    wanted: dict[str, float] = {}
    for each in pools:
        for metric, amount in quotas.of_pool(each, int(each["initialNodeCount"]) * len(each["locations"])).items():
            wanted[metric] = wanted.get(metric, 0) + amount
    return _over_quota(call, cluster, wanted)


def _over_quota(call: Call, cluster: Document, wanted: dict[str, float]) -> Document | None:
    region = "-".join(str(cluster["location"]).split("-")[:2])
    if quota := quotas.passed(quotas.of_region(call.world, region), wanted):
        raise ApiError(403, _insufficient(call, quota, wanted[quota["metric"]]))
    quota = quotas.passed(quotas.of_project(call.world), {"CPUS_ALL_REGIONS": wanted.get("CPUS_ALL_REGIONS", 0)})
    if quota is None:
        return None
    error = quotas.exceeded(quota, "globally")
    return {
        **error,
        "message": "Google Compute Engine: Not all instances running in IGM after 40s. Expected 1, running 0, "
        f"transitioning 1. Current errors: [QUOTA_EXCEEDED]: Instance creation failed: {error['message']}",
    }


def _insufficient(call: Call, quota: Document, wanted: float) -> str:
    short = quota["usage"] + wanted - quota["limit"]
    free = max(0.0, quota["limit"] - quota["usage"])
    return (
        f"Insufficient regional quota to satisfy request: resource \"{quota['metric']}\": request requires '{wanted:.1f}' "
        f"and is short '{short:.1f}'. project has a quota of '{quota['limit']:.1f}' with '{free:.1f}' available. View and "
        f"manage quotas at https://console.cloud.google.com/iam-admin/quotas?usage=USED&project={call.project}."
    )


def nanos(world: World, at: float | None = None) -> str:
    """A time as GKE writes it."""
    return world.clock.timestamp(at).replace("Z", ".000000000Z")


def place(location: str) -> str:
    """``zones`` or ``regions``, whichever a location is."""
    return "zones" if location.count("-") == 2 else "regions"
